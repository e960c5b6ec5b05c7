// Which dtypes a kernel computes with, and where first: what decides about features and what WGSL lacks.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Span } from "../../../lang/source.ts";
import type { Expr, IrKernel } from "../../ir/ir.ts";
import { visitExpr, visitRoots } from "../../ir/walk.ts";

/** Every dtype that occurs, with the first place that has one: arguments, then scratch, then values. */
export function dtypesUsed(kernel: IrKernel): ReadonlyMap<Dtype, Span | undefined> {
  const used = new Map<Dtype, Span | undefined>();
  const note = (dtype: Dtype, span: Span | undefined): void => {
    if (!used.has(dtype) || (used.get(dtype) === undefined && span)) used.set(dtype, span);
  };
  for (const param of kernel.params) {
    if (param.kind === "scalar") note(param.dtype, param.span);
    else note(kernel.buffers.find((buffer) => buffer.name === param.buffer)?.dtype ?? "i32", param.span);
  }
  for (const buffer of kernel.buffers) note(buffer.dtype, buffer.span);
  visitRoots(kernel.body, (root, stmt) => {
    visitExpr(root, (expr: Expr) => note(expr.type.dtype, expr.span ?? stmt.span));
  });
  return used;
}

/** Whether products of bytes are left in a kernel as they are said of words. */
export function usesDots(kernel: IrKernel): boolean {
  let found = false;
  visitRoots(kernel.body, (root) =>
    visitExpr(root, (expr) => (found ||= expr.kind === "op" && expr.op === "dot4")),
  );
  return found;
}
