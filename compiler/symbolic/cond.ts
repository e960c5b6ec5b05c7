// Conditions over polys in negation normal form. `ge` says poly >= 0, `eq` poly == 0, `ne` poly != 0; a bool
// that isn't integer arithmetic is an application whose value lies in 0 … 1, so it needs no case of its own.

import { gcdAll, floorDiv } from "./integers.ts";
import { addConstant, negate, Poly, sub, type Atom } from "./poly.ts";
import { visitAtoms, type Substitution } from "./substitute.ts";

export type Cond =
  | { readonly kind: "true" }
  | { readonly kind: "false" }
  | { readonly kind: "ge"; readonly poly: Poly }
  | { readonly kind: "eq"; readonly poly: Poly }
  | { readonly kind: "ne"; readonly poly: Poly }
  | { readonly kind: "and"; readonly parts: readonly Cond[] }
  | { readonly kind: "or"; readonly parts: readonly Cond[] };

export const yes: Cond = { kind: "true" };
export const no: Cond = { kind: "false" };

/** poly >= 0, divided by what its coefficients share and rounded to the integers. */
export function atLeastZero(poly: Poly): Cond {
  if (poly.isConstant) return poly.constant >= 0 ? yes : no;
  return { kind: "ge", poly: tighten(poly) };
}

/** The same half-space of integer points with coprime coefficients. */
export function tighten(poly: Poly): Poly {
  const common = gcdAll(poly.terms.map((term) => term.coef));
  if (common <= 1) return poly;
  return new Poly(
    poly.terms.map((term) => ({ ...term, coef: term.coef / common })),
    floorDiv(poly.constant, common),
  );
}

export function isZero(poly: Poly): Cond {
  if (poly.isConstant) return poly.constant === 0 ? yes : no;
  const common = gcdAll(poly.terms.map((term) => term.coef));
  if (poly.constant % common !== 0) return no;
  const divided = new Poly(
    poly.terms.map((term) => ({ ...term, coef: term.coef / common })),
    poly.constant / common,
  );
  return { kind: "eq", poly: divided.terms[0]!.coef < 0 ? negate(divided) : divided };
}
export function isNotZero(poly: Poly): Cond {
  return not(isZero(poly));
}

/** a >= b and the like. */
export const ge = (a: Poly, b: Poly): Cond => atLeastZero(sub(a, b));
export const gt = (a: Poly, b: Poly): Cond => atLeastZero(addConstant(sub(a, b), -1));
export const le = (a: Poly, b: Poly): Cond => ge(b, a);
export const lt = (a: Poly, b: Poly): Cond => gt(b, a);
export const eq = (a: Poly, b: Poly): Cond => isZero(sub(a, b));
export const ne = (a: Poly, b: Poly): Cond => isNotZero(sub(a, b));

export function and(...parts: readonly Cond[]): Cond {
  return join("and", parts);
}
export function or(...parts: readonly Cond[]): Cond {
  return join("or", parts);
}

function join(kind: "and" | "or", parts: readonly Cond[]): Cond {
  const [neutral, settles] = kind === "and" ? (["true", "false"] as const) : (["false", "true"] as const);
  const flat: Cond[] = [];
  for (const part of parts) {
    if (part.kind === settles) return part;
    if (part.kind === neutral) continue;
    if (part.kind === kind) flat.push(...part.parts);
    else flat.push(part);
  }
  if (flat.length === 0) return kind === "and" ? yes : no;
  return flat.length === 1 ? flat[0]! : { kind, parts: flat };
}

export function not(cond: Cond): Cond {
  switch (cond.kind) {
    case "true":
      return no;
    case "false":
      return yes;
    case "ge":
      return atLeastZero(addConstant(negate(cond.poly), -1));
    case "eq":
      return { kind: "ne", poly: cond.poly };
    case "ne":
      return { kind: "eq", poly: cond.poly };
    case "and":
      return or(...cond.parts.map(not));
    case "or":
      return and(...cond.parts.map(not));
  }
}

/** The conjuncts of a condition. */
export function conjuncts(cond: Cond): readonly Cond[] {
  return cond.kind === "and" ? cond.parts : cond.kind === "true" ? [] : [cond];
}

export function substituteCond(cond: Cond, by: Substitution): Cond {
  switch (cond.kind) {
    case "true":
    case "false":
      return cond;
    case "and":
    case "or":
      return join(
        cond.kind,
        cond.parts.map((part) => substituteCond(part, by)),
      );
    default: {
      const poly = by.apply(cond.poly);
      if (poly === cond.poly) return cond;
      return cond.kind === "ge" ? atLeastZero(poly) : cond.kind === "eq" ? isZero(poly) : isNotZero(poly);
    }
  }
}

/** Visits every atom in the condition, at any depth. */
export function visitCondAtoms(cond: Cond, visit: (atom: Atom) => void, seen = new Set<string>()): void {
  if (cond.kind === "and" || cond.kind === "or")
    for (const part of cond.parts) visitCondAtoms(part, visit, seen);
  else if (cond.kind !== "true" && cond.kind !== "false") visitAtoms(cond.poly, visit, seen);
}

/** Identifies the condition. */
export function condKey(cond: Cond): string {
  switch (cond.kind) {
    case "true":
    case "false":
      return cond.kind;
    case "and":
    case "or":
      return `${cond.kind}(${cond.parts.map(condKey).join(";")})`;
    default:
      return `${cond.kind} ${cond.poly.key}`;
  }
}
