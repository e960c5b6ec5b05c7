// Between polys and the shape expressions of artifacts: what the runtime evaluates to launch, allocate and check.

import { evaluateShape, type ShapeExpr } from "../artifact.ts";
import type { Cond } from "./cond.ts";
import { add, constantPoly, floordiv, max, min, mod, mul, sub, zero, type Atom, type Poly } from "./poly.ts";

/** The shape expression with the poly's value; undefined if the poly has values that a caller doesn't know. */
export function toShapeExpr(poly: Poly): ShapeExpr | undefined {
  let sum: ShapeExpr | undefined;
  for (const term of poly.terms.toSorted((a, b) => Number(a.coef < 0) - Number(b.coef < 0))) {
    let product: ShapeExpr | undefined;
    for (const atom of term.atoms) {
      const factor = atomShape(atom);
      if (factor === undefined) return undefined;
      product = product === undefined ? factor : ["*", product, factor];
    }
    const size = Math.abs(term.coef);
    const scaled: ShapeExpr = size === 1 ? product! : ["*", product!, size];
    if (sum === undefined) sum = term.coef < 0 ? ["-", 0, scaled] : scaled;
    else sum = [term.coef < 0 ? "-" : "+", sum, scaled];
  }
  if (sum === undefined) return poly.constant;
  if (poly.constant === 0) return sum;
  return poly.constant > 0 ? ["+", sum, poly.constant] : ["-", sum, -poly.constant];
}

function atomShape(atom: Atom): ShapeExpr | undefined {
  if (atom.kind === "name") return atom.name;
  if (atom.kind === "app") return undefined;
  const operands = (atom.kind === "div" ? [atom.num, atom.den] : atom.args).map(toShapeExpr);
  if (operands.some((operand) => operand === undefined)) return undefined;
  const known = operands as ShapeExpr[];
  if (atom.kind === "div") return ["//", known[0]!, known[1]!];
  return known.reduce((left, right) => [atom.kind, left, right]);
}

/** The condition as a shape expression. */
export function condToShape(cond: Cond): ShapeExpr | undefined {
  switch (cond.kind) {
    case "true":
      return 1;
    case "false":
      return 0;
    case "and":
    case "or": {
      const parts = cond.parts.map(condToShape);
      return parts.some((part) => part === undefined) ? undefined : [cond.kind, ...(parts as ShapeExpr[])];
    }
    default: {
      const value = toShapeExpr(cond.poly);
      return value === undefined
        ? undefined
        : [cond.kind === "ge" ? ">=" : cond.kind === "eq" ? "==" : "!=", value, 0];
    }
  }
}

/** The poly with the shape expression's value, for integer expressions; undefined for boolean ones. */
export function fromShapeExpr(expr: ShapeExpr, names: (name: string) => Poly): Poly | undefined {
  if (typeof expr === "number") return constantPoly(expr);
  if (typeof expr === "string") return names(expr);
  const [operator, ...operands] = expr;
  const parts = operands.map((operand) => fromShapeExpr(operand, names));
  if (parts.some((part) => part === undefined)) return undefined;
  const [a, b = zero] = parts as Poly[];
  if (!a) return undefined;
  switch (operator) {
    case "+":
      return add(a, b);
    case "-":
      return sub(a, b);
    case "*":
      return mul(a, b);
    case "//":
      return floordiv(a, b);
    case "%":
      return mod(a, b);
    case "min":
      return min(a, b);
    case "max":
      return max(a, b);
    case "<<":
      return b.isConstant && b.constant >= 0 ? mul(a, constantPoly(2 ** b.constant)) : undefined;
    case ">>":
      return b.isConstant && b.constant >= 0 ? floordiv(a, constantPoly(2 ** b.constant)) : undefined;
    default:
      return a.isConstant && b.isConstant
        ? constantPoly(evaluateShape([operator, a.constant, b.constant], () => 0))
        : undefined;
  }
}
