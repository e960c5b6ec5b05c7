// Conversions and constructors: `f32(x)`, `T(0.5)`, `saturate[i8](x)`, `bitcast[u32](x)`, `SIMD[f32, 4](…)`,
// `Array[f32, 8](0)`. Constants are converted here, so that they are rounded once and correctly.

import type { Span } from "../source.ts";
import type { CallExpr } from "../syntax/ast.ts";
import { dtypeInfo, isFloat, isInteger, type Dtype } from "../dtypes.ts";
import type { ScalarType, SimdType, TExpr, Type } from "../typed.ts";
import { arityError } from "./arguments.ts";
import { reportOperand } from "./arithmetic.ts";
import { coerce, settle, splat, whatIs } from "./coercion.ts";
import type { Cx } from "./context.ts";
import { exactInt, isFinite, truncOf, type ExactNumber } from "./exact.ts";
import { typeOfValue } from "./type-expressions.ts";
import { constant, errorExpr, isError, isLanes, scalarType, typeName } from "./types.ts";
import { errorValue, exact, typed, type BracketArg, type Value } from "./values.ts";

/** `T(…)` where T is a type. */
export function checkConstruction(cx: Cx, type: Type, args: readonly Value[], expr: CallExpr): Value {
  if (args.some((arg) => arg.kind === "error")) return errorValue(expr.span);
  switch (type.kind) {
    case "scalar":
      return convert(cx, type, args, expr);
    case "simd":
      return args.length === type.lanes && args.length > 1
        ? lanewise(cx, type, args, expr.span)
        : convert(cx, type, args, expr);
    case "array": {
      if (args.length > 1) {
        arityError(
          cx,
          `\`${typeName(type)}\``,
          "at most 1",
          args.length,
          expr.span,
          "every element begins as the one value; set the others afterwards",
        );
        return errorValue(expr.span);
      }
      const fill = args[0] && coerce(cx, args[0], type.elem, "the fill value");
      if (fill && isError(fill.type)) return errorValue(expr.span);
      return typed({ kind: "array-new", fill, type, span: expr.span });
    }
    default:
      cx.report("K0311", { what: `the type \`${typeName(type)}\``, how: "called" }, expr.callee.span, {
        notes:
          type.kind === "tensor"
            ? ["tensors come from outside, as arguments; local storage is an `Array`"]
            : [],
      });
      return errorValue(expr.span);
  }
}

function lanewise(cx: Cx, type: SimdType, args: readonly Value[], span: Span): Value {
  const lanes = args.map((arg) => coerce(cx, arg, scalarType(type.dtype), "a lane"));
  if (lanes.some((lane) => isError(lane.type))) return errorValue(span);
  return typed({ kind: "simd-new", args: lanes, type, span });
}

/** The only argument of a conversion. */
function single(cx: Cx, name: string, args: readonly Value[], span: Span): Value | undefined {
  if (args.length === 1) return args[0];
  arityError(cx, `\`${name}\``, 1, args.length, span);
  return undefined;
}

function convert(cx: Cx, type: ScalarType | SimdType, args: readonly Value[], expr: CallExpr): Value {
  if (dtypeInfo(type.dtype).storageOnly) {
    cx.report("K0329", { dtype: type.dtype }, expr.callee.span);
    return errorValue(expr.span);
  }
  const value = single(cx, typeName(type), args, expr.span);
  if (!value) return errorValue(expr.span);
  if (value.kind === "exact") return convertExact(cx, type, value, expr.span);
  if (value.kind === "flex" && !(value.literal === "real" && isInteger(type.dtype))) {
    return typed({ ...value.make(type), span: expr.span });
  }
  const operand = settle(cx, value);
  if (isError(operand.type)) return errorValue(expr.span);
  if (!isLanes(operand.type)) {
    reportOperand(cx, `${type.dtype}(…)`, typed(operand));
    return errorValue(expr.span);
  }
  return typed(convertTo(cx, operand, operand.type, type, "convert", expr.span));
}

/** A converted operand; a scalar type works on the lanes of a SIMD operand. */
function convertTo(
  cx: Cx,
  operand: TExpr,
  from: ScalarType | SimdType,
  type: ScalarType | SimdType,
  mode: "convert" | "saturate" | "bitcast",
  span: Span,
): TExpr {
  if (type.kind === "simd" && from.kind === "scalar") {
    return splat(convertTo(cx, operand, from, scalarType(type.dtype), mode, span), type);
  }
  if (type.kind === "simd" && from.kind === "simd" && type.lanes !== from.lanes) {
    cx.report(
      "K0302",
      { what: "this conversion", expected: `${from.lanes} lanes`, found: typeName(type) },
      span,
    );
    return errorExpr(span);
  }
  const result: Type = from.kind === "simd" ? { kind: "simd", dtype: type.dtype, lanes: from.lanes } : type;
  if (from.dtype === type.dtype) return { ...operand, type: result, span } as TExpr;
  return { kind: "convert", mode, operand, type: result, span };
}

function convertExact(
  cx: Cx,
  type: ScalarType | SimdType,
  value: Extract<Value, { kind: "exact" }>,
  span: Span,
): Value {
  const found = value.value;
  if (found.kind === "string") {
    cx.report("K0302", { what: `\`${type.dtype}(…)\``, expected: "a number", found: "a string" }, value.span);
    return errorValue(span);
  }
  if (type.dtype === "bool") {
    const holds =
      found.kind === "bool" ? found.value : found.kind === "int" ? found.value !== 0n : found.num !== 0n;
    return typed(constant(holds, type, span));
  }
  const number: ExactNumber = found.kind === "bool" ? exactInt(found.value ? 1 : 0) : found;
  const whole = number.kind === "real" && !isFloat(type.dtype) ? saturated(number, type.dtype) : number;
  const expr = coerce(cx, exact(whole, span), type, `\`${type.dtype}(…)\``);
  return isError(expr.type) ? errorValue(span) : typed(expr);
}

/** Truncated towards zero and held in range; NaN gives 0. */
function saturated(value: ExactNumber, dtype: Dtype): ExactNumber {
  const { min, max } = dtypeInfo(dtype);
  if (!isFinite(value))
    return exactInt(value.kind === "real" && value.num !== 0n ? BigInt(value.num > 0n ? max : min) : 0n);
  const whole = truncOf(value);
  return exactInt(whole < BigInt(min) ? BigInt(min) : whole > BigInt(max) ? BigInt(max) : whole);
}

// ---- saturate, bitcast ---------------------------------------------------------------------------

export function checkBuiltinConversion(
  cx: Cx,
  mode: "saturate" | "bitcast",
  brackets: readonly BracketArg[],
  args: readonly Value[],
  expr: CallExpr,
): Value {
  if (args.some((arg) => arg.kind === "error")) return errorValue(expr.span);
  const [bracket] = brackets;
  if (!bracket || brackets.length > 1) {
    cx.report(
      "K0308",
      { callee: `\`${mode}\``, why: `the type stands in brackets: \`${mode}[i32](x)\`` },
      expr.callee.span,
    );
    return errorValue(expr.span);
  }
  const type = typeOfValue(cx, bracket.value);
  const value = single(cx, mode, args, expr.span);
  if (!value || isError(type)) return errorValue(expr.span);
  if (isLanes(type) && dtypeInfo(type.dtype).storageOnly) {
    const { min, max } = dtypeInfo(type.dtype);
    const notes =
      mode === "saturate" ? [`store an i32 that was held in range: \`clamp(i32(x), ${min}, ${max})\``] : [];
    cx.report("K0329", { dtype: type.dtype }, bracket.span, { notes });
    return errorValue(expr.span);
  }
  if (!isLanes(type) || (mode === "saturate" && !isInteger(type.dtype))) {
    cx.report(
      "K0302",
      {
        what: `\`${mode}[…]\``,
        expected: mode === "saturate" ? "an integer dtype" : "a dtype",
        found: whatIs(bracket.value),
      },
      bracket.span,
    );
    return errorValue(expr.span);
  }
  const operand =
    mode === "bitcast" && value.kind === "exact" ? pattern(cx, value, type.dtype) : settle(cx, value);
  if (isError(operand.type)) return errorValue(expr.span);
  const from = operand.type;
  if (!isLanes(from) || (mode === "saturate" && from.dtype === "bool")) {
    reportOperand(cx, mode, typed(operand));
    return errorValue(expr.span);
  }
  if (
    mode === "bitcast" &&
    (dtypeInfo(from.dtype).bits !== dtypeInfo(type.dtype).bits ||
      from.dtype === "bool" ||
      type.dtype === "bool")
  ) {
    const bits = (dtype: Dtype): string => `${dtype} has ${dtypeInfo(dtype).bits} bits`;
    cx.report(
      "K0302",
      { what: "`bitcast`", expected: `a type of the size of ${from.dtype}`, found: type.dtype },
      expr.span,
      {
        notes: [`${bits(from.dtype)}, ${bits(type.dtype)}`],
      },
    );
    return errorValue(expr.span);
  }
  return typed(convertTo(cx, operand, from, type, mode, expr.span));
}

/** A literal bit pattern is an integer of the size of the result: `bitcast[f32](0xff800000)`. */
function pattern(cx: Cx, value: Extract<Value, { kind: "exact" }>, dtype: Dtype): TExpr {
  const found = value.value;
  if (found.kind !== "int") return settle(cx, value);
  const { bits } = dtypeInfo(dtype);
  const source = `${found.value < 0n ? "i" : "u"}${bits}` as Dtype;
  return coerce(cx, value, scalarType(source), "the bit pattern");
}
