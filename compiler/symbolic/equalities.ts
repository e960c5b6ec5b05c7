// Solving equalities over the integers: x = … where an atom has coefficient 1, and the classic step with a
// symmetric remainder and a new unknown where none has.

import { floorDiv } from "./integers.ts";
import { asAtom, atomPoly, combine, Poly, scale, sub, type Atom, type NameAtom, type Term } from "./poly.ts";
import { someAtom, Substitution } from "./substitute.ts";

let unknowns = 0;

/** A new name that stands for some integer. */
export function unknown(lo = -Infinity, hi = Infinity, shown?: string): NameAtom {
  const name = `?${unknowns++}`;
  return { kind: "name", key: name, name, lo, hi, order: Infinity, shown };
}

/** How an equality poly == 0 is used up: replace `atom` by `by` everywhere, after freezing. */
export interface Solution {
  readonly atom: Atom;
  readonly by: Poly;
  /** Atoms that contain `atom`, and the plain unknowns that must stand for them first. */
  readonly frozen: ReadonlyMap<string, { readonly atom: Atom; readonly by: Poly }>;
  /** What remains of the equality, if it isn't used up. */
  readonly rest?: Poly;
}

/** Solves poly == 0 for one of its atoms, or undefined where no step applies. */
export function solve(poly: Poly): Solution | undefined {
  let best: { term: Term; score: number } | undefined;
  for (const term of poly.terms) {
    if (Math.abs(term.coef) !== 1 || term.atoms.length !== 1) continue;
    const atom = term.atoms[0]!;
    if (poly.terms.some((other) => other !== term && other.atoms.some((found) => found.key === atom.key)))
      continue;
    const score = preference(atom) - (inside(poly, term, atom) ? 1e12 : 0);
    if (!best || score > best.score) best = { term, score };
  }
  if (best) return isolate(poly, best.term);
  return poly.terms.every((term) => term.atoms.length === 1 && !inside(poly, term, term.atoms[0]!))
    ? withNewUnknown(poly)
    : undefined;
}

/** Plain names go first, the youngest before the older: what depends on them then speaks of sizes alone. */
function preference(atom: Atom): number {
  if (atom.kind === "name") return 1e9 + Math.min(atom.order, 1e9);
  return atom.kind === "app" ? 2 : atom.kind === "div" ? 1 : 0;
}

/** Whether `atom` occurs inside another atom of the poly. */
function inside(poly: Poly, own: Term, atom: Atom): boolean {
  const contains = (other: Atom): boolean =>
    other.key !== atom.key && someAtom(atomPoly(other), (found) => found.key === atom.key);
  return poly.terms.some((term) => term !== own && term.atoms.some(contains));
}

function isolate(poly: Poly, term: Term): Solution {
  const atom = term.atoms[0]!;
  const frozen = new Map<string, { atom: Atom; by: Poly }>();
  for (const other of poly.terms)
    for (const found of other.atoms)
      if (found.key !== atom.key && someAtom(atomPoly(found), (inner) => inner.key === atom.key))
        frozen.set(found.key, { atom: found, by: atomPoly(unknown()) });
  const thawed = new Substitution((found) => frozen.get(found.key)?.by).apply(poly);
  // coef · atom + rest = 0, coef = ±1
  const rest = sub(thawed, scale(atomPoly(atom), term.coef));
  return { atom, by: scale(rest, -term.coef), frozen };
}

/** a·x + … = 0 with every |coefficient| > 1: x becomes a sum with a new unknown, and the coefficients shrink. */
function withNewUnknown(poly: Poly): Solution {
  const pivot = poly.terms.reduce((least, term) =>
    Math.abs(term.coef) < Math.abs(least.coef) ? term : least,
  );
  const modulus = Math.abs(pivot.coef) + 1;
  const sign = pivot.coef < 0 ? -1 : 1;
  // -sign·modulus·u + Σ mod^(a_i)·x_i + mod^(c) = 0, where mod^(a_pivot) = -sign
  const shrunk = new Poly(
    poly.terms
      .map((term) => ({ ...term, coef: symmetricMod(term.coef, modulus) }))
      .filter((term) => term.coef !== 0),
    symmetricMod(poly.constant, modulus),
  );
  const fresh = atomPoly(unknown());
  const sum = combine(shrunk, fresh, -modulus);
  const atom = pivot.atoms[0]!;
  const by = scale(combine(sum, atomPoly(atom), sign), sign);
  return { atom, by, frozen: new Map(), rest: poly };
}

/** a - m · floor(a / m + 1/2) */
function symmetricMod(a: number, m: number): number {
  return a - m * floorDiv(2 * a + m, 2 * m);
}

/** The atom of `poly` if poly is ±atom + constant. */
export function loneAtom(poly: Poly): Atom | undefined {
  return poly.terms.length === 1 ? asAtom(new Poly([{ ...poly.terms[0]!, coef: 1 }], 0)) : undefined;
}
