// Numbers for which an integer operation leaves its type: the extremes of what goes into it, tried out within
// the facts of the place.

import { Intervals } from "../symbolic/intervals.ts";
import { evaluate, holds } from "../symbolic/evaluate.ts";
import { attempt } from "../symbolic/integers.ts";
import { atomPoly as asPoly, type Atom, type Poly } from "../symbolic/poly.ts";
import { printPoly } from "../symbolic/print.ts";
import { visitCondAtoms, type Cond } from "../symbolic/cond.ts";
import { visitAtoms } from "../symbolic/substitute.ts";
import { exprText } from "./describe.ts";
import { rangeOf } from "./scope.ts";
import type { Overflow, Terms } from "./terms.ts";

const sizes = [1, 2, 3, 46341, 65536, 2 ** 20, 2 ** 24, 2 ** 28, 2 ** 30 - 1];
const maxTries = 20_000;

/** An operation that may wrap and that the poly is made of. */
export function overflowIn(poly: Poly, terms: Terms): Overflow | undefined {
  let found: Overflow | undefined;
  visitAtoms(poly, (atom) => {
    found ??= terms.overflows.get(atom.key);
  });
  return found;
}

/** The operation that overflows first: others are made of its wrapped result. */
export function innermost(overflow: Overflow, terms: Terms): Overflow {
  let inner: Overflow | undefined;
  visitAtoms(overflow.exact, (atom) => {
    inner ??= terms.overflows.get(atom.key);
  });
  return inner && inner !== overflow ? innermost(inner, terms) : overflow;
}

/** "with M = 65536, N = 65536: M * N is 4294967296, and an i32 ends at 2147483647", or undefined. */
export function overflowExample(overflow: Overflow): string | undefined {
  const atoms: Atom[] = [];
  const seen = new Set<string>();
  const collect = (atom: Atom): void => {
    if (atom.kind === "name" || atom.kind === "app") atoms.push(atom);
  };
  visitAtoms(overflow.exact, collect, seen);
  const own = new Set(atoms.map((atom) => atom.key));
  // Of other values only facts are known: which of the values that fit those really occur, nobody can say.
  if (atoms.some((atom) => (atom.kind === "name" ? !atom.origin : !isLoad(atom)))) return undefined;
  const facts = overflow.facts.all;
  for (const fact of facts) visitCondAtoms(fact, collect, seen);
  // Sizes first, then what is bounded by them; the bounds leave few values for the later ones.
  atoms.sort((a, b) => orderOf(a) - orderOf(b));
  const { lo, hi } = rangeOf(overflow.expr.type.dtype);
  const values = new Map<string, number>();
  let tries = 0;
  const walk = (at: number): boolean => {
    if (++tries > maxTries) return false;
    if (facts.some((fact) => truth(fact, values) === false)) return false;
    if (at === atoms.length) {
      const result = value(overflow.exact, values);
      return (
        result !== undefined &&
        (result < lo || result > hi) &&
        facts.every((fact) => truth(fact, values) === true)
      );
    }
    const atom = atoms[at]!;
    for (const candidate of choices(atom, facts, values)) {
      values.set(atom.key, candidate);
      if (walk(at + 1)) return true;
    }
    values.delete(atom.key);
    return false;
  };
  if (!walk(0)) return undefined;
  const shown = atoms
    .filter((atom) => own.has(atom.key))
    .map((atom) => `${printPoly(asPoly(atom))} = ${values.get(atom.key)}`)
    .join(", ");
  const result = value(overflow.exact, values)!;
  const end = result > hi ? `ends at ${hi}` : `begins at ${lo}`;
  return `with ${shown}: ${exprText(overflow.expr)} is ${result}, and ${overflow.expr.type.dtype} ${end}`;
}

const isLoad = (atom: Atom): boolean => atom.kind === "app" && atom.fn.startsWith("load ");

const orderOf = (atom: Atom): number => (atom.kind === "name" ? atom.order : 1e9);

function choices(atom: Atom, facts: Overflow["facts"]["all"], values: ReadonlyMap<string, number>): number[] {
  if (atom.kind !== "name" && atom.kind !== "app") return [];
  const found = new Set<number>();
  const own = new Intervals().ofPoly(asPoly(atom));
  // Where the facts bound it by what is chosen already, its extremes are all that matters.
  for (const fact of facts) {
    if (fact.kind !== "ge") continue;
    const term = fact.poly.terms.find((each) => each.key === atom.key);
    if (!term || Math.abs(term.coef) !== 1) continue;
    const rest = value(fact.poly, new Map([...values, [atom.key, 0]]));
    if (rest !== undefined) found.add(term.coef > 0 ? -rest : rest);
  }
  if (Number.isSafeInteger(own.lo)) found.add(own.lo);
  if (Number.isSafeInteger(own.hi)) found.add(own.hi);
  const all = [...found, ...sizes].filter((candidate) => candidate >= own.lo && candidate <= own.hi);
  return [...new Set(all)].toSorted((a, b) => b - a).slice(0, 14);
}

function value(poly: Poly, values: ReadonlyMap<string, number>): number | undefined {
  return attempt(() => evaluate(poly, (atom) => values.get(atom.key)), undefined);
}

function truth(cond: Cond, values: ReadonlyMap<string, number>): boolean | undefined {
  return attempt(() => holds(cond, (atom) => values.get(atom.key)), undefined);
}
