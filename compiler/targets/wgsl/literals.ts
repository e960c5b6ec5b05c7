// Constants as WGSL literals, exactly. Infinities, NaN and subnormal numbers have no safe literal form and go
// through their bits at run time.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import type { Scalar } from "../../ir/ir.ts";
import { toHalfBits } from "../../ir/values.ts";
import type { HelperSet } from "./helpers.ts";
import { pairLiteral } from "./pairs.ts";
import { call, primary, type Text } from "./text.ts";
import { registerOf } from "./types.ts";

/** A constant of `dtype`. Its value is normalised, as in the IR. */
export function literal(value: Scalar, dtype: Dtype, helpers: HelperSet): Text {
  switch (registerOf(dtype, helpers.halves)) {
    case "bool":
      return primary(value ? "true" : "false");
    case "u32":
      return primary(`${Number(value)}u`);
    case "i32":
      return signed(String(Number(value)));
    case "f16":
      return halfLiteral(Number(value), helpers);
    case "vec2<u32>":
      return pairLiteral(value);
    case "f32":
      return floatLiteral(Number(value), helpers);
  }
}

function signed(text: string): Text {
  return { text, level: text.startsWith("-") ? "unary" : "primary" };
}

const smallestNormal = 2 ** -126;
const smallestNormalHalf = 2 ** -14;

function floatLiteral(value: number, helpers: HelperSet): Text {
  if (!Number.isFinite(value) || (value !== 0 && Math.abs(value) < smallestNormal)) {
    const bits = new DataView(new ArrayBuffer(4));
    bits.setFloat32(0, value);
    return call(helpers.use("f32_from_bits"), primary(`0x${hex(bits.getUint32(0), 8)}u`));
  }
  return signed(
    withPoint(Object.is(value, -0) ? "-0.0" : shortest(value, Math.fround, 24, dtypeInfo("f32").max)),
  );
}

function halfLiteral(value: number, helpers: HelperSet): Text {
  if (!Number.isFinite(value) || (value !== 0 && Math.abs(value) < smallestNormalHalf))
    return call(helpers.use("f16_from_bits"), primary(`0x${hex(toHalfBits(value), 4)}u`));
  return signed(`${withPoint(Object.is(value, -0) ? "-0.0" : String(value))}h`);
}

/** The fewest digits that give the value back, well away from a tie, so that any way of rounding finds it. */
function shortest(
  value: number,
  round: (x: number) => number,
  mantissa: number,
  max: number | bigint,
): string {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - (mantissa - 1));
  for (let digits = 1; digits <= 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    const read = Number(text);
    const near = value === 0 || Math.abs(read - value) < 0.49 * unit;
    if (round(read) === value && near && Math.abs(read) <= Number(max)) return text;
  }
  return String(value);
}

/** A point or an exponent, so that WGSL reads a float. */
function withPoint(text: string): string {
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function hex(bits: number, digits: number): string {
  return bits.toString(16).padStart(digits, "0");
}
