// Conditions that hold together, taken in one after the other: equalities are solved and used up, divisions and extrema get
// their defining facts, inequalities are kept by direction, and what is a choice is left to `refute.ts`. It decides nothing
// but plain contradictions.

import { and, eq, ge, gt, le, lt, no, or, substituteCond, tighten, yes, type Cond } from "./cond.ts";
import { solve, type Solution } from "./equalities.ts";
import { Intervals } from "./intervals.ts";
import {
  atomPoly,
  combine,
  constantPoly,
  floordiv,
  mul,
  negate,
  scale,
  sub,
  zero,
  type DivAtom,
  type Poly,
} from "./poly.ts";
import { Substitution, visitAtoms } from "./substitute.ts";

/** Shifted quotients from which on remainders are looked at one by one, and up to how many remainders. */
const [severalShifts, manyRemainders] = [3, 16];

/** A conjunction under way: inequalities by direction, what is yet to be split, and atoms already defined. */
export class Conjunction {
  protected readonly atLeast = new Map<string, Poly>();
  /** Inequalities with a minimum or maximum in them, before they were split into cases. */
  protected readonly whole = new Map<string, Poly>();
  protected unequal: Poly[] = [];
  protected choices: (readonly Cond[])[] = [];
  protected pending: Cond[] = [];
  /** Equalities to be solved when nothing else is pending. */
  protected late: Cond[] = [];
  protected readonly defined = new Set<string>();
  /** Divisions whose divisor isn't known to be positive yet. */
  protected readonly undecided = new Map<string, DivAtom>();
  /** Divisions by what is known to be positive but isn't a constant. */
  protected readonly symbolic = new Map<string, DivAtom>();
  /** All divisions by what is known to be positive. */
  protected readonly divisions = new Map<string, DivAtom>();
  /** How often a number is divided by a constant, whatever is added to it first. */
  protected readonly shifted = new Map<string, number>();
  protected solved = 0;

  assume(cond: Cond): void {
    this.pending.push(cond);
  }

  /** Takes over all that another one holds. */
  protected takeOver(other: Conjunction): void {
    for (const [key, poly] of other.atLeast) this.atLeast.set(key, poly);
    for (const [key, poly] of other.whole) this.whole.set(key, poly);
    for (const key of other.defined) this.defined.add(key);
    for (const [key, atom] of other.undecided) this.undecided.set(key, atom);
    for (const [key, atom] of other.symbolic) this.symbolic.set(key, atom);
    for (const [key, atom] of other.divisions) this.divisions.set(key, atom);
    for (const [key, count] of other.shifted) this.shifted.set(key, count);
    this.unequal = [...other.unequal];
    this.choices = [...other.choices];
    this.solved = other.solved;
  }

  /** Propagates bounds; divisors found positive or negative bring facts, which bring bounds. */
  protected bounds(): Intervals | "contradiction" {
    for (;;) {
      const bounds = new Intervals();
      bounds.narrow([...this.atLeast.values()]);
      if (bounds.contradiction) return "contradiction";
      let more = false;
      for (const [key, atom] of this.undecided) {
        const den = bounds.ofPoly(atom.den);
        if (den.lo <= 0 && den.hi >= 0) continue;
        this.undecided.delete(key);
        this.assume(divisionFacts(atom, den.lo > 0));
        if (den.lo > 0) {
          this.symbolic.set(key, atom);
          this.relate(atom);
        }
        more = true;
      }
      if (!more) return bounds;
      if (this.settle()) return "contradiction";
    }
  }

  /** Takes in all pending conditions; true if they contradict. */
  protected settle(): boolean {
    for (;;) {
      const cond = this.pending.pop() ?? this.late.pop();
      if (!cond) return false;
      if (this.take(cond)) return true;
    }
  }

  private take(cond: Cond): boolean {
    switch (cond.kind) {
      case "true":
        return false;
      case "false":
        return true;
      case "and":
        this.pending.push(...cond.parts);
        return false;
      case "or": {
        for (const part of cond.parts) this.define(part);
        this.choices.push(cond.parts);
        return false;
      }
      case "ne":
        this.define(cond);
        this.unequal.push(cond.poly);
        return false;
      case "ge":
        return this.takeInequality(cond.poly);
      case "eq":
        return this.takeEquality(cond.poly);
    }
  }

  private takeInequality(poly: Poly): boolean {
    const expanded = expandExtremum(poly);
    if (expanded) {
      // Two of them may contradict each other as they stand, whatever the extremum is.
      if (this.contradicts(tighten(poly))) return true;
      this.pending.push(expanded);
      return false;
    }
    this.defineAtoms(poly);
    const tight = tighten(poly);
    const old = this.atLeast.get(tight.linearKey);
    if (old && old.constant <= tight.constant) return false;
    this.atLeast.set(tight.linearKey, tight);
    const opposite = this.atLeast.get(negate(tight).linearKey);
    if (!opposite) return false;
    const slack = opposite.constant + tight.constant;
    if (slack < 0) return true;
    // From both sides equal: an equality in disguise, and those are worth more.
    if (slack === 0) this.pending.push({ kind: "eq", poly: tight });
    return false;
  }

  /** Whether an inequality that will be split into cases has its opposite among the others of that sort. */
  private contradicts(poly: Poly): boolean {
    const old = this.whole.get(poly.linearKey);
    if (!old || poly.constant < old.constant) this.whole.set(poly.linearKey, poly);
    const opposite = this.whole.get(negate(poly).linearKey);
    return opposite !== undefined && opposite.constant + poly.constant < 0;
  }

  private takeEquality(poly: Poly): boolean {
    this.defineAtoms(poly);
    // A bound on the number of steps, as new unknowns could in principle go on for long.
    const solution = this.solved++ < 60 ? solve(poly) : undefined;
    if (!solution) return this.keepBothSides(poly);
    // What is frozen keeps the bounds that it has by then, so all else is taken in first.
    if (solution.frozen.size > 0 && this.pending.length > 0) this.late.push({ kind: "eq", poly });
    else this.use(solution);
    return false;
  }

  /** An equality that can't be solved stays as two inequalities. */
  private keepBothSides(poly: Poly): boolean {
    for (const side of [poly, negate(poly)]) {
      const old = this.atLeast.get(side.linearKey);
      if (!old || old.constant > side.constant) this.atLeast.set(side.linearKey, side);
    }
    return (
      this.atLeast.get(poly.linearKey)!.constant + this.atLeast.get(negate(poly).linearKey)!.constant < 0
    );
  }

  /** Replaces the solved atom everywhere; what changes is taken in anew. */
  private use(solution: Solution): void {
    if (solution.frozen.size > 0) {
      this.pending.push(...this.boundsOf(solution.frozen));
      this.rewrite(new Substitution((atom) => solution.frozen.get(atom.key)?.by));
    }
    this.rewrite(new Substitution((atom) => (atom.key === solution.atom.key ? solution.by : undefined)));
    if (solution.rest) {
      const by = new Substitution((atom) => (atom.key === solution.atom.key ? solution.by : undefined));
      this.pending.push(substituteCond({ kind: "eq", poly: solution.rest }, by));
    }
  }

  /** Numeric bounds of atoms, as conditions on what stands for them from now on. */
  private boundsOf(frozen: Solution["frozen"]): Cond[] {
    const bounds = new Intervals();
    bounds.narrow([...this.atLeast.values()]);
    return [...frozen].flatMap(([key, { atom, by }]) => {
      // Its definition may say more than was known when it was first met.
      const [known, defined] = [bounds.of(key, [atom]), bounds.ofAtom(atom)];
      const [lo, hi] = [Math.max(known.lo, defined.lo), Math.min(known.hi, defined.hi)];
      return [
        ...(Number.isSafeInteger(lo) ? [ge(by, constantPoly(lo))] : []),
        ...(Number.isSafeInteger(hi) ? [le(by, constantPoly(hi))] : []),
      ];
    });
  }

  private rewrite(by: Substitution): void {
    for (const [key, poly] of this.atLeast) {
      const next = by.apply(poly);
      if (next === poly) continue;
      this.atLeast.delete(key);
      this.pending.push(
        next.isConstant ? (next.constant >= 0 ? yes : no) : ({ kind: "ge", poly: next } as const),
      );
    }
    this.pending = this.pending.map((cond) => substituteCond(cond, by));
    this.late = this.late.map((cond) => substituteCond(cond, by));
    const unequal = this.unequal;
    this.unequal = [];
    for (const poly of unequal) {
      const next = by.apply(poly);
      if (next === poly) this.unequal.push(poly);
      else this.pending.push(substituteCond({ kind: "ne", poly }, by));
    }
    const choices = this.choices;
    this.choices = [];
    for (const choice of choices) {
      const next = choice.map((part) => substituteCond(part, by));
      if (next.every((part, at) => part === choice[at])) this.choices.push(choice);
      else this.pending.push(or(...next));
    }
    for (const [key, atom] of this.undecided) {
      if (by.atom(atom) !== undefined) this.undecided.delete(key);
    }
    for (const [key, atom] of this.symbolic) {
      if (by.atom(atom) !== undefined) this.symbolic.delete(key);
    }
    for (const [key, atom] of this.divisions) {
      if (by.atom(atom) !== undefined) this.divisions.delete(key);
    }
  }

  /** a // (b * c) is (a // b) // c: what a quotient of a quotient became, tied to the first one. */
  private relate(atom: DivAtom): void {
    for (const other of this.divisions.values()) {
      if (other.num.key !== atom.num.key) continue;
      const [inner, outer] = other.den.key.length < atom.den.key.length ? [other, atom] : [atom, other];
      const by = floordiv(outer.den, inner.den);
      if (mul(by, inner.den).key !== outer.den.key) continue;
      const rest = sub(atomPoly(inner), mul(by, atomPoly(outer)));
      this.pending.push(ge(rest, zero), lt(rest, by));
    }
    this.divisions.set(atom.key, atom);
  }

  /**
   * (e + 1) // 4, (e + 2) // 4 and the like all follow from the remainder of e: where there are several, each remainder
   * is a case. Linear reasoning sees only that they are near each other.
   */
  private tellApart(atom: DivAtom): void {
    const by = atom.den.constant;
    const key = `${atom.num.linearKey}//${by}`;
    const count = (this.shifted.get(key) ?? 0) + 1;
    this.shifted.set(key, count);
    if (count !== severalShifts || by < 2 || by > manyRemainders) return;
    const rest = sub(atom.num, scale(atomPoly(atom), by));
    this.choices.push(Array.from({ length: by }, (_, remainder) => eq(rest, constantPoly(remainder))));
  }

  private define(cond: Cond): void {
    if (cond.kind === "and" || cond.kind === "or") for (const part of cond.parts) this.define(part);
    else if (cond.kind !== "true" && cond.kind !== "false") this.defineAtoms(cond.poly);
  }

  /** The facts that come with the atoms of a poly, once for each. */
  private defineAtoms(poly: Poly): void {
    visitAtoms(
      poly,
      (atom) => {
        const self = atomPoly(atom);
        if (atom.kind === "name" || atom.kind === "app") {
          if (Number.isSafeInteger(atom.lo)) this.pending.push(ge(self, constantPoly(atom.lo)));
          if (Number.isSafeInteger(atom.hi)) this.pending.push(le(self, constantPoly(atom.hi)));
        } else if (atom.kind === "div") {
          if (atom.den.isConstant) {
            if (atom.den.constant !== 0) this.pending.push(divisionFacts(atom, atom.den.constant > 0));
            if (atom.den.constant > 0) this.relate(atom);
            this.tellApart(atom);
          } else this.undecided.set(atom.key, atom);
        } else {
          const below = atom.kind === "min" ? le : ge;
          for (const arg of atom.args) this.pending.push(below(self, arg));
          this.pending.push(or(...atom.args.map((arg) => eq(self, arg))));
        }
      },
      this.defined,
    );
  }
}

/** 0 <= num - den·q < den, mirrored for a negative divisor. */
function divisionFacts(atom: DivAtom, positive: boolean): Cond {
  const rest = sub(atom.num, mul(atom.den, atomPoly(atom)));
  return positive ? and(ge(rest, zero), lt(rest, atom.den)) : and(le(rest, zero), gt(rest, atom.den));
}

/** rest + c·min(a, b) >= 0 is rest + c·a >= 0 and rest + c·b >= 0 for c > 0, and "or" for c < 0; max likewise. */
function expandExtremum(poly: Poly): Cond | undefined {
  for (const term of poly.terms) {
    const atom = term.atoms[0]!;
    if (term.atoms.length !== 1 || (atom.kind !== "min" && atom.kind !== "max")) continue;
    const rest = combine(poly, atomPoly(atom), -term.coef);
    const cases = atom.args.map((arg) => ge(combine(rest, arg, term.coef), zero));
    return (atom.kind === "min") === term.coef > 0 ? and(...cases) : or(...cases);
  }
  return undefined;
}
