// What one scalar operation computes: the reference semantics behind the op table. Values are normalised:
// integers within their dtype's range (u32 as 0 … 2^32-1), floats rounded to their dtype, 64-bit integers as
// bigints, bool as boolean.

import { dtypeInfo, isFloat, isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Scalar } from "./ir.ts";

const bits = new DataView(new ArrayBuffer(8));

/** Rounds to nearest even at a precision of `mantissa` bits with the exponent range of the dtype. */
export function roundFloat(x: number, dtype: Dtype): number {
  if (dtype === "f64") return x;
  if (dtype === "f32") return Math.fround(x);
  if (!Number.isFinite(x) || x === 0) return x;
  const { mantissa, max } = dtypeInfo(dtype);
  const smallestExponent = dtype === "f16" ? -14 : -126;
  const exponent = Math.max(exponentOf(x), smallestExponent);
  const unit = 2 ** (exponent - (mantissa! - 1));
  const rounded = roundHalfEven(x / unit) * unit;
  if (Math.abs(rounded) > (max as number)) return Math.sign(x) * Infinity;
  return rounded === 0 ? (x < 0 ? -0 : 0) : rounded;
}

/** floor(log2 |x|) of a finite nonzero double, exactly; doubles below 2^-1022 count as -1022. */
function exponentOf(x: number): number {
  bits.setFloat64(0, x);
  return Math.max(((bits.getUint16(0) >> 4) & 0x7ff) - 1023, -1022);
}

/** The nearest integer, halves to even; keeps the sign of zero. */
export function roundHalfEven(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const below = Math.floor(x);
  const rest = x - below;
  const nearest = rest < 0.5 ? below : rest > 0.5 ? below + 1 : below % 2 === 0 ? below : below + 1;
  return nearest === 0 ? (x < 0 || Object.is(x, -0) ? -0 : 0) : nearest;
}

/** Brings an exact result into its dtype: wraps integers, rounds floats. */
export function normalise(x: Scalar, dtype: Dtype): Scalar {
  const info = dtypeInfo(dtype);
  if (info.kind === "bool") return Boolean(x);
  if (info.kind === "float") return roundFloat(Number(x), dtype);
  if (info.bits === 64) {
    const exact = typeof x === "bigint" ? x : BigInt(Math.trunc(Number(x)));
    return info.kind === "int" ? BigInt.asIntN(64, exact) : BigInt.asUintN(64, exact);
  }
  if (typeof x === "bigint")
    return Number(info.kind === "int" ? BigInt.asIntN(info.bits, x) : BigInt.asUintN(info.bits, x));
  const low = Number(x) | 0;
  if (info.bits === 32) return info.kind === "int" ? low : low >>> 0;
  const unused = 32 - info.bits;
  return info.kind === "int" ? (low << unused) >> unused : (low << unused) >>> unused;
}

/** Applies one of two functions as the dtype's values are bigints or numbers, and normalises. */
function arithmetic(
  a: Scalar,
  b: Scalar,
  dtype: Dtype,
  small: (a: number, b: number) => number,
  wide: (a: bigint, b: bigint) => bigint,
): Scalar {
  return normalise(isWide(dtype) ? wide(a as bigint, b as bigint) : small(a as number, b as number), dtype);
}

export const add = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(
    a,
    b,
    t,
    (x, y) => x + y,
    (x, y) => x + y,
  );
export const sub = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(
    a,
    b,
    t,
    (x, y) => x - y,
    (x, y) => x - y,
  );
export const mul = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(
    a,
    b,
    t,
    (x, y) => (isFloat(t) ? x * y : Math.imul(x, y)),
    (x, y) => x * y,
  );
export const div = (a: Scalar, b: Scalar, t: Dtype): Scalar => roundFloat((a as number) / (b as number), t);
export const floordiv = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(
    a,
    b,
    t,
    (x, y) => Math.floor(x / y),
    (x, y) => x / y - (x % y !== 0n && x < 0n !== y < 0n ? 1n : 0n),
  );
export const mod = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(
    a,
    b,
    t,
    (x, y) => x - y * Math.floor(x / y),
    (x, y) => ((x % y) + y) % y,
  );
export const min = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(a, b, t, Math.min, (x, y) => (x < y ? x : y));
export const max = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(a, b, t, Math.max, (x, y) => (x > y ? x : y));
export const neg = (a: Scalar, t: Dtype): Scalar => normalise(isWide(t) ? -(a as bigint) : -(a as number), t);
export const abs = (a: Scalar, t: Dtype): Scalar =>
  normalise(isWide(t) ? ((a as bigint) < 0n ? -(a as bigint) : a) : Math.abs(a as number), t);

/** a * b + c, rounded once. */
export function fma(a: Scalar, b: Scalar, c: Scalar, t: Dtype): Scalar {
  const [x, y, z] = [a as number, b as number, c as number];
  const finite = Number.isFinite(x) && Number.isFinite(y);
  if (!finite || !Number.isFinite(z)) return finite ? z : x * y + z;
  if (t === "f64") return fma64(x, y, z);
  const product = x * y; // Exact: no operand has more than 24 bits.
  return roundFloat(addToOdd(product, z), t);
}

/** a + b in f64, an inexact sum rounded to the neighbour whose last bit is set: rounding it again is harmless. */
function addToOdd(a: number, b: number): number {
  const sum = a + b;
  const back = sum - a;
  const error = a - (sum - back) + (b - back);
  if (error === 0 || sum === 0) return sum;
  bits.setFloat64(0, sum);
  const raw = bits.getBigUint64(0);
  if (raw & 1n) return sum;
  bits.setBigUint64(0, sum > 0 === error > 0 ? raw + 1n : raw - 1n);
  return bits.getFloat64(0);
}

/** The integer m and exponent e with x = m * 2^e. */
function exactParts(x: number): { m: bigint; e: number } {
  bits.setFloat64(0, x);
  const raw = bits.getBigUint64(0);
  const exponent = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  const m = exponent === 0 ? fraction : fraction | 0x10000000000000n;
  return { m: x < 0 ? -m : m, e: Math.max(exponent, 1) - 1075 };
}

/** a * b + c of finite doubles, computed exactly and rounded once. */
function fma64(a: number, b: number, c: number): number {
  const [p, q, r] = [exactParts(a), exactParts(b), exactParts(c)];
  // With a zero among them at most the product is inexact, and f64 arithmetic rounds once.
  if (p.m === 0n || q.m === 0n || r.m === 0n) return a * b + c;
  const e = Math.min(p.e + q.e, r.e);
  const sum = ((p.m * q.m) << BigInt(p.e + q.e - e)) + (r.m << BigInt(r.e - e));
  return sum === 0n ? 0 : scaleExact(sum, e);
}

/** m * 2^e rounded once to a double, subnormals included. */
function scaleExact(m: bigint, e: number): number {
  const magnitude = m < 0n ? -m : m;
  const length = magnitude.toString(2).length;
  // The place of the last bit that a double can hold here.
  const last = Math.max(length + e - 53, -1074);
  const drop = last - e;
  let kept = magnitude;
  if (drop > 0) {
    kept = magnitude >> BigInt(drop);
    const rest = magnitude - (kept << BigInt(drop));
    const half = 1n << BigInt(drop - 1);
    if (rest > half || (rest === half && kept & 1n)) kept += 1n;
  }
  const exponent = Math.max(last, e);
  const scaled = exponent > 971 ? Infinity : timesPower(Number(kept), exponent);
  return m < 0n ? -scaled : scaled;
}

/** x * 2^e for an integer x below 2^54, in steps that don't leave the range of powers of two. */
function timesPower(x: number, e: number): number {
  return e < -1022 ? x * 2 ** -1022 * 2 ** (e + 1022) : x * 2 ** e;
}
export const unaryFloat = (f: (x: number) => number, a: Scalar, t: Dtype): Scalar =>
  roundFloat(f(a as number), t);

function bitwise(
  a: Scalar,
  b: Scalar,
  t: Dtype,
  small: (a: number, b: number) => number,
  wide: (a: bigint, b: bigint) => bigint,
): Scalar {
  if (t === "bool") return Boolean(small(Number(a), Number(b)));
  return arithmetic(a, b, t, small, wide);
}
export const and = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  bitwise(
    a,
    b,
    t,
    (x, y) => x & y,
    (x, y) => x & y,
  );
export const or = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  bitwise(
    a,
    b,
    t,
    (x, y) => x | y,
    (x, y) => x | y,
  );
export const xor = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  bitwise(
    a,
    b,
    t,
    (x, y) => x ^ y,
    (x, y) => x ^ y,
  );
export const not = (a: Scalar, t: Dtype): Scalar =>
  t === "bool" ? !a : normalise(isWide(t) ? ~(a as bigint) : ~(a as number), t);
export const shl = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(
    a,
    b,
    t,
    (x, y) => x << y,
    (x, y) => x << y,
  );
export const shr = (a: Scalar, b: Scalar, t: Dtype): Scalar =>
  arithmetic(
    a,
    b,
    t,
    (x, y) => (t === "u32" ? x >>> y : x >> y),
    (x, y) => x >> y,
  );

/** The value's bits as an unsigned bigint, and its width. */
function unsignedBits(a: Scalar, t: Dtype): { raw: bigint; width: number } {
  const width = dtypeInfo(t).bits;
  return { raw: BigInt.asUintN(width, BigInt(a)), width };
}
const count = (n: number, t: Dtype): Scalar => (isWide(t) ? BigInt(n) : n);
export function clz(a: Scalar, t: Dtype): Scalar {
  const { raw, width } = unsignedBits(a, t);
  return count(raw === 0n ? width : width - raw.toString(2).length, t);
}
export function ctz(a: Scalar, t: Dtype): Scalar {
  const { raw, width } = unsignedBits(a, t);
  return count(raw === 0n ? width : raw.toString(2).length - 1 - raw.toString(2).lastIndexOf("1"), t);
}
export function popcount(a: Scalar, t: Dtype): Scalar {
  return count(unsignedBits(a, t).raw.toString(2).replaceAll("0", "").length, t);
}

/** Float to integer truncates and saturates, NaN to 0; integers wrap; floats round; bool is 0 or 1. */
export function convert(a: Scalar, from: Dtype, to: Dtype): Scalar {
  const target = dtypeInfo(to);
  if (target.kind === "bool") return typeof a === "bigint" ? a !== 0n : Number(a) !== 0;
  if (typeof a === "boolean") return normalise(Number(a), to);
  if (isFloat(from) && target.kind !== "float") return clampTo(Math.trunc(a as number), to);
  return target.kind === "float" && typeof a === "bigint" ? wideToFloat(a, to) : normalise(a, to);
}

/** A 64-bit integer to a float with a single rounding. */
function wideToFloat(a: bigint, to: Dtype): number {
  if (to === "f64") return Number(a);
  // Keep 60 bits and let the lowest stand for all that was cut off, so that ties stay what they are.
  const magnitude = a < 0n ? -a : a;
  const extra = Math.max(magnitude.toString(2).length - 50, 0);
  const cut = magnitude >> BigInt(extra);
  const sticky = cut << BigInt(extra) === magnitude ? cut : cut | 1n;
  return roundFloat((a < 0n ? -1 : 1) * Number(sticky) * 2 ** extra, to);
}

/** To an integer dtype, clamped to its range; floats round half to even first, NaN to 0. */
export function saturate(a: Scalar, from: Dtype, to: Dtype): Scalar {
  if (typeof a === "bigint") {
    const { min: low, max: high } = dtypeInfo(to);
    const clamped = a < BigInt(low) ? BigInt(low) : a > BigInt(high) ? BigInt(high) : a;
    return isWide(to) ? clamped : Number(clamped);
  }
  return clampTo(isFloat(from) ? roundHalfEven(a as number) : (a as number), to);
}

function clampTo(x: number, to: Dtype): Scalar {
  const { min: low, max: high } = dtypeInfo(to);
  if (Number.isNaN(x)) return isWide(to) ? 0n : 0;
  if (x <= Number(low)) return low;
  if (x >= Number(high)) return high;
  return isWide(to) ? BigInt(x) : x + 0;
}

/** The same bits as another dtype of one width. */
export function bitcast(a: Scalar, from: Dtype, to: Dtype): Scalar {
  writeBits(a, from);
  return readBits(to);
}

function writeBits(a: Scalar, dtype: Dtype): void {
  switch (dtype) {
    case "f64":
      return bits.setFloat64(0, a as number, true);
    case "f32":
      return bits.setFloat32(0, a as number, true);
    case "bf16":
      bits.setFloat32(0, a as number, true);
      return bits.setUint16(0, bits.getUint16(2, true), true);
    case "f16":
      return bits.setUint16(0, toHalfBits(a as number), true);
    case "i64":
    case "u64":
      return bits.setBigUint64(0, BigInt.asUintN(64, a as bigint), true);
    default:
      return bits.setInt32(0, Number(a), true);
  }
}

function readBits(dtype: Dtype): Scalar {
  switch (dtype) {
    case "f64":
      return bits.getFloat64(0, true);
    case "f32":
      return bits.getFloat32(0, true);
    case "bf16":
      bits.setUint32(0, bits.getUint16(0, true) << 16, true);
      return bits.getFloat32(0, true);
    case "f16":
      return fromHalfBits(bits.getUint16(0, true));
    case "i64":
      return bits.getBigInt64(0, true);
    case "u64":
      return bits.getBigUint64(0, true);
    default:
      return normalise(bits.getInt32(0, true), dtype);
  }
}

/** Bits of a value that is already rounded to f16. */
export function toHalfBits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(x);
  if (Number.isNaN(x)) return 0x7e00;
  if (magnitude === Infinity) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = exponentOf(magnitude);
  return sign | ((exponent + 15) << 10) | ((magnitude / 2 ** exponent - 1) * 1024);
}

export function fromHalfBits(raw: number): number {
  const sign = raw & 0x8000 ? -1 : 1;
  const exponent = (raw >> 10) & 31;
  const fraction = raw & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Combines the low half with the high half until one lane is left; lanes are a power of two. */
export function halve(lanes: readonly Scalar[], combine: (a: Scalar, b: Scalar) => Scalar): Scalar {
  let left = lanes;
  while (left.length > 1) {
    const half = left.length / 2;
    const last = left;
    left = last.slice(0, half).map((lane, at) => combine(lane, last[at + half]!));
  }
  return left[0]!;
}
