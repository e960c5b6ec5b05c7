// What a rule of the simplifier is, and small questions that rules ask. A rule sees one application whose operands
// are simple already and gives an equal expression, or undefined where it has nothing to say.

import { isFloat, isInteger, isWide } from "../../../lang/dtypes.ts";
import {
  constant,
  op,
  type ConstExpr,
  type Expr,
  type IrType,
  type OpExpr,
  type Scalar,
} from "../../ir/ir.ts";
import type { ExprTable } from "../../ir/intern.ts";
import { opInfo, type OpName } from "../../ir/ops.ts";
import type { Range } from "../../ir/ranges.ts";

export interface RuleContext {
  readonly table: ExprTable;
  readonly range: (expr: Expr) => Range;
  /** Simplifies an application that a rule made of simple operands. */
  readonly make: (name: OpName, args: readonly Expr[], type?: IrType, imm?: readonly number[]) => Expr;
}
export type Rule = (expr: OpExpr, context: RuleContext) => Expr | undefined;

/** The value of an operand that is a constant in every lane. */
export function valueOf(expr: Expr | undefined): Scalar | undefined {
  return expr?.kind === "const" ? expr.value : undefined;
}
/** Whether an operand is this number in its dtype; the sign of zero counts. */
export function isValue(expr: Expr | undefined, value: number): boolean {
  if (expr?.kind !== "const") return false;
  return typeof expr.value === "bigint"
    ? expr.value === BigInt(value) && !Object.is(value, -0)
    : Object.is(expr.value, value);
}
export const isTrue = (expr: Expr | undefined): boolean => valueOf(expr) === true;
export const isFalse = (expr: Expr | undefined): boolean => valueOf(expr) === false;
export const isIntegerExpr = (expr: Expr): boolean => isInteger(expr.type.dtype);
export const isFloatExpr = (expr: Expr): boolean => isFloat(expr.type.dtype);

/** An application of an op, or undefined. */
export function asOp(expr: Expr | undefined, name: OpName): OpExpr | undefined {
  return expr?.kind === "op" && expr.op === name ? expr : undefined;
}

/** A number in the type's own kind of value. */
export function literal(value: number, type: IrType): ConstExpr {
  const { dtype } = type;
  return constant(dtype === "bool" ? value !== 0 : isWide(dtype) ? BigInt(value) : value, type);
}
export const bools = (value: boolean, like: Expr): ConstExpr =>
  constant(value, { dtype: "bool", lanes: like.type.lanes });

/** Computes one lane by the table, or undefined where the operands don't fit. */
export function foldLane(name: OpName, args: readonly Expr[], type: IrType): ConstExpr | undefined {
  const info = opInfo(name);
  if (!info.lane) return undefined;
  const values: Scalar[] = [];
  for (const arg of args) {
    if (arg.kind !== "const") return undefined;
    values.push(arg.value);
  }
  // `select` works in its values' dtype, its mask comes first.
  const dtype = args[name === "select" ? 1 : 0]!.type.dtype;
  if (info.unfit?.(values, dtype) !== undefined) return undefined;
  return constant(info.lane(values, dtype, type.dtype), type);
}

/** The exponent of a power of two that is a positive constant, or undefined. */
export function powerOfTwo(expr: Expr | undefined): number | undefined {
  const value = valueOf(expr);
  if (typeof value === "bigint") {
    if (value <= 0n || (value & (value - 1n)) !== 0n) return undefined;
    return value.toString(2).length - 1;
  }
  if (typeof value !== "number" || !(value >= 1)) return undefined;
  const exponent = Math.round(Math.log2(value));
  return 2 ** exponent === value ? exponent : undefined;
}

/** The same op with the operands in a canonical order, or applied to other operands of the same types. */
export function again(expr: OpExpr, args: readonly Expr[]): OpExpr {
  return op(expr.op, expr.type, args, expr.span, expr.imm);
}
