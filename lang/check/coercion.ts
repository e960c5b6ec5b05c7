// Where a Value becomes a run-time expression: `coerce` to a type that the context demands, `settle` where the
// context demands nothing (i32 for an integer, f32 for a decimal), `meet` for operands that share a type.

import type { Span } from "../source.ts";
import { dtypeInfo, isFloat, type Dtype } from "../dtypes.ts";
import type { ScalarType, SimdType, TExpr, Type } from "../typed.ts";
import type { Cx } from "./context.ts";
import { showExact, valueOfDtype, type Exact } from "./exact.ts";
import {
  boolType,
  constant,
  errorExpr,
  f32Type,
  i32Type,
  isLanes,
  sameType,
  typeName,
  withDtype,
} from "./types.ts";
import { typed, type Value } from "./values.ts";

/** The expression of a value that has no type to live up to. */
export function settle(cx: Cx, value: Value): TExpr {
  switch (value.kind) {
    case "typed":
      if (value.expr.kind !== "array-new") return value.expr;
      cx.report("K0336", {}, value.span, { fix: { text: "name it first: `var a = Array[…](…)`" } });
      return errorExpr(value.span);
    case "exact":
      return exactToType(cx, value.value, defaultType(value.value), value.span);
    case "flex":
      return value.make(value.literal === "int" ? i32Type : f32Type);
    case "tuple": {
      const items = value.items.map((item) => settle(cx, item));
      return {
        kind: "tuple",
        items,
        type: { kind: "tuple", items: items.map((item) => item.type) },
        span: value.span,
      };
    }
    case "error":
      return errorExpr(value.span);
    default:
      cx.report("K0321", { what: whatIs(value) }, value.span, { notes: howToUse(value) });
      return errorExpr(value.span);
  }
}

const defaultType = (value: Exact): Type =>
  value.kind === "int" ? i32Type : value.kind === "real" ? f32Type : boolType;

/** What a value is, for "… isn't a value". */
export function whatIs(value: Value): string {
  switch (value.kind) {
    case "type":
      return `the type \`${typeName(value.type)}\``;
    case "trait":
      return `the trait \`${value.name}\``;
    case "function":
      return `the function \`${value.template.decl.name.text}\``;
    case "instance":
      return `the function \`${value.fn.name}\``;
    case "kernel":
      return `the kernel \`${value.template.decl.name.text}\``;
    case "struct":
      return `the struct \`${value.type.name}\``;
    case "module":
      return `the module \`${value.module.name}\``;
    case "namespace":
      return `the package \`${value.name}\``;
    case "intrinsics":
      return "`intrinsic`";
    case "intrinsic":
      return `the built-in \`intrinsic.${value.name}\``;
    case "builtin":
      return `the built-in \`${value.name}\``;
    case "partial":
      return "a function with its compile-time arguments";
    case "method":
      return `the method \`${value.name}\``;
    case "pack":
      return `the pack \`${value.name}\``;
    case "list":
      return "a list";
    case "shape":
      return "a whole shape";
    case "exact":
      return value.value.kind === "string" ? "a string" : `\`${showExact(value.value)}\``;
    case "tuple":
      return "a tuple";
    case "typed":
    case "flex":
    case "error":
      return "a value";
  }
}

function howToUse(value: Value): string[] {
  switch (value.kind) {
    case "pack":
      return [`a pack is spelled out with a star: \`*${value.name}\``];
    case "function":
    case "instance":
    case "builtin":
    case "intrinsic":
    case "method":
    case "partial":
      return ["a function is called, or given to a compile-time parameter in brackets"];
    case "shape":
      return ["name one dimension of it: `x.shape[0]`"];
    case "list":
      return [
        "lists exist when compiling only: take an element of it by a constant, or use an `Array`",
        "in a test, `tensor[f32]([…])` makes a tensor of one",
      ];
    default:
      return [];
  }
}

/** The value as an expression of exactly `type`, or an error that says what was expected for `what`. */
export function coerce(cx: Cx, value: Value, type: Type, what: string): TExpr {
  if (type.kind === "error") {
    if (value.kind !== "exact" && value.kind !== "flex") settle(cx, value);
    return errorExpr(value.span);
  }
  switch (value.kind) {
    case "exact":
      if (isLanes(type) && value.value.kind !== "string")
        return exactToType(cx, value.value, type, value.span);
      return mismatch(cx, whatIs(value), type, value.span, what);
    case "flex":
      if (isLanes(type)) return value.make(type);
      return mismatch(cx, "a number", type, value.span, what);
    case "tuple":
      if (type.kind === "tuple" && type.items.length === value.items.length) {
        const items = value.items.map((item, at) => coerce(cx, item, type.items[at]!, what));
        return { kind: "tuple", items, type, span: value.span };
      }
      return mismatch(cx, `a tuple of ${value.items.length}`, type, value.span, what);
    default: {
      const expr = settle(cx, value);
      if (sameType(expr.type, type)) return expr.type.kind === "error" ? errorExpr(value.span) : expr;
      return mismatch(cx, typeName(expr.type), type, value.span, what, expr);
    }
  }
}

function mismatch(cx: Cx, found: string, type: Type, span: Span, what: string, expr?: TExpr): TExpr {
  const convertible = expr && isLanes(expr.type) && isLanes(type) && type.dtype !== "bool";
  const expected = type.kind === "scalar" && type.index ? "an index or i32" : typeName(type);
  cx.report("K0302", { what, expected, found }, span, {
    fix: convertible
      ? { text: `convert it: \`${type.dtype}(…)\``, edits: wrap(span, `${type.dtype}(`, ")") }
      : undefined,
  });
  return errorExpr(span);
}

const wrap = (span: Span, before: string, after: string) => [
  { span: { ...span, end: span.start }, replacement: before },
  { span: { ...span, start: span.end }, replacement: after },
];

/** An exact number, correctly rounded to a scalar type, or to every lane of a SIMD type. */
function exactToType(cx: Cx, value: Exact, type: Type, span: Span): TExpr {
  if (!isLanes(type) || value.kind === "string") {
    cx.report("K0321", { what: "a string" }, span);
    return errorExpr(span);
  }
  const { dtype } = type;
  if (value.kind === "bool") {
    return dtype === "bool"
      ? constant(value.value, type, span)
      : mismatch(cx, "a bool", type, span, "this place");
  }
  if (dtype === "bool") {
    return mismatch(cx, `the number ${showExact(value)}`, type, span, "this place");
  }
  if (value.kind === "real" && !isFloat(dtype)) {
    cx.report(
      "K0303",
      { value: showExact(value), type: typeName(type), range: "it holds whole numbers" },
      span,
      {
        notes: [`write a whole number, or convert it on purpose: \`${dtype}(…)\` drops the fraction`],
      },
    );
    return errorExpr(span);
  }
  const rounded = valueOfDtype(value, dtype);
  if (rounded === undefined) {
    const info = dtypeInfo(dtype);
    cx.report(
      "K0303",
      { value: showExact(value), type: dtype, range: `it holds ${info.min} to ${info.max}` },
      span,
    );
    return errorExpr(span);
  }
  return constant(rounded, type, span);
}

/** What several operands have in common: a type, or no type yet but a sort of number. */
export type Common =
  | { readonly kind: "type"; readonly type: ScalarType | SimdType }
  | { readonly kind: "flex"; readonly literal: "int" | "real" }
  | { readonly kind: "other"; readonly value: Value }
  | { readonly kind: "error" };

/** Finds the type that operands should share. A SIMD operand wins over scalars, which are splatted. */
export function commonOf(values: readonly Value[]): Common {
  let found: ScalarType | SimdType | undefined;
  let literal: "int" | "real" = "int";
  let bools = 0;
  for (const value of values) {
    switch (value.kind) {
      case "error":
        return { kind: "error" };
      case "typed": {
        const { type } = value.expr;
        if (type.kind === "error") return { kind: "error" };
        if (!isLanes(type)) return { kind: "other", value };
        if (!found || (found.kind === "scalar" && type.kind === "simd")) found = type;
        else if (found.kind === "scalar" && found.index && type.kind === "scalar" && !type.index)
          found = type;
        break;
      }
      case "exact":
        if (value.value.kind === "string") return { kind: "other", value };
        if (value.value.kind === "bool") bools++;
        if (value.value.kind === "real") literal = "real";
        break;
      case "flex":
        if (value.literal === "real") literal = "real";
        break;
      default:
        return { kind: "other", value };
    }
  }
  if (found) return { kind: "type", type: found };
  if (bools === values.length) return { kind: "type", type: boolType };
  return { kind: "flex", literal };
}

/** An operand as `type`: literals take it, scalars are splatted to SIMD, all else must have it already. */
export function meet(cx: Cx, value: Value, type: ScalarType | SimdType): TExpr | undefined {
  if (value.kind === "exact" || value.kind === "flex") return coerce(cx, value, type, "this operand");
  const expr = settle(cx, value);
  if (expr.type.kind === "error") return expr;
  if (sameType(expr.type, type)) return expr;
  if (type.kind === "simd" && expr.type.kind === "scalar" && expr.type.dtype === type.dtype)
    return splat(expr, type);
  return undefined;
}

/** Every lane the same scalar. */
export function splat(expr: TExpr, type: SimdType): TExpr {
  if (expr.kind === "const") return constant(expr.value, type, expr.span);
  return { kind: "simd-new", args: [expr], type, span: expr.span };
}

/**
 * Brings operands to their common type and builds the result; where they are all literals that aren't constant,
 * the result waits for its type too. `mixed` reports operands whose types differ.
 */
export function together(
  cx: Cx,
  values: readonly Value[],
  span: Span,
  build: (operands: readonly TExpr[], type: ScalarType | SimdType) => TExpr,
  refuse: { mixed: (left: Value, right: Type) => void; other: (value: Value) => void },
  literal?: "real",
): Value {
  const common = commonOf(values);
  if (common.kind === "error") return { kind: "error", span };
  if (common.kind === "other") {
    refuse.other(common.value);
    return { kind: "error", span };
  }
  const make = (type: Type): TExpr => {
    if (!isLanes(type)) return errorExpr(span);
    const operands: TExpr[] = [];
    for (const value of values) {
      const operand = meet(cx, value, type);
      if (!operand) {
        refuse.mixed(value, type);
        return errorExpr(span);
      }
      if (operand.type.kind === "error") return errorExpr(span);
      operands.push(operand);
    }
    return build(operands, type);
  };
  if (common.kind === "flex") return { kind: "flex", literal: literal ?? common.literal, make, span };
  return typed(make(common.type));
}

/** The scalar or SIMD type that a result has when its dtype changes. */
export const lanesOf = (type: ScalarType | SimdType, dtype: Dtype): Type => withDtype(type, dtype);
