// What a name stands for while lowering: expressions, views of buffers, and tuples of those. Tuples and structs
// exist only here; the IR sees their leaves.

import type { Dtype } from "../../lang/dtypes.ts";
import type { Type } from "../../lang/typed.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { bool, constant, type Expr, type IrType, type Scalar } from "../ir/ir.ts";

export type Value =
  | { readonly kind: "expr"; readonly expr: Expr }
  | { readonly kind: "view"; readonly view: View }
  /** A tuple, or a struct with its fields in order. */
  | { readonly kind: "tuple"; readonly items: readonly Value[] }
  /** A mutable register, read where it is mentioned. */
  | { readonly kind: "cell"; readonly name: string; readonly type: IrType }
  /** The value of a statement call. */
  | { readonly kind: "none" };

/**
 * A window onto a buffer. Each axis of the buffer is fixed at an index or free from `low` on; `shape` has one
 * extent a free axis, in order.
 */
export interface View {
  readonly buffer: string;
  readonly dtype: Dtype;
  readonly axes: readonly ({ readonly fixed: Expr } | { readonly low?: Expr })[];
  readonly shape: readonly Expr[];
  /** Lanes of an Array's elements, which take an axis of their own behind the others. */
  readonly lanes: number;
}

export const none: Value = { kind: "none" };

export function exprValue(expr: Expr): Value {
  return { kind: "expr", expr };
}

/** The expression that a scalar or SIMD value is; reads a cell. */
export function asExpr(value: Value): Expr {
  if (value.kind === "expr") return value.expr;
  if (value.kind === "cell") return { kind: "ref", type: value.type, name: value.name };
  return internalError("lower", `a ${value.kind} where a scalar is needed`);
}

export function asView(value: Value): View {
  return value.kind === "view"
    ? value.view
    : internalError("lower", `a ${value.kind} where a tensor is needed`);
}

/** The scalar leaves of a value, in order. */
export function leaves(value: Value): readonly Value[] {
  return value.kind === "tuple" ? value.items.flatMap(leaves) : [value];
}

/** The IR types of the leaves of a language type, in the order of `leaves`. */
export function leafTypes(type: Type): readonly IrType[] {
  switch (type.kind) {
    case "scalar":
      return [{ dtype: type.dtype, lanes: 1 }];
    case "simd":
      return [{ dtype: type.dtype, lanes: type.lanes }];
    case "tuple":
      return type.items.flatMap(leafTypes);
    case "struct":
      return type.fields.flatMap((field) => leafTypes(field.type));
    case "none":
      return [];
    default:
      return internalError("lower", `a ${type.kind} has no scalar leaves`);
  }
}

/** Puts leaves together again as the type says; takes them from the front of `parts`. */
export function assemble(type: Type, parts: Value[]): Value {
  if (type.kind === "tuple") return { kind: "tuple", items: type.items.map((item) => assemble(item, parts)) };
  if (type.kind === "struct") {
    return { kind: "tuple", items: type.fields.map((field) => assemble(field.type, parts)) };
  }
  if (type.kind === "none") return none;
  return parts.shift() ?? internalError("lower", "too few leaves");
}

export function irTypeOf(type: Type): IrType {
  return leafTypes(type)[0] ?? internalError("lower", "a value without a type");
}

/** Zero, false, or a vector of them. */
export function zero(type: IrType): Expr {
  return constant(zeroScalar(type.dtype), type);
}

function zeroScalar(dtype: Dtype): Scalar {
  if (dtype === "bool") return false;
  return dtype === "i64" || dtype === "u64" ? 0n : 0;
}

export const truth = (value: boolean): Expr => constant(value, bool);
