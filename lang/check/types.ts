// Types as values of the checker: the constructors, equality, and the names that messages show.

import { textOf, type Span } from "../source.ts";
import { isFloat, isInteger, isTrait, traits, type Dtype } from "../dtypes.ts";
import type { ScalarType, SimdType, TBinaryOp, TConst, TensorType, TExpr, Type } from "../typed.ts";

const scalars = new Map<Dtype, ScalarType>();

export function scalarType(dtype: Dtype): ScalarType {
  let type = scalars.get(dtype);
  if (!type) scalars.set(dtype, (type = { kind: "scalar", dtype }));
  return type;
}

export const boolType = scalarType("bool");
export const i32Type = scalarType("i32");
export const f32Type = scalarType("f32");
export const indexType: ScalarType = { kind: "scalar", dtype: "i32", index: true };
export const noneType: Type = { kind: "none" };
export const errorType: Type = { kind: "error" };

export const isError = (type: Type): boolean => type.kind === "error";
/** A scalar or a SIMD value: what operators work on. */
export const isLanes = (type: Type): type is ScalarType | SimdType =>
  type.kind === "scalar" || type.kind === "simd";
export const isBoolScalar = (type: Type): boolean => type.kind === "scalar" && type.dtype === "bool";
export const isIndexLike = (type: Type): boolean => type.kind === "scalar" && type.dtype === "i32";

/** The same shape of value (scalar or so many lanes) over another dtype. */
export function withDtype(type: ScalarType | SimdType, dtype: Dtype): ScalarType | SimdType {
  return type.kind === "simd" ? { kind: "simd", dtype, lanes: type.lanes } : scalarType(dtype);
}

export function inTrait(dtype: Dtype, trait: string): boolean {
  return isTrait(trait) && (traits[trait] as readonly Dtype[]).includes(dtype);
}

export const isNarrowInteger = (dtype: Dtype): boolean =>
  dtype === "i8" || dtype === "u8" || dtype === "i16" || dtype === "u16";

/** Whether a value of one type can stand for the other; error types agree with everything. */
export function sameType(a: Type, b: Type): boolean {
  if (a === b || a.kind === "error" || b.kind === "error") return true;
  switch (a.kind) {
    case "scalar":
      return b.kind === "scalar" && a.dtype === b.dtype;
    case "simd":
      return b.kind === "simd" && a.dtype === b.dtype && a.lanes === b.lanes;
    case "tensor":
      return b.kind === "tensor" && a.dtype === b.dtype && a.shape.length === b.shape.length;
    case "array":
      return (
        b.kind === "array" &&
        sameType(a.elem, b.elem) &&
        a.shape.length === b.shape.length &&
        a.shape.every((size, axis) => !provablyDiffer(size, b.shape[axis]!))
      );
    case "tuple":
      return (
        b.kind === "tuple" &&
        a.items.length === b.items.length &&
        a.items.every((item, at) => sameType(item, b.items[at]!))
      );
    case "struct":
      return b.kind === "struct" && a.fields === b.fields;
    case "none":
      return b.kind === "none";
  }
}

/** True for two constants that are not equal; shapes over dims are the prover's business. */
export function provablyDiffer(a: TExpr, b: TExpr): boolean {
  return a.kind === "const" && b.kind === "const" && a.value !== b.value;
}

/** The type as it would be written. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "scalar":
      return type.index ? "index" : type.dtype;
    case "simd":
      return `SIMD[${type.dtype}, ${type.lanes}]`;
    case "tensor":
      return `Tensor[${[type.dtype, ...type.shape.map((size) => showExpr(size))].join(", ")}]`;
    case "array":
      return `Array[${[typeName(type.elem), ...type.shape.map((size) => showExpr(size))].join(", ")}]`;
    case "tuple":
      return `(${type.items.map(typeName).join(", ")})`;
    case "struct":
      return type.name;
    case "none":
      return "nothing";
    case "error":
      return "?";
  }
}

const spelling: Partial<Record<TBinaryOp, readonly [string, number]>> = {
  add: ["+", 1],
  sub: ["-", 1],
  mul: ["*", 2],
  floordiv: ["//", 2],
  mod: ["%", 2],
};

/** An index expression as it would be written; what it can't spell, it quotes from the source. */
export function showExpr(expr: TExpr, level = 0): string {
  if (expr.kind === "const") return String(expr.value);
  if (expr.kind === "ref") return expr.sym.name;
  const how = expr.kind === "binary" ? spelling[expr.op] : undefined;
  if (expr.kind === "binary" && how) {
    const text = `${showExpr(expr.left, how[1])} ${how[0]} ${showExpr(expr.right, how[1] + 1)}`;
    return how[1] < level ? `(${text})` : text;
  }
  if (expr.kind === "binary" && (expr.op === "min" || expr.op === "max")) {
    return `${expr.op}(${showExpr(expr.left)}, ${showExpr(expr.right)})`;
  }
  return textOf(expr.span);
}

/** A constant of a scalar or SIMD type (a splat). The value is already of the dtype. */
export function constant(value: number | bigint | boolean, type: Type, span: Span): TConst {
  return { kind: "const", value, type, span };
}

export const intConst = (value: number, span: Span): TConst => constant(value, i32Type, span);

/** Stands for an expression whose error is reported. */
export function errorExpr(span: Span): TConst {
  return constant(0, errorType, span);
}

const foldable: Partial<Record<TBinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  floordiv: (a, b) => (b === 0 ? NaN : Math.floor(a / b)),
  mod: (a, b) => (b === 0 ? NaN : a - Math.floor(a / b) * b),
  min: Math.min,
  max: Math.max,
};

/** An i32 index expression; two constants are folded, so that shapes in messages read well. */
export function indexBinary(
  op: TBinaryOp,
  left: TExpr,
  right: TExpr,
  span: Span,
  type: Type = left.type.kind === "scalar" && left.type.index ? left.type : i32Type,
): TExpr {
  if (left.kind === "const" && right.kind === "const") {
    const value = foldable[op]?.(Number(left.value), Number(right.value));
    if (value !== undefined && Number.isInteger(value) && Math.abs(value) < 2 ** 31)
      return constant(value, type, span);
  }
  return { kind: "binary", op, left, right, type, span };
}

/** How a value of the type is called in a sentence. */
export function describe(type: Type): string {
  switch (type.kind) {
    case "tensor":
      return `a tensor (${typeName(type)})`;
    case "array":
      return `an array (${typeName(type)})`;
    case "scalar":
      return type.dtype === "bool"
        ? "a bool"
        : `${isFloat(type.dtype) || isInteger(type.dtype) ? typeName(type) : ""}`;
    case "none":
      return "nothing";
    default:
      return typeName(type);
  }
}

export type { TensorType };
