// Polynomials with integer coefficients over atoms: the one representation of integer arithmetic that shapes,
// bounds, dependences, tails and launch rules share. A poly is in normal form by construction, so equal keys
// mean equal values. Coefficients are safe integers; what doesn't fit throws `TooLarge`, which callers that
// feed in user's numbers catch and answer "unknown".

import { floorDiv, gcd, gcdAll, safe } from "./integers.ts";

export type Atom = NameAtom | AppAtom | DivAtom | ExtremumAtom;

/** A plain integer: a dim, a loop variable, a scalar parameter, a version of a `var`. */
export interface NameAtom {
  readonly kind: "name";
  readonly key: string;
  readonly name: string;
  /** Bounds that always hold. */
  readonly lo: number;
  readonly hi: number;
  /** Rises in the order of creation, so that what a loop's body made can be told from what it found. */
  readonly order: number;
  /** What a message calls it, where that isn't `name`. */
  readonly shown?: string;
  /** A dim or scalar parameter, fixed for the whole call; or a loop variable. Others are known by their facts only. */
  readonly origin?: "param" | "loop";
}
/** An uninterpreted function: equal arguments give equal values. Loads and operations that aren't integer arithmetic. */
export interface AppAtom {
  readonly kind: "app";
  readonly key: string;
  readonly fn: string;
  readonly args: readonly Poly[];
  readonly lo: number;
  readonly hi: number;
  /** What a message calls it. */
  readonly shown?: string;
}
/** The greatest integer <= num / den; means anything only where den isn't 0. */
export interface DivAtom {
  readonly kind: "div";
  readonly key: string;
  readonly num: Poly;
  readonly den: Poly;
}
export interface ExtremumAtom {
  readonly kind: "min" | "max";
  readonly key: string;
  readonly args: readonly Poly[];
}

/** One monomial with its coefficient; atoms are sorted by key, repeated for powers. */
export interface Term {
  readonly key: string;
  readonly atoms: readonly Atom[];
  readonly coef: number;
}

export class Poly {
  readonly terms: readonly Term[];
  readonly constant: number;
  private cachedLinear: string | undefined;

  constructor(terms: readonly Term[], constant: number) {
    this.terms = terms;
    this.constant = constant;
  }
  /** Identifies the poly without its constant. */
  get linearKey(): string {
    return (this.cachedLinear ??= this.terms.map((term) => `${term.coef}*${term.key}`).join("+"));
  }
  get key(): string {
    return this.terms.length === 0 ? String(this.constant) : `${this.linearKey}+${this.constant}`;
  }
  get isConstant(): boolean {
    return this.terms.length === 0;
  }
}

const small = Array.from({ length: 66 }, (_, at) => new Poly([], at - 1));

export function constantPoly(value: number): Poly {
  return small[value + 1] ?? new Poly([], safe(value));
}
export const zero = constantPoly(0);
export const one = constantPoly(1);

export function atomPoly(atom: Atom): Poly {
  return new Poly([{ key: atom.key, atoms: [atom], coef: 1 }], 0);
}

/** The atom that this poly is, if it is one and nothing else. */
export function asAtom(poly: Poly): Atom | undefined {
  const term = poly.terms[0];
  return poly.terms.length === 1 && poly.constant === 0 && term!.coef === 1 && term!.atoms.length === 1
    ? term!.atoms[0]
    : undefined;
}

export function add(a: Poly, b: Poly): Poly {
  return combine(a, b, 1);
}
export function sub(a: Poly, b: Poly): Poly {
  return combine(a, b, -1);
}
export function addConstant(a: Poly, value: number): Poly {
  return value === 0 ? a : new Poly(a.terms, safe(a.constant + value));
}
export function negate(a: Poly): Poly {
  return scale(a, -1);
}

/** a + factor * b, by merging sorted terms. */
export function combine(a: Poly, b: Poly, factor: number): Poly {
  if (factor === 0) return a;
  const constant = safe(a.constant + safe(factor * b.constant));
  if (b.terms.length === 0) return constant === a.constant ? a : new Poly(a.terms, constant);
  const terms: Term[] = [];
  let [i, j] = [0, 0];
  while (i < a.terms.length && j < b.terms.length) {
    const [left, right] = [a.terms[i]!, b.terms[j]!];
    if (left.key === right.key) {
      const coef = safe(left.coef + safe(factor * right.coef));
      if (coef !== 0) terms.push({ key: left.key, atoms: left.atoms, coef });
      i++;
      j++;
    } else if (left.key < right.key) {
      terms.push(left);
      i++;
    } else {
      terms.push({ key: right.key, atoms: right.atoms, coef: safe(factor * right.coef) });
      j++;
    }
  }
  for (; i < a.terms.length; i++) terms.push(a.terms[i]!);
  for (; j < b.terms.length; j++) {
    const right = b.terms[j]!;
    terms.push({ key: right.key, atoms: right.atoms, coef: safe(factor * right.coef) });
  }
  return new Poly(terms, constant);
}

export function scale(a: Poly, factor: number): Poly {
  if (factor === 1) return a;
  if (factor === 0) return zero;
  return new Poly(
    a.terms.map((term) => ({ key: term.key, atoms: term.atoms, coef: safe(term.coef * factor) })),
    safe(a.constant * factor),
  );
}

export function mul(a: Poly, b: Poly): Poly {
  if (a.isConstant) return scale(b, a.constant);
  if (b.isConstant) return scale(a, b.constant);
  const found = new Map<string, { atoms: readonly Atom[]; coef: number }>();
  const put = (atoms: readonly Atom[], key: string, coef: number): void => {
    const old = found.get(key);
    if (old) old.coef = safe(old.coef + coef);
    else found.set(key, { atoms, coef });
  };
  for (const left of a.terms) {
    for (const right of b.terms) {
      const atoms = mergeAtoms(left.atoms, right.atoms);
      put(atoms, monomialKey(atoms), safe(left.coef * right.coef));
    }
    if (b.constant !== 0) put(left.atoms, left.key, safe(left.coef * b.constant));
  }
  if (a.constant !== 0)
    for (const right of b.terms) put(right.atoms, right.key, safe(right.coef * a.constant));
  return fromTerms(found, safe(a.constant * b.constant));
}

function fromTerms(
  found: ReadonlyMap<string, { readonly atoms: readonly Atom[]; readonly coef: number }>,
  constant: number,
): Poly {
  const terms: Term[] = [];
  for (const [key, { atoms, coef }] of found) if (coef !== 0) terms.push({ key, atoms, coef });
  terms.sort((left, right) => (left.key < right.key ? -1 : 1));
  return new Poly(terms, constant);
}

export function mergeAtoms(a: readonly Atom[], b: readonly Atom[]): readonly Atom[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const merged: Atom[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) merged.push(b[j]!.key < a[i]!.key ? b[j++]! : a[i++]!);
  while (i < a.length) merged.push(a[i++]!);
  while (j < b.length) merged.push(b[j++]!);
  return merged;
}
export function monomialKey(atoms: readonly Atom[]): string {
  return atoms.length === 1 ? atoms[0]!.key : atoms.map((atom) => atom.key).join("·");
}
/** The monomial as a poly with coefficient 1; no atoms give 1. */
export function monomial(atoms: readonly Atom[]): Poly {
  return atoms.length === 0 ? one : new Poly([{ key: monomialKey(atoms), atoms, coef: 1 }], 0);
}

// ---- division ----------------------------------------------------------------------------------------

/**
 * floor(num / den), exact wherever den isn't 0. What den divides leaves the fraction, common factors cancel,
 * and nested divisions by constants become one.
 */
export function floordiv(num: Poly, den: Poly): Poly {
  if (den.isConstant) {
    const d = den.constant;
    if (d === 0) return divAtom(num, den);
    return d > 0 ? divideByConstant(num, d) : divideByConstant(negate(num), -d);
  }
  if (num.isConstant && num.constant === 0) return zero;
  if (den.terms.length === 1 && den.constant === 0) return divideByMonomial(num, den, den.terms[0]!);
  if (num.terms.length > 0) {
    const quotient = floorDiv(num.terms[0]!.coef, den.terms[0]!.coef);
    if (quotient !== 0 && combine(num, den, -quotient).key === "0") return constantPoly(quotient);
  }
  return divAtom(num, den);
}

function divideByConstant(num: Poly, d: number): Poly {
  if (d === 1) return num;
  const outside: Term[] = [];
  let inside: Term[] = [];
  for (const term of num.terms) {
    const quotient = floorDiv(term.coef, d);
    const rest = term.coef - quotient * d;
    if (rest === 0) outside.push({ ...term, coef: quotient });
    else inside.push(term);
  }
  const whole = new Poly(outside, floorDiv(num.constant, d));
  let constant = num.constant - whole.constant * d;
  if (inside.length === 0) return whole;
  const common = inside.reduce((found, term) => gcd(found, term.coef), d);
  let by = d;
  if (common > 1) {
    inside = inside.map((term) => ({ ...term, coef: term.coef / common }));
    constant = floorDiv(constant, common);
    by = d / common;
  }
  if (by === 1) return add(whole, new Poly(inside, constant));
  const only = inside[0]!;
  if (inside.length === 1 && only.coef === 1 && only.atoms.length === 1) {
    const atom = only.atoms[0]!;
    // floor((floor(n / a) + c) / b) = floor((n + c·a) / (a·b))
    if (atom.kind === "div" && atom.den.isConstant && atom.den.constant > 0) {
      const a = atom.den.constant;
      return add(whole, divideByConstant(addConstant(atom.num, safe(constant * a)), safe(a * by)));
    }
  }
  return add(whole, divAtom(new Poly(inside, constant), constantPoly(by)));
}

/** den = c·m: terms with a coefficient that c divides and the atoms of m leave the fraction. */
function divideByMonomial(num: Poly, den: Poly, divisor: Term): Poly {
  const outside: Poly[] = [];
  const inside: Term[] = [];
  for (const term of num.terms) {
    const rest = term.coef % divisor.coef === 0 ? withoutAtoms(term.atoms, divisor.atoms) : undefined;
    if (rest) outside.push(scale(monomial(rest), term.coef / divisor.coef));
    else inside.push(term);
  }
  const whole = outside.reduce(add, zero);
  const left = new Poly(inside, num.constant);
  if (left.isConstant && left.constant === 0) return whole;
  // floor(floor(a / b) / c) = floor(a / (b·c)) for c > 0, and c isn't negative here if no factor is.
  const inner = asAtom(left);
  if (
    inner?.kind === "div" &&
    divisor.coef > 0 &&
    divisor.atoms.every((atom) => "lo" in atom && atom.lo >= 0)
  )
    return add(whole, floordiv(inner.num, mul(inner.den, den)));
  // c·a / (c·b) = a / b
  const common = gcdAll([divisor.coef, left.constant, ...inside.map((term) => term.coef)]);
  if (common > 1) return add(whole, floordiv(exactScale(left, common), exactScale(den, common)));
  return add(whole, divAtom(left, den));
}

function exactScale(poly: Poly, by: number): Poly {
  return new Poly(
    poly.terms.map((term) => ({ ...term, coef: term.coef / by })),
    poly.constant / by,
  );
}

/** The atoms of `from` less those of `taken`, or undefined if they aren't all there. */
export function withoutAtoms(from: readonly Atom[], taken: readonly Atom[]): readonly Atom[] | undefined {
  const left = [...from];
  for (const atom of taken) {
    const at = left.findIndex((other) => other.key === atom.key);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return left;
}

function divAtom(num: Poly, den: Poly): Poly {
  return atomPoly({ kind: "div", key: `((${num.key})//(${den.key}))`, num, den });
}

/** num - den * floor(num / den). There is no atom for it: the division carries both. */
export function mod(num: Poly, den: Poly): Poly {
  return sub(num, mul(den, floordiv(num, den)));
}

// ---- minimum and maximum -----------------------------------------------------------------------------

/** The least (or greatest) of `args`, what they share taken out in front. */
export function extremum(kind: "min" | "max", args: readonly Poly[]): Poly {
  const flat: Poly[] = [];
  for (const arg of args) {
    const atom = asAtom(arg);
    if (atom?.kind === kind) flat.push(...atom.args);
    else flat.push(arg);
  }
  const best = new Map<string, Poly>();
  for (const arg of flat) {
    const old = best.get(arg.linearKey);
    const better = !old || (kind === "min" ? arg.constant < old.constant : arg.constant > old.constant);
    if (better) best.set(arg.linearKey, arg);
  }
  const left = [...best.values()];
  if (left.length === 1) return left[0]!;
  const shared = sharedPart(left);
  const inner = left.map((arg) => sub(arg, shared)).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return add(
    shared,
    atomPoly({ kind, key: `${kind}(${inner.map((arg) => arg.key).join(",")})`, args: inner }),
  );
}

/** The terms that all of `args` have with one coefficient. */
function sharedPart(args: readonly Poly[]): Poly {
  const terms = args[0]!.terms.filter((term) =>
    args.every((arg) => arg.terms.some((other) => other.key === term.key && other.coef === term.coef)),
  );
  return new Poly(terms, 0);
}

export function min(...args: readonly Poly[]): Poly {
  return extremum("min", args);
}
export function max(...args: readonly Poly[]): Poly {
  return extremum("max", args);
}

/** An uninterpreted application. */
export function app(fn: string, args: readonly Poly[], lo: number, hi: number, shown?: string): AppAtom {
  return { kind: "app", key: `${fn}(${args.map((arg) => arg.key).join(",")})`, fn, args, lo, hi, shown };
}
