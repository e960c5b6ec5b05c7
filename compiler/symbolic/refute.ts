// The decision procedure under every proof: do these conditions have an integer solution? `refutes` answers true
// only if surely none; "don't know" is false. Equalities are solved, divisions and extrema get their defining
// facts, products tie non-linear monomials, elimination decides the rest, and disjunctions split cases. Each
// part is budgeted, so an answer comes soon whatever is asked. A solution found by trial ends the work early.

import {
  and,
  conjuncts,
  eq,
  ge,
  gt,
  le,
  lt,
  no,
  not,
  or,
  substituteCond,
  tighten,
  yes,
  type Cond,
} from "./cond.ts";
import { hasNoSolution } from "./elimination.ts";
import { solve, type Solution } from "./equalities.ts";
import { attempt } from "./integers.ts";
import { Intervals } from "./intervals.ts";
import {
  addConstant,
  atomPoly,
  combine,
  constantPoly,
  mul,
  negate,
  Poly,
  sub,
  zero,
  type DivAtom,
} from "./poly.ts";
import { products } from "./products.ts";
import { Substitution, visitAtoms } from "./substitute.ts";
import { hasWitness } from "./witness.ts";

/** Eliminations that one question may cost. */
const defaultBudget = 160;
/** Steps of the search for a solution before the first elimination, and before cases are split. */
const [glance, search] = [16, 250];

/** Whether the conditions can't hold together; false where that isn't found out. */
export function refutes(conds: readonly Cond[], budget = defaultBudget): boolean {
  const purse = { left: budget };
  return attempt(() => {
    const state = new State();
    for (const cond of conds) state.assume(cond);
    return state.refute(purse, conds);
  }, false);
}

/** Whether the facts imply the goal; false where that isn't found out. */
export function entails(facts: readonly Cond[], goal: Cond, budget = defaultBudget): boolean {
  return conjuncts(goal).every((part) => refutes([...facts, not(part)], budget));
}

/** A conjunction under way: inequalities by direction, what is yet to be split, and atoms already defined. */
class State {
  private readonly atLeast = new Map<string, Poly>();
  private unequal: Poly[] = [];
  private choices: (readonly Cond[])[] = [];
  private pending: Cond[] = [];
  private readonly defined = new Set<string>();
  /** Divisions whose divisor isn't known to be positive yet. */
  private readonly undecided = new Map<string, DivAtom>();
  /** Divisions by what is known to be positive but isn't a constant. */
  private readonly symbolic = new Map<string, DivAtom>();
  private solved = 0;

  assume(cond: Cond): void {
    this.pending.push(cond);
  }

  private copy(): State {
    const copy = new State();
    for (const [key, poly] of this.atLeast) copy.atLeast.set(key, poly);
    for (const key of this.defined) copy.defined.add(key);
    for (const [key, atom] of this.undecided) copy.undecided.set(key, atom);
    for (const [key, atom] of this.symbolic) copy.symbolic.set(key, atom);
    copy.unequal = [...this.unequal];
    copy.choices = [...this.choices];
    copy.solved = this.solved;
    return copy;
  }

  /** Whether the state has no solution. A solution of the `question` that it stands for ends the search at once. */
  refute(purse: { left: number }, question?: readonly Cond[]): boolean {
    if (this.settle()) return true;
    if (purse.left-- <= 0) return false;
    if (question && hasWitness(question, glance)) return false;
    const bounds = this.bounds();
    if (bounds === "contradiction") return true;
    const constraints = [...this.atLeast.values()];
    constraints.push(...this.consequences(constraints, bounds));
    if (hasNoSolution(constraints)) return true;
    if (question && hasWitness(question, search)) return false;
    if (this.findZeroQuotients(constraints, purse)) return this.refute(purse);
    return this.split(bounds, purse);
  }

  /** num / den is 0 where 0 <= num < den: that is beyond linear reasoning when den isn't a constant. */
  private findZeroQuotients(constraints: readonly Poly[], purse: { left: number }): boolean {
    let found = false;
    for (const [key, atom] of this.symbolic) {
      this.symbolic.delete(key);
      const small = [negate(addConstant(atom.num, 1)), sub(atom.num, atom.den)];
      if (purse.left-- <= 0 || !small.every((outside) => hasNoSolution([...constraints, outside]))) continue;
      this.assume(eq(atomPoly(atom), zero));
      found = true;
    }
    return found;
  }

  /** Propagates bounds; divisors found positive or negative bring facts, which bring bounds. */
  private bounds(): Intervals | "contradiction" {
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
        if (den.lo > 0) this.symbolic.set(key, atom);
        more = true;
      }
      if (!more) return bounds;
      if (this.settle()) return "contradiction";
    }
  }

  /** Inequalities that follow for non-linear monomials: their numeric bounds and products of others. */
  private consequences(constraints: readonly Poly[], bounds: Intervals): Poly[] {
    const found = products(constraints, bounds);
    const seen = new Set<string>();
    for (const poly of [...constraints, ...found]) {
      for (const term of poly.terms) {
        if (term.atoms.length === 1 || seen.has(term.key)) continue;
        seen.add(term.key);
        const { lo, hi } = bounds.of(term.key, term.atoms);
        const self = new Poly([{ ...term, coef: 1 }], 0);
        if (Number.isSafeInteger(lo)) found.push(addConstant(self, -lo));
        if (Number.isSafeInteger(hi)) found.push(addConstant(negate(self), hi));
      }
    }
    return found;
  }

  /** Tries each case of the most promising disjunction. */
  private split(bounds: Intervals, purse: { left: number }): boolean {
    const possible = (cond: Cond): boolean => !impossible(cond, bounds);
    let best: readonly Cond[] | undefined;
    let from: { list: "unequal" | "choices" | "undecided"; at: number } | undefined;
    for (const [at, choice] of this.choices.entries()) {
      const left = choice.filter(possible);
      if (left.length === 0) return true;
      if (!best || left.length < best.length) [best, from] = [left, { list: "choices", at }];
    }
    for (const [at, poly] of this.unequal.entries()) {
      const cases = [gt(poly, zero), lt(poly, zero)].filter(possible);
      if (cases.length === 0) return true;
      if (!best || cases.length < best.length) [best, from] = [cases, { list: "unequal", at }];
    }
    const division = this.undecided.values().next();
    if (!best && !division.done) {
      const { den } = division.value;
      best = [gt(den, zero), lt(den, zero), eq(den, zero)].filter(possible);
      from = { list: "undecided", at: 0 };
    }
    if (!best || !from) return false;
    for (const choice of best) {
      const branch = this.copy();
      if (from.list === "choices") branch.choices.splice(from.at, 1);
      else if (from.list === "unequal") branch.unequal.splice(from.at, 1);
      else if (choice.kind === "eq" || choice.kind === "true") branch.undecided.delete(division.value!.key);
      branch.assume(choice);
      if (!branch.refute(purse)) return false;
    }
    return true;
  }

  /** Takes in all pending conditions; true if they contradict. */
  private settle(): boolean {
    for (;;) {
      const cond = this.pending.pop();
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

  private takeEquality(poly: Poly): boolean {
    this.defineAtoms(poly);
    // A bound on the number of steps, as new unknowns could in principle go on for long.
    const solution = this.solved++ < 60 ? solve(poly) : undefined;
    if (!solution) return this.keepBothSides(poly);
    this.use(solution);
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
      this.rewrite(new Substitution((atom) => solution.frozen.get(atom.key)));
    }
    this.rewrite(new Substitution((atom) => (atom.key === solution.atom.key ? solution.by : undefined)));
    if (solution.rest) {
      const by = new Substitution((atom) => (atom.key === solution.atom.key ? solution.by : undefined));
      this.pending.push(substituteCond({ kind: "eq", poly: solution.rest }, by));
    }
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

/** Whether the condition is false by numeric bounds alone. */
function impossible(cond: Cond, bounds: Intervals): boolean {
  switch (cond.kind) {
    case "true":
      return false;
    case "false":
      return true;
    case "and":
      return cond.parts.some((part) => impossible(part, bounds));
    case "or":
      return cond.parts.every((part) => impossible(part, bounds));
    case "ge":
      return bounds.ofPoly(cond.poly).hi < 0;
    case "eq": {
      const { lo, hi } = bounds.ofPoly(cond.poly);
      return lo > 0 || hi < 0;
    }
    case "ne": {
      const { lo, hi } = bounds.ofPoly(cond.poly);
      return lo === 0 && hi === 0;
    }
  }
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
