// Typed kernel to IR: calls inlined, tuples and structs taken apart, views composed into buffer coordinates,
// laziness made explicit by guards. What comes out is in nest form and not yet proved.
//
//   statements.ts  blocks, assignments, loops, returns     expressions.ts  values, accesses, lazy evaluation
//   calls.ts       inlining and shape obligations          reductions.ts   generators to `reduce` regions
//   marks.ts       annotations to loop marks               lowering.ts     the state;  values.ts  names' values

import { textOf } from "../../lang/source.ts";
import type { TargetName, TExpr, TKernel } from "../../lang/typed.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { i32, int, ref, type IrKernel, type IrParam, type Requirement } from "../ir/ir.ts";
import { lowerExpr } from "./expressions.ts";
import type { Choice } from "../tuning/values.ts";
import { compare, Lowering } from "./lowering.ts";
import { lowerBlock, returns } from "./statements.ts";
import { asExpr, exprValue } from "./values.ts";

export { KernelTooLarge, loweringLimit } from "./lowering.ts";

/**
 * Lowers one instance of a kernel. Annotations for another target than `target` are left out; without a target,
 * all prefixed ones are. Of lists of values in annotations, `choice` says which ones count; `ignored` leaves out all
 * annotations. Throws `KernelTooLarge` where inlining doesn't come to an end.
 */
export function lower(kernel: TKernel, target?: TargetName, choice?: Choice | "ignored"): IrKernel {
  const cx = new Lowering(target, choice);
  for (const { sym } of kernel.dims) cx.bind(sym, exprValue(ref(cx.fresh(sym.name), i32, sym.span)));
  // Scalars come first: shapes may mention them wherever they stand in the signature.
  for (const { sym } of kernel.params) {
    if (sym.type.kind !== "scalar") continue;
    cx.bind(sym, exprValue(ref(cx.fresh(sym.name), { dtype: sym.type.dtype, lanes: 1 }, sym.span)));
  }
  const requires: Requirement[] = [];
  const bound = new Set(kernel.dims.map((dim) => `${dim.param}.${dim.axis}`));
  const params = kernel.params.map(({ sym, mode, span }, at): IrParam => {
    if (sym.type.kind === "scalar") {
      const value = asExpr(cx.lookup(sym));
      const name =
        value.kind === "ref" ? value.name : internalError("lower", "a scalar parameter without a name");
      return { kind: "scalar", name, dtype: sym.type.dtype, span };
    }
    if (sym.type.kind !== "tensor")
      return internalError("lower", `the parameter ${sym.name} is a ${sym.type.kind}`);
    const shape = sym.type.shape.map((extent, axis) => {
      const lowered = signatureExpr(cx, extent);
      if (!bound.has(`${at}.${axis}`) && lowered.kind === "op") {
        // An extent that is computed must not come out negative.
        requires.push({
          cond: compare("ge", lowered, int(0)),
          text: `${textOf(extent.span)} >= 0`,
          span: extent.span,
        });
      }
      return lowered;
    });
    const buffer = cx.buffer(sym.name, { dtype: sym.type.dtype, space: "param", shape, span });
    const view = { buffer: buffer.name, dtype: buffer.dtype, axes: shape.map(() => ({})), shape, lanes: 1 };
    cx.bind(sym, { kind: "view", view });
    return { kind: "tensor", buffer: buffer.name, mode, span };
  });
  for (const clause of kernel.where) {
    requires.push({ cond: signatureExpr(cx, clause), text: textOf(clause.span), span: clause.span });
  }
  const body = cx.collect(() =>
    lowerBlock(cx, kernel.body, kernel.body.some(returns) ? { cells: [] } : undefined),
  );
  const dims = kernel.dims.map(({ sym, param, axis }) => {
    const value = asExpr(cx.lookup(sym));
    return { name: value.kind === "ref" ? value.name : sym.name, param, axis };
  });
  const { instance, span } = kernel;
  return { name: instance, form: "nest", params, dims, buffers: cx.buffers, requires, body, span };
}

/** Shapes and `where` clauses are expressions alone. */
function signatureExpr(cx: Lowering, expr: TExpr) {
  let value: ReturnType<typeof lowerExpr> | undefined;
  const statements = cx.collect(() => (value = lowerExpr(cx, expr)));
  if (statements.length || !value) return internalError("lower", "a signature that needs statements");
  return value;
}
