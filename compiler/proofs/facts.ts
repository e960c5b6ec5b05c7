// What is known at a point of a kernel: a chain of conditions, longer the deeper the point lies. Facts never
// change, so a point's knowledge can be kept with an access and asked again later.

import { condKey, conjuncts, not, substituteCond, type Cond } from "../symbolic/cond.ts";
import { Intervals } from "../symbolic/intervals.ts";
import { negate } from "../symbolic/poly.ts";
import { refutes } from "../symbolic/refute.ts";
import type { Substitution } from "../symbolic/substitute.ts";

export class Facts {
  static readonly none = new Facts(undefined, []);
  readonly parent: Facts | undefined;
  readonly own: readonly Cond[];
  /** The least constants of own inequalities, by the linear part. */
  private readonly bounds = new Map<string, number>();
  private cachedAll: readonly Cond[] | undefined;
  readonly answers = new Map<string, boolean>();

  private constructor(parent: Facts | undefined, own: readonly Cond[]) {
    this.parent = parent;
    this.own = own;
    for (const cond of own) {
      if (cond.kind === "ge") this.note(cond.poly.linearKey, cond.poly.constant);
      if (cond.kind === "eq") {
        this.note(cond.poly.linearKey, cond.poly.constant);
        this.note(negate(cond.poly).linearKey, -cond.poly.constant);
      }
    }
  }

  private note(key: string, constant: number): void {
    const old = this.bounds.get(key);
    if (old === undefined || constant < old) this.bounds.set(key, constant);
  }

  /** These facts and more. */
  with(...conds: readonly Cond[]): Facts {
    const own = conds.flatMap(conjuncts);
    return own.length === 0 ? this : new Facts(this, own);
  }

  /** All conditions, the oldest first. */
  get all(): readonly Cond[] {
    return (this.cachedAll ??= this.parent ? [...this.parent.all, ...this.own] : this.own);
  }

  /** The conditions that these facts have and `older`, an ancestor of theirs, has not. */
  since(older: Facts): readonly Cond[] {
    const found: Cond[] = [];
    for (let at: Facts | undefined = this; at && at !== older; at = at.parent) found.unshift(...at.own);
    return found;
  }

  /** Whether a condition is one of the facts, or weaker than one. */
  includes(cond: Cond): boolean {
    for (let at: Facts | undefined = this; at; at = at.parent) {
      if (cond.kind === "ge") {
        const constant = at.bounds.get(cond.poly.linearKey);
        if (constant !== undefined && constant <= cond.poly.constant) return true;
      } else if (
        cond.kind !== "true" &&
        at.own.some((own) => own.kind === cond.kind && condKey(own) === condKey(cond))
      )
        return true;
    }
    return cond.kind === "true";
  }
}

/** How hard a question may be worked on. */
export const effort = { usual: 120, optional: 40 } as const;

/** Whether the facts imply the goal; false where that isn't found out. */
export function proves(facts: Facts, goal: Cond, budget: number = effort.usual): boolean {
  return conjuncts(goal).every((part) => provesOne(facts, part, budget));
}

function provesOne(facts: Facts, goal: Cond, budget: number): boolean {
  if (goal.kind === "false") return contradictory(facts, budget);
  if (facts.includes(goal)) return true;
  if (goal.kind === "ge" && new Intervals().ofPoly(goal.poly).lo >= 0) return true;
  const key = condKey(goal);
  let answer = facts.answers.get(key);
  if (answer === undefined) {
    answer = refutes([...facts.all, not(goal)], budget);
    facts.answers.set(key, answer);
  }
  return answer;
}

/** Whether the point can't be reached. */
export function contradictory(facts: Facts, budget: number = effort.optional): boolean {
  let answer = facts.answers.get("");
  if (answer === undefined) {
    answer = refutes(facts.all, budget);
    facts.answers.set("", answer);
  }
  return answer;
}

/** The conditions with atoms replaced. */
export function rename(conds: readonly Cond[], by: Substitution): Cond[] {
  return conds.map((cond) => substituteCond(cond, by));
}
