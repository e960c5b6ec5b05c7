// How values of each dtype are held in WGSL while computing: the narrow integers in 32 bits, kept within their
// range after each operation; bf16 in an f32, rounded after each operation, and f16 likewise on a device that doesn't
// compute with it; elements of sub-byte buffers as i32, which is what the IR loads them as. What has no row can't be computed with on this target.

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

/** Whether a device computes with f16 itself, by the feature `shader-f16`, or in f32 with a rounding after each operation. */
export type Halves = "native" | "converted";

/** How code for a device with such features computes with f16. */
export const halvesOf = (features: Iterable<string>): Halves =>
  [...features].includes("shader-f16") ? "native" : "converted";

export function isSupported(dtype: Dtype): boolean {
  return registers[dtype] !== undefined;
}

/** The WGSL type that holds a value of `dtype`. Who asks about integers alone needs say nothing of f16. */
export function registerOf(dtype: Dtype, halves: Halves = "native"): Register {
  if (dtype === "f16" && halves === "converted") return "f32";
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
export function packedBits(dtype: Dtype, halves: Halves = "native"): number | undefined {
  const { bits } = dtypeInfo(dtype);
  return bits < 32 && (dtype !== "f16" || halves === "converted") ? bits : undefined;
}

/** Lanes of WGSL's vectors, as far as they are used. */
export const vectorLanes: readonly number[] = [2, 4];

/** Lanes of the vectors that arguments are made of which lie in whole vectors. */
export const wideLanes = 4;

/** Whether values of a dtype are held in vectors. */
export function isVectorDtype(dtype: Dtype): boolean {
  return isSupported(dtype) && dtype !== "bool" && [8, 16, 32].includes(dtypeInfo(dtype).bits);
}

/** Whether WGSL computes with vectors of a dtype as it does with one value; others round or wrap lane by lane. */
export function computesInVectors(dtype: Dtype, halves: Halves): boolean {
  return dtype === "f32" || (dtype === "f16" && halves === "native") || dtype === "i32" || dtype === "u32";
}

/** Whether a type is a vector of WGSL. */
export function isVector({ dtype, lanes }: IrType): boolean {
  return vectorLanes.includes(lanes) && (isVectorDtype(dtype) || dtype === "bool");
}

/** Whether a vector is four bytes, which are held in a word, the first in its lowest bits. */
export const isWord = ({ dtype, lanes }: IrType): boolean =>
  lanes === 4 && (dtype === "i8" || dtype === "u8");

/** The WGSL type that holds a value of a scalar or vector type. */
export function typeText(type: IrType, halves: Halves): string {
  const { dtype, lanes } = type;
  if (isWord(type)) return "u32";
  const register = registerOf(dtype, halves);
  return lanes === 1 ? register : `vec${lanes}<${register}>`;
}
