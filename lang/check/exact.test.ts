// Exact numbers: correct rounding against the platform's own floats, and arithmetic without loss.

import { expect, test } from "vitest";
import * as fc from "fast-check";
import {
  binaryExact,
  exactInt,
  exactReal,
  parseNumber,
  showExact,
  valueOfDtype,
  type ExactNumber,
} from "./exact.ts";
import { fractionOf } from "./comptime-params.ts";

const real = (text: string): ExactNumber => parseNumber(text, true)!;
const finite = fc.double({ noDefaultInfinity: true, noNaN: true }).filter((value) => !Object.is(value, -0));

test("decimals round as the platform's doubles do", () => {
  fc.assert(
    fc.property(finite, (value) => {
      const text = Math.abs(value).toExponential();
      expect(valueOfDtype(real(text), "f64")).toBe(Math.abs(value));
    }),
  );
});

test("doubles round to f32 as Math.fround does", () => {
  fc.assert(
    fc.property(finite, (value) => {
      const rounded = valueOfDtype(fractionOf(value) as ExactNumber, "f32");
      const expected = Math.fround(value);
      expect(rounded).toBe(Number.isFinite(expected) ? expected : undefined);
    }),
  );
});

test.each([
  ["0.1", "f16", 0.0999755859375],
  ["65504", "f16", 65504],
  ["65519.99", "f16", 65504],
  ["65520", "f16", undefined],
  ["5.960464477539063e-8", "f16", 2 ** -24],
  ["2.98e-8", "f16", 0],
  ["2.981e-8", "f16", 2 ** -24],
  ["3.14159265", "bf16", 3.140625],
  ["1.00390625", "bf16", 1],
  ["1.01171875", "bf16", 1.015625],
  ["1e-45", "f32", 2 ** -149],
  ["16777217", "f32", 16777216],
  ["3.4028235677973366e38", "f32", 3.4028234663852886e38],
  ["3.4028235677973367e38", "f32", undefined],
  ["1e400", "f64", undefined],
  ["4.9e-324", "f64", 5e-324],
] as const)("%s as %s", (text, dtype, expected) => {
  expect(valueOfDtype(real(text), dtype)).toBe(expected);
});

test("integers fit or they don't", () => {
  expect(valueOfDtype(exactInt(255), "u8")).toBe(255);
  expect(valueOfDtype(exactInt(256), "u8")).toBeUndefined();
  expect(valueOfDtype(exactInt(-1), "u64")).toBeUndefined();
  expect(valueOfDtype(exactInt(2n ** 64n - 1n), "u64")).toBe(2n ** 64n - 1n);
  expect(valueOfDtype(parseNumber("0xffff_ffff", false)!, "u32")).toBe(0xffffffff);
});

test("integer arithmetic floors as Python does", () => {
  const integers = fc.tuple(
    fc.bigInt({ min: -1000n, max: 1000n }),
    fc.bigInt({ min: -50n, max: 50n }).filter((b) => b !== 0n),
  );
  fc.assert(
    fc.property(integers, ([a, b]) => {
      const quotient = binaryExact("//", exactInt(a), exactInt(b)) as { value: bigint };
      const rest = binaryExact("%", exactInt(a), exactInt(b)) as { value: bigint };
      expect(quotient.value * b + rest.value).toBe(a);
      expect(rest.value === 0n || rest.value < 0n === b < 0n).toBe(true);
      expect(Number(quotient.value)).toBe(Math.floor(Number(a) / Number(b)) + 0);
    }),
  );
});

test("fractions are exact, and what would take forever is refused", () => {
  const third = binaryExact("/", exactInt(1), exactInt(3)) as ExactNumber;
  expect(binaryExact("*", third, exactInt(3))).toEqual(exactReal(1n, 1n));
  expect(binaryExact("**", exactInt(2), exactInt(-2))).toEqual(exactReal(1n, 4n));
  expect(binaryExact("**", exactInt(10), exactInt(1_000_000))).toHaveProperty("why");
  expect(binaryExact("<<", exactInt(1), exactInt(10n ** 12n))).toHaveProperty("why");
  expect(parseNumber("1e999999", true)).toBeUndefined();
  expect(parseNumber("9".repeat(100_000), false)).toBeUndefined();
  expect(showExact(exactReal(1n, 0n))).toBe("inf");
  expect(showExact(exactReal(-123n * 10n ** 397n, 1n))).toBe("-1.23e+399");
});
