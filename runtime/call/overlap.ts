// Whether views meet: a tensor that a kernel writes may not overlap itself or another argument. Loaded by calls that
// write to given tensors.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { kernError } from "../error.ts";
import { isContiguous, layoutEnd, sizeOf, type Layout } from "../tensor/layout.ts";
import { HostStorage, type Storage } from "../tensor/storage.ts";
import type { BoundCall } from "./bind.ts";

/** What two storages must have in common to share memory. */
function memoryOf(storage: Storage): { memory: unknown; base: number } {
  if (storage instanceof HostStorage) return { memory: storage.bytes.buffer, base: storage.bytes.byteOffset };
  return { memory: storage, base: 0 };
}

/** Refuses what a call writes if two of its elements lie at one place, or other arguments lie there too. */
export function checkOverlap({ signature, tensors }: BoundCall): void {
  const kernel = signature.name;
  for (const { param, tensor, layout } of tensors) {
    if (param.mode === "in" || !tensor) continue;
    const argument = param.name;
    if (overlapsItself(layout)) throw kernError("K0706", { kernel, argument, other: argument });
    const region = { ...memoryOf(tensor.storage), dtype: tensor.dtype, layout: tensor };
    for (const other of tensors) {
      if (other.param === param || !other.tensor) continue;
      const its = { ...memoryOf(other.tensor.storage), dtype: other.tensor.dtype, layout: other.tensor };
      if (overlap(region, its)) throw kernError("K0706", { kernel, argument, other: other.param.name });
    }
  }
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
