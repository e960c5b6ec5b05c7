// The whole library on the TSP: every kernel agrees with the interpreter on awkward sizes, has no fault and takes exactly the
// cycles that the checks predict, or it is refused; those that are asked for aren't. Integers agree exactly, floats
// within 2e-5 of the value and 5e-6: what the machine computes otherwise than the language says is roots and quotients.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile, type CompiledKernel } from "../../../index.ts";
import { interpret, makeTensor, type TensorArg } from "../../../ir/interpret.ts";
import type { Expr } from "../../../ir/ir.ts";
import { ops } from "../../../ir/ops.ts";
import { checkProgram } from "../assemble/index.ts";
import { groqchipCal, ideal } from "../machine/profile.ts";
import { simulate } from "../simulate/index.ts";
import { lowerKernel } from "./index.ts";

const files = readdirSync("stdlib").filter((name) => name.endsWith(".kern"));
/** Sizes of dims in their order, the first and the last of kernels with two beyond 320 lanes; by kernel where more is asked. */
const plain = [2, 5, 4, 7, 3, 2];
const flat = [330, 5];
const special: Readonly<Record<string, readonly number[]>> = {
  group_norm: [1, 8, 3, 5],
  gather_rows: [7, 330, 9],
  scatter_rows: [9, 330, 7],
  scatter_add_rows: [9, 5, 7],
  embedding: [7, 330, 2, 4],
  // Batches, heads, queries, channels, heads of keys, keys, channels of values: the blocks of queries and keys are of 32.
  grouped_attention: [2, 4, 5, 6, 2, 7, 3],
  attention: [1, 2, 33, 2, 3, 2],
  causal_attention: [1, 4, 5, 6, 2, 7, 3],
  banded_attention: [1, 2, 5, 4, 5, 3],
  cached_attention: [1, 4, 6, 2, 7, 3],
  rotary: [1, 2, 3, 4],
  rotate: [1, 2, 3, 4],
};
/** Scalars that have to be larger than others. */
const scalars: Readonly<Record<string, number>> = { theta: 100 };

/** Parameters whose values choose rows, of which tables have at least seven. */
const places = new Set(["at", "tokens"]);

const dimOf = (expr: Expr, known: ReadonlyMap<string, number>): number => {
  if (expr.kind === "const") return Number(expr.value);
  if (expr.kind === "ref") return known.get(expr.name)!;
  if (expr.kind !== "op") throw new Error("a dim of data");
  return Number(
    ops[expr.op].lane!(
      expr.args.map((each) => dimOf(each, known)),
      "i32",
      "i32",
    ),
  );
};

/** Numbers of both signs, whole ones and fractions, some of them zero. */
const sample = (at: number, float: boolean): number =>
  float ? ((at * 37) % 101) / 8 - 6 : ((at * 37) % 101) - 50;

/** What comes of a kernel: its cycles, or why it is refused. */
function outcomeOf({ typed, ir }: CompiledKernel): string {
  const sizes = special[typed.name] ?? (ir.dims.length <= 2 ? flat : plain);
  const known = new Map(ir.dims.map(({ name }, at) => [name, sizes[at] ?? 4]));
  const args: Record<string, TensorArg | number> = {};
  for (const param of ir.params) {
    if (param.kind === "scalar") {
      const value = scalars[param.name] ?? (param.dtype.startsWith("f") ? 0.5 : 3);
      known.set(param.name, value);
      args[param.name] = value;
      continue;
    }
    if (param.mode === "out") continue;
    const { dtype, shape } = ir.buffers.find(({ name }) => name === param.buffer)!;
    const made = makeTensor(
      dtype,
      shape.map((dim) => dimOf(dim, known)),
    );
    for (let at = 0; at < made.data.length; at++)
      made.data[at] =
        // Rows of a table: some of them beyond it where a kernel allows that.
        places.has(param.buffer)
          ? (at % 7) - (typed.name === "embedding" ? 1 : 0)
          : dtype === "bool"
            ? at % 3 === 0
              ? 1
              : 0
            : sample(at + param.buffer.length, dtype.startsWith("f"));
    args[param.buffer] = made;
  }
  const profile = typed.name.length % 2 === 0 ? groqchipCal : ideal;
  const lowered = lowerKernel(ir, known, profile);
  if ("why" in lowered) return `not: ${lowered.why}`;
  const before = new Map(
    Object.entries(args).flatMap(([name, value]) =>
      typeof value === "number" ? [] : [[name, value.data.slice() as ArrayLike<number>] as const],
    ),
  );
  const expected = interpret(ir, args);
  if (expected.kind !== "done") return `not run: ${expected.kind}`;
  const { program } = lowered;
  const checked = checkProgram(program);
  expect(checked.faults, typed.name).toEqual([]);
  const simulated = simulate(program, { inputs: lowered.inputs((name) => before.get(name)!) });
  expect(simulated.faults, typed.name).toEqual([]);
  expect([simulated.cycles, simulated.issued]).toEqual([checked.cycles, checked.issued]);
  expect(lowered.failed?.(simulated.output), typed.name).toBeUndefined();
  for (const [name, found] of lowered.results(simulated.output, (buffer) => before.get(buffer))) {
    const want = expected.results[name]!;
    const wrong = found.findIndex((value, at) => {
      const exact = Number(want.data[at]);
      if (Object.is(value, exact) || value === exact) return false;
      return !want.dtype.startsWith("f") || !(Math.abs(value - exact) <= 2e-5 * Math.abs(exact) + 5e-6);
    });
    if (wrong >= 0)
      expect(`${typed.name}: ${name}[${wrong}] = ${found[wrong]}`).toBe(Number(want.data[wrong]));
  }
  return `${simulated.cycles} cycles, ${profile.name}`;
}

/** What the TSP has to run, of the library's kernels; others may be refused. */
const asked: Readonly<Record<string, readonly string[]>> = {
  "elementwise.kern": [
    "add",
    "div",
    "power",
    "choose",
    "add_row",
    "scale_channels",
    "exponential",
    "logarithm",
  ],
  "attention.kern": [
    "grouped_attention",
    "attention",
    "causal_attention",
    "cached_attention",
    "append_cache",
    "rotary",
    "rotate",
    "banded_attention",
  ],
  "activations.kern": ["relu", "gelu", "silu", "tanhs", "elu", "softplus", "mish", "swiglu"],
  "reduction.kern": [
    "sum_rows",
    "sum_columns",
    "mean_rows",
    "mean_columns",
    "max_rows",
    "max_columns",
    "min_rows",
    "argmax_rows",
    "argmin_rows",
    "argmax_columns",
    "cumsum_rows",
    "cumsum_columns",
  ],
  "normalization.kern": [
    "softmax",
    "log_softmax",
    "layer_norm",
    "rms_norm",
    "batch_norm",
    "instance_norm",
    "group_norm",
  ],
  "layout.kern": [
    "transpose",
    "contiguous",
    "swap_middle",
    "concat_rows",
    "concat_columns",
    "slice_rows",
    "pad",
    "gather_rows",
    "embedding",
    "scatter_rows",
    "scatter_add_rows",
  ],
  "integer.kern": ["divide_pairs", "modulo_pairs"],
  "pooling.kern": ["max_pool", "avg_pool", "global_avg_pool", "global_max_pool"],
};

test.each(files)("stdlib/%s", async (file) => {
  const path = `stdlib/${file}`;
  const { kernels } = await compile({ path, text: readFileSync(path, "utf8") }, { target: [] });
  // Of kernels with several ranks one instance of each is enough.
  const once = [...new Map(kernels.map((kernel) => [kernel.typed.name, kernel])).values()];
  const outcomes = new Map(once.map((kernel) => [kernel.typed.name, outcomeOf(kernel)]));
  const missing = (asked[file] ?? []).filter((name) => outcomes.get(name)?.startsWith("not") ?? true);
  expect(missing.map((name) => `${name}: ${outcomes.get(name)}`)).toEqual([]);
});
