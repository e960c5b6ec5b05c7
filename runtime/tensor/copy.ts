// Copies elements between layouts: out of a strided view into row-major order, and back.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { contiguousStrides, isContiguous, sizeOf, type Layout } from "./layout.ts";
import { arrayClass, bytesOf, packedBits, setPackedBits, viewAs, type TypedArray } from "./storage.ts";

/** Copies every element of `from` to its place in `to`; the shapes are equal, the layouts may differ. */
export function copyElements(
  dtype: Dtype,
  source: Uint8Array,
  from: Layout,
  target: Uint8Array,
  to: Layout,
): void {
  const bits = dtypeInfo(dtype).bits;
  const count = sizeOf(from.shape);
  if (count === 0) return;
  if (isContiguous(from) && isContiguous(to) && (bits >= 8 || (from.offset * bits) % 8 === 0)) {
    if (bits >= 8 || ((to.offset * bits) % 8 === 0 && (count * bits) % 8 === 0)) {
      const start = (from.offset * bits) / 8;
      target.set(source.subarray(start, start + bytesOf(dtype, count)), (to.offset * bits) / 8);
      return;
    }
  }
  if (bits < 8) {
    walkRows(from, to, (at, step, into, intoStep, length) => {
      for (let i = 0; i < length; i++)
        setPackedBits(target, bits, into + i * intoStep, packedBits(source, bits, at + i * step));
    });
    return;
  }
  // As integers, so that no NaN changes its bits on the way.
  const width = bits === 64 ? "u64" : bits === 32 ? "u32" : bits === 16 ? "u16" : "u8";
  const read = viewAs(width, source) as Uint32Array;
  const write = viewAs(width, target) as Uint32Array;
  walkRows(from, to, (at, step, into, intoStep, length) => {
    for (let i = 0; i < length; i++) write[into + i * intoStep] = read[at + i * step]!;
  });
}

type Row = (at: number, step: number, into: number, intoStep: number, length: number) => void;

/** Calls `row` for each run of elements along the last axis. */
function walkRows(from: Layout, to: Layout, row: Row): void {
  const last = from.shape.length - 1;
  if (last < 0) return row(from.offset, 0, to.offset, 0, 1);
  const walk = (axis: number, at: number, into: number): void => {
    const step = from.strides[axis]!;
    const intoStep = to.strides[axis]!;
    if (axis === last) return row(at, step, into, intoStep, from.shape[axis]!);
    for (let i = 0; i < from.shape[axis]!; i++) walk(axis + 1, at + i * step, into + i * intoStep);
  };
  walk(0, from.offset, to.offset);
}

/** The elements of a view in row-major order, as a fresh typed array. */
export function gather(dtype: Dtype, source: Uint8Array, layout: Layout): TypedArray {
  const Class = arrayClass(dtype);
  const width = Class.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(bytesOf(dtype, sizeOf(layout.shape)));
  if (dtypeInfo(dtype).bits >= 8 && isContiguous(layout)) {
    const start = layout.offset * width;
    bytes.set(source.subarray(start, start + bytes.length));
    return new Class(bytes.buffer, 0, bytes.length / width);
  }
  copyElements(dtype, source, layout, bytes, {
    shape: layout.shape,
    strides: contiguousStrides(layout.shape),
    offset: 0,
  });
  return new Class(bytes.buffer, 0, bytes.byteLength / width);
}
