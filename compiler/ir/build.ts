// Builders for passes and lowering: the result type comes from the op table, so that a rewrite can't state a
// wrong one.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { Span } from "../../lang/source.ts";
import { valueDtype, type Dtype } from "../../lang/dtypes.ts";
import type { Expr, IrType, OpExpr } from "./ir.ts";
import { resultType } from "./op-types.ts";
import type { OpName } from "./ops.ts";

/** Applies an op whose result type follows from its operands. */
export function apply(name: OpName, args: readonly Expr[], span?: Span, imm?: readonly number[]): OpExpr {
  const type = resultType(
    name,
    args.map((arg) => arg.type),
    { imm },
  );
  if (!type) return internalError("ir/build", `the type of "${name}" doesn't follow from its operands`);
  return { kind: "op", type, op: name, args, ...(imm && { imm }), span };
}

/** `convert`, `saturate` or `bitcast` to a dtype; a conversion to the operand's own dtype is the operand. */
export function cast(name: "convert" | "saturate" | "bitcast", arg: Expr, dtype: Dtype, span?: Span): Expr {
  if (arg.type.dtype === dtype) return arg;
  return { kind: "op", type: { dtype, lanes: arg.type.lanes }, op: name, args: [arg], span };
}

/** One scalar in `lanes` lanes; a constant stays a constant. */
export function splat(arg: Expr, lanes: number): Expr {
  if (arg.type.lanes === lanes) return arg;
  const type: IrType = { dtype: arg.type.dtype, lanes };
  if (arg.kind === "const") return { ...arg, type };
  return { kind: "op", type, op: "splat", args: [arg], span: arg.span };
}

/** base, base + stride, …: `lanes` numbers. */
export function ramp(base: Expr, stride: Expr, lanes: number): Expr {
  return {
    kind: "op",
    type: { dtype: base.type.dtype, lanes },
    op: "ramp",
    args: [base, stride],
    span: base.span,
  };
}

/** Reads a buffer of the given dtype; as many lanes as the widest index. */
export function load(
  buffer: { readonly name: string; readonly dtype: Dtype },
  index: readonly Expr[],
  guard?: Expr,
  span?: Span,
): Expr {
  const lanes = Math.max(1, ...index.map((part) => part.type.lanes));
  const type: IrType = { dtype: valueDtype(buffer.dtype), lanes };
  return { kind: "load", type, buffer: buffer.name, index, ...(guard && { guard }), span };
}
