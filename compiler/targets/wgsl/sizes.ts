// Sizes of arrays: known while compiling, or decided by the dimensions of a call.

import { evaluateShape, type ShapeExpr } from "../../artifact.ts";
import type { Expr } from "../../ir/ir.ts";
import { toShapeExpr } from "../../shape-expr.ts";

/** A number of cells: known, or the name of a constant of the module, for which the host of a call puts its own value. */
export type Count = number | string;

/** The number of elements of a shape of constants, at least 1; undefined if an extent isn't constant. */
export function constantSize(shape: readonly Expr[]): number | undefined {
  const size = sizeOf(shape);
  if (size === undefined) return undefined;
  let known = true;
  // A dim that was fixed leaves arithmetic on constants behind.
  const elements = evaluateShape(size, () => {
    known = false;
    return 0;
  });
  return known ? elements : undefined;
}

/** The number of elements of a shape, at least 1; undefined if it depends on more than dims and scalar arguments. */
export function sizeOf(shape: readonly Expr[]): ShapeExpr | undefined {
  let size: ShapeExpr = 1;
  for (const extent of shape) {
    const expr = toShapeExpr(extent);
    if (expr === undefined) return undefined;
    size = ["*", size, expr];
  }
  return ["max", size, 1];
}
