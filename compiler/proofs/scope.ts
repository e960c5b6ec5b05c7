// What names mean at a point of a kernel: integers as polys, bools as conditions, buffers as versions that rise
// with every write. A scope is forked at branches and loops; its facts are immutable and shared.

import type { Dtype } from "../../lang/dtypes.ts";
import { dtypeInfo, isInteger } from "../../lang/dtypes.ts";
import { addConstant, app, asAtom, atomPoly, type NameAtom, type Poly } from "../symbolic/poly.ts";
import { and, atLeastZero, conjuncts, eq, not, or, type Cond } from "../symbolic/cond.ts";
import { Facts } from "./facts.ts";

/** The value of an expression: a condition if it's a bool, else an integer or an opaque value of any type. */
export type Value =
  { readonly kind: "poly"; readonly poly: Poly } | { readonly kind: "cond"; readonly cond: Cond };

/** Makes names that are unique in one kernel, numbered in the order of creation. */
export class Names {
  private made = 0;
  private readonly taken = new Map<string, number>();

  /** How many atoms were made; an atom with a higher `order` came later. */
  get count(): number {
    return this.made;
  }

  /** A dim or scalar parameter. */
  param(name: string, lo: number, hi: number): NameAtom {
    return { ...this.fresh(name, lo, hi), origin: "param" };
  }

  fresh(name: string, lo: number, hi: number, shown?: string): NameAtom {
    const again = this.taken.get(name) ?? 0;
    this.taken.set(name, again + 1);
    const key = again === 0 ? name : `${name}#${again}`;
    return { kind: "name", key, name, lo, hi, order: this.made++, shown: shown ?? name };
  }

  /** An unknown value of a dtype. */
  value(name: string, dtype: Dtype, { param = false, shown = name } = {}): Value {
    const { lo, hi } = rangeOf(dtype);
    const poly = atomPoly(param ? this.param(name, lo, hi) : this.fresh(name, lo, hi, shown));
    return dtype === "bool" ? { kind: "cond", cond: isTrue(poly) } : { kind: "poly", poly };
  }
}

/** Bounds of the integers of a dtype; what isn't an integer, or is too wide for a number, has none. */
export function rangeOf(dtype: Dtype): { lo: number; hi: number } {
  if (dtype === "bool") return { lo: 0, hi: 1 };
  if (!isInteger(dtype)) return { lo: -Infinity, hi: Infinity };
  const { min, max } = dtypeInfo(dtype);
  return { lo: wide(min), hi: wide(max) };
}
const wide = (value: number | bigint): number =>
  typeof value === "number" ? value : value === 0n ? 0 : value < 0n ? -Infinity : Infinity;

/** A truth value as a condition. */
export function isTrue(poly: Poly): Cond {
  return atLeastZero(addConstant(poly, -1));
}

/** A condition as 0 or 1: the value it tests if it's opaque, else an application of its own. */
export function truthPoly(cond: Cond): Poly {
  if (cond.kind === "ge" && cond.poly.constant === -1) {
    const atom = asAtom(addConstant(cond.poly, 1));
    if (atom && (atom.kind === "name" || atom.kind === "app") && atom.lo === 0 && atom.hi === 1)
      return atomPoly(atom);
  }
  if (cond.kind === "true" || cond.kind === "false") return atomPoly(app(cond.kind, [], 0, 1));
  const args = cond.kind === "and" || cond.kind === "or" ? cond.parts.map(truthPoly) : [cond.poly];
  return atomPoly(app(cond.kind, args, 0, 1));
}

export class Scope {
  readonly names: Map<string, Value>;
  readonly versions: Map<string, Poly>;
  facts: Facts;
  /** Control never gets here: a jump came before. */
  dead = false;

  constructor(names = new Map<string, Value>(), versions = new Map<string, Poly>(), facts = Facts.none) {
    this.names = names;
    this.versions = versions;
    this.facts = facts;
  }

  fork(...conds: readonly Cond[]): Scope {
    const copy = new Scope(new Map(this.names), new Map(this.versions), this.facts.under(...conds));
    copy.dead = this.dead;
    return copy;
  }

  assume(...conds: readonly Cond[]): void {
    this.facts = this.facts.knowing(...conds);
  }

  /** Goes on only where the conditions hold. */
  restrict(...conds: readonly Cond[]): void {
    this.facts = this.facts.under(...conds);
  }

  /** Becomes what holds after one of `ends`, each of which came from this scope by a fork. */
  join(ends: readonly Scope[], names: Names, dtypeOf: (name: string) => Dtype | undefined): void {
    const live = ends.filter((end) => !end.dead);
    if (live.length === 0) {
      this.dead = true;
      return;
    }
    if (live.length === 1) {
      this.adopt(live[0]!);
      return;
    }
    for (const buffer of this.versions.keys()) {
      const keys = new Set(live.map((end) => end.versions.get(buffer)?.key));
      if (keys.size > 1) this.versions.set(buffer, atomPoly(names.fresh(`${buffer}@`, 0, Infinity)));
      else this.versions.set(buffer, live[0]!.versions.get(buffer)!);
    }
    const alternatives = live.map((end) => {
      const since = end.facts.since(this.facts);
      return since.length <= 16 ? [...since] : [];
    });
    let differ = false;
    for (const [name, old] of this.names) {
      const values = live.map((end) => end.names.get(name)!);
      if (values.every((value) => sameValue(value, values[0]!))) {
        this.names.set(name, values[0]!);
        continue;
      }
      differ = true;
      const bool = old.kind === "cond";
      const { lo, hi } = bool ? rangeOf("bool") : rangeOf(dtypeOf(name) ?? "f32");
      const joined = atomPoly(names.fresh(name, lo, hi));
      this.names.set(name, bool ? { kind: "cond", cond: isTrue(joined) } : { kind: "poly", poly: joined });
      values.forEach((value, at) => alternatives[at]!.push(equals(joined, value)));
    }
    if (differ) this.assume(or(...alternatives.map((conds) => and(...conds))));
  }

  /** Takes over the state of a fork. */
  adopt(other: Scope): void {
    for (const name of this.names.keys()) this.names.set(name, other.names.get(name)!);
    for (const buffer of this.versions.keys()) this.versions.set(buffer, other.versions.get(buffer)!);
    this.facts = other.facts;
    this.dead = other.dead;
  }
}

function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === "poly") return b.kind === "poly" && a.poly.key === b.poly.key;
  return b.kind === "cond" && truthPoly(a.cond).key === truthPoly(b.cond).key;
}

function equals(joined: Poly, value: Value): Cond {
  if (value.kind === "poly") return eq(joined, value.poly);
  const set = isTrue(joined);
  return or(and(set, ...conjuncts(value.cond)), and(not(set), not(value.cond)));
}
