// The value of a poly or condition once its names have values: exact, on bigints where a product needs them.

import { floorDiv, safe } from "./integers.ts";
import type { Atom, Poly } from "./poly.ts";
import type { Cond } from "./cond.ts";

/** Values of names and applications; undefined where there is none. */
export type Assignment = (atom: Atom) => number | undefined;

/** The value, or undefined if an atom has none or a divisor is 0. */
export function evaluate(poly: Poly, values: Assignment): number | undefined {
  let sum = poly.constant;
  for (const term of poly.terms) {
    let product = term.coef;
    for (const atom of term.atoms) {
      const value = evaluateAtom(atom, values);
      if (value === undefined) return undefined;
      product = safe(product * value);
    }
    sum = safe(sum + product);
  }
  return sum;
}

function evaluateAtom(atom: Atom, values: Assignment): number | undefined {
  if (atom.kind === "name" || atom.kind === "app") return values(atom);
  if (atom.kind === "div") {
    const num = evaluate(atom.num, values);
    const den = evaluate(atom.den, values);
    return num === undefined || !den ? undefined : floorDiv(num, den);
  }
  let best: number | undefined;
  for (const arg of atom.args) {
    const value = evaluate(arg, values);
    if (value === undefined) return undefined;
    if (best === undefined || (atom.kind === "min" ? value < best : value > best)) best = value;
  }
  return best;
}

/** Whether the condition holds, or undefined if that depends on something without a value. */
export function holds(cond: Cond, values: Assignment): boolean | undefined {
  switch (cond.kind) {
    case "true":
      return true;
    case "false":
      return false;
    case "and":
    case "or": {
      const settles = cond.kind === "or";
      let unknown = false;
      for (const part of cond.parts) {
        const value = holds(part, values);
        if (value === settles) return settles;
        if (value === undefined) unknown = true;
      }
      return unknown ? undefined : !settles;
    }
    default: {
      const value = evaluate(cond.poly, values);
      if (value === undefined) return undefined;
      return cond.kind === "ge" ? value >= 0 : cond.kind === "eq" ? value === 0 : value !== 0;
    }
  }
}
