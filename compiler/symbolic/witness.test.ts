import * as fc from "fast-check";
import { expect, it } from "vitest";
import { and, eq, ge, gt, le, lt, ne, or, type Cond } from "./cond.ts";
import { holds } from "./evaluate.ts";
import {
  add,
  app,
  atomPoly,
  constantPoly,
  floordiv,
  max,
  min,
  mod,
  mul,
  scale,
  sub,
  type Atom,
  type Poly,
} from "./poly.ts";
import { hasWitness } from "./witness.ts";

const letters = ["a", "b", "c"] as const;
const [low, high] = [-3, 4];
const names = letters.map((text, order) =>
  atomPoly({ kind: "name", key: text, name: text, lo: low, hi: high, order }),
);
const [a, b, c] = names as [Poly, Poly, Poly];
const n = constantPoly;
const f = (arg: Poly): Poly => atomPoly(app("f", [arg], 0, 3));

const poly: fc.Arbitrary<Poly> = fc.letrec<{ poly: Poly }>((tie) => {
  const two = fc.tuple(tie("poly"), tie("poly"));
  return {
    poly: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      fc.constantFrom(...names),
      fc.integer({ min: -5, max: 5 }).map(n),
      fc.tuple(tie("poly"), fc.integer({ min: -3, max: 3 })).map(([each, by]) => scale(each, by)),
      two.map(([x, y]) => add(x, y)),
      two.map(([x, y]) => mul(x, y)),
      two.map(([x, y]) => min(x, y)),
      two.map(([x, y]) => max(x, y)),
      fc.tuple(tie("poly"), fc.integer({ min: 1, max: 4 })).map(([x, by]) => floordiv(x, n(by))),
      two.map(([x, y]) => mod(x, y)),
    ),
  };
}).poly;

const condition: fc.Arbitrary<Cond> = fc.letrec<{ cond: Cond }>((tie) => ({
  cond: fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    fc.tuple(fc.constantFrom(ge, gt, eq, ne), poly, poly).map(([relation, x, y]) => relation(x, y)),
    fc.tuple(tie("cond"), tie("cond")).map(([x, y]) => and(x, y)),
    fc.tuple(tie("cond"), tie("cond")).map(([x, y]) => or(x, y)),
  ),
})).cond;

/** All values of the names, one after the other. */
function hasSolution(conds: readonly Cond[]): boolean {
  const at = [low, low, low];
  for (;;) {
    const value = (atom: Atom): number | undefined => at[letters.indexOf(atom.key as "a")];
    if (conds.every((cond) => holds(cond, value))) return true;
    const next = at.findIndex((each) => each < high);
    if (next < 0) return false;
    at[next]!++;
    at.fill(low, 0, next);
  }
}

it("finds solutions only where there are some, and most of them", () => {
  let [solvable, found] = [0, 0];
  fc.assert(
    fc.property(fc.array(condition, { minLength: 1, maxLength: 5 }), (conds) => {
      const solution = hasSolution(conds);
      const witness = hasWitness(conds, 250);
      if (solution) solvable++;
      if (witness) found++;
      return solution || !witness;
    }),
    { numRuns: 600, seed: 7 },
  );
  expect(solvable).toBeGreaterThan(200);
  expect(found / solvable).toBeGreaterThan(0.9);
});

it("knows that a function has one value for equal arguments", () => {
  expect(hasWitness([eq(f(a), n(1)), eq(f(b), n(2))], 250)).toBe(true);
  expect(hasWitness([eq(f(a), n(1)), eq(f(b), n(2)), eq(a, b)], 250)).toBe(false);
  expect(hasWitness([eq(f(f(a)), n(2)), eq(f(a), n(1)), eq(f(b), n(3)), ne(a, n(1))], 250)).toBe(true);
});

it("solves what loops and tiles ask", () => {
  const size = atomPoly({ kind: "name", key: "N", name: "N", lo: 0, hi: 2 ** 30, order: 9, origin: "param" });
  const index = atomPoly({ kind: "name", key: "i", name: "i", lo: 0, hi: 2 ** 30, order: 10 });
  expect(hasWitness([lt(index, size), le(size, add(index, n(1)))], 250)).toBe(true);
  expect(
    hasWitness([lt(index, floordiv(size, n(4))), gt(scale(size, 1), n(4000)), gt(index, n(900))], 250),
  ).toBe(true);
  expect(hasWitness([lt(index, size), eq(mod(size, n(16)), n(5)), gt(mul(index, size), n(300))], 250)).toBe(
    true,
  );
  expect(hasWitness([lt(index, size), gt(sub(index, size), n(0))], 250)).toBe(false);
});

it("takes no part in a question with a division by 0", () => {
  expect(hasWitness([eq(b, n(0)), ge(floordiv(a, b), n(0))], 250)).toBe(false);
  expect(hasWitness([ge(floordiv(a, c), n(2))], 250)).toBe(true);
});
