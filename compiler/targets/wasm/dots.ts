// Dot products of bytes. `i32x4.relaxed_dot_i8x16_i7x16_add_s` adds four products a lane, of signed bytes and of bytes from 0
// to 127; what it does with other bytes on the right is up to the engine: it may take them as signed (ARM), as unsigned
// (x86 with VNNI), or add pairs with saturation (x86 without). The runtime finds that out by trying and says so by features:
//
//   relaxed-dot     it is exact as specified, for bytes from 0 to 127 on the right
//   relaxed-dot-u8  it is exact for all bytes, those on the right unsigned
//   relaxed-dot-i8  it is exact for all bytes, those on the right signed
//
// Each of the last two implies the first. An operand of the other sign is moved by 128, and the difference taken back, so
// that integer results are the same on all engines.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Quads } from "../../passes/vectorize/pair-sums.ts";

/** A factor of byte products. */
export interface DotFactor {
  readonly dtype: Dtype;
  /** Whether its lanes are known to lie in 0 … 127. */
  readonly small: boolean;
}

export interface DotPlan {
  /** Number of the factor that comes first, as signed bytes. */
  readonly first: 0 | 1;
  /** Whether the other one is moved by 128 to the other signedness. */
  readonly moved: boolean;
}

/** How a relaxed dot product computes the products of two vectors of bytes exactly; undefined if it can't. */
export function dotPlan(
  factors: readonly [DotFactor, DotFactor],
  features: ReadonlySet<string>,
): DotPlan | undefined {
  const [unsigned, signed] = [features.has("relaxed-dot-u8"), features.has("relaxed-dot-i8")];
  if (!unsigned && !signed && !features.has("relaxed-dot")) return undefined;
  const isSigned = ({ dtype, small }: DotFactor): boolean => small || dtype === "i8";
  const rank = (first: 0 | 1): DotPlan | undefined => {
    const other = factors[1 - first]!;
    if (!isSigned(factors[first])) return undefined;
    if (other.small || (other.dtype === "u8" ? unsigned : signed)) return { first, moved: false };
    return unsigned || signed ? { first, moved: true } : undefined;
  };
  const plans = [rank(1), rank(0)].flatMap((plan) => plan ?? []);
  return plans.find(({ moved }) => !moved) ?? plans[0];
}

/** Sums of byte products in fours where the engine's dot product is exact for them: 16 bytes at once. */
export const quadsOf = (features: ReadonlySet<string>): Quads => ({
  lanes: 16,
  take: (factors) => dotPlan(factors, features) !== undefined,
});
