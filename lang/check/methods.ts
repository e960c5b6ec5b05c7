// Methods: `x.get(i, j, default=0)`, `x.load[8](i)`, `y.store(v, i)` of tensors and Arrays, and `v.sum()`,
// `v.shuffle(…)` of SIMD values.

import type { Span } from "../source.ts";
import type { CallExpr } from "../syntax/ast.ts";
import { isInteger, isFloat, valueDtype } from "../dtypes.ts";
import type { ArrayType, SimdType, TensorType, TExpr, TStore, Type } from "../typed.ts";
import { arityError } from "./arguments.ts";
import { coerce } from "./coercion.ts";
import type { Cx } from "./context.ts";
import { exactInt } from "./exact.ts";
import { check, spread } from "./expressions.ts";
import { whyNotWritable } from "./places.ts";
import { fullIndices } from "./subscripts.ts";
import { boolType, constant, describe, isError, scalarType, typeName } from "./types.ts";
import { errorValue, exact, typed, type BracketArg, type Value } from "./values.ts";

export function callMethod(
  cx: Cx,
  base: TExpr,
  name: string,
  brackets: readonly BracketArg[],
  expr: CallExpr,
): Value {
  const { type } = base;
  if (type.kind === "simd") {
    if (brackets.length) {
      cx.report("K0308", { callee: `\`${name}\``, why: "it takes nothing in brackets" }, brackets[0]!.span);
      return errorValue(expr.span);
    }
    return simdMethod(cx, base, type, name, expr);
  }
  if (type.kind !== "tensor" && type.kind !== "array") return errorValue(expr.span);
  if (name === "load") return load(cx, base, type, brackets, expr);
  if (name === "get") return get(cx, base, type, expr);
  cx.report("K0343", {}, expr.span, { notes: ["it stands on a line of its own: `y.store(v, i)`"] });
  return errorValue(expr.span);
}

/** Positional arguments as values, and one keyword argument where it is allowed. */
function argumentsOf(
  cx: Cx,
  expr: CallExpr,
  callee: string,
  keyword?: string,
): { values: Value[]; option?: Value } | undefined {
  const values: Value[] = [];
  let option: Value | undefined;
  let good = true;
  for (const arg of expr.args) {
    if (!arg.name) values.push(...spread(cx, arg.value));
    else if (arg.name.text === keyword) option = check(cx, arg.value);
    else {
      cx.report("K0308", { callee, why: `it has no parameter \`${arg.name.text}\`` }, arg.name.span);
      good = false;
    }
  }
  if (values.some((value) => value.kind === "error") || option?.kind === "error") return undefined;
  return good ? { values, option } : undefined;
}

const elementOf = (type: TensorType | ArrayType): Type =>
  type.kind === "array" ? type.elem : scalarType(valueDtype(type.dtype));

function get(cx: Cx, base: TExpr, type: TensorType | ArrayType, expr: CallExpr): Value {
  const args = argumentsOf(cx, expr, "`get`", "default");
  if (!args) return errorValue(expr.span);
  // Outside is allowed here, so an index may be negative.
  const indices = fullIndices(cx, base, args.values, expr.span, true);
  if (!indices) return errorValue(expr.span);
  const elem = elementOf(type);
  const zero: Value =
    elem.kind === "scalar" && elem.dtype === "bool"
      ? typed(constant(false, boolType, expr.span))
      : exact(exactInt(0), expr.span);
  const fallback = coerce(cx, args.option ?? zero, elem, "the default");
  if (isError(fallback.type)) return errorValue(expr.span);
  return typed({ kind: "get", base, indices, fallback, type: elem, span: expr.span });
}

/** The lane count in `x.load[8]`. */
function lanesOf(
  cx: Cx,
  type: TensorType | ArrayType,
  brackets: readonly BracketArg[],
  span: Span,
): SimdType | undefined {
  const value = brackets[0]?.value;
  const lanes =
    brackets.length === 1 && value?.kind === "exact" && value.value.kind === "int"
      ? Number(value.value.value)
      : undefined;
  const elem = elementOf(type);
  if (elem.kind !== "scalar") {
    cx.report("K0312", { owner: describe(type), name: "load" }, span, {
      notes: ["its elements are SIMD values already"],
    });
    return undefined;
  }
  if (lanes === undefined || ![2, 4, 8, 16, 32, 64].includes(lanes)) {
    cx.report("K0337", { found: lanes === undefined ? "nothing" : String(lanes) }, span, {
      notes: ["the number of lanes stands in brackets: `x.load[8](i)`"],
    });
    return undefined;
  }
  return { kind: "simd", dtype: elem.dtype, lanes };
}

function load(
  cx: Cx,
  base: TExpr,
  type: TensorType | ArrayType,
  brackets: readonly BracketArg[],
  expr: CallExpr,
): Value {
  const args = argumentsOf(cx, expr, "`load`");
  const simd = lanesOf(cx, type, brackets, expr.span);
  const indices = args && fullIndices(cx, base, args.values, expr.span, false);
  if (!simd || !indices || indices.length === 0) return errorValue(expr.span);
  return typed({ kind: "simd-load", base, indices, type: simd, span: expr.span });
}

/** `y.store(v, i, j)`, as a statement. */
export function checkStore(cx: Cx, base: TExpr, expr: CallExpr): TStore | undefined {
  const args = argumentsOf(cx, expr, "`store`");
  const { type } = base;
  if (!args || (type.kind !== "tensor" && type.kind !== "array")) return undefined;
  const [first, ...rest] = args.values;
  if (!first) {
    arityError(cx, "`store`", type.shape.length + 1, 0, expr.span);
    return undefined;
  }
  const elem = elementOf(type);
  const indices = fullIndices(cx, base, rest, expr.span, false);
  const found = first.kind === "typed" ? first.expr.type : undefined;
  if (!indices || (found && isError(found))) return undefined;
  if (
    found?.kind !== "simd" ||
    elem.kind !== "scalar" ||
    found.dtype !== elem.dtype ||
    first.kind !== "typed"
  ) {
    const wanted = elem.kind === "scalar" ? `SIMD[${elem.dtype}, n]` : "elements that are scalars";
    cx.report(
      "K0302",
      { what: "`store`", expected: wanted, found: found ? typeName(found) : "a number" },
      first.span,
    );
    return undefined;
  }
  const refused = whyNotWritable(cx, base, true);
  if (refused) {
    cx.report("K0309", { name: refused.name, why: refused.why }, expr.span, {
      fix: refused.fix ? { text: refused.fix } : undefined,
    });
    return undefined;
  }
  return { kind: "simd-store", base, indices, value: first.expr, span: expr.span };
}

function simdMethod(cx: Cx, base: TExpr, type: SimdType, name: string, expr: CallExpr): Value {
  const args = argumentsOf(cx, expr, `\`${name}\``);
  if (!args) return errorValue(expr.span);
  if (name === "shuffle") return shuffle(cx, base, type, args.values, expr.span);
  if (args.values.length) {
    arityError(cx, `\`${name}\``, 0, args.values.length, expr.span);
    return errorValue(expr.span);
  }
  const logical = name === "any" || name === "all";
  const number = isInteger(type.dtype) || isFloat(type.dtype);
  if (logical ? type.dtype !== "bool" : !number) {
    cx.report("K0313", { op: name, type: typeName(type) }, expr.span, {
      notes: logical ? ["it works on masks: `(v > 0).any()`"] : [],
    });
    return errorValue(expr.span);
  }
  const op = name as "sum" | "prod" | "max" | "min" | "any" | "all";
  return typed({ kind: "simd-reduce", op, operand: base, type: scalarType(type.dtype), span: expr.span });
}

function shuffle(cx: Cx, base: TExpr, type: SimdType, values: readonly Value[], span: Span): Value {
  const lanes: number[] = [];
  for (const value of values) {
    const lane = value.kind === "exact" && value.value.kind === "int" ? Number(value.value.value) : undefined;
    if (lane === undefined) {
      cx.report("K0306", { what: "a lane number" }, value.span);
      return errorValue(span);
    }
    if (lane < 0 || lane >= type.lanes) {
      cx.report(
        "K0310",
        { what: typeName(type), has: `lanes 0 to ${type.lanes - 1}`, given: `lane ${lane}` },
        value.span,
      );
      return errorValue(span);
    }
    lanes.push(lane);
  }
  if (![2, 4, 8, 16, 32, 64].includes(lanes.length)) {
    cx.report("K0337", { found: String(lanes.length) }, span);
    return errorValue(span);
  }
  return typed({
    kind: "shuffle",
    operand: base,
    lanes,
    type: { kind: "simd", dtype: type.dtype, lanes: lanes.length },
    span,
  });
}
