// The expressions inside a typed expression, and how many there are in all. Where an operator is spelled out by
// others an operand stands twice, so the count guards against trees that double at every step.

import type { TExpr } from "../typed.ts";

const weights = new WeakMap<TExpr, number>();

/** The number of nodes of an expression as a tree. */
export function weightOf(expr: TExpr): number {
  let weight = weights.get(expr);
  if (weight === undefined) {
    weight = 1;
    for (const part of operandsOf(expr)) weight += weightOf(part);
    weights.set(expr, weight);
  }
  return weight;
}

/** The most nodes that an operand may have where it is to stand twice. */
export const weightLimit = 2000;

/** The expressions directly inside one. */
export function operandsOf(expr: TExpr): readonly TExpr[] {
  switch (expr.kind) {
    case "const":
    case "ref":
      return [];
    case "unary":
    case "convert":
    case "simd-reduce":
    case "shuffle":
      return [expr.operand];
    case "binary":
    case "compare":
    case "logical":
      return [expr.left, expr.right];
    case "cond":
    case "select":
      return [expr.cond, expr.then, expr.orelse];
    case "fma":
      return [expr.a, expr.b, expr.c];
    case "dot4":
      return [expr.a, expr.b, expr.acc];
    case "call":
    case "kernel-call":
    case "simd-new":
      return expr.args;
    case "test-value":
      return [...expr.args, ...Object.values(expr.options)];
    case "index":
    case "simd-load":
      return [expr.base, ...expr.indices];
    case "get":
      return [expr.base, ...expr.indices, expr.fallback];
    case "view":
      return [
        expr.base,
        ...expr.items.flatMap((item) =>
          item.kind === "at" ? [item.index] : [item.low, item.high].filter((end) => end !== undefined),
        ),
      ];
    case "shape":
    case "tuple-item":
    case "field":
    case "lane":
      return [expr.base];
    case "reduce":
      return [
        ...expr.clauses.flatMap((clause) =>
          clause.kind === "filter" ? [clause.cond] : [clause.loop.low, clause.loop.high],
        ),
        expr.value,
        ...(expr.init ? [expr.init] : []),
      ];
    case "tuple":
      return expr.items;
    case "struct-new":
      return expr.fields;
    case "array-new":
      return expr.fill ? [expr.fill] : [];
  }
}
