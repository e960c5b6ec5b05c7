// Arithmetic of shapes and strides: which elements of a storage a view shows, whether they lie one behind the
// other, whether two views meet. Strides and offsets count elements and are never negative.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
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
  const strides: number[] = Array.from({ length: shape.length });
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
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
export function checkShape(shape: readonly number[], dtype: Dtype): void {
  const text = `[${shape.join(", ")}]`;
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 0)
      throw kernError("K0710", { shape: text, why: `${dim} is not a whole number of elements` });
    if (dim >= maxDim) throw kernError("K0710", { shape: text, why: `${dim} is not below 2^30` });
  }
  // The product over all but the zeros as well: strides of an empty tensor must stay in range too.
  const extent = shape.reduce((product, dim) => product * Math.max(dim, 1), 1);
  if (bytesOf(dtype, extent) >= maxBytes)
    throw kernError("K0710", {
      shape: text,
      why: `as ${dtype} it would take ${extent * (dtypeInfo(dtype).bits / 8)} bytes, 2^32 or more`,
    });
}

/** Calls `visit(offset)` with the storage position of each element, in row-major order. */
export function eachOffset({ shape, strides, offset }: Layout, visit: (offset: number) => void): void {
  if (sizeOf(shape) === 0) return;
  const walk = (axis: number, at: number): void => {
    if (axis === shape.length) return visit(at);
    for (let i = 0; i < shape[axis]!; i++) walk(axis + 1, at + i * strides[axis]!);
  };
  walk(0, offset);
}

/** A place in some memory: views of one `memory` can meet, others can't. */
export interface Region {
  readonly memory: unknown;
  /** Byte address of element 0 of the storage. */
  readonly base: number;
  readonly dtype: Dtype;
  readonly layout: Layout;
}

/** First and last byte of the region, the end exclusive. */
function byteRange({ base, dtype, layout }: Region): [number, number] {
  const bits = dtypeInfo(dtype).bits;
  return [base + Math.floor((layout.offset * bits) / 8), base + Math.ceil((layoutEnd(layout) * bits) / 8)];
}

/** Whether two elements of one view share an element of the storage. */
export function overlapsItself(layout: Layout): boolean {
  if (sizeOf(layout.shape) <= 1) return false;
  const axes = layout.shape
    .map((dim, axis) => ({ dim, stride: layout.strides[axis]! }))
    .filter(({ dim }) => dim > 1)
    .toSorted((a, b) => a.stride - b.stride);
  let reach = 0;
  let nested = true;
  for (const { dim, stride } of axes) {
    if (stride <= reach) nested = false;
    reach += (dim - 1) * stride;
  }
  if (nested) return false;
  if (sizeOf(layout.shape) > reach + 1) return true;
  // Neither nested nor too many: rare interleavings are decided by looking.
  const seen = new Uint8Array(reach + 1);
  let twice = false;
  eachOffset({ ...layout, offset: 0 }, (at) => {
    if (seen[at]) twice = true;
    seen[at] = 1;
  });
  return twice;
}

/** Whether two views share a byte. */
export function overlap(a: Region, b: Region): boolean {
  if (a.memory !== b.memory || sizeOf(a.layout.shape) === 0 || sizeOf(b.layout.shape) === 0) return false;
  const [aStart, aEnd] = byteRange(a);
  const [bStart, bEnd] = byteRange(b);
  const start = Math.max(aStart, bStart);
  const end = Math.min(aEnd, bEnd);
  if (start >= end) return false;
  if (isContiguous(a.layout) && isContiguous(b.layout)) return true;
  const seen = new Uint8Array(end - start);
  eachByte(a, (at) => {
    if (at >= start && at < end) seen[at - start] = 1;
  });
  let met = false;
  eachByte(b, (at) => {
    if (at >= start && at < end && seen[at - start]) met = true;
  });
  return met;
}

function eachByte({ base, dtype, layout }: Region, visit: (byte: number) => void): void {
  const bits = dtypeInfo(dtype).bits;
  eachOffset(layout, (element) => {
    const first = base + Math.floor((element * bits) / 8);
    for (let byte = first; byte < first + Math.max(bits / 8, 1); byte++) visit(byte);
  });
}
