// Calls are inlined: a `def` in an expression, a kernel in a kernel as a statement. Dims of the callee are bound
// to the caller's extents, and shapes that must agree become obligations that the prover has to discharge.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { textOf, type Span } from "../../lang/source.ts";
import type { Sym, TCall, TDim, TExpr, TFunction, TKernelCall } from "../../lang/typed.ts";
import { lowerBlock, returns } from "./statements.ts";
import { lowerExpr, lowerValue } from "./expressions.ts";
import { compare, type Lowering } from "./lowering.ts";
import { asView, assemble, exprValue, leafTypes, none, zero, type Value, type View } from "./values.ts";
import { sameExpr } from "../ir/same.ts";

export function lowerCall(cx: Lowering, call: TCall): Value {
  const { fn } = call;
  cx.spend();
  bindArguments(cx, fn.params, fn.dims, fn.name, call.args, call.span);
  return inlineBody(cx, fn, call.span);
}

/** The body of a function whose parameters are bound, and what it returns. */
export function inlineBody(cx: Lowering, fn: TFunction, span: Span): Value {
  cx.calls++;
  const value = inlined(cx, fn, span);
  cx.calls--;
  return value;
}

function inlined(cx: Lowering, fn: TFunction, span: Span): Value {
  // The common shape, one return at the end, needs no registers.
  const last = fn.body.at(-1);
  if (last?.kind === "return" && !fn.body.slice(0, -1).some(returns)) {
    lowerBlock(cx, fn.body.slice(0, -1));
    return last.value ? lowerValue(cx, last.value) : none;
  }
  const cells = leafTypes(fn.result).map((type) => cx.register("result", zero(type), span));
  lowerBlock(cx, fn.body, { cells });
  return assemble(fn.result, [...cells]);
}

export function lowerCallStatement(cx: Lowering, call: TCall | TKernelCall): void {
  if (call.kind === "call") {
    lowerCall(cx, call);
    return;
  }
  const { kernel } = call;
  const syms = kernel.params.map((param) => param.sym);
  bindArguments(cx, syms, kernel.dims, kernel.name, call.args, call.span);
  for (const clause of kernel.where) {
    const message = `\`${kernel.name}\` requires \`${textOf(clause.span)}\``;
    cx.emit({ kind: "assert", cond: lowerExpr(cx, clause), message, origin: "obligation", span: call.span });
  }
  cx.calls++;
  if (kernel.body.some(returns)) lowerBlock(cx, kernel.body, { cells: [] });
  else lowerBlock(cx, kernel.body);
  cx.calls--;
}

/** Binds parameters and dims, and requires that each parameter's shape is its argument's. */
function bindArguments(
  cx: Lowering,
  params: readonly Sym[],
  dims: readonly TDim[],
  callee: string,
  args: readonly TExpr[],
  span: Span,
): void {
  // All arguments are lowered before any name is bound: a callee may be given its own name's value from outside.
  const values = params.map((param, at) => {
    const arg = args[at] ?? internalError("lower", `${callee} is called without ${param.name}`);
    return cx.nameValue(param.name, lowerValue(cx, arg), arg.span);
  });
  params.forEach((param, at) => cx.bind(param, values[at]!));
  const bound = new Set<string>();
  for (const dim of dims) {
    const extent =
      asView(values[dim.param]!).shape[dim.axis] ?? internalError("lower", `no axis for ${dim.sym.name}`);
    cx.bind(dim.sym, exprValue(extent));
    bound.add(`${dim.param}.${dim.axis}`);
  }
  params.forEach((param, at) => {
    if (param.type.kind !== "tensor" && param.type.kind !== "array") return;
    const view: View = asView(values[at]!);
    param.type.shape.forEach((expected, axis) => {
      if (bound.has(`${at}.${axis}`)) return;
      const wanted = lowerExpr(cx, expected);
      const given = view.shape[axis] ?? internalError("lower", `${param.name} has too few axes`);
      if (sameExpr(wanted, given)) return;
      const message = `\`${callee}\` needs axis ${axis} of \`${param.name}\` to have the extent that its signature says`;
      cx.emit({
        kind: "assert",
        cond: compare("eq", given, wanted, span),
        message,
        origin: "obligation",
        span,
      });
    });
  });
}
