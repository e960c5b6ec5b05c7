// Where a tensor's elements lie, and how elements of each dtype are stored. Elements below 8 bits are packed,
// lowest bits first; everything else is little-endian in a typed array's natural layout.

import { dtypeInfo, type Dtype, type ElementArrayClass } from "../../lang/dtypes.ts";
import { kernError } from "../error.ts";

export type TypedArray =
  | Int8Array<ArrayBufferLike>
  | Uint8Array<ArrayBufferLike>
  | Uint8ClampedArray<ArrayBufferLike>
  | Int16Array<ArrayBufferLike>
  | Uint16Array<ArrayBufferLike>
  | Int32Array<ArrayBufferLike>
  | Uint32Array<ArrayBufferLike>
  | BigInt64Array<ArrayBufferLike>
  | BigUint64Array<ArrayBufferLike>
  | Float32Array<ArrayBufferLike>
  | Float64Array<ArrayBufferLike>;

/** The class that holds elements of a dtype. */
export interface ArrayOfDtype {
  bool: Uint8Array;
  i8: Int8Array;
  i16: Int16Array;
  i32: Int32Array;
  i64: BigInt64Array;
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  u64: BigUint64Array;
  i4: Uint8Array;
  u4: Uint8Array;
  i2: Uint8Array;
  u2: Uint8Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  f32: Float32Array;
  f64: Float64Array;
}

/** The dtype that a typed array alone says. */
export type DtypeOfArray<A> = A extends Float32Array
  ? "f32"
  : A extends Float64Array
    ? "f64"
    : A extends Uint8Array | Uint8ClampedArray
      ? "u8"
      : A extends Int8Array
        ? "i8"
        : A extends Uint16Array
          ? "u16"
          : A extends Int16Array
            ? "i16"
            : A extends Uint32Array
              ? "u32"
              : A extends Int32Array
                ? "i32"
                : A extends BigUint64Array
                  ? "u64"
                  : A extends BigInt64Array
                    ? "i64"
                    : Dtype;

/** Bytes on the host or on a device, shared by a tensor and its views. */
export interface Storage {
  /** The device that holds it; undefined for the host. */
  readonly device?: object;
  readonly byteLength: number;
  /** The bytes [start, end), possibly shared with the storage itself: for reading at once. */
  read(start: number, end: number): Uint8Array | Promise<Uint8Array>;
  /** Gives the memory back. Views of it are dead afterwards. */
  dispose(): void;
  readonly disposed: boolean;
}

/** The bytes that an array is a view of. */
export const bytesIn = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Memory of the host: the array that a tensor was made of, not a copy. */
export class HostStorage implements Storage {
  readonly bytes: Uint8Array;
  disposed = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get byteLength(): number {
    return this.bytes.byteLength;
  }
  read(start: number, end: number): Uint8Array {
    if (this.disposed) throw kernError("K0713", { what: "the tensor" });
    return this.bytes.subarray(start, end);
  }
  dispose(): void {
    this.disposed = true;
  }
}

/** The class of typed array that holds elements of `dtype`. */
export function arrayClass(dtype: Dtype): ElementArrayClass {
  return dtypeInfo(dtype).array;
}

/** Bytes that `count` elements take, packed. */
export function bytesOf(dtype: Dtype, count: number): number {
  return Math.ceil((count * dtypeInfo(dtype).bits) / 8);
}

/** A typed array over bytes that start where its elements may start, or over a copy that does. */
export function viewAs(dtype: Dtype, bytes: Uint8Array): TypedArray {
  const Class = arrayClass(dtype);
  const aligned = bytes.byteOffset % Class.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new Class(
    aligned.buffer,
    aligned.byteOffset,
    Math.floor(bytes.byteLength / Class.BYTES_PER_ELEMENT),
  );
}

/** The dtype that a typed array alone says; Uint16Array and Uint8Array mean integers. */
export function dtypeOfArray(data: TypedArray): Dtype {
  if (data instanceof Uint8ClampedArray) return "u8";
  for (const dtype of ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"] as const)
    if (data instanceof arrayClass(dtype)) return dtype;
  throw kernError("K0709", { why: "its data is not a typed array of a kind I know" });
}

/** One element of packed storage, as the unsigned bits it consists of. */
export function packedBits(bytes: Uint8Array, bits: number, index: number): number {
  const at = index * bits;
  return (bytes[at >> 3]! >> (at & 7)) & ((1 << bits) - 1);
}

export function setPackedBits(bytes: Uint8Array, bits: number, index: number, value: number): void {
  const at = index * bits;
  const mask = ((1 << bits) - 1) << (at & 7);
  bytes[at >> 3] = (bytes[at >> 3]! & ~mask) | ((value << (at & 7)) & mask);
}
