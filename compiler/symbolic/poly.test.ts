import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluateShape } from "../artifact.ts";
import { ge, lt, not, or, eq } from "./cond.ts";
import { evaluate } from "./evaluate.ts";
import { Intervals } from "./intervals.ts";
import {
  add,
  addConstant,
  atomPoly,
  constantPoly,
  floordiv,
  max,
  min,
  mod,
  mul,
  scale,
  sub,
  type NameAtom,
  type Poly,
} from "./poly.ts";
import { printCond, printPoly } from "./print.ts";
import { fromShapeExpr, toShapeExpr } from "./shape.ts";
import { substitute } from "./substitute.ts";

const name = (text: string, lo = 0, hi = 2 ** 30 - 1): NameAtom => ({
  kind: "name",
  key: text,
  name: text,
  lo,
  hi,
  order: 0,
});
const v = (text: string): Poly => atomPoly(name(text));
const n = constantPoly;
const [K, M, N, i] = [v("K"), v("M"), v("N"), v("i")];

describe("normal form", () => {
  const same: [string, Poly, Poly][] = [
    ["a division and its remainder", add(mul(floordiv(K, n(16)), n(16)), mod(K, n(16))), K],
    [
      "what the divisor divides",
      floordiv(add(scale(K, 8), add(i, n(16))), n(8)),
      add(K, add(floordiv(i, n(8)), n(2))),
    ],
    ["a common factor", floordiv(add(scale(K, 4), n(3)), n(8)), floordiv(K, n(2))],
    ["nested divisions", floordiv(floordiv(K, n(4)), n(8)), floordiv(K, n(32))],
    ["nested divisions by sizes", floordiv(floordiv(i, N), M), floordiv(i, mul(M, N))],
    ["a row of a flat index", floordiv(add(mul(i, N), mul(M, N)), N), add(i, M)],
    ["a square of a sum", mul(add(M, N), add(M, N)), add(mul(M, M), add(scale(mul(M, N), 2), mul(N, N)))],
    ["a minimum of neighbours", min(M, addConstant(M, 1)), M],
    ["what both sides of a maximum share", max(add(M, i), add(N, i)), add(i, max(M, N))],
    [
      "a size that 4 divides",
      substitute(floordiv(K, n(2)), new Map([["K", scale(v("Q"), 4)]])),
      scale(v("Q"), 2),
    ],
  ];
  for (const [what, left, right] of same) it(`unites ${what}`, () => expect(left.key).toBe(right.key));
});

it("prints Kern", () => {
  expect(printPoly(sub(add(mul(M, N), scale(i, 2)), n(1)))).toBe("M * N + 2 * i - 1");
  expect(printPoly(mod(add(i, n(3)), N))).toBe("(i + 3) % N");
  expect(printPoly(min(n(4), sub(N, scale(i, 4))))).toBe("min(N - 4 * i, 4)");
  expect(printCond(lt(i, N))).toBe("N > i");
  expect(printCond(not(or(ge(i, N), eq(i, n(3)))))).toBe("N > i and i != 3");
});

const leaves = ["K", "M", "N"].map((text) => ({
  poly: v(text),
  value: (at: Readonly<Record<string, number>>) => at[text]!,
}));
interface Twin {
  readonly poly: Poly;
  readonly value: (at: Readonly<Record<string, number>>) => number;
}
const floor = (a: number, b: number): number => Math.floor(a / b);
/** A poly built through its normal form beside the plain arithmetic that it stands for. */
const twins: fc.Arbitrary<Twin> = fc.letrec<{ twin: Twin }>((tie) => {
  const binary = (
    join: (a: Poly, b: Poly) => Poly,
    plain: (a: number, b: number) => number,
  ): fc.Arbitrary<Twin> =>
    fc
      .tuple(tie("twin"), tie("twin"))
      .map(([a, b]) => ({ poly: join(a.poly, b.poly), value: (at) => plain(a.value(at), b.value(at)) }));
  return {
    twin: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.constantFrom(...leaves),
      fc.integer({ min: -9, max: 9 }).map((value) => ({ poly: n(value), value: () => value })),
      binary(add, (a, b) => a + b),
      binary(sub, (a, b) => a - b),
      binary(mul, (a, b) => a * b),
      binary(floordiv, floor),
      binary(mod, (a, b) => a - b * floor(a, b)),
      binary(min, Math.min),
      binary(max, Math.max),
    ),
  };
}).twin;
const places = fc.record({ K: fc.nat(12), M: fc.nat(12), N: fc.nat(12) });

it("keeps the value of what it simplifies", () => {
  fc.assert(
    fc.property(twins, places, ({ poly, value }, at) => {
      const plain = value(at);
      const found = evaluate(poly, (atom) => (atom.kind === "name" ? at[atom.name as "K"] : undefined));
      // What divides by 0 anywhere has no value to keep.
      return !Number.isSafeInteger(plain) || found === undefined || found === plain;
    }),
    { numRuns: 3000 },
  );
});

it("bounds values by intervals that hold", () => {
  fc.assert(
    fc.property(twins, places, ({ poly }, at) => {
      const bounds = new Intervals().ofPoly(poly);
      const found = evaluate(poly, (atom) => (atom.kind === "name" ? at[atom.name as "K"] : undefined));
      return found === undefined || (bounds.lo <= found && found <= bounds.hi);
    }),
    { numRuns: 2000 },
  );
});

it("goes to shape expressions and back", () => {
  fc.assert(
    fc.property(twins, places, ({ poly }, at) => {
      const shape = toShapeExpr(poly)!;
      const found = evaluate(poly, (atom) => (atom.kind === "name" ? at[atom.name as "K"] : undefined));
      if (found === undefined) return true;
      const back = fromShapeExpr(shape, v)!;
      const again = evaluate(back, (atom) => (atom.kind === "name" ? at[atom.name as "K"] : undefined));
      return (
        evaluateShape(shape, (text) => at[text as "K"]) === found && (again === undefined || again === found)
      );
    }),
    { numRuns: 1000 },
  );
});
