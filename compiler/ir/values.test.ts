// Reference semantics against oracles that share no code with them: BigInt arithmetic for integers, exact
// rationals for roundings, typed arrays for f32 and bit patterns.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dtypeInfo, isWide, type Dtype } from "../../lang/dtypes.ts";
import type { Scalar } from "./ir.ts";
import * as value from "./values.ts";

const integers: Dtype[] = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"];
const runs = { numRuns: 400 };

/** Any value of an integer dtype, its corners often. */
function integer(dtype: Dtype): fc.Arbitrary<bigint> {
  const { min, max } = dtypeInfo(dtype);
  const [low, high] = [BigInt(min), BigInt(max)];
  const corners = [low, low + 1n, 0n, 1n, high - 1n, high, ...(low < 0n ? [-1n] : [])];
  return fc.oneof(fc.bigInt(low, high), fc.constantFrom(...corners));
}
const wrap = (x: bigint, dtype: Dtype): bigint =>
  dtypeInfo(dtype).kind === "int"
    ? BigInt.asIntN(dtypeInfo(dtype).bits, x)
    : BigInt.asUintN(dtypeInfo(dtype).bits, x);
const asScalar = (x: bigint, dtype: Dtype): Scalar => (isWide(dtype) ? x : Number(x));
const floorDivide = (a: bigint, b: bigint): bigint => {
  const quotient = a / b;
  return quotient * b !== a && a < 0n !== b < 0n ? quotient - 1n : quotient;
};

describe.each(integers)("integer arithmetic of %s", (dtype) => {
  const { bits, kind } = dtypeInfo(dtype);
  const binary: Record<
    string,
    [(a: Scalar, b: Scalar, t: Dtype) => Scalar, (a: bigint, b: bigint) => bigint]
  > = {
    add: [value.add, (a, b) => a + b],
    sub: [value.sub, (a, b) => a - b],
    mul: [value.mul, (a, b) => a * b],
    min: [value.min, (a, b) => (a < b ? a : b)],
    max: [value.max, (a, b) => (a > b ? a : b)],
    and: [value.and, (a, b) => a & b],
    or: [value.or, (a, b) => a | b],
    xor: [value.xor, (a, b) => a ^ b],
  };
  it.each(Object.entries(binary))("%s", (_, [run, oracle]) => {
    fc.assert(
      fc.property(integer(dtype), integer(dtype), (a, b) => {
        expect(run(asScalar(a, dtype), asScalar(b, dtype), dtype)).toBe(
          asScalar(wrap(oracle(a, b), dtype), dtype),
        );
      }),
      runs,
    );
  });
  it("floordiv and mod", () => {
    fc.assert(
      fc.property(integer(dtype), integer(dtype), (a, b) => {
        fc.pre(b !== 0n);
        const quotient = floorDivide(a, b);
        const [x, y] = [asScalar(a, dtype), asScalar(b, dtype)];
        expect(value.floordiv(x, y, dtype)).toBe(asScalar(wrap(quotient, dtype), dtype));
        expect(value.mod(x, y, dtype)).toBe(asScalar(wrap(a - b * quotient, dtype), dtype));
      }),
      runs,
    );
  });
  it("neg, abs, not", () => {
    fc.assert(
      fc.property(integer(dtype), (a) => {
        const x = asScalar(a, dtype);
        expect(value.neg(x, dtype)).toBe(asScalar(wrap(-a, dtype), dtype));
        expect(value.abs(x, dtype)).toBe(asScalar(wrap(a < 0n ? -a : a, dtype), dtype));
        expect(value.not(x, dtype)).toBe(asScalar(wrap(~a, dtype), dtype));
      }),
      runs,
    );
  });
  it("shl and shr", () => {
    fc.assert(
      fc.property(integer(dtype), fc.integer({ min: 0, max: bits - 1 }), (a, by) => {
        const [x, y] = [asScalar(a, dtype), asScalar(BigInt(by), dtype)];
        expect(value.shl(x, y, dtype)).toBe(asScalar(wrap(a << BigInt(by), dtype), dtype));
        expect(value.shr(x, y, dtype)).toBe(asScalar(wrap(a >> BigInt(by), dtype), dtype));
      }),
      runs,
    );
  });
  it("clz, ctz, popcount", () => {
    fc.assert(
      fc.property(integer(dtype), (a) => {
        const text = BigInt.asUintN(bits, a).toString(2).padStart(bits, "0");
        const counts = [text.indexOf("1"), [...text].toReversed().indexOf("1")].map((n) =>
          n < 0 ? bits : n,
        );
        const x = asScalar(a, dtype);
        expect(value.clz(x, dtype)).toBe(asScalar(BigInt(counts[0]!), dtype));
        expect(value.ctz(x, dtype)).toBe(asScalar(BigInt(counts[1]!), dtype));
        expect(value.popcount(x, dtype)).toBe(
          asScalar(BigInt([...text].filter((bit) => bit === "1").length), dtype),
        );
      }),
      runs,
    );
  });
  it.each(integers)("converts and saturates to %s", (to) => {
    fc.assert(
      fc.property(integer(dtype), (a) => {
        const { min, max } = dtypeInfo(to);
        const clamped = a < BigInt(min) ? BigInt(min) : a > BigInt(max) ? BigInt(max) : a;
        expect(value.convert(asScalar(a, dtype), dtype, to)).toBe(asScalar(wrap(a, to), to));
        expect(value.saturate(asScalar(a, dtype), dtype, to)).toBe(asScalar(clamped, to));
      }),
      runs,
    );
  });
  it.each(["f16", "bf16", "f32", "f64"] as const)("converts to %s with one rounding", (to) => {
    fc.assert(
      fc.property(integer(dtype), (a) => {
        expect(value.convert(asScalar(a, dtype), dtype, to)).toBe(roundExact({ m: a, e: 0 }, to));
      }),
      runs,
    );
  });
  it("bitcasts to the other signedness", () => {
    const to = (kind === "int" ? dtype.replace("i", "u") : dtype.replace("u", "i")) as Dtype;
    fc.assert(
      fc.property(integer(dtype), (a) => {
        expect(value.bitcast(asScalar(a, dtype), dtype, to)).toBe(asScalar(wrap(a, to), to));
      }),
      runs,
    );
  });
});

// ---- floats: exact values m * 2^e ----

interface Exact {
  readonly m: bigint;
  readonly e: number;
}
function exact(x: number): Exact {
  let e = 0;
  let scaled = x;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    e--;
  }
  return { m: BigInt(scaled), e };
}
const times = (a: Exact, b: Exact): Exact => ({ m: a.m * b.m, e: a.e + b.e });
function plus(a: Exact, b: Exact): Exact {
  const e = Math.min(a.e, b.e);
  return { m: (a.m << BigInt(a.e - e)) + (b.m << BigInt(b.e - e)), e };
}
/** Rounds m * 2^e to nearest even at the dtype's precision, by comparing with the neighbours' midpoint. */
function roundExact({ m, e }: Exact, dtype: Dtype): number {
  if (m === 0n) return 0;
  const { mantissa, max } = dtypeInfo(dtype);
  const lowest = { f16: -24, bf16: -133, f32: -149, f64: -1074 }[dtype as "f16"];
  const size = m < 0n ? -m : m;
  const unit = Math.max(size.toString(2).length + e - mantissa!, lowest);
  // In units of half the last place: an odd count is a tie or needs the rest to decide.
  const numerator = unit > e ? size : size << BigInt(e - unit);
  const denominator = unit > e ? 1n << BigInt(unit - e) : 1n;
  let count = numerator / denominator;
  const twice = 2n * (numerator - count * denominator);
  if (twice > denominator || (twice === denominator && count % 2n === 1n)) count++;
  const limit = exact(Number(max));
  const over = plus({ m: count, e: unit }, { m: -limit.m, e: limit.e }).m > 0n;
  let result = Number(count);
  for (let left = unit; left !== 0; left -= Math.sign(left)) result *= left > 0 ? 2 : 0.5;
  return (m < 0n ? -1 : 1) * (over ? Infinity : result);
}

function float(dtype: Dtype): fc.Arbitrary<number> {
  const any = fc.double({ noNaN: true, noDefaultInfinity: true });
  const near = fc
    .tuple(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.integer({ min: -30, max: 10 }))
    .map(([m, e]) => m * 2 ** e);
  return fc
    .oneof(near, any, fc.constantFrom(0, 1, -1, 0.5, 2 ** -14, 2 ** -24, 2 ** -126, 2 ** -149, 65504, 3e38))
    .map((x) => value.roundFloat(x, dtype))
    .filter(Number.isFinite);
}
/** Zeros of either sign count as equal: an exact rational has none. */
const sameNumber = (a: Scalar, b: number): void => expect((a as number) + 0).toBe(b + 0);

describe.each(["f16", "bf16", "f32", "f64"] as const)("float arithmetic of %s", (dtype) => {
  it("rounds any double once", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
        sameNumber(value.roundFloat(x, dtype), roundExact(exact(x), dtype));
      }),
      runs,
    );
  });
  it("add, sub, mul, fma round once", () => {
    fc.assert(
      fc.property(float(dtype), float(dtype), float(dtype), (a, b, c) => {
        const [x, y, z] = [exact(a), exact(b), exact(c)];
        sameNumber(value.add(a, b, dtype), roundExact(plus(x, y), dtype));
        sameNumber(value.sub(a, b, dtype), roundExact(plus(x, { m: -y.m, e: y.e }), dtype));
        sameNumber(value.mul(a, b, dtype), roundExact(times(x, y), dtype));
        sameNumber(value.fma(a, b, c, dtype), roundExact(plus(times(x, y), z), dtype));
      }),
      { numRuns: 2000 },
    );
  });
  it("div and sqrt round once", () => {
    fc.assert(
      fc.property(float(dtype), float(dtype), (a, b) => {
        fc.pre(b !== 0 && a !== 0);
        const [x, y] = [exact(Math.abs(a)), exact(Math.abs(b))];
        // 200 bits of the quotient and a sticky bit round as the quotient itself would.
        const shift = 200n + BigInt(Math.max(0, y.m.toString(2).length - x.m.toString(2).length));
        const quotient = (x.m << shift) / y.m;
        const sticky = quotient * y.m === x.m << shift ? 0n : 1n;
        const expected = roundExact({ m: 2n * quotient + sticky, e: x.e - y.e - Number(shift) - 1 }, dtype);
        sameNumber(value.div(Math.abs(a), Math.abs(b), dtype), expected);
        const root = squareRoot(x);
        sameNumber(value.unaryFloat(Math.sqrt, Math.abs(a), dtype), roundExact(root, dtype));
      }),
      runs,
    );
  });
  it.each(integers)("truncates and saturates to %s", (to) => {
    const { min, max } = dtypeInfo(to);
    fc.assert(
      fc.property(float(dtype), (a) => {
        const { m, e } = exact(a);
        const whole = e < 0 ? (m < 0n ? -(-m >> BigInt(-e)) : m >> BigInt(-e)) : m << BigInt(e);
        const clamped = whole < BigInt(min) ? BigInt(min) : whole > BigInt(max) ? BigInt(max) : whole;
        expect(value.convert(a, dtype, to)).toBe(asScalar(clamped, to));
      }),
      runs,
    );
    expect(value.convert(NaN, dtype, to)).toBe(asScalar(0n, to));
    expect(value.saturate(NaN, dtype, to)).toBe(asScalar(0n, to));
    expect(value.convert(Infinity, dtype, to)).toBe(max);
    expect(value.saturate(-Infinity, dtype, to)).toBe(min);
  });
});

/** 2^-200 relative: the root and a sticky bit. */
function squareRoot({ m, e }: Exact): Exact {
  const even = e % 2 === 0 ? { m, e } : { m: m << 1n, e: e - 1 };
  const target = even.m << 400n;
  let low = 0n;
  let high = 1n << BigInt(Math.ceil(target.toString(2).length / 2) + 1);
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle * middle <= target) low = middle;
    else high = middle;
  }
  return { m: 2n * low + (low * low === target ? 0n : 1n), e: even.e / 2 - 201 };
}

describe("bits", () => {
  it("knows every f16", () => {
    const view = new DataView(new ArrayBuffer(4));
    for (let raw = 0; raw < 65536; raw++) {
      // The same number as f32 bits, by moving the fields.
      const [sign, exponent, fraction] = [raw >> 15, (raw >> 10) & 31, raw & 1023];
      let x: number;
      if (exponent === 0) x = (sign ? -1 : 1) * fraction * 2 ** -24;
      else {
        view.setUint32(
          0,
          ((sign << 31) | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13)) >>> 0,
        );
        x = view.getFloat32(0);
      }
      expect(value.fromHalfBits(raw)).toBe(x);
      if (!Number.isNaN(x)) expect(value.toHalfBits(x)).toBe(raw);
    }
    expect(Number.isNaN(value.fromHalfBits(value.toHalfBits(NaN)))).toBe(true);
  });
  it("casts floats to their bits and back", () => {
    const view = new DataView(new ArrayBuffer(8));
    fc.assert(
      fc.property(float("f32"), fc.double({ noNaN: true }), float("bf16"), (x, d, b) => {
        view.setFloat32(0, x);
        expect(value.bitcast(x, "f32", "u32")).toBe(view.getUint32(0));
        expect(value.bitcast(x, "f32", "i32")).toBe(view.getInt32(0));
        expect(value.bitcast(view.getInt32(0), "i32", "f32")).toBe(x);
        view.setFloat32(0, b);
        expect(value.bitcast(b, "bf16", "u16")).toBe(view.getUint16(0));
        expect(value.bitcast(value.bitcast(b, "bf16", "i16"), "i16", "bf16")).toBe(b);
        view.setFloat64(0, d);
        expect(value.bitcast(d, "f64", "u64")).toBe(view.getBigUint64(0));
        expect(value.bitcast(view.getBigInt64(0), "i64", "f64")).toBe(d);
      }),
      runs,
    );
  });
});

describe("small rules", () => {
  it("rounds halves to even and keeps the sign of zero", () => {
    const cases = [
      [0.5, 0],
      [-0.5, -0],
      [1.5, 2],
      [2.5, 2],
      [-1.5, -2],
      [-2.5, -2],
      [0.49999999999999994, 0],
      [-0.49999999999999994, -0],
      [2 ** 51 + 0.5, 2 ** 51],
      [-0, -0],
      [-0.3, -0],
    ] as const;
    for (const [x, y] of cases) expect(value.roundHalfEven(x)).toBe(y);
    expect(value.roundHalfEven(Infinity)).toBe(Infinity);
    expect(value.roundHalfEven(NaN)).toBeNaN();
  });
  it("saturates after rounding half to even", () => {
    expect(value.saturate(2.5, "f32", "i8")).toBe(2);
    expect(value.saturate(3.5, "f32", "i8")).toBe(4);
    expect(value.saturate(127.5, "f32", "i8")).toBe(127);
    expect(value.saturate(-0.4, "f32", "u8")).toBe(0);
  });
  it("propagates NaN and orders zeros in min and max", () => {
    expect(value.min(NaN, 1, "f32")).toBeNaN();
    expect(value.max(1, NaN, "f32")).toBeNaN();
    expect(value.min(0, -0, "f32")).toBe(-0);
    expect(value.max(-0, 0, "f32")).toBe(0);
  });
  it("makes bools of what isn't zero", () => {
    expect(value.convert(NaN, "f32", "bool")).toBe(true);
    expect(value.convert(-0, "f32", "bool")).toBe(false);
    expect(value.convert(0n, "i64", "bool")).toBe(false);
    expect(value.convert(true, "bool", "u64")).toBe(1n);
  });
  it("adds lanes in halves", () => {
    const order: string[] = [];
    value.halve([1, 2, 4, 8], (a, b) => (order.push(`${a}+${b}`), (a as number) + (b as number)));
    expect(order).toEqual(["1+4", "2+8", "5+10"]);
  });
  it("keeps the sign of zero and the infinities in fma", () => {
    expect(value.fma(-1, 0, -0, "f32")).toBe(-0);
    expect(value.fma(1, 1, -1, "f64")).toBe(0);
    expect(value.fma(2, Infinity, 1, "f16")).toBe(Infinity);
    expect(value.fma(0, Infinity, 1, "f64")).toBeNaN();
    expect(value.fma(1e308, 10, -Infinity, "f64")).toBe(-Infinity);
    expect(value.fma(1e308, 10, -9e307, "f64")).toBe(Infinity);
  });
});
