// Operators: exact where both sides are constants, else on scalars and SIMD values of one type. Nothing is
// converted behind the author's back except i32, which `index` is another name for.

import type { Span } from "../source.ts";
import { isFloat, isInteger } from "../dtypes.ts";
import type { BinaryExpr, BinaryOp, CompareExpr, CompareOp, LogicalExpr, UnaryExpr } from "../syntax/ast.ts";
import type { ScalarType, SimdType, TBinaryOp, TCompareOp, TExpr, Type } from "../typed.ts";
import type { Cx } from "./context.ts";
import { binaryExact, compareValues, exactBool, exactInt, exactReal, negate } from "./exact.ts";
import { coerce, settle, together, whatIs } from "./coercion.ts";
import { check } from "./expressions.ts";
import { weightLimit, weightOf } from "./operands.ts";
import {
  boolType,
  constant,
  describe,
  errorExpr,
  i32Type,
  indexBinary,
  isBoolScalar,
  isIndexLike,
  isLanes,
  sameType,
  typeName,
} from "./types.ts";
import { errorValue, exact, typed, type Value } from "./values.ts";

const isBoolLanes = (type: Type): boolean => isLanes(type) && type.dtype === "bool";

const binaryOps: Readonly<Record<BinaryOp, TBinaryOp>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "//": "floordiv",
  "%": "mod",
  "**": "pow",
  "<<": "shl",
  ">>": "shr",
  "&": "and",
  "|": "or",
  "^": "xor",
};
const compareOps: Readonly<Record<CompareOp, TCompareOp>> = {
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
};

/** The op that `op=` and `op` stand for in the typed tree. */
export const binaryOpOf = (op: BinaryOp): TBinaryOp => binaryOps[op];

export function checkBinary(cx: Cx, expr: BinaryExpr): Value {
  const left = check(cx, expr.left);
  const right = check(cx, expr.right);
  return binary(cx, expr.op, left, right, expr.span, expr.opSpan);
}

/** `left op right`. */
export function binary(cx: Cx, op: BinaryOp, left: Value, right: Value, span: Span, opSpan: Span): Value {
  if (left.kind === "error" || right.kind === "error") return errorValue(span);
  if (left.kind === "exact" && right.kind === "exact") return foldExact(cx, op, left, right, span);
  const bool = [left, right].find((value) => value.kind === "typed" && isBoolLanes(value.expr.type));
  if (bool && op !== "&" && op !== "|" && op !== "^") {
    reportOperand(cx, op, bool, "a bool counts as no number; `i32(c)` gives 0 or 1");
    return errorValue(span);
  }
  if (op === "**") return powerOf(cx, left, right, span, opSpan);
  return together(
    cx,
    [left, right],
    span,
    ([a, b], type) => arithmetic(cx, op, a!, b!, type, span, opSpan),
    {
      mixed: () => reportMixed(cx, op, left, right, span),
      other: (value) => reportOperand(cx, op, value),
    },
    op === "/" ? "real" : undefined,
  );
}

function foldExact(
  cx: Cx,
  op: BinaryOp,
  left: Extract<Value, { kind: "exact" }>,
  right: Extract<Value, { kind: "exact" }>,
  span: Span,
): Value {
  const a = left.value;
  const b = right.value;
  if (a.kind === "bool" && b.kind === "bool" && (op === "&" || op === "|" || op === "^")) {
    const value = op === "&" ? a.value && b.value : op === "|" ? a.value || b.value : a.value !== b.value;
    return exact(exactBool(value), span);
  }
  if (a.kind === "string" && b.kind === "string" && op === "+") {
    return exact({ kind: "string", value: a.value + b.value }, span);
  }
  if (a.kind === "bool" || a.kind === "string" || b.kind === "bool" || b.kind === "string") {
    reportOperand(cx, op, a.kind === "bool" || a.kind === "string" ? left : right);
    return errorValue(span);
  }
  const result = binaryExact(op, a, b);
  if ("why" in result) {
    cx.report("K0323", { why: result.why }, span);
    return errorValue(span);
  }
  return exact(result, span);
}

/** The operator on two operands of `type`. */
export function arithmetic(
  cx: Cx,
  op: BinaryOp,
  left: TExpr,
  right: TExpr,
  type: ScalarType | SimdType,
  span: Span,
  opSpan: Span,
): TExpr {
  const { dtype } = type;
  const isBool = dtype === "bool";
  const refuse = (notes: string[] = []): TExpr => {
    cx.report("K0313", { op, type: typeName(type) }, opSpan, { notes });
    return errorExpr(span);
  };
  switch (op) {
    case "/":
      if (isInteger(dtype)) {
        cx.report("K0304", { type: typeName(type) }, opSpan, {
          fix: {
            text: "`//` divides integers and rounds down",
            edits: [{ span: opSpan, replacement: "//" }],
          },
          notes: [`for a quotient with a fraction, convert first: \`f32(a) / f32(b)\``],
        });
        return errorExpr(span);
      }
      if (isBool) return refuse();
      break;
    case "&":
    case "|":
    case "^":
      if (isFloat(dtype))
        return refuse(["bit operators work on integers and bools; `bitcast[u32](x)` gives a float’s bits"]);
      break;
    case "<<":
    case ">>":
      if (!isInteger(dtype)) return refuse(["shifts work on integers"]);
      break;
    case "//":
    case "%":
      if (isBool) return refuse();
      if (isFloat(dtype)) {
        const divided: TExpr = { kind: "binary", op: "div", left, right, type, span };
        const floored: TExpr = { kind: "unary", op: "floor", operand: divided, type, span };
        if (op === "//") return floored;
        if (tooHeavy(cx, [left, right])) return errorExpr(span);
        const whole: TExpr = { kind: "binary", op: "mul", left: floored, right, type, span };
        return { kind: "binary", op: "sub", left, right: whole, type, span };
      }
      break;
    default:
      if (isBool) return refuse();
  }
  if (isIndexLike(type)) return indexBinary(binaryOps[op], left, right, span, type);
  return { kind: "binary", op: binaryOps[op], left, right, type, span };
}

/** `x ** n`: the exponent is a small whole constant; anything else is `std.math.pow`. */
function powerOf(cx: Cx, left: Value, right: Value, span: Span, opSpan: Span): Value {
  const exponent =
    right.kind === "exact" && right.value.kind === "int"
      ? right.value.value
      : right.kind === "exact" && right.value.kind === "real" && right.value.den === 1n
        ? right.value.num
        : undefined;
  const base = settle(cx, left);
  if (base.type.kind === "error") return errorValue(span);
  if (!isLanes(base.type) || base.type.dtype === "bool") {
    reportOperand(cx, "**", typed(base));
    return errorValue(span);
  }
  const lowest = isFloat(base.type.dtype) ? -16n : 0n;
  if (exponent === undefined || exponent < lowest || exponent > 16n) {
    cx.report("K0313", { op: "**", type: "this exponent" }, opSpan, {
      notes: ["`**` takes a whole constant from 0 to 16 (from -16 for floats)"],
      fix: { text: "`from std.math import pow`, and write `pow(x, y)`" },
    });
    return errorValue(span);
  }
  const power = coerce(cx, exact(exactInt(exponent), right.span), base.type, "the exponent");
  return typed({ kind: "binary", op: "pow", left: base, right: power, type: base.type, span });
}

/**
 * Operands of two types: the sentence, and the conversion that would mend it. What is `updated`, as the left side of `+=` is, can't be
 * converted: a variable that takes floats is better declared as one.
 */
export function reportMixed(
  cx: Cx,
  op: string,
  left: Value,
  right: Value,
  span: Span,
  updated?: { readonly variable: string | undefined },
): void {
  const a = left.kind === "typed" ? left.expr.type : undefined;
  const b = right.kind === "typed" ? right.expr.type : undefined;
  if (!a || !b || a.kind === "error" || b.kind === "error") return;
  const floats = isLanes(a) && isLanes(b) && isFloat(b.dtype) && !isFloat(a.dtype);
  if (floats && updated?.variable !== undefined) {
    cx.report("K0301", { op, left: typeName(a), right: typeName(b) }, span, {
      related: [
        { span: left.span, text: typeName(a) },
        { span: right.span, text: typeName(b) },
      ],
      fix: { text: `declare it with that type: \`var ${updated.variable}: ${typeName(b)} = …\`` },
    });
    return;
  }
  const wider = isLanes(a) && isLanes(b) ? (floats && !updated ? b.dtype : a.dtype) : undefined;
  const other = wider && isLanes(a) && a.dtype === wider ? right : left;
  const lanes = isLanes(a) && isLanes(b) && a.dtype === b.dtype;
  cx.report("K0301", { op, left: typeName(a), right: typeName(b) }, span, {
    related: [
      { span: left.span, text: typeName(a) },
      { span: right.span, text: typeName(b) },
    ],
    fix:
      wider && !lanes && wider !== "bool"
        ? {
            text: `convert one side: \`${wider}(…)\``,
            edits: [
              { span: { ...other.span, end: other.span.start }, replacement: `${wider}(` },
              { span: { ...other.span, start: other.span.end }, replacement: ")" },
            ],
          }
        : undefined,
  });
}

/** An operand that the operator can't take at all. */
export function reportOperand(cx: Cx, op: string, value: Value, note?: string): void {
  if (value.kind === "error" || (value.kind === "typed" && value.expr.type.kind === "error")) return;
  const type = value.kind === "typed" ? describe(value.expr.type) : whatIs(value);
  const tensor =
    value.kind === "typed" && (value.expr.type.kind === "tensor" || value.expr.type.kind === "array");
  cx.report("K0313", { op, type }, value.span, {
    notes: tensor
      ? ["operators work on elements: loop over them, as in `for i in range(N): y[i] = x[i] + 1`"]
      : note
        ? [note]
        : [],
  });
}

// ---- unary, comparisons, logic -------------------------------------------------------------------

export function checkUnary(cx: Cx, expr: UnaryExpr): Value {
  const operand = check(cx, expr.operand);
  const { op, span } = expr;
  if (operand.kind === "error") return errorValue(span);
  if (op === "not") {
    if (operand.kind === "exact" && operand.value.kind === "bool") {
      return exact(exactBool(!operand.value.value), span);
    }
    const value = condition(cx, operand, "`not`");
    return typed({ kind: "unary", op: "not", operand: value, type: boolType, span });
  }
  if (operand.kind === "exact") {
    const { value } = operand;
    if (value.kind === "int" || value.kind === "real") {
      // A fraction has no negative zero, a float has.
      if (op === "-" && value.kind === "real" && value.num === 0n && value.den !== 0n)
        return negativeZero(cx, span);
      if (op === "-") return exact(negate(value), span);
      if (op === "+") return exact(value, span);
      if (value.kind === "int") return exact(exactInt(~value.value), span);
    }
    if (value.kind === "bool" && op === "~") return exact(exactBool(!value.value), span);
    reportOperand(cx, op, operand);
    return errorValue(span);
  }
  return together(cx, [operand], span, ([value], type) => unary(cx, op, value!, type, span), {
    mixed: () => reportOperand(cx, op, operand),
    other: (value) => reportOperand(cx, op, value),
  });
}

function negativeZero(cx: Cx, span: Span): Value {
  const make = (type: Type): TExpr =>
    isLanes(type) && isFloat(type.dtype)
      ? constant(-0, type, span)
      : coerce(cx, exact(exactReal(0n, 1n), span), type, "this operand");
  return { kind: "flex", literal: "real", make, span };
}

function unary(cx: Cx, op: "-" | "+" | "~", operand: TExpr, type: ScalarType | SimdType, span: Span): TExpr {
  const { dtype } = type;
  if (op === "~" ? isFloat(dtype) : dtype === "bool") {
    cx.report("K0313", { op, type: typeName(type) }, span);
    return errorExpr(span);
  }
  if (op === "+") return operand;
  if (op === "~") return { kind: "unary", op: dtype === "bool" ? "not" : "bitnot", operand, type, span };
  if (operand.kind === "const" && isIndexLike(type)) return constant(-Number(operand.value) | 0, type, span);
  return { kind: "unary", op: "neg", operand, type, span };
}

/** Reports operands that are too large to stand twice. */
function tooHeavy(cx: Cx, operands: readonly TExpr[]): boolean {
  const heavy = operands.find((operand) => weightOf(operand) > weightLimit);
  if (heavy) cx.report("K0347", {}, heavy.span);
  return heavy !== undefined;
}

/** A chain `a < b <= c` is `a < b and b <= c`; the operands are pure, so the middle one may stand twice. */
export function checkCompare(cx: Cx, expr: CompareExpr): Value {
  const operands = expr.operands.map((operand) => check(cx, operand));
  const middle = operands.slice(1, -1).flatMap((one) => (one.kind === "typed" ? [one.expr] : []));
  if (tooHeavy(cx, middle)) return errorValue(expr.span);
  let result: Value | undefined;
  expr.ops.forEach((op, at) => {
    const link = compare(cx, op, operands[at]!, operands[at + 1]!, expr.span);
    result = result ? logical(cx, "and", result, link, expr.span) : link;
  });
  return result ?? errorValue(expr.span);
}

function compare(cx: Cx, op: CompareOp, left: Value, right: Value, span: Span): Value {
  if (left.kind === "error" || right.kind === "error") return errorValue(span);
  if (left.kind === "exact" && right.kind === "exact") {
    const value = compareValues(op, left.value, right.value);
    if (value !== undefined) return exact(exactBool(value), span);
  }
  if (left.kind === "type" && right.kind === "type" && (op === "==" || op === "!=")) {
    return exact(exactBool(sameType(left.type, right.type) === (op === "==")), span);
  }
  const build = ([a, b]: readonly TExpr[], type: ScalarType | SimdType): TExpr => {
    if (type.dtype === "bool" && op !== "==" && op !== "!=") {
      cx.report("K0313", { op, type: typeName(type) }, span);
      return errorExpr(span);
    }
    const result: Type = type.kind === "simd" ? { kind: "simd", dtype: "bool", lanes: type.lanes } : boolType;
    return { kind: "compare", op: compareOps[op], left: a!, right: b!, type: result, span };
  };
  const result = together(cx, [left, right], span, build, {
    mixed: () => reportMixed(cx, op, left, right, span),
    other: (value) => reportOperand(cx, op, value),
  });
  // A comparison of numbers that have no type yet is of their default type.
  return result.kind === "flex"
    ? typed(result.make(result.literal === "int" ? i32Type : { kind: "scalar", dtype: "f32" }))
    : result;
}

export function checkLogical(cx: Cx, expr: LogicalExpr): Value {
  return logical(cx, expr.op, check(cx, expr.left), check(cx, expr.right), expr.span);
}

function logical(cx: Cx, op: "and" | "or", left: Value, right: Value, span: Span): Value {
  if (left.kind === "exact" && left.value.kind === "bool") {
    const decided = left.value.value === (op === "or");
    if (decided) return left;
    if (right.kind === "exact" && right.value.kind === "bool") return exact(right.value, span);
    return typed(condition(cx, right, `\`${op}\``));
  }
  const a = condition(cx, left, `\`${op}\``);
  const b = condition(cx, right, `\`${op}\``);
  if (a.type.kind === "error" || b.type.kind === "error") return errorValue(span);
  return typed({ kind: "logical", op, left: a, right: b, type: boolType, span });
}

/** An operand that must be a bool: of `if`, `while`, `assert`, `not`, `and`, `or`. */
export function condition(cx: Cx, value: Value, what: string): TExpr {
  if (value.kind === "exact" && (value.value.kind === "int" || value.value.kind === "real")) {
    cx.report("K0305", { what, found: "a number" }, value.span, { notes: ["compare it: `x != 0`"] });
    return errorExpr(value.span);
  }
  const expr = settle(cx, value);
  if (expr.type.kind === "error" || isBoolScalar(expr.type)) return expr;
  const mask = expr.type.kind === "simd" && expr.type.dtype === "bool";
  cx.report("K0305", { what, found: describe(expr.type) }, value.span, {
    notes: mask
      ? ["a mask has many answers: `m.any()`, `m.all()`, `select(m, a, b)`, and `&`, `|`, `~` between masks"]
      : isLanes(expr.type)
        ? ["compare it: `x != 0`"]
        : [],
  });
  return errorExpr(value.span);
}
