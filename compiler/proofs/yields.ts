// What is known of a reduction's result where it is one of the values that were yielded: whatever bounds all of them.

import type { ReduceStmt } from "../ir/ir.ts";
import { ge, le, type Cond } from "../symbolic/cond.ts";
import { atomPoly, scale, sub, zero, type Poly } from "../symbolic/poly.ts";
import { someAtom } from "../symbolic/substitute.ts";
import { effort, proves } from "./facts.ts";
import type { Scope, Value } from "./scope.ts";

/** Values yielded into a reduction, where they were yielded. */
export interface Yields {
  readonly into: string;
  readonly found: { readonly values: readonly Value[]; readonly scope: Scope }[];
}

/** Bounds of a result that is one of the yielded values: what bounds them all and doesn't change inside. */
export function rangeOfYields(
  yields: Yields,
  at: number,
  result: Poly,
  starts: readonly Poly[],
  outside: Scope,
  order: number,
): Cond[] {
  const limits = new Map<string, Poly>([[zero.key, zero]]);
  for (const { scope } of yields.found)
    for (const cond of scope.facts.since(outside.facts)) {
      if (cond.kind !== "ge" || cond.poly.terms.length > 4) continue;
      for (const term of cond.poly.terms) {
        if (term.atoms.length !== 1 || Math.abs(term.coef) !== 1) continue;
        const rest = sub(cond.poly, scale(atomPoly(term.atoms[0]!), term.coef));
        if (someAtom(rest, (atom) => atom.kind === "name" && atom.order >= order)) continue;
        const limit = scale(rest, -term.coef);
        limits.set(limit.key, limit);
      }
    }
  const found: Cond[] = [];
  for (const limit of [...limits.values()].slice(0, 12))
    for (const side of [ge, le]) {
      const always =
        yields.found.length > 0 &&
        starts.every((start) => proves(outside.facts, side(start, limit), effort.optional)) &&
        yields.found.every(({ values, scope }) => {
          const value = values[at];
          return value?.kind === "poly" && proves(scope.facts, side(value.poly, limit), effort.optional);
        });
      if (always) found.push(side(result, limit));
    }
  return found;
}

/** Whether result number `at` is one of the yielded values, or the initial one. */
export function picks(stmt: ReduceStmt, at: number): boolean {
  return stmt.op === "max" || stmt.op === "min" || ((stmt.op === "argmax" || stmt.op === "argmin") && at > 0);
}
