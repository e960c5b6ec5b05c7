// How far results are from the interpreter's, and whether that is near enough.

import { dtypeInfo, isFloat, type Dtype } from "../../../lang/dtypes.ts";
import type { Signature } from "../../../compiler/artifact.ts";
import { valuesOf, type Tensor, type TypedArray } from "../../../runtime/index.ts";

export interface Difference {
  readonly absolute: number;
  readonly relative: number;
  /** In units in the last place of the larger value. */
  readonly ulp: number;
  /** Where the results differ by more than they may: `y[3]: 0.5 instead of 0.25`. */
  readonly worst?: string;
}

export const same: Difference = { absolute: 0, relative: 0, ulp: 0 };

/**
 * Compares `given` with what is right, `expected`; `more` is what each element may be off beyond the tolerance, `open`
 * says which of the expected floats the target may compute otherwise.
 */
export async function compare(
  name: string,
  given: Tensor,
  expected: Tensor,
  { relative: allowed, absolute: floor }: Signature["tolerance"],
  more?: Float64Array,
  open: (reference: number) => boolean = () => false,
): Promise<Difference> {
  const [values, right] = await Promise.all([valuesOf(given), valuesOf(expected)]);
  let absolute = 0;
  let relative = 0;
  let ulp = 0;
  let worst: string | undefined;
  const exact = !isFloat(given.dtype);
  for (const [at, value] of values.entries()) {
    const reference = right[at]!;
    if (Object.is(value, reference) || value === reference) continue;
    const a = Number(value);
    const b = Number(reference);
    if (!exact && open(b)) continue;
    if (Number.isNaN(a) && Number.isNaN(b)) continue;
    const distance = Math.abs(a - b);
    const finite = Number.isFinite(distance);
    absolute = Math.max(absolute, finite ? distance : Infinity);
    relative = Math.max(relative, finite ? distance / Math.max(Math.abs(a), Math.abs(b)) : Infinity);
    ulp = Math.max(
      ulp,
      finite && !exact ? distance / ulpOf(Math.max(Math.abs(a), Math.abs(b)), given.dtype) : Infinity,
    );
    if (exact || !(distance <= floor + allowed * Math.abs(b) + (more?.[at] ?? 0)))
      worst ??= `${name}[${position(at, given.shape)}] is ${String(value)} instead of ${String(reference)}`;
  }
  if (values.length !== right.length || given.shape.some((size, axis) => size !== expected.shape[axis]))
    worst = `${name} has the shape [${given.shape.join(", ")}] instead of [${expected.shape.join(", ")}]`;
  return { absolute, relative, ulp, worst };
}

/**
 * Whether every element of `given` is near enough to the one of `expected`: what `compare` decides, without saying where
 * and how far, on the elements as they are stored. Undefined where only `compare` can tell.
 */
export function near(
  given: TypedArray,
  expected: TypedArray,
  { relative, absolute }: Signature["tolerance"],
): boolean | undefined {
  if (given.constructor !== expected.constructor || given.length !== expected.length) return undefined;
  const floats = given instanceof Float32Array || given instanceof Float64Array;
  // Narrow floats and packed elements lie in integers; equal ones are equal anyway.
  if (!floats) return given.every((value, at) => value === expected[at]) ? true : undefined;
  for (let at = 0; at < given.length; at++) {
    const value = given[at]!;
    const right = expected[at] as number;
    if (value === right || (value !== value && right !== right)) continue;
    if (!(Math.abs(value - right) <= absolute + relative * Math.abs(right))) return false;
  }
  return true;
}

/** WGSL lets a shader compiler assume that floats are finite. */
export const openInWgsl = (reference: number): boolean => !Number.isFinite(reference);

function ulpOf(x: number, dtype: Dtype): number {
  const { mantissa = 24 } = dtypeInfo(dtype);
  const lowest = { f16: -14, bf16: -126, f32: -126, f64: -1022 }[dtype as string] ?? -126;
  return 2 ** (Math.max(Math.floor(Math.log2(x)), lowest) - mantissa + 1);
}

function position(at: number, shape: readonly number[]): string {
  const index: number[] = [];
  let rest = at;
  for (const size of shape.toReversed()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index.join(", ");
}

export function worse(a: Difference, b: Difference): Difference {
  return {
    absolute: Math.max(a.absolute, b.absolute),
    relative: Math.max(a.relative, b.relative),
    ulp: Math.max(a.ulp, b.ulp),
    worst: a.worst ?? b.worst,
  };
}

/** Whether two results are the same bit for bit. */
export async function identical(a: Tensor, b: Tensor): Promise<boolean> {
  const bytes = async (tensor: Tensor): Promise<Uint8Array> => {
    const data = await tensor.data();
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  };
  const [left, right] = await Promise.all([bytes(a), bytes(b)]);
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
