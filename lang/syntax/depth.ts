// A bound on the depth of expression trees, so that the checker and every later stage may recurse over them.
// Brackets are bounded before parsing; chains such as `a + a + …` and `- - - x` only here.

import type * as ast from "./ast.ts";

export const depthLimit = 400;

/** The first expression of the tree below `root` that lies deeper than the limit, or undefined. */
export function tooDeep(root: unknown, budget = depthLimit): ast.Expr | undefined {
  if (typeof root !== "object" || root === null) return undefined;
  if (Array.isArray(root)) {
    for (const item of root) {
      const found = tooDeep(item, budget);
      if (found) return found;
    }
    return undefined;
  }
  if (budget === 0) return root as ast.Expr;
  for (const [key, value] of Object.entries(root)) {
    if (key === "span" || key === "opSpan" || typeof value !== "object") continue;
    const found = tooDeep(value, budget - 1);
    if (found) return found;
  }
  return undefined;
}
