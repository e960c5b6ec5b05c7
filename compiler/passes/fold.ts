// Builders of expressions that fold constants and drop neutral operands, so that a pass that works on loops
// with constant bounds leaves constants behind. The laws are those of integers and bools; floats fold exactly or not.

import { isInteger, isWide } from "../../lang/dtypes.ts";
import { constant, i32, int, op, type Expr, type IrType, type Scalar } from "../ir/ir.ts";
import { opInfo, type OpName } from "../ir/ops.ts";
import { sameExpr } from "../ir/same.ts";

/** The value of a constant expression (of every lane, for a vector), or undefined. */
export function constantValue(expr: Expr): Scalar | undefined {
  return expr.kind === "const" ? expr.value : undefined;
}
/** The value of an integer constant as a number, or undefined. */
export function intValue(expr: Expr): number | undefined {
  return expr.kind === "const" && typeof expr.value === "number" && isInteger(expr.type.dtype)
    ? expr.value
    : undefined;
}

/** `0`, `1`, … in the dtype's own kind of number. */
export function literal(value: number, type: IrType): Expr {
  const { dtype } = type;
  return constant(dtype === "bool" ? value !== 0 : isWide(dtype) ? BigInt(value) : value, type);
}
const is = (expr: Expr, value: number | boolean): boolean =>
  expr.kind === "const" &&
  (typeof expr.value === "bigint" && typeof value === "number"
    ? expr.value === BigInt(value)
    : expr.value === value);

/** Applies a row with a `lane` rule to operands; folds if all are constants. */
export function apply(name: OpName, type: IrType, args: readonly Expr[], span = args[0]?.span): Expr {
  const info = opInfo(name);
  const first = args[0]!.type.dtype;
  if (info.lane && args.every((arg) => arg.kind === "const")) {
    const values = args.map((arg) => (arg as Expr & { value: Scalar }).value);
    if (!info.unfit?.(values, first)) return constant(info.lane(values, first, type.dtype), type, span);
  }
  return op(name, type, args, span);
}

// ---- arithmetic ----

export function add(a: Expr, b: Expr): Expr {
  if (isInteger(a.type.dtype)) {
    if (is(a, 0)) return b;
    if (is(b, 0)) return a;
    // (x + c) + d = x + (c + d): integers wrap, so association is free.
    if (b.kind === "const" && a.kind === "op" && a.op === "add" && a.args[1]!.kind === "const")
      return add(a.args[0]!, apply("add", a.type, [a.args[1]!, b]));
    if (a.kind === "const") return apply("add", a.type, [b, a]);
  }
  return apply("add", a.type, [a, b]);
}
export function sub(a: Expr, b: Expr): Expr {
  if (isInteger(a.type.dtype)) {
    if (is(b, 0)) return a;
    if (b.kind === "const") return add(a, apply("neg", b.type, [b]));
    if (sameExpr(a, b)) return literal(0, a.type);
  }
  return apply("sub", a.type, [a, b]);
}
export function mul(a: Expr, b: Expr): Expr {
  if (isInteger(a.type.dtype)) {
    if (is(a, 1)) return b;
    if (is(b, 1)) return a;
    if (is(a, 0) || is(b, 0)) return literal(0, a.type);
    if (a.kind === "const") return apply("mul", a.type, [b, a]);
  }
  return apply("mul", a.type, [a, b]);
}
export function neg(a: Expr): Expr {
  return apply("neg", a.type, [a]);
}
export function min(a: Expr, b: Expr): Expr {
  return sameExpr(a, b) ? a : apply("min", a.type, [a, b]);
}
export function max(a: Expr, b: Expr): Expr {
  return sameExpr(a, b) ? a : apply("max", a.type, [a, b]);
}
/** ceil(a / by) for a constant `by` >= 1. */
export function ceilDiv(a: Expr, by: number): Expr {
  return by === 1 ? a : apply("floordiv", i32, [add(a, int(by - 1)), int(by)]);
}
/** a rounded down to a multiple of a power of two. */
export function roundDown(a: Expr, multiple: number): Expr {
  return multiple === 1 ? a : apply("and", i32, [a, int(-multiple)]);
}

// ---- logic ----

export function and(a: Expr, b: Expr): Expr {
  if (is(a, true) || is(b, false)) return b;
  if (is(b, true) || is(a, false)) return a;
  return sameExpr(a, b) ? a : apply("and", a.type, [a, b]);
}
export function or(a: Expr, b: Expr): Expr {
  if (is(a, false) || is(b, true)) return b;
  if (is(b, false) || is(a, true)) return a;
  return apply("or", a.type, [a, b]);
}
export function not(a: Expr): Expr {
  return a.kind === "op" && a.op === "not" ? a.args[0]! : apply("not", a.type, [a]);
}
export function compare(name: "eq" | "ne" | "lt" | "le" | "gt" | "ge", a: Expr, b: Expr): Expr {
  return apply(name, { dtype: "bool", lanes: a.type.lanes }, [a, b]);
}
export function select(cond: Expr, then: Expr, orelse: Expr): Expr {
  if (is(cond, true) || sameExpr(then, orelse)) return then;
  if (is(cond, false)) return orelse;
  return op("select", then.type, [cond, then, orelse], then.span);
}

// ---- vectors ----

/** One lane as a scalar. */
export function laneOf(vector: Expr, lane: number): Expr {
  const type = { dtype: vector.type.dtype, lanes: 1 };
  if (vector.kind === "const") return constant(vector.value, type);
  if (vector.kind === "op" && vector.op === "splat") return vector.args[0]!;
  if (vector.kind === "op" && vector.op === "ramp")
    return add(vector.args[0]!, mul(vector.args[1]!, literal(lane, type)));
  return op("lane", type, [vector], vector.span, [lane]);
}
/** A contiguous run of lanes. */
export function slice(vector: Expr, from: number, lanes: number): Expr {
  const picked = Array.from({ length: lanes }, (_, at) => from + at);
  return op("shuffle", { dtype: vector.type.dtype, lanes }, [vector], vector.span, picked);
}
/** A horizontal reduction to a scalar. */
export function across(name: "vsum" | "vprod" | "vmax" | "vmin" | "vany" | "vall", vector: Expr): Expr {
  return op(name, { dtype: vector.type.dtype, lanes: 1 }, [vector], vector.span);
}
