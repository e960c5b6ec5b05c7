// Constants folded by the reference semantics of the op table, so that the shader compiler never meets an
// operation on constants alone: it would evaluate it by rules of its own and refuse what overflows.

import type { Expr, IrKernel, OpExpr } from "../../ir/ir.ts";
import { opInfo } from "../../ir/ops.ts";
import { mapAllExprs, mapExpr, mapSame, withBody } from "../../ir/walk.ts";
import { apply } from "../../passes/fold.ts";

/** The kernel with every scalar operation on constants replaced by its value. */
export function foldConstants(kernel: IrKernel): IrKernel {
  return withBody(
    kernel,
    mapSame(kernel.body, (stmt) => mapAllExprs(stmt, (expr) => mapExpr(expr, fold))),
  );
}

function fold(expr: Expr): Expr {
  const constant =
    expr.kind === "op" && expr.type.lanes === 1 && expr.args.every((arg) => arg.kind === "const");
  return constant ? apply(expr.op, expr.type, expr.args, expr.span) : expr;
}

/** Whether a constant right operand is one that the op isn't defined for: dead code may hold such. */
export function isUnfit(expr: OpExpr): boolean {
  const right = expr.args[1];
  if (right?.kind !== "const") return false;
  return opInfo(expr.op).unfit?.([right.value, right.value], right.type.dtype) !== undefined;
}
