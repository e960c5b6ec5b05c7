// How much of a difference is rounding. Sums that cancel keep an error as large as what they were summed of, however small
// they are themselves, and targets may sum in any order and contract products: such a result is as uncertain as what
// goes into it. So the interpreter runs again with arguments and terms of sums moved by the tolerance, up or down at
// random, and how far the results follow is what they may be off besides.

import { bytesOf, arrayClass } from "../../../runtime/tensor/storage.ts";
import { tensor, valuesOf, type Arguments, type Kernel, Tensor } from "../../../runtime/index.ts";
import { randomWords } from "../../../runtime/random.ts";
import { writerOf } from "../../../compiler/ir/storage.ts";
import { isFloat } from "../../../lang/dtypes.ts";

/** Random moves add up like a root, errors in the worst case like a sum; and two runs may both come out near the middle. */
const factor = 4;
const runs = [1, 2] as const;

/**
 * How far each element of each float result may be from the interpreter's, `expected`, beyond the tolerance: by name, in
 * order of the elements. `args` makes fresh arguments, always the same ones.
 */
export async function spreadOf(
  shaken: Shaken,
  args: () => Arguments,
  expected: Readonly<Record<string, Tensor>>,
  relative: number,
): Promise<ReadonlyMap<string, Float64Array>> {
  const found = new Map<string, Float64Array>();
  const right = new Map<string, readonly number[]>();
  for (const [name, result] of Object.entries(expected)) {
    if (!isFloat(result.dtype)) continue;
    right.set(name, [...(await valuesOf(result))].map(Number));
    found.set(name, new Float64Array(right.get(name)!.length));
  }
  for (const seed of runs) {
    const word = randomWords(seed);
    const move = (value: number): number => value * (1 + (word() & 1 ? relative : -relative));
    const kernel = await shaken(move);
    const moved = await kernel(await nudged(args(), move));
    for (const [name, most] of found) {
      const values = [...(await valuesOf(moved[name]!))].map(Number);
      values.forEach((value, at) => {
        const distance = factor * Math.abs(value - right.get(name)![at]!);
        if (Number.isFinite(distance)) most[at] = Math.max(most[at]!, distance);
      });
    }
  }
  return found;
}

/** An interpreter that moves the terms of its sums and products as `args` are moved. */
export type Shaken = (move: (value: number) => number) => Promise<Kernel>;

/** The arguments with every float moved. */
async function nudged(args: Arguments, move: (value: number) => number): Promise<Arguments> {
  const found: Record<string, Arguments[string]> = {};
  for (const [name, arg] of Object.entries(args)) {
    if (!(arg instanceof Tensor) || !isFloat(arg.dtype)) {
      found[name] = arg;
      continue;
    }
    const values = await valuesOf(arg);
    const bytes = bytesOf(arg.dtype, values.length);
    const Class = arrayClass(arg.dtype);
    const data = new Class(new ArrayBuffer(bytes), 0, bytes / Class.BYTES_PER_ELEMENT);
    const write = writerOf(arg.dtype);
    values.forEach((value, at) => write(data as Parameters<typeof write>[0], at, move(Number(value))));
    found[name] = tensor(data, arg.shape, arg.dtype);
  }
  return found as Arguments;
}
