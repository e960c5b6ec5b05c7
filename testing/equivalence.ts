// A pass must not change what a kernel computes: runs a kernel before and after it on the interpreter and compares
// the results bit for bit (or within a bound, where the pass may reassociate float reductions).

import { evaluateShape } from "../compiler/artifact.ts";
import { toShapeExpr } from "../compiler/shape-expr.ts";
import { expect } from "vitest";
import { interpret, makeTensor, type InterpretArgs, type TensorArg } from "../compiler/ir/interpret.ts";
import type { IrKernel, Scalar } from "../compiler/ir/ir.ts";
import { parseKernel } from "../compiler/ir/parse.ts";
import { printKernel } from "../compiler/ir/print.ts";
import { allocate, type Storage, writerOf } from "../compiler/ir/storage.ts";
import { normalise } from "../compiler/ir/values.ts";
import { verify } from "../compiler/ir/verify.ts";
import { dtypeInfo, isFloat, type Dtype } from "../lang/dtypes.ts";

export type Pass = (kernel: IrKernel) => IrKernel;

/** Sizes at which loops go wrong: nothing, one, primes, a vector's width and its neighbours. */
export const awkwardSizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 67] as const;

/** Parses and verifies a kernel, runs the pass and verifies again. */
export function applied(text: string, pass: Pass): { before: IrKernel; after: IrKernel } {
  const before = parseKernel(text);
  verify(before, "the test");
  const after = pass(before);
  verify(after, "the pass");
  // What a pass leaves must have a text form.
  expect(printKernel(parseKernel(printKernel(after)))).toBe(printKernel(after));
  return { before, after };
}

/** The kernel after a pass, as text. */
export function textAfter(text: string, pass: Pass): string {
  return printKernel(applied(text, pass).after);
}

export interface Comparison {
  /** Relative error that reassociated float reductions may have; 0 for bit for bit. */
  readonly tolerance?: number;
  readonly seed?: number;
  /** Values for scalar parameters; tensors are filled at random. */
  readonly scalars?: Readonly<Record<string, Scalar>>;
  /** Changes the random contents of a tensor. */
  readonly fill?: (name: string, at: number, value: number) => number;
}

/** Runs both kernels for the given dims and compares all results. */
export function sameResults(
  { before, after }: { before: IrKernel; after: IrKernel },
  dims: Readonly<Record<string, number>>,
  options: Comparison = {},
): void {
  const made = (): InterpretArgs => argumentsFor(before, dims, options);
  const [first, second] = [interpret(before, made(), { fuel: 1e6 }), interpret(after, made(), { fuel: 1e6 })];
  const context = `${JSON.stringify(dims)}\n${printKernel(before)}\n${printKernel(after)}`;
  if (first.kind === "fault") expect.fail(`the kernel itself faults: ${first.why}`);
  expect({ ...second, results: undefined, span: undefined }, context).toEqual({
    ...first,
    results: undefined,
    span: undefined,
  });
  if (first.kind !== "done" || second.kind !== "done") return;
  for (const [name, tensor] of Object.entries(first.results)) {
    const other = second.results[name]!;
    if (options.tolerance && isFloat(tensor.dtype))
      close(tensor, other, options.tolerance, `${name} ${context}`);
    else expect(bytes(other.data), `${name} ${context}`).toEqual(bytes(tensor.data));
  }
}

function close(a: TensorArg, b: TensorArg, tolerance: number, context: string): void {
  a.data.forEach((x, at) => {
    const [want, got] = [Number(x), Number(b.data[at])];
    const near = Object.is(want, got) || Math.abs(want - got) <= tolerance * Math.max(1, Math.abs(want));
    if (!near) expect.fail(`${got} is not ${want} at ${at} of ${context}`);
  });
}

// NaNs of any payload are one value: the interpreter's typed arrays don't promise which they keep.
const bytes = (data: Storage): readonly string[] =>
  Array.from(data as Float64Array, (x) => (Object.is(x, -0) ? "-0" : String(x)));

/** Random arguments of the shapes that the dims give; the same each time. */
export function argumentsFor(
  kernel: IrKernel,
  dims: Readonly<Record<string, number>>,
  { seed = 1, scalars = {}, fill = (_name, _at, value) => value }: Comparison,
): InterpretArgs {
  const random = generator(seed);
  const args: Record<string, TensorArg | Scalar> = {};
  for (const param of kernel.params) {
    if (param.kind === "scalar") {
      args[param.name] = normalise(scalars[param.name] ?? Math.round(random() * 8), param.dtype);
      continue;
    }
    const buffer = kernel.buffers.find(({ name }) => name === param.buffer)!;
    const shape = buffer.shape.map((each) => {
      const extent = toShapeExpr(each);
      if (extent === undefined) throw new Error("a shape of the test isn't made of dims");
      return evaluateShape(extent, (name) => dims[name] ?? 0);
    });
    const count = shape.reduce((product, size) => product * size, 1);
    const data = allocate(buffer.dtype, count);
    const write = writerOf(buffer.dtype);
    for (let at = 0; at < count; at++) {
      const value = fill(param.buffer, at, randomValue(buffer.dtype, random));
      write(data, at, normalise(isWide(buffer.dtype) ? BigInt(Math.round(value)) : value, buffer.dtype));
    }
    args[param.buffer] = makeTensor(buffer.dtype, shape, data);
  }
  return args;
}

const isWide = (dtype: Dtype): boolean => dtypeInfo(dtype).bits === 64 && !isFloat(dtype);

function randomValue(dtype: Dtype, random: () => number): number {
  if (isFloat(dtype)) return (random() - 0.5) * 8;
  if (dtype === "bool") return random() < 0.5 ? 1 : 0;
  const span = Math.min(2 ** (dtypeInfo(dtype).bits - 1), 100);
  return Math.floor((random() * 2 - (dtypeInfo(dtype).kind === "int" ? 1 : 0)) * span);
}

/** Numbers in [0, 1), the same for a seed. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
