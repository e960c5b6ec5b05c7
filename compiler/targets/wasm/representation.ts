// How IR values live in WebAssembly: scalars in one value of the natural type, vectors in a list of v128 parts.
// f16 and bf16 live as f32 that is rounded to their grid; sub-byte integers as bytes; a bool vector as a mask, all
// ones or zeros in lanes whose width follows the values it was computed from.

import { dtypeInfo, isFloat, isWide, type Dtype } from "../../../lang/dtypes.ts";
import type { IrType, Scalar } from "../../ir/ir.ts";

export type WasmType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Bits of a vector lane. */
export type LaneBits = 8 | 16 | 32 | 64;

export type Shape = "i8x16" | "i16x8" | "i32x4" | "i64x2" | "f32x4" | "f64x2";

/** An emitted value: expressions without side effects, to be evaluated before the next store. */
export interface Value {
  readonly type: IrType;
  /** Lane width of a vector; 0 for a scalar. */
  readonly bits: LaneBits | 0;
  readonly parts: readonly string[];
  /** Set where the value is known, the same in every lane. */
  readonly constant?: Scalar;
  /** A vector whose lanes are all this scalar. */
  readonly uniform?: Value;
  /** The narrower integers that this vector was just widened from. */
  readonly narrow?: Value;
}

/** The WebAssembly type of a scalar. */
export function scalarRep(dtype: Dtype): Exclude<WasmType, "v128"> {
  if (dtype === "f64") return "f64";
  if (isFloat(dtype)) return "f32";
  return isWide(dtype) ? "i64" : "i32";
}

/** The WebAssembly type of one part of a value. */
export function partType(type: IrType): WasmType {
  return type.lanes > 1 ? "v128" : scalarRep(type.dtype);
}

/** The width of a dtype's lanes; a bool's follows from the context, so bool counts as a byte here. */
export function laneBits(dtype: Dtype): LaneBits {
  if (isFloat(dtype)) return dtype === "f64" ? 64 : 32;
  return Math.max(8, dtypeInfo(dtype).bits) as LaneBits;
}

/** Whether the values of a dtype are a smaller float kept in an f32. */
export const isHalf = (dtype: Dtype): dtype is "f16" | "bf16" => dtype === "f16" || dtype === "bf16";

export function intShape(bits: LaneBits): Shape {
  return ({ 8: "i8x16", 16: "i16x8", 32: "i32x4", 64: "i64x2" } as const)[bits];
}

/** The shape whose instructions compute with lanes of a dtype. */
export function shapeOf(dtype: Dtype): Shape {
  if (isFloat(dtype)) return dtype === "f64" ? "f64x2" : "f32x4";
  return intShape(laneBits(dtype));
}

/** Number of v128 parts that hold `lanes` lanes; a lone part may be filled in part only. */
export function partCount(lanes: number, bits: LaneBits | 0): number {
  return bits === 0 ? 1 : Math.max(1, (lanes * bits) / 128);
}

/** Lanes in each part. */
export function lanesPerPart(lanes: number, bits: LaneBits): number {
  return Math.min(lanes, 128 / bits);
}

/** Whether integer values of a dtype are compared, divided, shifted and widened as signed. */
export function signedness(dtype: Dtype): "s" | "u" {
  return dtypeInfo(dtype).kind === "int" ? "s" : "u";
}

/** A scalar in the text format, without its instruction. */
export function numberText(value: Scalar, dtype: Dtype): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "bigint") return String(value);
  if (!isFloat(dtype)) return String(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** A scalar constant as an instruction. */
export function scalarConst(value: Scalar, dtype: Dtype): string {
  return `(${scalarRep(dtype)}.const ${numberText(value, dtype)})`;
}

/** A vector constant, the same in every lane; for bool a mask of lanes of `bits`. */
export function splatConst(value: Scalar, dtype: Dtype, bits: LaneBits): string {
  const shape = dtype === "bool" ? intShape(bits) : shapeOf(dtype);
  const text = dtype === "bool" ? (value ? "-1" : "0") : numberText(value, dtype);
  return `(v128.const ${shape} ${Array.from({ length: 128 / bits }, () => text).join(" ")})`;
}

/** Bytes that one element of a byte-sized or wider dtype takes in storage. */
export function elementBytes(dtype: Dtype): number {
  return Math.max(8, dtypeInfo(dtype).bits) / 8;
}

export const isSubByte = (dtype: Dtype): boolean => dtypeInfo(dtype).bits < 8;
