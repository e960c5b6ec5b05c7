// Dims given as constants when compiling: the kernel computes with the numbers, and callers must match them.

import { bool, i32, int, op, ref, type Expr, type IrKernel } from "./ir/ir.ts";
import { mapAllExprs, mapExpr, mapSame } from "./ir/walk.ts";

/** Replaces dims by the given sizes and requires that callers use them. */
export function fixDims(kernel: IrKernel, sizes: Readonly<Record<string, number>>): IrKernel {
  const fixed = kernel.dims.filter((dim) => Object.hasOwn(sizes, dim.name)).map((dim) => dim.name);
  if (fixed.length === 0) return kernel;
  const one = (expr: Expr): Expr =>
    expr.kind === "ref" && fixed.includes(expr.name) ? int(sizes[expr.name]!, expr.span) : expr;
  const replace = (expr: Expr): Expr => mapExpr(expr, one);
  // The new requirements speak of the dims themselves, so they stay out of the replacement.
  const sized = fixed.map((name) => ({
    cond: op("eq", bool, [ref(name, i32), int(sizes[name]!)]),
    text: `${name} == ${sizes[name]}`,
  }));
  return {
    ...kernel,
    buffers: kernel.buffers.map((buffer) => ({ ...buffer, shape: buffer.shape.map(replace) })),
    requires: [...kernel.requires.map((each) => ({ ...each, cond: replace(each.cond) })), ...sized],
    body: mapSame(kernel.body, (stmt) => mapAllExprs(stmt, replace)),
  };
}
