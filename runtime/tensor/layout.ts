// Arithmetic of shapes and strides: which elements of a storage a view shows, whether they lie one behind the
// other. Strides and offsets count elements and are never negative.

import type { Dtype } from "../../lang/dtypes.ts";
import { kernError } from "../error.ts";
import { bytesOf } from "./storage.ts";

export interface Layout {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

export const maxDim = 2 ** 30;
export const maxBytes = 2 ** 32;

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Row-major strides. */
export function contiguousStrides(shape: readonly number[]): number[] {
  // A copy of numbers: quicker than holes to fill, and this runs with every tensor.
  const strides = shape.slice();
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** Strides to pass: an axis of fewer than two elements gets the one that it would have without gaps. */
export function passedStrides({ shape, strides }: Layout): number[] {
  let step = 1;
  return shape
    .map((_, axis) => {
      const at = shape.length - 1 - axis;
      const stride = shape[at]! > 1 ? strides[at]! : step;
      step = stride * Math.max(shape[at]!, 1);
      return stride;
    })
    .toReversed();
}

/** Whether the elements lie in row-major order without gaps; strides of axes of size 1 don't matter. */
export function isContiguous({ shape, strides }: Layout): boolean {
  if (sizeOf(shape) === 0) return true;
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis]!;
  }
  return true;
}

/** One past the last element of the storage that the view shows. */
export function layoutEnd({ shape, strides, offset }: Layout): number {
  if (sizeOf(shape) === 0) return offset;
  return shape.reduce((last, dim, axis) => last + (dim - 1) * strides[axis]!, offset) + 1;
}

/** Refuses shapes that break what the compiler assumes. */
export function checkShape(shape: readonly number[], dtype: Dtype, notes: readonly string[] = []): void {
  const why = shapeFault(shape, dtype);
  if (why !== undefined) throw kernError("K0710", { shape: `[${shape.join(", ")}]`, why }, { notes });
}

/** What is wrong with a shape; undefined if nothing is. */
export function shapeFault(shape: readonly number[], dtype: Dtype): string | undefined {
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 0) return `${dim} is not a whole number of elements`;
    if (dim >= maxDim) return `${dim} is not below 2^30`;
  }
  // The product over all but the zeros as well: strides of an empty tensor must stay in range too.
  const extent = shape.reduce((product, dim) => product * Math.max(dim, 1), 1);
  const bytes = bytesOf(dtype, extent);
  return bytes >= maxBytes ? `as ${dtype} it would take ${bytes} bytes, 2^32 or more` : undefined;
}
