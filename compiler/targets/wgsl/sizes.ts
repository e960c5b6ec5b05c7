// Sizes of buffers, where they are known while compiling.

import { evaluateShape } from "../../artifact.ts";
import type { Expr } from "../../ir/ir.ts";
import { toShapeExpr } from "../../shape-expr.ts";

/** The number of elements of a shape of constants, at least 1; undefined if an extent isn't constant. */
export function constantSize(shape: readonly Expr[]): number | undefined {
  let size = 1;
  for (const extent of shape) {
    const expr = toShapeExpr(extent);
    // A dim that was fixed leaves arithmetic on constants behind.
    let known = expr !== undefined;
    size *= evaluateShape(expr ?? 0, () => {
      known = false;
      return 0;
    });
    if (!known) return undefined;
  }
  return Math.max(size, 1);
}
