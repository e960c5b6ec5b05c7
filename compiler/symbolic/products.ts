// Consequences for non-linear monomials. Linear reasoning treats i·N as a variable of its own; multiplying a
// bound of i by something that can't be negative ties it to the others: (M-1-i)·N >= 0.

import type { Intervals } from "./intervals.ts";
import { attempt } from "./integers.ts";
import { monomial, mul, withoutAtoms, type Atom, type Poly } from "./poly.ts";

const maxProducts = 48;

/** Products of constraints (each >= 0) that speak of the non-linear monomials among them; each is >= 0. */
export function products(constraints: readonly Poly[], bounds: Intervals): Poly[] {
  const wanted = new Map<string, readonly Atom[]>();
  for (const poly of constraints)
    for (const term of poly.terms) if (term.atoms.length > 1) wanted.set(term.key, term.atoms);
  if (wanted.size === 0) return [];
  const found = new Map<string, { poly: Poly; fresh: number }>();
  const offer = (left: Poly, right: Poly): void => {
    const poly = attempt(() => mul(left, right), undefined);
    if (!poly || poly.isConstant) return;
    const fresh = poly.terms.filter((term) => term.atoms.length > 1 && !wanted.has(term.key)).length;
    if (fresh <= 2) found.set(poly.key, { poly, fresh });
  };
  const nonNegative = (atoms: readonly Atom[]): boolean =>
    atoms.every((atom) => bounds.of(atom.key, [atom]).lo >= 0);
  const mentions = byAtom(constraints);
  for (const atoms of wanted.values()) {
    // A constraint on a part of the monomial, times what is left of it.
    for (const poly of constraints) {
      for (const term of poly.terms) {
        if (term.atoms.length >= atoms.length) continue;
        const rest = withoutAtoms(atoms, term.atoms);
        if (rest && nonNegative(rest)) offer(poly, monomial(rest));
      }
    }
    if (atoms.length !== 2 || nonNegative(atoms)) continue;
    for (const left of mentions.get(atoms[0]!.key) ?? [])
      for (const right of mentions.get(atoms[1]!.key) ?? []) offer(left, right);
  }
  // Products of two bounds of different atoms, where both are short: they carry "both are extreme".
  for (const atoms of wanted.values()) {
    if (atoms.length !== 2 || found.size > 4 * maxProducts) continue;
    const [first, second] = [mentions.get(atoms[0]!.key) ?? [], mentions.get(atoms[1]!.key) ?? []];
    for (const left of first)
      for (const right of second) if (left.terms.length + right.terms.length <= 4) offer(left, right);
  }
  const known = new Set(constraints.map((poly) => poly.key));
  return [...found.values()]
    .filter(({ poly }) => !known.has(poly.key))
    .toSorted((a, b) => a.fresh - b.fresh || a.poly.terms.length - b.poly.terms.length)
    .slice(0, maxProducts)
    .map(({ poly }) => poly);
}

/** The constraints in which an atom stands alone as a term. */
function byAtom(constraints: readonly Poly[]): Map<string, Poly[]> {
  const found = new Map<string, Poly[]>();
  for (const poly of constraints) {
    for (const term of poly.terms) {
      if (term.atoms.length !== 1) continue;
      const list = found.get(term.key);
      if (list) list.push(poly);
      else found.set(term.key, [poly]);
    }
  }
  return found;
}
