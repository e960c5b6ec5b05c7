// How values of each dtype are held in WGSL while computing: the narrow integers in 32 bits, kept within their
// range after each operation; bf16 in an f32, rounded after each operation; elements of sub-byte buffers as i32,
// which is what the IR loads them as. What has no row can't be computed with on this target.

import type { IrType } from "../../ir/ir.ts";
import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";

/** A scalar type of WGSL, or what stands for one (`pairs.ts`). */
export type Register = "f32" | "f16" | "i32" | "u32" | "bool" | "vec2<u32>";

const registers: Partial<Record<Dtype, Register>> = {
  bool: "bool",
  i2: "i32",
  i4: "i32",
  i8: "i32",
  i16: "i32",
  i32: "i32",
  u2: "i32",
  u4: "i32",
  u8: "u32",
  u16: "u32",
  u32: "u32",
  i64: "vec2<u32>",
  u64: "vec2<u32>",
  f16: "f16",
  bf16: "f32",
  f32: "f32",
};

export function isSupported(dtype: Dtype): boolean {
  return registers[dtype] !== undefined;
}

/** The WGSL type that holds a value of `dtype`. */
export function registerOf(dtype: Dtype): Register {
  return (
    registers[dtype] ?? internalError("wgsl", `a value of ${dtype} passed the check for what WGSL lacks`)
  );
}

/** Whether values of an integer dtype fill less than the 32 bits they are held in. */
export function isNarrow(dtype: Dtype): boolean {
  const { kind, bits } = dtypeInfo(dtype);
  return (kind === "int" || kind === "uint") && bits < 32;
}

/** The bits of one element in storage that is packed into u32 words; absent where an element is a word or an f16. */
export function packedBits(dtype: Dtype): number | undefined {
  const { bits } = dtypeInfo(dtype);
  return bits < 32 && dtype !== "f16" ? bits : undefined;
}

/** Lanes of WGSL's vectors, as far as they are used. */
export const vectorLanes: readonly number[] = [2, 4];

/** Whether values of a dtype are held in vectors. */
export function isVectorDtype(dtype: Dtype): boolean {
  return isSupported(dtype) && dtype !== "bool" && [8, 16, 32].includes(dtypeInfo(dtype).bits);
}

/** Whether WGSL computes with vectors of a dtype as it does with one value; others round or wrap lane by lane. */
export function computesInVectors(dtype: Dtype): boolean {
  return dtype === "f32" || dtype === "f16" || dtype === "i32" || dtype === "u32";
}

/** Whether a type is a vector of WGSL. */
export function isVector({ dtype, lanes }: IrType): boolean {
  return vectorLanes.includes(lanes) && (isVectorDtype(dtype) || dtype === "bool");
}

/** The WGSL type that holds a value of a scalar or vector type. */
export function typeText({ dtype, lanes }: IrType): string {
  return lanes === 1 ? registerOf(dtype) : `vec${lanes}<${registerOf(dtype)}>`;
}
