// What comes of a kernel on the TSP: it agrees with the interpreter in as many cycles as the checks predict, or it is refused
// with a reason. Anything else is an error of ours, told as text.

import { compile } from "../../compiler/index.ts";
import { interpret, makeTensor, type TensorArg } from "../../compiler/ir/interpret.ts";
import type { Expr } from "../../compiler/ir/ir.ts";
import { ops } from "../../compiler/ir/ops.ts";
import { fromHalfBits, toHalfBits } from "../../compiler/ir/values.ts";
import { checkProgram } from "../../compiler/targets/tsp/assemble/index.ts";
import { lowerKernel } from "../../compiler/targets/tsp/lower/index.ts";
import { groqchipCal, ideal } from "../../compiler/targets/tsp/machine/profile.ts";
import { simulate } from "../../compiler/targets/tsp/simulate/index.ts";
import { Dice } from "../fuzz/dice.ts";
import type { RandomKernel } from "./kernels.ts";

export type Outcome =
  | { readonly kind: "agrees" }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "wrong"; readonly what: string };

const wrong = (what: string): Outcome => ({ kind: "wrong", what });

/**
 * Integers agree exactly. Floats are sums and products of eighths: f32 within 1e-4 of the larger of the value and 1, f16 within
 * 2e-2, since sums there are rounded in another order.
 */
export async function outcomeOf({ text, dims }: RandomKernel, seed: number): Promise<Outcome> {
  const { kernels } = await compile({ path: "random.kern", text }, { target: [] });
  const { ir } = kernels[0]!;
  const known = new Map(ir.dims.map(({ name }) => [name, dims[name]!]));
  const dice = new Dice(seed + 1e9);
  const args: Record<string, TensorArg> = {};
  const numbers = new Map<string, readonly number[]>();
  for (const param of ir.params) {
    if (param.kind !== "tensor" || param.mode !== "in") continue;
    const { dtype, shape } = ir.buffers.find(({ name }) => name === param.buffer)!;
    const made = makeTensor(
      dtype,
      shape.map((dim) => sizeOf(dim, known)),
    );
    const values: number[] = [];
    for (let at = 0; at < made.data.length; at++) {
      const each = param.buffer === "at" ? dice.below(9) - 1 : value(dice, dtype);
      made.data[at] = dtype === "f16" ? toHalfBits(each) : each;
      values.push(each);
    }
    args[param.buffer] = made;
    numbers.set(param.buffer, values);
  }
  const lowered = lowerKernel(ir, known, seed % 2 === 0 ? groqchipCal : ideal);
  if ("why" in lowered) return { kind: "refused", why: lowered.why };
  const expected = interpret(ir, args);
  if (expected.kind !== "done") return wrong(`the interpreter ends with ${expected.kind}`);
  const checked = checkProgram(lowered.program);
  const simulated = simulate(lowered.program, { inputs: lowered.inputs((name) => numbers.get(name)!) });
  const [fault] = [...checked.faults, ...simulated.faults];
  if (fault) return wrong(`${fault.kind} in cycle ${fault.cycle}, ${fault.unit}: ${fault.what}`);
  if (simulated.cycles !== checked.cycles || simulated.issued !== checked.issued)
    return wrong(`${simulated.cycles} cycles, ${checked.cycles} predicted`);
  for (const [name, found] of lowered.results(simulated.output)) {
    const { data, dtype } = expected.results[name]!;
    if (data.length !== found.length) return wrong(`${name} has ${found.length} elements`);
    for (const [at, each] of found.entries()) {
      const exact = numberOf(data[at]!, dtype);
      if (Object.is(each, exact) || each === exact) continue;
      const near = { f32: 1e-4, f16: 2e-2 }[dtype as string];
      if (near === undefined || !(Math.abs(each - exact) <= near * Math.max(1, Math.abs(exact))))
        return wrong(`${name}[${at}] is ${each}, and not ${exact}`);
    }
  }
  return { kind: "agrees" };
}

const numberOf = (bits: number | bigint, dtype: string): number =>
  dtype === "f16" ? fromHalfBits(Number(bits)) : Number(bits);

/** Small numbers mostly, and sometimes any that the type has. */
function value(dice: Dice, dtype: string): number {
  if (dtype.startsWith("f")) return (dice.below(65) - 32) / 8;
  const bits = Number(dtype.slice(1));
  const low = dtype.startsWith("u") ? 0 : -(2 ** (bits - 1));
  if (dice.chance(0.1)) return low + dice.below(2 ** bits);
  return Math.max(low, dice.below(100) - 50);
}

function sizeOf(dim: Expr, known: ReadonlyMap<string, number>): number {
  if (dim.kind === "const") return Number(dim.value);
  if (dim.kind === "ref") return known.get(dim.name)!;
  if (dim.kind !== "op") throw new Error("a size that depends on data");
  const args = dim.args.map((each) => sizeOf(each, known));
  return Number(ops[dim.op].lane!(args, "i32", "i32"));
}
