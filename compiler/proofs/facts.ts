// What is known at a point of a kernel: a chain of conditions, longer the deeper the point lies. Facts never
// change, so a point's knowledge can be kept with an access and asked again later.

import { condKey, conjuncts, not, substituteCond, visitCondAtoms, type Cond } from "../symbolic/cond.ts";
import { attempt } from "../symbolic/integers.ts";
import { Intervals } from "../symbolic/intervals.ts";
import { negate } from "../symbolic/poly.ts";
import { refutes } from "../symbolic/refute.ts";
import type { Substitution } from "../symbolic/substitute.ts";

export class Facts {
  static readonly none = new Facts(undefined, [], false);
  readonly parent: Facts | undefined;
  readonly own: readonly Cond[];
  /** Conditions of the way here: branches, loop ranges, guards. The others hold of themselves. */
  readonly path: boolean;
  /** The least constants of own inequalities, by the linear part. */
  private readonly bounds = new Map<string, number>();
  private cachedKeys: ReadonlySet<string> | undefined;
  private cachedIntervals: Intervals | undefined;
  private cachedAll: readonly Cond[] | undefined;
  readonly answers = new Map<string, boolean>();

  /** Facts on sizes alone that matter only to questions that mention all of them. */
  readonly background: readonly Cond[];

  private constructor(
    parent: Facts | undefined,
    own: readonly Cond[],
    path: boolean,
    background: readonly Cond[] = parent?.background ?? [],
  ) {
    this.parent = parent;
    this.own = own;
    this.path = path;
    this.background = background;
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

  /** These facts and a condition under which control goes on. */
  under(...conds: readonly Cond[]): Facts {
    return this.with(conds, true);
  }

  /** These facts and what is known besides: definitions, invariants, assertions that held. */
  knowing(...conds: readonly Cond[]): Facts {
    return this.with(conds, false);
  }

  /** The same facts with others in the background. */
  against(background: readonly Cond[]): Facts {
    return new Facts(this, [], false, background);
  }

  private with(conds: readonly Cond[], path: boolean): Facts {
    const own = conds.flatMap(conjuncts);
    return own.length === 0 ? this : new Facts(this, own, path);
  }

  /** All conditions, the oldest first. */
  get all(): readonly Cond[] {
    return (this.cachedAll ??= lineage(this).flatMap((facts) => facts.own));
  }

  /** Numeric bounds that follow from the inequalities. */
  get intervals(): Intervals {
    if (!this.cachedIntervals) {
      this.cachedIntervals = new Intervals();
      const all = [...this.background, ...this.all].slice(-maxFacts);
      this.cachedIntervals.narrow(
        all.flatMap((cond) => (cond.kind === "ge" ? [cond.poly] : [])),
        2,
      );
    }
    return this.cachedIntervals;
  }

  /** The conditions that these facts have and `older`, an ancestor of theirs, has not. */
  since(older: Facts): readonly Cond[] {
    return lineage(this, older).flatMap((facts) => facts.own);
  }

  /** Of those, the conditions under which control comes here. */
  pathSince(older: Facts): readonly Cond[] {
    return lineage(this, older).flatMap((facts) => (facts.path ? facts.own : []));
  }

  /** Whether a condition is one of the facts, or weaker than one. */
  includes(cond: Cond): boolean {
    return cond.kind === "true" || lineage(this).some((facts) => facts.has(cond));
  }

  private has(cond: Cond): boolean {
    if (cond.kind === "ge") {
      const constant = this.bounds.get(cond.poly.linearKey);
      return constant !== undefined && constant <= cond.poly.constant;
    }
    if (!this.own.some((own) => own.kind === cond.kind)) return false;
    this.cachedKeys ??= new Set(this.own.filter((own) => own.kind !== "ge").map(condKey));
    return this.cachedKeys.has(condKey(cond));
  }
}

/** The facts from the oldest, or from behind `older`, down to `youngest`. */
export function lineage(youngest: Facts, older?: Facts): Facts[] {
  const found: Facts[] = [];
  for (let at: Facts | undefined = youngest; at && at !== older; at = at.parent) found.push(at);
  return found.toReversed();
}

/** How hard a question may be worked on. */
export const effort = { usual: 120, optional: 40 } as const;

/** Whether the facts imply the goal; false where that isn't found out. */
export function proves(facts: Facts, goal: Cond, budget: number = effort.usual): boolean {
  return attempt(() => conjuncts(goal).every((part) => provesOne(facts, part, budget)), false);
}

function provesOne(facts: Facts, goal: Cond, budget: number): boolean {
  if (goal.kind === "false") return contradictory(facts, budget);
  if (facts.includes(goal)) return true;
  if (goal.kind === "ge" && new Intervals().ofPoly(goal.poly).lo >= 0) return true;
  const key = condKey(goal);
  let answer = facts.answers.get(key);
  if (answer === undefined && goal.kind === "ge" && facts.intervals.ofPoly(goal.poly).lo >= 0) answer = true;
  if (answer === undefined) {
    const near = relevant(facts, [goal]);
    answer = refutes([...near, not(goal)], budget);
    // What is known of sizes may follow from anything around: that a loop runs says that its bound isn't 0.
    const sizesAlone = namesOf(goal).own.length === 0;
    if (
      !answer &&
      near.length < facts.all.length &&
      facts.all.length <= maxFacts &&
      (sizesAlone || budget >= effort.usual)
    )
      answer = refutes([...facts.all, not(goal)], budget);
    facts.answers.set(key, answer);
  }
  return answer;
}

/**
 * The facts that can matter to a question: those connected to it by values of their own. Sizes connect nothing, as
 * they stand in nearly every fact.
 */
export function relevant(facts: Facts, goals: readonly Cond[]): Cond[] {
  const reached = new Set<string>();
  for (const goal of goals) for (const key of namesOf(goal).all) reached.add(key);
  const chosen = new Set<Cond>();
  const all =
    facts.all.length > maxFacts ? [...facts.all.slice(0, 60), ...facts.all.slice(60 - maxFacts)] : facts.all;
  const spread = (linkOf: (names: NamesOf) => readonly string[]): void => {
    for (let changed = true; changed;) {
      changed = false;
      for (const fact of all) {
        if (chosen.has(fact)) continue;
        const names = namesOf(fact);
        if (!linkOf(names).some((name) => reached.has(name))) continue;
        chosen.add(fact);
        for (const name of names.all) reached.add(name);
        changed = true;
      }
    }
  };
  spread((names) => names.own);
  // Sizes that these speak of may matter in products; what clauses on sizes alone bring in besides does not.
  const background = facts.background.filter((fact) => namesOf(fact).all.every((name) => reached.has(name)));
  spread((names) => (names.own.length === 0 ? names.all : []));
  return [...all.filter((fact) => chosen.has(fact)), ...background];
}

interface NamesOf {
  readonly all: readonly string[];
  /** Those that aren't sizes or scalar parameters. */
  readonly own: readonly string[];
}

/** Beyond this many, the oldest statements' facts but for the signature's are left out. */
const maxFacts = 360;

const knownNames = new WeakMap<Cond, NamesOf>();

function namesOf(cond: Cond): NamesOf {
  let found = knownNames.get(cond);
  if (!found) {
    const [all, own]: [string[], string[]] = [[], []];
    visitCondAtoms(cond, (atom) => {
      if (atom.kind === "name" || (atom.kind === "app" && atom.args.length === 0)) {
        all.push(atom.key);
        if (atom.kind === "app" || atom.origin !== "param") own.push(atom.key);
      }
    });
    found = { all, own };
    knownNames.set(cond, found);
  }
  return found;
}

/** Whether the point can't be reached. */
export function contradictory(facts: Facts, budget: number = effort.optional): boolean {
  let answer = facts.answers.get("");
  if (answer === undefined) {
    answer = facts.all.length <= maxFacts && refutes(facts.all, budget);
    facts.answers.set("", answer);
  }
  return answer;
}

/** The conditions with atoms replaced. */
export function rename(conds: readonly Cond[], by: Substitution): Cond[] {
  return conds.map((cond) => substituteCond(cond, by));
}
