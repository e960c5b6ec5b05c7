// Structural equality of expressions, spans aside.

import type { Expr } from "./ir.ts";

/** Whether two expressions compute the same wherever they stand side by side: equal trees, spans aside. */
export function sameExpr(a: Expr, b: Expr): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.type.dtype !== b.type.dtype || a.type.lanes !== b.type.lanes) return false;
  switch (a.kind) {
    case "const":
      return b.kind === "const" && Object.is(a.value, b.value);
    case "ref":
      return b.kind === "ref" && a.name === b.name;
    case "op":
      return b.kind === "op" && a.op === b.op && sameAll(a.args, b.args) && a.imm?.join() === b.imm?.join();
    case "load":
      return (
        b.kind === "load" &&
        a.buffer === b.buffer &&
        sameAll(a.index, b.index) &&
        (a.guard && b.guard ? sameExpr(a.guard, b.guard) : a.guard === b.guard)
      );
  }
}

function sameAll(a: readonly Expr[], b: readonly Expr[]): boolean {
  return a.length === b.length && a.every((each, at) => sameExpr(each, b[at]!));
}
