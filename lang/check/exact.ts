// Exact compile-time numbers. A literal and everything computed from literals alone stays an integer or a
// fraction of bigints until it meets a type, so that `0.1 + 0.2` rounds once, and to the type it ends up in.
// Infinity and NaN are fractions with denominator 0.

import { dtypeInfo, isFloat, isWide, type Dtype } from "../dtypes.ts";
import type { BinaryOp, CompareOp } from "../syntax/ast.ts";

export type Exact =
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "real"; readonly num: bigint; readonly den: bigint }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string };

export type ExactNumber = Extract<Exact, { kind: "int" | "real" }>;

/** Numbers of more bits than this are refused, so that no input can make the checker compute for minutes. */
const maxBits = 1 << 15;
const maxDigits = 4000;

export const exactInt = (value: bigint | number): ExactNumber => ({ kind: "int", value: BigInt(value) });
export const exactBool = (value: boolean): Exact => ({ kind: "bool", value });

const abs = (value: bigint): bigint => (value < 0n ? -value : value);

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** The fraction num/den in lowest terms, the sign above. */
export function exactReal(num: bigint, den: bigint): ExactNumber {
  if (den < 0n) [num, den] = [-num, -den];
  if (den === 0n) return { kind: "real", num: num > 0n ? 1n : num < 0n ? -1n : 0n, den };
  const divisor = gcd(abs(num), den);
  return divisor > 1n ? { kind: "real", num: num / divisor, den: den / divisor } : { kind: "real", num, den };
}

function bitLength(value: bigint): number {
  const hex = abs(value).toString(16);
  return value === 0n ? 0 : hex.length * 4 - Math.clz32(parseInt(hex[0]!, 16)) + 28;
}

/** The value of a number as written, or undefined where it is too long to compute with. */
export function parseNumber(text: string, decimal: boolean): ExactNumber | undefined {
  const digits = text.replaceAll("_", "");
  if (digits.length > maxDigits) return undefined;
  if (!decimal || /^0[xXbBoO]/.test(digits)) {
    const plain = /^0[xXbBoO]/.test(digits) ? digits : digits.replace(/^0+(?=\d)/, "");
    return /^(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|\d+)$/.test(plain)
      ? exactInt(BigInt(plain))
      : undefined;
  }
  const parts = /^(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(digits);
  if (!parts || (parts[1] === "" && parts[2] === "")) return undefined;
  const exponent = Number(parts[3] ?? 0) - parts[2]!.length;
  if (Math.abs(exponent) > maxDigits) return undefined;
  const mantissa = BigInt(parts[1]! + parts[2]!);
  return exponent >= 0
    ? exactReal(mantissa * 10n ** BigInt(exponent), 1n)
    : exactReal(mantissa, 10n ** BigInt(-exponent));
}

const asFraction = (value: ExactNumber): { num: bigint; den: bigint } =>
  value.kind === "int" ? { num: value.value, den: 1n } : value;

const floorDiv = (a: bigint, b: bigint): bigint => {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
};

/** The largest integer not above a finite number. */
export function floorOf(value: ExactNumber): bigint {
  return value.kind === "int" ? value.value : floorDiv(value.num, value.den);
}

/** The integer part, towards zero. */
export function truncOf(value: ExactNumber): bigint {
  return value.kind === "int" ? value.value : value.num / value.den;
}

/** The nearest integer, halves to the even one. */
export function roundOf(value: ExactNumber): bigint {
  if (value.kind === "int") return value.value;
  const low = floorOf(value);
  const twice = 2n * (value.num - low * value.den);
  if (twice < value.den) return low;
  return twice > value.den || low % 2n !== 0n ? low + 1n : low;
}

export const isFinite = (value: ExactNumber): boolean => value.kind === "int" || value.den !== 0n;

/** -1, 0 or 1; NaN counts as equal to nothing and gives undefined. */
export function compareExact(a: ExactNumber, b: ExactNumber): number | undefined {
  const left = asFraction(a);
  const right = asFraction(b);
  if ((left.den === 0n && left.num === 0n) || (right.den === 0n && right.num === 0n)) return undefined;
  if (left.den === 0n && right.den === 0n) return Number(left.num - right.num) / 2;
  const difference = left.num * right.den - right.num * left.den;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Whether `a op b` holds, for numbers, bools and strings of one kind; undefined where it means nothing. */
export function compareValues(op: CompareOp, a: Exact, b: Exact): boolean | undefined {
  if ((a.kind === "int" || a.kind === "real") && (b.kind === "int" || b.kind === "real")) {
    const order = compareExact(a, b);
    if (order === undefined) return op === "!=";
    return holds(op, Math.sign(order));
  }
  if (a.kind !== b.kind || (op !== "==" && op !== "!=")) return undefined;
  return holds(op, (a as { value: unknown }).value === (b as { value: unknown }).value ? 0 : 1);
}

function holds(op: CompareOp, order: number): boolean {
  switch (op) {
    case "==":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}

/** `a op b`, or the reason why there is no such number. */
export function binaryExact(op: BinaryOp, a: ExactNumber, b: ExactNumber): ExactNumber | { why: string } {
  if (!isFinite(a) || !isFinite(b)) return { why: "infinity and NaN can’t be computed with when compiling" };
  if (sizeOf(a) + sizeOf(b) > maxBits) return { why: "the numbers are too large" };
  return a.kind === "int" && b.kind === "int" ? integers(op, a.value, b.value) : fractions(op, a, b);
}

const sizeOf = (value: ExactNumber): number =>
  value.kind === "int" ? bitLength(value.value) : bitLength(value.num) + bitLength(value.den);

function integers(op: BinaryOp, a: bigint, b: bigint): ExactNumber | { why: string } {
  switch (op) {
    case "+":
      return exactInt(a + b);
    case "-":
      return exactInt(a - b);
    case "*":
      return exactInt(a * b);
    case "/":
      return b === 0n ? { why: "it divides by zero" } : exactReal(a, b);
    case "//":
      return b === 0n ? { why: "it divides by zero" } : exactInt(floorDiv(a, b));
    case "%":
      return b === 0n ? { why: "it divides by zero" } : exactInt(a - floorDiv(a, b) * b);
    case "**":
      return power({ num: a, den: 1n }, b, true);
    case "<<":
      if (b < 0n) return { why: "it shifts by a negative number" };
      if (b + BigInt(bitLength(a)) > maxBits) return { why: "the result is too large" };
      return exactInt(a << b);
    case ">>":
      return b < 0n
        ? { why: "it shifts by a negative number" }
        : exactInt(b > maxBits ? (a < 0n ? -1n : 0n) : a >> b);
    case "&":
      return exactInt(a & b);
    case "|":
      return exactInt(a | b);
    case "^":
      return exactInt(a ^ b);
  }
}

function fractions(op: BinaryOp, first: ExactNumber, second: ExactNumber): ExactNumber | { why: string } {
  const a = asFraction(first);
  const b = asFraction(second);
  switch (op) {
    case "+":
      return exactReal(a.num * b.den + b.num * a.den, a.den * b.den);
    case "-":
      return exactReal(a.num * b.den - b.num * a.den, a.den * b.den);
    case "*":
      return exactReal(a.num * b.num, a.den * b.den);
    case "/":
      return b.num === 0n ? { why: "it divides by zero" } : exactReal(a.num * b.den, a.den * b.num);
    case "//":
    case "%": {
      if (b.num === 0n) return { why: "it divides by zero" };
      const quotient = floorDiv(a.num * b.den, a.den * b.num);
      if (op === "//") return exactReal(quotient, 1n);
      return exactReal(a.num * b.den - quotient * b.num * a.den, a.den * b.den);
    }
    case "**":
      return second.kind === "int"
        ? power(a, second.value, false)
        : { why: "a fractional power isn’t an exact number" };
    default:
      return { why: `\`${op}\` is for integers` };
  }
}

function power(
  base: { num: bigint; den: bigint },
  exponent: bigint,
  integer: boolean,
): ExactNumber | { why: string } {
  const size = BigInt(Math.max(bitLength(base.num), bitLength(base.den)));
  if (abs(exponent) * size > maxBits) return { why: "the result is too large" };
  if (exponent >= 0n) {
    const num = base.num ** exponent;
    return integer ? exactInt(num) : exactReal(num, base.den ** exponent);
  }
  if (base.num === 0n) return { why: "it divides by zero" };
  return exactReal(base.den ** -exponent, base.num ** -exponent);
}

export function negate(value: ExactNumber): ExactNumber {
  return value.kind === "int" ? exactInt(-value.value) : { ...value, num: -value.num };
}

/**
 * The value of dtype `dtype` nearest to `value` (halves to even), or undefined where it lies outside the
 * dtype's range. Integer dtypes take integers only; the caller has decided what to do with fractions.
 */
export function valueOfDtype(value: ExactNumber, dtype: Dtype): number | bigint | undefined {
  const info = dtypeInfo(dtype);
  if (!isFloat(dtype)) {
    const whole = truncOf(value);
    if (whole < BigInt(info.min) || whole > BigInt(info.max)) return undefined;
    return isWide(dtype) ? whole : Number(whole);
  }
  const { num, den } = asFraction(value);
  if (den === 0n) return num === 0n ? NaN : num > 0n ? Infinity : -Infinity;
  if (num === 0n) return 0;
  const precision = info.mantissa!;
  const smallest = { f16: -14, bf16: -126, f32: -126, f64: -1022 }[dtype as "f16" | "bf16" | "f32" | "f64"];
  const magnitude = abs(num);
  let exponent = bitLength(magnitude) - bitLength(den);
  if (!atLeastPowerOfTwo(magnitude, den, exponent)) exponent--;
  const unit = Math.max(exponent, smallest) - (precision - 1);
  const scaled =
    unit >= 0 ? exactReal(magnitude, den << BigInt(unit)) : exactReal(magnitude << BigInt(-unit), den);
  const rounded = Number(roundOf(scaled)) * 2 ** unit;
  if (rounded > Number(info.max)) return undefined;
  return num < 0n ? -rounded : rounded;
}

function atLeastPowerOfTwo(num: bigint, den: bigint, exponent: number): boolean {
  return exponent >= 0 ? num >= den << BigInt(exponent) : num << BigInt(-exponent) >= den;
}

/** A number as a person would write it, for messages. */
export function showExact(value: Exact): string {
  if (value.kind === "string") return JSON.stringify(value.value);
  if (value.kind !== "real") return String(value.value);
  if (value.den === 0n) return value.num === 0n ? "nan" : value.num > 0n ? "inf" : "-inf";
  const approximate = Number(valueOfDtype(value, "f64") ?? NaN);
  if (Number.isNaN(approximate)) return showHuge(value.num / value.den);
  return Number.isInteger(approximate) ? approximate.toFixed(1) : String(approximate);
}

/** A number beyond f64, as `1.234e+400`. */
function showHuge(value: bigint): string {
  const [sign, digits] = value < 0n ? ["-", String(-value)] : ["", String(value)];
  const fraction = digits.slice(1, 5).replace(/0+$/, "");
  return `${sign}${digits[0]}${fraction && `.${fraction}`}e+${digits.length - 1}`;
}
