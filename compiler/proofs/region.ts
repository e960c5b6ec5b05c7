// Which elements a store writes: its subscripts are inverted, so that each loop variable becomes a function of the
// element, and what must hold for that iteration to run becomes a condition on the element. Any such witness is
// sound; the better it is chosen, the weaker the condition. Tiles (4·t + u) and flat indices (i·N + j) give
// quotients and remainders.

import type { Expr, Stmt, WhileStmt } from "../ir/ir.ts";
import { blocksOf } from "../ir/walk.ts";
import { and, eq, ge, le, type Cond } from "../symbolic/cond.ts";
import { attempt } from "../symbolic/integers.ts";
import {
  add,
  asAtom,
  atomPoly,
  combine,
  constantPoly,
  floordiv,
  monomial,
  mul,
  negate,
  one,
  Poly,
  scale,
  sub,
  withoutAtoms,
  zero,
  type Atom,
  type DivAtom,
  type NameAtom,
} from "../symbolic/poly.ts";
import { someAtom, Substitution, visitAtoms } from "../symbolic/substitute.ts";
import { rename, type Facts } from "./facts.ts";
import type { Access, Loop, WhileLoop } from "./listener.ts";
import { isLane } from "./terms.ts";

export interface RegionQuery {
  readonly store: Access;
  /** The element, one poly a dim. */
  readonly element: readonly Poly[];
  /** Loops of the store whose iteration may be chosen; those before are the reader's own. */
  readonly free: readonly Loop[];
  /** Path conditions after these facts count; those before hold anyway. */
  readonly since: Facts;
  /** Loops that a `break` may end early. */
  readonly broken: ReadonlySet<Loop>;
}

/** A loop whose iterations all run: the variable that counts, from where, in which steps. */
interface Counter {
  readonly atom: NameAtom;
  readonly start: Poly;
  readonly step: number;
  /** The unknown: how many iterations come before the one that writes. */
  readonly turn: NameAtom;
}

export interface Region {
  /** Where it holds, the element is written. */
  readonly cond: Cond;
  /** The value of each free loop's variable at the iteration that writes. */
  readonly witness: (loop: Loop) => Poly | undefined;
}

/** Sufficient conditions for the element to be written by the store; none if its subscripts can't be inverted. */
export function regions(query: RegionQuery): Region[] {
  const counters = new Map<Loop, Counter>();
  for (const [at, loop] of query.free.entries()) {
    const counter = query.broken.has(loop) ? undefined : counterOf(loop, at);
    if (!counter) return [];
    counters.set(loop, counter);
  }
  return [false, true].flatMap(
    (ceiling) => attempt(() => solveFor(query, counters, ceiling), undefined) ?? [],
  );
}

function counterOf(loop: Loop, at: number): Counter | undefined {
  const turn = turnAtom(`turn ${at}`);
  if (loop.kind === "for") return { atom: loop.atom, start: loop.lo, step: loop.step, turn };
  const counting = countingWhile(loop);
  return counting && { ...counting, turn };
}

function turnAtom(key: string): NameAtom {
  return { kind: "name", key, name: key, lo: 0, hi: Infinity, order: Infinity };
}

/** `while p < n: … p += c`, with nothing else that touches p or ends the loop. */
function countingWhile(loop: WhileLoop): Omit<Counter, "turn"> | undefined {
  const name = comparedName(loop.stmt);
  if (name === undefined) return undefined;
  let updates = 0;
  const count = (block: readonly Stmt[]): boolean =>
    block.every((stmt) => {
      if (stmt.kind === "assign" && stmt.name === name) updates++;
      return stmt.kind !== "continue" && blocksOf(stmt).every(count);
    });
  if (!count(loop.stmt.body) || updates !== 1) return undefined;
  const update = loop.stmt.body.find((stmt) => stmt.kind === "assign" && stmt.name === name);
  const step = update?.kind === "assign" ? increment(name, update.value) : undefined;
  const [head, start] = [loop.head.get(name), loop.start.get(name)];
  if (step === undefined || step <= 0 || head?.kind !== "poly" || start?.kind !== "poly") return undefined;
  const atom = asAtom(head.poly);
  return atom?.kind === "name" ? { atom, start: start.poly, step } : undefined;
}

function comparedName({ cond }: WhileStmt): string | undefined {
  if (cond.kind !== "op" || (cond.op !== "lt" && cond.op !== "le")) return undefined;
  return cond.args[0]!.kind === "ref" ? cond.args[0]!.name : undefined;
}

function increment(name: string, value: Expr): number | undefined {
  if (value.kind !== "op" || value.op !== "add") return undefined;
  const [left, right] = value.args;
  return left!.kind === "ref" && left!.name === name && right!.kind === "const"
    ? Number(right!.value)
    : undefined;
}

function solveFor(
  query: RegionQuery,
  counters: ReadonlyMap<Loop, Counter>,
  ceiling: boolean,
): Region | undefined {
  const { store, element } = query;
  const inner = query.free[0]?.order ?? Infinity;
  // Every loop variable in terms of the turns, outer loops first: inner bounds may mention outer variables. What
  // else the bodies of the free loops made has a value of its own in the iteration that writes.
  const values = new Map<string, Poly>();
  const elsewhere = (): Substitution =>
    new Substitution((atom) => {
      if (atom.kind !== "name") return undefined;
      const value = values.get(atom.key);
      if (value || atom.order < inner || turns.has(atom.key)) return value;
      return atomPoly({ ...atom, key: `${atom.key}'` });
    });
  const turns = new Set([...counters.values()].map((counter) => counter.turn.key));
  // A vector store writes all its lanes: which one is ours to choose.
  const lanes = lanesIn(store.index);
  for (const lane of lanes) {
    const turn = turnAtom(`turn ${lane.key}`);
    turns.add(turn.key);
    values.set(lane.key, atomPoly(turn));
  }
  for (const { atom, start, step, turn } of counters.values())
    values.set(atom.key, add(elsewhere().apply(start), scale(atomPoly(turn), step)));
  const moved = elsewhere();
  const index = store.index.map((part) => moved.apply(part));
  const solved = invert(index, element, turns, ceiling);
  if (!solved) return undefined;
  const finish = new Substitution((atom) => solved.get(atom.key));
  const conds = [
    ...[...turns].map((turn) => ge(solved.get(turn)!, zero)),
    ...rename(rename(store.facts.pathSince(query.since), moved), finish),
    ...lanes.map((lane) => le(finish.apply(values.get(lane.key)!), constantPoly(lane.hi))),
    ...index.map((part, axis) => eq(finish.apply(part), element[axis]!)),
  ];
  return {
    cond: and(...conds),
    witness: (loop) => {
      const value = values.get(counters.get(loop)?.atom.key ?? "");
      return value && finish.apply(value);
    },
  };
}

function lanesIn(index: readonly Poly[]): NameAtom[] {
  const found = new Map<string, NameAtom>();
  for (const part of index)
    visitAtoms(part, (atom) => {
      if (atom.kind === "name" && isLane(atom)) found.set(atom.key, atom);
    });
  return [...found.values()];
}

// ---- inverting subscripts ----------------------------------------------------------------------------

/**
 * Values of the turns for which index = element, as far as subscripts determine them; the rest are 0. Undefined
 * where a turn hides in what isn't a sum of products.
 */
function invert(
  index: readonly Poly[],
  element: readonly Poly[],
  turns: ReadonlySet<string>,
  ceiling: boolean,
): Map<string, Poly> | undefined {
  const digits = splitIntoDigits(index, turns);
  const solved = invertSums(digits.index, element, digits.unknowns, ceiling);
  if (!solved) return undefined;
  const by = new Substitution((atom) => solved.get(atom.key));
  for (const [turn, value] of digits.composed) solved.set(turn, by.apply(value));
  return solved;
}

/**
 * Where subscripts take a flat index apart, by t // d and t % d, its digits are the better unknowns:
 * t = m₁ + d₁·m₂ + … + dₙ·q, and each quotient is a sum of digits too.
 */
function splitIntoDigits(
  index: readonly Poly[],
  turns: ReadonlySet<string>,
): { index: readonly Poly[]; unknowns: ReadonlySet<string>; composed: ReadonlyMap<string, Poly> } {
  const replaced = new Map<string, Poly>();
  const composed = new Map<string, Poly>();
  const unknowns = new Set(turns);
  for (const turn of turns) {
    const divisions = divisionsOf(index, turn, turns);
    if (!divisions || divisions.length === 0) continue;
    const names = [...divisions, undefined].map((_, at) => digit(turn, at));
    // From the most significant digit down: the quotient by d_k is digit k + 1, and what is above it.
    let quotient = atomPoly(names.at(-1)!);
    for (let at = divisions.length - 1; at >= 0; at--) {
      replaced.set(divisions[at]!.key, quotient);
      const below = at === 0 ? one : divisions[at - 1]!.den;
      quotient = add(atomPoly(names[at]!), mul(floordiv(divisions[at]!.den, below), quotient));
    }
    const offset = sub(divisions[0]!.num, atomPoly(turnAtom(turn)));
    const value = sub(quotient, offset);
    replaced.set(turn, value);
    composed.set(turn, value);
    unknowns.delete(turn);
    for (const name of names) unknowns.add(name.key);
  }
  if (composed.size === 0) return { index, unknowns, composed };
  const by = new Substitution((atom) => replaced.get(atom.key));
  return { index: index.map((part) => by.apply(part)), unknowns, composed };
}

/** The divisions of turn + c by d₁ | d₂ | …, smallest divisor first; undefined if they don't make a chain. */
function divisionsOf(
  index: readonly Poly[],
  turn: string,
  turns: ReadonlySet<string>,
): DivAtom[] | undefined {
  const found = new Map<string, DivAtom>();
  for (const part of index)
    visitAtoms(part, (atom) => {
      if (atom.kind === "div" && someAtom(atom.num, (inner) => inner.key === turn)) found.set(atom.key, atom);
    });
  const chain = [...found.values()].toSorted((a, b) => size(a.den) - size(b.den));
  const rest = chain[0] && sub(chain[0].num, atomPoly(turnAtom(turn)));
  if (!rest) return [];
  const unknown = (poly: Poly): boolean => someAtom(poly, (atom) => turns.has(atom.key));
  const fits = chain.every((atom, at) => {
    if (sub(atom.num, atomPoly(turnAtom(turn))).key !== rest.key || unknown(atom.den)) return false;
    const below = at === 0 ? one : chain[at - 1]!.den;
    return mul(floordiv(atom.den, below), below).key === atom.den.key;
  });
  return fits && !unknown(rest) ? chain : undefined;
}

const digit = (turn: string, at: number): NameAtom => turnAtom(`${turn} digit ${at}`);

function invertSums(
  index: readonly Poly[],
  element: readonly Poly[],
  turns: ReadonlySet<string>,
  ceiling: boolean,
): Map<string, Poly> | undefined {
  const solved = new Map<string, Poly>();
  const open = new Set(index.keys());
  while (open.size > 0) {
    const by = new Substitution((atom) => solved.get(atom.key));
    // Subscripts with fewer unknowns come first: they settle the others'.
    let best: { axis: number; parts: Part[]; rest: Poly } | undefined;
    for (const axis of open) {
      const split = linearParts(sub(by.apply(index[axis]!), element[axis]!), turns, solved);
      if (!split) continue;
      if (!best || split.parts.length < best.parts.length) best = { axis, ...split };
    }
    if (!best) return undefined;
    open.delete(best.axis);
    solveParts(best.parts, negate(best.rest), solved, ceiling);
  }
  for (const turn of turns) if (!solved.has(turn)) solved.set(turn, zero);
  // Witnesses may speak of turns that were solved later.
  for (let round = 0; round < turns.size; round++) {
    const by = new Substitution((atom) => solved.get(atom.key));
    for (const [turn, value] of solved) solved.set(turn, by.apply(value));
  }
  const left = [...solved.values()].some((value) => someAtom(value, (atom) => turns.has(atom.key)));
  return left ? undefined : solved;
}

interface Part {
  readonly turn: string;
  /** Its coefficient: a constant times a monomial. */
  readonly factor: Poly;
  readonly negative: boolean;
}

/** poly = Σ factor · turn + rest, with what is unsolved; undefined if a turn stands elsewhere. */
function linearParts(
  poly: Poly,
  turns: ReadonlySet<string>,
  solved: ReadonlyMap<string, Poly>,
): { parts: Part[]; rest: Poly } | undefined {
  const unknown = (atom: Atom): boolean => turns.has(atom.key) && !solved.has(atom.key);
  const parts = new Map<string, Poly>();
  let rest = poly;
  for (const term of poly.terms) {
    const own = term.atoms.filter(unknown);
    if (own.length > 1) return undefined;
    const others = own.length === 1 ? withoutAtoms(term.atoms, own)! : term.atoms;
    if (others.some((atom) => someAtom(atomPoly(atom), unknown))) return undefined;
    if (own.length === 0) continue;
    const factor = scale(monomial(others), term.coef);
    rest = sub(rest, new Poly([term], 0));
    const turn = own[0]!.key;
    parts.set(turn, combine(parts.get(turn) ?? zero, factor, 1));
  }
  return {
    parts: [...parts].map(([turn, factor]) => ({ turn, factor, negative: isNegative(factor) })),
    rest,
  };
}

/** The sign, taken from the leading coefficient: sizes are positive where it matters. */
function isNegative(factor: Poly): boolean {
  return factor.isConstant ? factor.constant < 0 : factor.terms[0]!.coef < 0;
}

/** Σ factor · turn = target: the largest stride takes the quotient, the others what remains. */
function solveParts(parts: readonly Part[], target: Poly, solved: Map<string, Poly>, ceiling: boolean): void {
  let left = target;
  const ordered = parts.toSorted((a, b) => size(b.factor) - size(a.factor));
  for (const { turn, factor, negative } of ordered) {
    const stride = negative ? negate(factor) : factor;
    // A quotient rounded down leaves a remainder >= 0 for the smaller strides, one rounded up a remainder <= 0.
    const quotient = ceiling ? negate(floordiv(negate(left), stride)) : floordiv(left, stride);
    const value = negative ? negate(quotient) : quotient;
    solved.set(turn, value);
    left = sub(left, mul(factor, value));
  }
}

/** Larger for factors of higher degree, then for larger constants. */
function size(factor: Poly): number {
  if (factor.isConstant) return Math.abs(factor.constant);
  const degree = Math.max(...factor.terms.map((term) => term.atoms.length));
  const coef = Math.max(...factor.terms.map((term) => Math.abs(term.coef)));
  return degree * 1e12 + Math.min(coef, 1e11);
}
