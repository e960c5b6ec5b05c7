// How elements lie in memory for the interpreter: one typed array a tensor, f16 and bf16 as their bits, bool as
// bytes of 0 and 1, sub-byte elements packed lowest bits first along the flattened element index.

import { dtypeInfo, type Dtype, type ElementArray } from "../../lang/dtypes.ts";
import type { Scalar } from "./ir.ts";
import { bitcast, fromHalfBits, normalise, toHalfBits } from "./values.ts";

export type Storage = ElementArray;

/** Elements that one item of the typed array holds: 1, or 2 or 4 for sub-byte dtypes. */
export function packing(dtype: Dtype): number {
  return Math.max(1, 8 / dtypeInfo(dtype).bits);
}

/** Zeroed storage for so many elements. */
export function allocate(dtype: Dtype, elements: number): Storage {
  return new (dtypeInfo(dtype).array)(Math.ceil(elements / packing(dtype)));
}

/** Whether a typed array is of the sort that holds this dtype. */
export function isStorageOf(data: Storage, dtype: Dtype): boolean {
  return data instanceof dtypeInfo(dtype).array;
}

export type Reader = (data: Storage, at: number) => Scalar;
export type Writer = (data: Storage, at: number, value: Scalar) => void;

let halves: Float64Array | undefined;
function halfTable(): Float64Array {
  return (halves ??= Float64Array.from({ length: 65536 }, (_, raw) => fromHalfBits(raw)));
}

/** Reads an element as a value; sub-byte ones as an i32. */
export function readerOf(dtype: Dtype): Reader {
  switch (dtype) {
    case "bool":
      return (data, at) => data[at] !== 0;
    case "f16": {
      const table = halfTable();
      return (data, at) => table[data[at] as number]!;
    }
    case "bf16":
      return (data, at) => bitcast(data[at]!, "u16", "bf16");
    case "i4":
    case "u4":
    case "i2":
    case "u2": {
      const { bits } = dtypeInfo(dtype);
      const count = packing(dtype);
      return (data, at) => {
        const slot = Math.floor(at / count);
        return normalise((data[slot] as number) >> (bits * (at - slot * count)), dtype);
      };
    }
    default:
      return (data, at) => data[at]!;
  }
}

/** Writes a value; sub-byte elements keep an i32's low bits. */
export function writerOf(dtype: Dtype): Writer {
  switch (dtype) {
    case "bool":
      return (data, at, value) => void (data[at] = value ? 1 : 0);
    case "f16":
      return (data, at, value) => void (data[at] = toHalfBits(value as number));
    case "bf16":
      return (data, at, value) => void (data[at] = bitcast(value, "bf16", "u16") as number);
    case "i4":
    case "u4":
    case "i2":
    case "u2": {
      const { bits } = dtypeInfo(dtype);
      const count = packing(dtype);
      const mask = (1 << bits) - 1;
      return (data, at, value) => {
        const slot = Math.floor(at / count);
        const shift = bits * (at - slot * count);
        data[slot] = ((data[slot] as number) & ~(mask << shift)) | (((value as number) & mask) << shift);
      };
    }
    default:
      return (data, at, value) => void (data[at] = value as number);
  }
}
