// The decision procedure under every proof: do these conditions have an integer solution? `refutes` answers true
// only if surely none; "don't know" is false. Equalities are solved, divisions and extrema get their defining
// facts, products tie non-linear monomials, elimination decides the rest, and disjunctions split cases. Each
// part is budgeted, so an answer comes soon whatever is asked. A solution found by trial ends the work early.

import { conjuncts, eq, gt, lt, not, type Cond } from "./cond.ts";
import { Conjunction } from "./conjunction.ts";
import { hasNoSolution } from "./elimination.ts";
import { attempt } from "./integers.ts";
import type { Intervals } from "./intervals.ts";
import { addConstant, atomPoly, negate, Poly, sub, zero } from "./poly.ts";
import { products } from "./products.ts";
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

/** A conjunction, and the search for a case in which it can hold. */
class State extends Conjunction {
  private copy(): State {
    const copy = new State();
    copy.takeOver(this);
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
    let least = Infinity;
    let from: { list: "unequal" | "choices" | "undecided"; at: number } | undefined;
    for (const [at, choice] of this.choices.entries()) {
      const left = choice.filter(possible);
      if (left.length === 0) return true;
      // Values one by one settle what depends on them, where other cases only narrow it.
      const cost = left.length > 2 && areValues(left) ? 1.5 : left.length;
      if (cost < least) [best, least, from] = [left, cost, { list: "choices", at }];
    }
    for (const [at, poly] of this.unequal.entries()) {
      const cases = [gt(poly, zero), lt(poly, zero)].filter(possible);
      if (cases.length === 0) return true;
      if (cases.length < least) [best, least, from] = [cases, cases.length, { list: "unequal", at }];
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
}

/** Whether the cases say that one thing is this number, or that one, … */
function areValues(cases: readonly Cond[]): boolean {
  const key = (cond: Cond): string | undefined => (cond.kind === "eq" ? cond.poly.linearKey : undefined);
  return key(cases[0]!) !== undefined && cases.every((cond) => key(cond) === key(cases[0]!));
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
