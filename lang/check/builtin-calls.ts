// Built-in functions on scalars and SIMD values: those that the built-in table describes as data, and
// `select` and `dot4`.

import type { Span } from "../source.ts";
import type { LanesForm } from "../builtins.ts";
import { isInteger } from "../dtypes.ts";
import type { ScalarType, SimdType, TBinaryOp, TExpr, Type } from "../typed.ts";
import { arityError } from "./arguments.ts";
import { condition, reportMixed, reportOperand } from "./arithmetic.ts";
import { commonOf, meet, settle, together } from "./coercion.ts";
import type { Cx } from "./context.ts";
import {
  binaryExact,
  compareExact,
  exactInt,
  exactReal,
  floorOf,
  isFinite,
  negate,
  roundOf,
  type ExactNumber,
} from "./exact.ts";
import { choose } from "./expressions.ts";
import { errorExpr, f32Type, indexBinary, inTrait, isIndexLike, typeName } from "./types.ts";
import { errorValue, exact, typed, type Value } from "./values.ts";

/** A call of a built-in that the table describes. */
export function checkLanes(cx: Cx, name: string, form: LanesForm, args: readonly Value[], span: Span): Value {
  const [fewest, most] = form.operands;
  if (args.some((arg) => arg.kind === "error")) return errorValue(span);
  if (args.length < fewest || args.length > most) {
    const takes = fewest === most ? String(fewest) : `at least ${fewest}`;
    const reduces = name === "max" || name === "min" || name === "sum";
    arityError(
      cx,
      `\`${name}\``,
      takes,
      args.length,
      span,
      reduces && args.length === 1
        ? `over the elements of a tensor: \`${name}(x[i] for i in range(N))\``
        : undefined,
    );
    return errorValue(span);
  }
  if (args.every((arg) => arg.kind === "exact")) {
    const numbers = args
      .map((arg) => arg.value)
      .filter((value) => value.kind === "int" || value.kind === "real");
    if (numbers.length === args.length) {
      const folded = foldLanes(form, numbers);
      if (folded) return exact(folded, span);
    }
  }
  const literal = form.over === "Float" ? "real" : undefined;
  const first = args.find((arg) => arg.kind === "typed") ?? args[0]!;
  return together(
    cx,
    args,
    span,
    (operands, type) => emit(cx, name, form, operands, type, span),
    {
      mixed: (value) => reportMixed(cx, name, first, value, span),
      other: (value) => reportOperand(cx, name, value),
    },
    literal,
  );
}

/** The typed node of a table row, on operands of one type. */
export function emit(
  cx: Cx,
  name: string,
  form: LanesForm,
  operands: readonly TExpr[],
  type: ScalarType | SimdType,
  span: Span,
): TExpr {
  if (!inTrait(type.dtype, form.over)) {
    const what = { Float: "floats", Int: "integers", Number: "numbers" }[form.over];
    cx.report("K0313", { op: name, type: typeName(type) }, span, { notes: [`\`${name}\` works on ${what}`] });
    return errorExpr(span);
  }
  const pair = (op: TBinaryOp, left: TExpr, right: TExpr): TExpr =>
    isIndexLike(type)
      ? indexBinary(op, left, right, span, type)
      : { kind: "binary", op, left, right, type, span };
  const how = form.emit;
  switch (how.kind) {
    case "unary":
      return { kind: "unary", op: how.op, operand: operands[0]!, type, span };
    case "fold":
      return operands.reduce((left, right) => pair(how.op, left, right));
    case "clamp":
      return pair("min", pair("max", operands[0]!, operands[1]!), operands[2]!);
    case "fma":
      return { kind: "fma", a: operands[0]!, b: operands[1]!, c: operands[2]!, type, span };
  }
}

function foldLanes(form: LanesForm, args: readonly ExactNumber[]): ExactNumber | undefined {
  if (!args.every(isFinite)) return undefined;
  const pick = (a: ExactNumber, b: ExactNumber, sign: number): ExactNumber =>
    (compareExact(a, b) ?? 0) * sign > 0 ? a : b;
  const how = form.emit;
  const [first] = args;
  switch (how.kind) {
    case "fold":
      return args.reduce((a, b) => pick(a, b, how.op === "max" ? 1 : -1));
    case "clamp":
      return pick(pick(first!, args[1]!, 1), args[2]!, -1);
    case "fma": {
      const product = binaryExact("*", args[0]!, args[1]!);
      const sum = "why" in product ? product : binaryExact("+", product, args[2]!);
      return "why" in sum ? undefined : sum;
    }
    case "unary":
      switch (how.op) {
        case "abs":
          return compareExact(first!, exactInt(0)) === -1 ? negate(first!) : first!;
        case "floor":
          return exactReal(floorOf(first!), 1n);
        case "ceil":
          return exactReal(-floorOf(negate(first!)), 1n);
        case "round":
          return exactReal(roundOf(first!), 1n);
        default:
          return undefined;
      }
  }
}

/** `select(c, a, b)`, with a bool or a SIMD mask. */
export function checkSelect(cx: Cx, args: readonly Value[], span: Span): Value {
  const [mask, then, orelse] = args;
  if (!mask || !then || !orelse || args.length !== 3) {
    arityError(cx, "`select`", 3, args.length, span);
    return errorValue(span);
  }
  if (args.some((arg) => arg.kind === "error")) return errorValue(span);
  const isMask = mask.kind === "typed" && mask.expr.type.kind === "simd" && mask.expr.type.dtype === "bool";
  if (!isMask) {
    const cond = condition(cx, mask, "`select`");
    if (cond.type.kind === "error") return errorValue(span);
    return choose(cx, then, orelse, span, (a, b, type) => ({
      kind: "select",
      cond,
      then: a,
      orelse: b,
      type,
      span,
    }));
  }
  const cond = mask.expr;
  const { lanes } = cond.type as SimdType;
  const common = commonOf([then, orelse]);
  if (common.kind === "error") return errorValue(span);
  if (common.kind === "other") {
    reportOperand(cx, "select", common.value);
    return errorValue(span);
  }
  const make = (base: Type): TExpr => {
    const dtype = base.kind === "scalar" || base.kind === "simd" ? base.dtype : "f32";
    const type: SimdType = { kind: "simd", dtype, lanes };
    const a = meet(cx, then, type);
    const b = meet(cx, orelse, type);
    if (!a || !b) {
      reportMixed(cx, "select", a ? typed(a) : then, b ? typed(b) : orelse, span);
      return errorExpr(span);
    }
    if (a.type.kind === "error" || b.type.kind === "error") return errorExpr(span);
    return { kind: "select", cond, then: a, orelse: b, type, span };
  };
  return typed(
    make(
      common.kind === "type"
        ? common.type
        : common.literal === "int"
          ? { kind: "scalar", dtype: "i32" }
          : f32Type,
    ),
  );
}

/** `dot4(a, b, acc)`. */
export function checkDot4(cx: Cx, args: readonly Value[], span: Span): Value {
  if (args.some((arg) => arg.kind === "error")) return errorValue(span);
  const [a, b, acc] = args.map((arg) => settle(cx, arg));
  if (!a || !b || !acc || args.length !== 3) {
    arityError(cx, "`dot4`", 3, args.length, span);
    return errorValue(span);
  }
  const bytes = (type: Type): boolean =>
    type.kind === "simd" && isInteger(type.dtype) && (type.dtype === "i8" || type.dtype === "u8");
  const fits =
    bytes(a.type) &&
    bytes(b.type) &&
    acc.type.kind === "simd" &&
    acc.type.dtype === "i32" &&
    a.type.kind === "simd" &&
    b.type.kind === "simd" &&
    a.type.lanes === b.type.lanes &&
    a.type.lanes === 4 * acc.type.lanes;
  if (!fits) {
    if ([a, b, acc].some((one) => one.type.kind === "error")) return errorValue(span);
    const found = [a, b, acc].map((one) => typeName(one.type)).join(", ");
    cx.report("K0302", { what: "`dot4`", expected: "SIMD[i8, 4n], SIMD[i8, 4n], SIMD[i32, n]", found }, span);
    return errorValue(span);
  }
  return typed({ kind: "dot4", a, b, acc, type: acc.type, span });
}
