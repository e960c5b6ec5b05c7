// Pass `extremes`: reductions by a function of the source that returns the larger or the smaller of its arguments become those
// that the target has an operation for, which subgroups combine at once. The two differ in what a NaN does, and WGSL leaves
// that open for its own `max` and `min` anyway.
//
// Assumes lowered reductions, before anything has expanded them.

import type { Combine, Expr, IrKernel, ReduceStmt } from "../../ir/ir.ts";
import { mapBlock, withBody } from "../../ir/walk.ts";

export function extremes(kernel: IrKernel): IrKernel {
  return withBody(
    kernel,
    mapBlock(kernel.body, (stmt) => {
      const op = stmt.kind === "reduce" && stmt.combine ? extremeOf(stmt.combine) : undefined;
      if (stmt.kind !== "reduce" || op === undefined) return stmt;
      const { combine: _chosen, ...rest } = stmt;
      return { ...rest, op } satisfies ReduceStmt;
    }),
  );
}

/** `b if a < b else a`, and its like. */
function extremeOf({ left, right, body, values }: Combine): "max" | "min" | undefined {
  const [value] = values;
  if (values.length !== 1 || value?.kind !== "op" || value.op !== "select" || body.length > 1)
    return undefined;
  const named = body[0];
  if (named && named.kind !== "let") return undefined;
  const [given, chosen, other] = value.args;
  const test = given?.kind === "ref" && given.name === named?.name ? named.value : given;
  if (test?.kind !== "op" || !["lt", "le", "gt", "ge"].includes(test.op)) return undefined;
  const [a, b] = [left[0]!, right[0]!];
  const isName = (expr: Expr | undefined, name: string): boolean =>
    expr?.kind === "ref" && expr.name === name;
  const isPair = (x: Expr | undefined, y: Expr | undefined, first: string, second: string): boolean =>
    isName(x, first) && isName(y, second);
  const inOrder = isPair(test.args[0], test.args[1], a, b);
  if (!inOrder && !isPair(test.args[0], test.args[1], b, a)) return undefined;
  const takesSecond = isPair(chosen, other, b, a);
  if (!takesSecond && !isPair(chosen, other, a, b)) return undefined;
  const less = test.op === "lt" || test.op === "le";
  return less === (inOrder === takesSecond) ? "max" : "min";
}
