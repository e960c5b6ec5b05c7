// Sizes of buffers, where they are known while compiling.

import type { Expr } from "../../ir/ir.ts";

/** The number of elements of a shape of constants, at least 1; undefined if an extent isn't constant. */
export function constantSize(shape: readonly Expr[]): number | undefined {
  let size = 1;
  for (const extent of shape) {
    if (extent.kind !== "const") return undefined;
    size *= Number(extent.value);
  }
  return Math.max(size, 1);
}
