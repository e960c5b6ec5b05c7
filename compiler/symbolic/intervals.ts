// Numeric bounds of monomials, propagated through inequalities. A cheap first look that settles most questions
// about constants, and that tells which factors can't be negative. Bounds beyond the safe integers count as
// infinite, so no rounding can make a bound too narrow.

import { floorDiv } from "./integers.ts";
import type { Atom, Poly } from "./poly.ts";

export interface Interval {
  readonly lo: number;
  readonly hi: number;
}

const everything: Interval = { lo: -Infinity, hi: Infinity };

function outward(lo: number, hi: number): Interval {
  return {
    lo: Number.isSafeInteger(lo) ? lo : lo > 0 ? Number.MAX_SAFE_INTEGER : -Infinity,
    hi: Number.isSafeInteger(hi) ? hi : hi < 0 ? Number.MIN_SAFE_INTEGER : Infinity,
  };
}

function times(a: Interval, b: Interval): Interval {
  const ends = [product(a.lo, b.lo), product(a.lo, b.hi), product(a.hi, b.lo), product(a.hi, b.hi)];
  return outward(Math.min(...ends), Math.max(...ends));
}
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

/** Bounds by monomial. */
export class Intervals {
  private readonly found = new Map<string, Interval>();
  /** Set when some monomial's bounds cross: the constraints have no solution. */
  contradiction = false;

  /** Narrows the bounds by some sweeps over constraints poly >= 0. */
  narrow(constraints: readonly Poly[], sweeps = 4): void {
    for (let sweep = 0; sweep < sweeps; sweep++) {
      let changed = false;
      for (const poly of constraints) if (this.narrowBy(poly)) changed = true;
      if (!changed || this.contradiction) return;
    }
  }

  of(key: string, atoms: readonly Atom[]): Interval {
    const known = this.found.get(key);
    if (atoms.length === 1) {
      if (known) return known;
      const own = this.ofAtom(atoms[0]!);
      this.found.set(key, own);
      return own;
    }
    let bound = this.of(atoms[0]!.key, [atoms[0]!]);
    for (const atom of atoms.slice(1)) bound = times(bound, this.of(atom.key, [atom]));
    // A square can't be negative.
    if (atoms.length === 2 && atoms[0]!.key === atoms[1]!.key && bound.lo < 0)
      bound = { lo: 0, hi: bound.hi };
    return known ? { lo: Math.max(known.lo, bound.lo), hi: Math.min(known.hi, bound.hi) } : bound;
  }

  /** What an atom's own definition says. */
  ofAtom(atom: Atom): Interval {
    switch (atom.kind) {
      case "name":
      case "app":
        return { lo: atom.lo, hi: atom.hi };
      case "div": {
        const [num, den] = [this.ofPoly(atom.num), this.ofPoly(atom.den)];
        if (den.lo < 1) return everything;
        // Floor division by d >= 1 moves a number towards 0, or from below 0 no further than to -1.
        return {
          lo: num.lo >= 0 ? (Number.isFinite(den.hi) ? floorDiv(num.lo, den.hi) : 0) : down(num.lo, den.lo),
          hi: num.hi < 0 ? -1 : num.hi === Infinity ? Infinity : floorDiv(num.hi, den.lo),
        };
      }
      case "min":
      case "max": {
        const bounds = atom.args.map((arg) => this.ofPoly(arg));
        const pick = atom.kind === "min" ? Math.min : Math.max;
        return { lo: pick(...bounds.map((bound) => bound.lo)), hi: pick(...bounds.map((bound) => bound.hi)) };
      }
    }
  }

  ofPoly(poly: Poly): Interval {
    let [lo, hi] = [poly.constant, poly.constant];
    for (const term of poly.terms) {
      const bound = this.of(term.key, term.atoms);
      lo += product(term.coef, term.coef > 0 ? bound.lo : bound.hi);
      hi += product(term.coef, term.coef > 0 ? bound.hi : bound.lo);
      // An inexact partial sum must not find its way back among the exact ones.
      if (!Number.isSafeInteger(lo)) lo = -Infinity;
      if (!Number.isSafeInteger(hi)) hi = Infinity;
    }
    return outward(lo, hi);
  }

  private narrowBy(poly: Poly): boolean {
    const highs: number[] = [];
    let unbounded = 0;
    for (let at = 0; at < poly.terms.length; at++) {
      const term = poly.terms[at]!;
      const bound = this.of(term.key, term.atoms);
      const high = product(term.coef, term.coef > 0 ? bound.hi : bound.lo);
      if (!Number.isSafeInteger(high) && ++unbounded > 1) return false;
      highs.push(high);
    }
    let changed = false;
    let total = poly.constant;
    for (const high of highs) {
      if (Number.isSafeInteger(high)) total += high;
      if (!Number.isSafeInteger(total)) return false;
    }
    if (unbounded === 0 && total < 0) this.contradiction = true;
    for (let at = 0; at < highs.length; at++) {
      const term = poly.terms[at]!;
      if (unbounded === 1 && Number.isSafeInteger(highs[at]!)) continue;
      // coef · m >= -(the most that everything else can add)
      const least = -(unbounded === 1 ? total : total - highs[at]!);
      if (!Number.isSafeInteger(least)) continue;
      const old = this.of(term.key, term.atoms);
      const next =
        term.coef > 0
          ? { lo: Math.max(old.lo, ceilDiv(least, term.coef)), hi: old.hi }
          : { lo: old.lo, hi: Math.min(old.hi, -ceilDiv(least, -term.coef)) };
      if (next.lo === old.lo && next.hi === old.hi) continue;
      this.found.set(term.key, next);
      changed = true;
      if (next.lo > next.hi) this.contradiction = true;
    }
    return changed;
  }
}

const down = (a: number, b: number): number => (a === -Infinity ? a : floorDiv(a, b));

/** At most the ceiling, exactly it where the quotient is exact enough: one less is only a looser bound. */
function ceilDiv(a: number, b: number): number {
  const quotient = Math.ceil(a / b);
  const exact = Math.abs(a) < 2 ** 50 ? quotient : quotient - 1;
  return exact === 0 ? 0 : exact;
}
