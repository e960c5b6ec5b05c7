// A tensor's elements as JavaScript values, whatever its dtype: bigints for 64-bit integers, booleans for bool,
// numbers otherwise.

import { dtypeInfo, type Dtype } from "../../lang/dtypes.ts";
import { narrowBits, narrowValue } from "./narrow.ts";
import { arrayClass, bytesOf, packedBits, setPackedBits, type TypedArray } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

export type Value = number | bigint | boolean;

/** Reads element `at` of row-major data, as `Tensor.data()` gives it. */
export function valueAt(data: TypedArray, dtype: Dtype, at: number): Value {
  const { bits, kind } = dtypeInfo(dtype);
  if (bits < 8) {
    const raw = packedBits(data as Uint8Array, bits, at);
    return kind === "int" && raw >> (bits - 1) ? raw - (1 << bits) : raw;
  }
  const value = data[at]!;
  if (kind === "bool") return value !== 0;
  return dtype === "f16" || dtype === "bf16" ? narrowValue(Number(value), dtype) : value;
}

/** All elements in row-major order. */
export async function valuesOf(tensor: Tensor): Promise<Value[]> {
  const data = await tensor.data();
  return Array.from({ length: tensor.size }, (_, at) => valueAt(data, tensor.dtype, at));
}

/** Row-major data of `dtype` from values that it can represent; others are rounded or wrapped. */
export function dataOf(values: readonly Value[], dtype: Dtype): TypedArray {
  const { bits, kind } = dtypeInfo(dtype);
  const Class = arrayClass(dtype);
  const bytes = bytesOf(dtype, values.length);
  const data = new Class(new ArrayBuffer(bytes), 0, bytes / Class.BYTES_PER_ELEMENT);
  values.forEach((value, at) => {
    if (bits < 8) setPackedBits(data as Uint8Array, bits, at, Number(value));
    else if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[at] = BigInt(value);
    else if (dtype === "f16" || dtype === "bf16") data[at] = narrowBits(Number(value), dtype);
    else data[at] = kind === "bool" ? Number(Boolean(value)) : Number(value);
  });
  return data;
}
