// Kernels of the library as TSP programs against the interpreter, on awkward sizes: what is said to be lowered is, agrees,
// has no fault, and takes exactly the cycles that the checks predict.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile, type CompiledKernel } from "../../../index.ts";
import { interpret, makeTensor, type TensorArg } from "../../../ir/interpret.ts";
import { checkProgram } from "../assemble/index.ts";
import { groqchipCal, ideal, type Profile } from "../machine/profile.ts";
import { simulate } from "../simulate/index.ts";
import { lowerKernel, type Lowered } from "./index.ts";

async function kernelsOf(
  file: string,
  set: Record<string, string> = {},
): Promise<ReadonlyMap<string, CompiledKernel>> {
  const { kernels } = await compile({ path: file, text: readFileSync(file, "utf8") }, { set, target: [] });
  return new Map(kernels.map((kernel) => [kernel.typed.name, kernel]));
}

/** Numbers of both signs, whole ones and fractions, some of them zero. */
const sample = (at: number, float: boolean): number =>
  float ? ((at * 37) % 101) / 8 - 6 : ((at * 37) % 101) - 50;

interface Run {
  readonly lowered: Lowered;
  readonly cycles: number;
}

/** Lowers and runs a kernel for some sizes; its results must be the interpreter's. */
function agrees(
  { ir }: CompiledKernel,
  sizes: Record<string, number>,
  scalars: Record<string, number>,
  profile: Profile,
): Run | string {
  const known = new Map(Object.entries({ ...sizes, ...scalars }));
  const lowered = lowerKernel(ir, known, profile);
  if ("why" in lowered) return lowered.why;
  const dims = (shape: readonly { kind: string; name?: string; value?: unknown }[]): number[] =>
    shape.map((dim) => (dim.kind === "ref" ? sizes[dim.name!]! : Number(dim.value)));
  const args: Record<string, TensorArg | number> = { ...scalars };
  for (const param of ir.params) {
    if (param.kind !== "tensor" || param.mode === "out") continue;
    const { dtype, shape } = ir.buffers.find(({ name }) => name === param.buffer)!;
    const made = makeTensor(dtype, dims(shape));
    const float = dtype.startsWith("f");
    for (let at = 0; at < made.data.length; at++)
      made.data[at] = dtype === "bool" ? (at % 3 === 0 ? 1 : 0) : sample(at + param.buffer.length, float);
    args[param.buffer] = made;
  }
  const outcome = interpret(ir, args);
  if (outcome.kind !== "done") throw new Error(JSON.stringify(outcome));
  const { program } = lowered;
  const checked = checkProgram(program);
  expect(checked.faults).toEqual([]);
  const inputs = lowered.inputs((buffer) => (args[buffer] as TensorArg).data as ArrayLike<number>);
  const simulated = simulate(program, { inputs });
  expect(simulated.faults).toEqual([]);
  expect([simulated.cycles, simulated.issued]).toEqual([checked.cycles, checked.issued]);
  for (const [name, found] of lowered.results(simulated.output)) {
    const want = outcome.results[name]!;
    for (const [at, value] of found.entries()) {
      const expected = Number(want.data[at]);
      const close = want.dtype.startsWith("f")
        ? Object.is(value, expected) || Math.abs(value - expected) <= 2e-5 * Math.abs(expected) + 1e-6
        : value === expected;
      if (!close) expect(`${name}[${at}] = ${value}`).toBe(`${name}[${at}] = ${expected}`);
    }
  }
  return { lowered, cycles: simulated.cycles };
}

/** Every dim of a kernel, the last one of them awkward. */
const sizesOf = ({ ir }: CompiledKernel, size: number): Record<string, number> =>
  Object.fromEntries(ir.dims.map(({ name }, at) => [name, at === ir.dims.length - 1 ? size : 3]));
const scalarsOf = ({ ir }: CompiledKernel): Record<string, number> =>
  Object.fromEntries(
    ir.params.flatMap((param, at) =>
      param.kind === "scalar" ? [[param.name, param.dtype === "i32" ? 3 : 0.5 + at]] : [],
    ),
  );

test.each(["stdlib/elementwise.kern", "stdlib/activations.kern"])("%s", async (file) => {
  const lowered: string[] = [];
  const refused: string[] = [];
  for (const [name, kernel] of await kernelsOf(file)) {
    let why: string | undefined;
    for (const size of [1, 319, 641]) {
      const run = agrees(
        kernel,
        sizesOf(kernel, size),
        scalarsOf(kernel),
        size === 319 ? ideal : groqchipCal,
      );
      if (typeof run === "string") why = run;
      else if (size === 641) lowered.push(`${name}: a row every ${run.lowered.interval} cycles`);
    }
    if (why) refused.push(`${name}: ${why}`);
  }
  expect({ lowered, refused }).toMatchSnapshot();
});
