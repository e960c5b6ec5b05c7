// Typed expressions to IR expressions. An expression has no effects, so statements that it needs (reductions,
// inlined calls) are emitted before it; what the source evaluates lazily stays unevaluated, or has its loads guarded.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { valueDtype } from "../../lang/dtypes.ts";
import type { TCond, TExpr, TGet, TIndex, TLogical, TSimdLoad, TView } from "../../lang/typed.ts";
import { bool, constant, i32, int, op, type Expr, type Stmt } from "../ir/ir.ts";
import { opInfo } from "../ir/ops.ts";
import { lowerCall } from "./calls.ts";
import { lowerReduce } from "./reductions.ts";
import {
  both,
  broadcast,
  compare,
  convertTo,
  floorDivide,
  isTrue,
  negate,
  type Lowering,
} from "./lowering.ts";
import {
  asExpr,
  asView,
  assemble,
  exprValue,
  irTypeOf,
  leaves,
  leafTypes,
  zero,
  type Value,
  type View,
} from "./values.ts";

/** Lowers to a scalar or SIMD expression. */
export function lowerExpr(cx: Lowering, expr: TExpr): Expr {
  return asExpr(lowerValue(cx, expr));
}

export function lowerValue(cx: Lowering, expr: TExpr): Value {
  const span = expr.span;
  switch (expr.kind) {
    case "const":
      return exprValue(constant(expr.value, irTypeOf(expr.type), span));
    case "ref":
      return mentioned(cx.lookup(expr.sym), span);
    case "unary": {
      const operand = lowerExpr(cx, expr.operand);
      return exprValue(op(expr.op === "bitnot" ? "not" : expr.op, operand.type, [operand], span));
    }
    case "binary": {
      const type = irTypeOf(expr.type);
      const left = broadcast(lowerExpr(cx, expr.left), type);
      if (expr.op === "pow") return exprValue(power(cx, left, expr.right));
      const right = broadcast(lowerExpr(cx, expr.right), type);
      if (expr.op === "floordiv" || expr.op === "mod")
        return exprValue(floorDivide(expr.op, left, right, span));
      return exprValue(op(expr.op, type, [left, right], span));
    }
    case "compare": {
      const type = irTypeOf(expr.type);
      const left = lowerExpr(cx, expr.left);
      const right = lowerExpr(cx, expr.right);
      const operand = { dtype: left.type.dtype, lanes: type.lanes };
      return exprValue(compare(expr.op, broadcast(left, operand), broadcast(right, operand), span));
    }
    case "logical":
      return exprValue(lowerLogical(cx, expr));
    case "cond":
      return lowerCond(cx, expr);
    case "select": {
      const cond = lowerExpr(cx, expr.cond);
      const then = lowerValue(cx, expr.then);
      const orelse = lowerValue(cx, expr.orelse);
      return selectValue(expr, cond, then, orelse);
    }
    case "fma": {
      const type = irTypeOf(expr.type);
      return exprValue(
        op(
          "fma",
          type,
          [expr.a, expr.b, expr.c].map((part) => broadcast(lowerExpr(cx, part), type)),
          span,
        ),
      );
    }
    case "dot4":
      return exprValue(
        op(
          "dot4",
          irTypeOf(expr.type),
          [expr.a, expr.b, expr.acc].map((part) => lowerExpr(cx, part)),
          span,
        ),
      );
    case "convert": {
      const operand = lowerExpr(cx, expr.operand);
      const type = irTypeOf(expr.type);
      if (expr.mode === "convert") return exprValue(convertTo(type.dtype, operand, span));
      return exprValue(operand.type.dtype === type.dtype ? operand : op(expr.mode, type, [operand], span));
    }
    case "call":
      return lowerCall(cx, expr);
    case "index":
      return exprValue(load(lowerView(cx, expr.base), lowerIndices(cx, expr), span));
    case "get":
      return exprValue(lowerGet(cx, expr));
    case "view":
      return { kind: "view", view: lowerSlice(cx, expr) };
    case "shape":
      return exprValue(lowerView(cx, expr.base).shape[expr.axis]!);
    case "reduce":
      return lowerReduce(cx, expr);
    case "tuple":
      return {
        kind: "tuple",
        items: expr.items.map((item) => cx.nameValue("item", lowerValue(cx, item), item.span)),
      };
    case "struct-new":
      return {
        kind: "tuple",
        items: expr.fields.map((item) => cx.nameValue("field", lowerValue(cx, item), item.span)),
      };
    case "tuple-item":
      return part(lowerValue(cx, expr.base), expr.index);
    case "field":
      return part(lowerValue(cx, expr.base), expr.field);
    case "simd-load":
      return exprValue(
        load(lowerView(cx, expr.base), lowerIndices(cx, expr), span, irTypeOf(expr.type).lanes),
      );
    case "simd-new": {
      const type = irTypeOf(expr.type);
      const args = expr.args.map((arg) => lowerExpr(cx, arg));
      return exprValue(args.length === 1 ? op("splat", type, args, span) : op("vec", type, args, span));
    }
    case "simd-reduce": {
      const operand = lowerExpr(cx, expr.operand);
      return exprValue(op(`v${expr.op}`, irTypeOf(expr.type), [operand], span));
    }
    case "shuffle":
      return exprValue(op("shuffle", irTypeOf(expr.type), [lowerExpr(cx, expr.operand)], span, expr.lanes));
    case "lane":
      return exprValue(op("lane", irTypeOf(expr.type), [lowerExpr(cx, expr.base)], span, [expr.lane]));
    case "array-new":
    case "kernel-call":
    case "test-value":
      return internalError("lower", `a ${expr.kind} stands in an expression`);
  }
}

/** A name where it is used: messages show this place, not its declaration. */
function mentioned(value: Value, span: TExpr["span"]): Value {
  return value.kind === "expr" && value.expr.kind === "ref" ? exprValue({ ...value.expr, span }) : value;
}

/** Views of tensors and Arrays. */
export function lowerView(cx: Lowering, expr: TExpr): View {
  return asView(lowerValue(cx, expr));
}

function part(value: Value, index: number): Value {
  const item = value.kind === "tuple" ? value.items[index] : undefined;
  return item ?? internalError("lower", "a part of what has no parts");
}

// ---- accesses ----------------------------------------------------------------------------------------

export function lowerIndices(cx: Lowering, access: TIndex | TGet | TSimdLoad): Expr[] {
  return access.indices.map((index) => lowerExpr(cx, index));
}

/** Coordinates in the buffer from coordinates in the view. */
export function bufferIndex(view: View, indices: readonly Expr[], lanes: number): Expr[] {
  let free = 0;
  const last = indices.length - 1;
  const index = view.axes.map((axis) => {
    if ("fixed" in axis) return axis.fixed;
    const at = free++;
    const own = indices[at] ?? internalError("lower", `too few indices for ${view.buffer}`);
    const start = axis.low ? op("add", i32, [axis.low, own], own.span) : own;
    // n elements of a tensor lie along its last dim.
    return lanes > 1 && view.lanes === 1 && at === last
      ? op("ramp", { dtype: "i32", lanes }, [start, int(1)])
      : start;
  });
  return view.lanes > 1
    ? [...index, op("ramp", { dtype: "i32", lanes: view.lanes }, [int(0), int(1)])]
    : index;
}

export function load(
  view: View,
  indices: readonly Expr[],
  span: TExpr["span"],
  lanes = view.lanes,
  guard?: Expr,
): Expr {
  const index = bufferIndex(view, indices, lanes);
  return {
    kind: "load",
    type: { dtype: valueDtype(view.dtype), lanes },
    buffer: view.buffer,
    index,
    guard,
    span,
  };
}

function lowerGet(cx: Lowering, expr: TGet): Expr {
  const view = lowerView(cx, expr.base);
  const indices = lowerIndices(cx, expr).map((index) => cx.name("at", index, index.span));
  const inside = indices.flatMap((index, axis) => [
    compare("ge", index, int(0), expr.span),
    compare("lt", index, view.shape[axis]!, expr.span),
  ]);
  const guard = inside.reduce((all, one) => both(all, one, expr.span));
  const fallback = lowerExpr(cx, expr.fallback);
  const read = load(view, indices, expr.span, view.lanes, guard);
  if (fallback.kind === "const" && fallback.value === zeroOf(fallback)) return read;
  return op("select", read.type, [guard, read, broadcast(fallback, read.type)], expr.span);
}

const zeroOf = (expr: Expr): unknown => {
  const nothing = zero(expr.type);
  return nothing.kind === "const" ? nothing.value : undefined;
};

function lowerSlice(cx: Lowering, expr: TView): View {
  const view = lowerView(cx, expr.base);
  const shape: Expr[] = [];
  let item = 0;
  const axes = view.axes.map((axis) => {
    if ("fixed" in axis) return axis;
    const extent = view.shape[item]!;
    const part = expr.items[item++] ?? { kind: "slice" as const };
    const shifted = (at: Expr): Expr => (axis.low ? op("add", i32, [axis.low, at], at.span) : at);
    if (part.kind === "at") {
      const at = cx.name("at", lowerExpr(cx, part.index), part.index.span);
      requireInside(cx, at, extent, false, part.index.span);
      return { fixed: cx.name("at", shifted(at), part.index.span) };
    }
    const low = part.low && cx.name("low", lowerExpr(cx, part.low), part.low.span);
    const high = part.high ? cx.name("high", lowerExpr(cx, part.high), part.high.span) : extent;
    if (low) requireInside(cx, low, high, true, expr.span);
    if (part.high) requireInside(cx, high, extent, true, expr.span);
    shape.push(low ? cx.name("extent", op("sub", i32, [high, low], expr.span)) : high);
    return low ? { low: cx.name("low", shifted(low), expr.span) } : { low: axis.low };
  });
  return { ...view, axes, shape };
}

/** A view must lie inside what it is a view of, even where nothing is read through it. */
function requireInside(cx: Lowering, at: Expr, extent: Expr, inclusive: boolean, span: TExpr["span"]): void {
  const message = "a view must lie inside its tensor";
  cx.emit({ kind: "assert", cond: compare("ge", at, int(0), span), message, origin: "obligation", span });
  const below = compare(inclusive ? "le" : "lt", at, extent, span);
  cx.emit({ kind: "assert", cond: below, message, origin: "obligation", span });
}

/** x ** n for a constant n >= 0, by squaring. */
function power(cx: Lowering, base: Expr, exponent: TExpr): Expr {
  const by = lowerExpr(cx, exponent);
  if (by.kind !== "const" || typeof by.value === "boolean")
    internalError("lower", "a power without a constant exponent");
  let rest = Math.abs(Number(by.value));
  const one = typeof zeroOf(base) === "bigint" ? 1n : 1;
  let result: Expr | undefined;
  let square = cx.name("base", base, base.span);
  for (; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result ? op("mul", base.type, [result, square], base.span) : square;
    if (rest > 1) square = cx.name("square", op("mul", base.type, [square, square], base.span));
  }
  const whole = result ?? constant(one, base.type, base.span);
  if (by.value >= 0) return whole;
  return op("div", base.type, [constant(one, base.type, base.span), whole], base.span);
}

// ---- lazy evaluation ---------------------------------------------------------------------------------

function lowerLogical(cx: Lowering, expr: TLogical): Expr {
  const left = lowerExpr(cx, expr.left);
  const wanted = expr.op === "and" ? left : negate(left);
  const right = lazily(cx, expr.right, wanted);
  if (right.kind === "plain") return op(expr.op, bool, [left, asExpr(right.value)], expr.span);
  const cond = cx.name("left", left, expr.span);
  const cell = cx.register("both", cond, expr.span);
  const then = cx.collect(() => {
    right.block.forEach((statement) => cx.emit(statement));
    cx.assign(cell, asExpr(right.value), expr.span);
  });
  const run = expr.op === "and" ? cond : negate(cond);
  cx.emit({ kind: "if", cond: run, then, orelse: [], span: expr.span });
  return cx.name("decided", asExpr(cell), expr.span);
}

function lowerCond(cx: Lowering, expr: TCond): Value {
  const cond = cx.name("cond", lowerExpr(cx, expr.cond), expr.cond.span);
  if (cond.kind === "const") return lowerValue(cx, cond.value ? expr.then : expr.orelse);
  const then = lazily(cx, expr.then, cond);
  const orelse = lazily(cx, expr.orelse, negate(cond));
  if (then.kind === "plain" && orelse.kind === "plain")
    return selectValue(expr, cond, then.value, orelse.value);
  const cells = leafTypes(expr.type).map((type) => cx.register("chosen", zero(type), expr.span));
  const branch = (side: Lazy): Stmt[] =>
    cx.collect(() => {
      if (side.kind === "block") side.block.forEach((statement) => cx.emit(statement));
      leaves(side.value).forEach((leaf, at) => cx.assign(cells[at]!, asExpr(leaf), expr.span));
    });
  cx.emit({ kind: "if", cond, then: branch(then), orelse: branch(orelse), span: expr.span });
  return cx.nameValue("chosen", assemble(expr.type, [...cells]), expr.span);
}

type Lazy =
  /** Safe to evaluate in any case: its loads carry the condition as their guard. */
  | { readonly kind: "plain"; readonly value: Value }
  /** To be run only where it is wanted. */
  | { readonly kind: "block"; readonly block: readonly Stmt[]; readonly value: Value };

/** Lowers what is evaluated only where `wanted` holds. */
function lazily(cx: Lowering, expr: TExpr, wanted: Expr): Lazy {
  let value: Value | undefined;
  const block = cx.collect(() => (value = lowerValue(cx, expr)));
  const got = value ?? internalError("lower", "an expression without a value");
  const exprs = leaves(got).map(asExpr);
  if (block.every((each) => each.kind === "let" && isTotal(each.value)) && exprs.every(isTotal)) {
    for (const each of block)
      if (each.kind === "let") cx.emit({ ...each, value: guardLoads(each.value, wanted) });
    const parts = exprs.map((each) => exprValue(guardLoads(each, wanted)));
    return { kind: "plain", value: assemble(expr.type, parts) };
  }
  return { kind: "block", block, value: got };
}

/** Whether it may be evaluated although the source would not: it has no op that needs fit operands. */
function isTotal(expr: Expr): boolean {
  if (expr.kind === "op") return !opInfo(expr.op).partial && expr.args.every(isTotal);
  if (expr.kind === "load") return expr.index.every(isTotal) && (!expr.guard || isTotal(expr.guard));
  return true;
}

function guardLoads(expr: Expr, guard: Expr): Expr {
  if (isTrue(guard)) return expr;
  if (expr.kind === "op") return { ...expr, args: expr.args.map((arg) => guardLoads(arg, guard)) };
  if (expr.kind !== "load") return expr;
  const mask = { dtype: "bool" as const, lanes: expr.type.lanes };
  const own = expr.guard && guardLoads(expr.guard, guard);
  const wanted = broadcast(guard, mask);
  const index = expr.index.map((each) => guardLoads(each, guard));
  return { ...expr, index, guard: own ? both(wanted, own, expr.span) : wanted };
}

function selectValue(expr: TExpr, cond: Expr, then: Value, orelse: Value): Value {
  const others = leaves(orelse);
  const chosen = leaves(then).map((leaf, at) => {
    const a = asExpr(leaf);
    const b = asExpr(others[at]!);
    const type = a.type.lanes >= b.type.lanes ? a.type : b.type;
    return exprValue(op("select", type, [cond, broadcast(a, type), broadcast(b, type)], expr.span));
  });
  return assemble(expr.type, chosen);
}
