// Identities of floats: only those that give the same bits for every operand, NaN (of any payload), infinities and
// both zeros included. So x * 1 is x, and x + 0 isn't: -0 + 0 is 0.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Expr, IrType } from "../../ir/ir.ts";
import type { OpName } from "../../ir/ops.ts";
import { roundFloat } from "../../ir/values.ts";
import { asOp, isIntegerExpr, isValue, literal, valueOf, type Rule } from "./rules.ts";

const add: Rule = (expr, { make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, -0)) return a;
  const negated = asOp(b, "neg");
  if (negated) return make("sub", [a, negated.args[0]!]);
  const left = asOp(a, "neg");
  return left ? make("sub", [b, left.args[0]!]) : undefined;
};

const sub: Rule = (expr, { make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 0)) return a;
  if (isValue(a, -0)) return make("neg", [b]);
  const negated = asOp(b, "neg");
  return negated && make("add", [a, negated.args[0]!]);
};

const mul: Rule = (expr, { make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 1)) return a;
  if (isValue(b, -1)) return make("neg", [a]);
  const [left, right] = [asOp(a, "neg"), asOp(b, "neg")];
  return left && right ? make("mul", [left.args[0]!, right.args[0]!]) : undefined;
};

const div: Rule = (expr, { make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 1)) return a;
  if (isValue(b, -1)) return make("neg", [a]);
  // Dividing by a power of two is multiplying by its reciprocal, where that is a normal number.
  const value = valueOf(b);
  if (typeof value !== "number" || 2 ** Math.round(Math.log2(Math.abs(value))) !== Math.abs(value))
    return undefined;
  const reciprocal = 1 / value;
  const smallest = { f16: 2 ** -14, bf16: 2 ** -126, f32: 2 ** -126, f64: 2 ** -1022 }[
    expr.type.dtype as "f16"
  ];
  const normal =
    Math.abs(reciprocal) >= smallest && Math.abs(reciprocal) <= Number(dtypeInfo(expr.type.dtype).max);
  const exact = normal && roundFloat(reciprocal, expr.type.dtype) === reciprocal;
  return exact ? make("mul", [a, literal(reciprocal, expr.type)]) : undefined;
};

const neg: Rule = (expr, { make }) => {
  const inner = asOp(expr.args[0], "neg");
  if (inner) return inner.args[0];
  // -(x * c) = x * -c
  const product = asOp(expr.args[0], "mul");
  if (product?.args[1]!.kind === "const")
    return make("mul", [product.args[0]!, make("neg", [product.args[1]!])]);
  return undefined;
};

const abs: Rule = (expr, { make }) => {
  const inner = expr.args[0]!;
  if (inner.kind !== "op") return undefined;
  if (inner.op === "abs") return inner;
  return inner.op === "neg" ? make("abs", [inner.args[0]!]) : undefined;
};

const fma: Rule = (expr, { make }) => {
  const [a, b, c] = expr.args as [Expr, Expr, Expr];
  if (isValue(b, 1)) return make("add", [a, c]);
  if (isValue(a, 1)) return make("add", [b, c]);
  return isValue(c, -0) ? make("mul", [a, b]) : undefined;
};

/** Whether a float has no fraction, if it is finite: sums and products of such are so too, since large floats have none. */
function isWhole(expr: Expr): boolean {
  if (expr.kind === "const") return Number.isInteger(expr.value);
  if (expr.kind !== "op") return false;
  switch (expr.op) {
    case "floor":
    case "ceil":
    case "trunc":
    case "round":
      return true;
    case "convert":
      return isIntegerExpr(expr.args[0]!);
    case "neg":
    case "abs":
    case "add":
    case "sub":
    case "mul":
    case "min":
    case "max":
      return expr.args.every(isWhole);
    case "select":
      return isWhole(expr.args[1]!) && isWhole(expr.args[2]!);
    default:
      return false;
  }
}

/** Rounding to an integer what is one already. */
const rounding: Rule = (expr) => (isWhole(expr.args[0]!) ? expr.args[0] : undefined);

/** What need not be rounded becomes an integer by a conversion, which holds it to a range as well, and NaN to 0. */
const saturate: Rule = (expr, { make }) => {
  const [a] = expr.args as [Expr];
  const { dtype } = expr.type;
  if (!isWhole(a)) return undefined;
  const wide: IrType = { dtype: dtypeInfo(dtype).bits < 32 ? "i32" : dtype, lanes: a.type.lanes };
  const converted = make("convert", [a], wide);
  return wide.dtype === dtype ? converted : make("saturate", [converted], expr.type);
};

export const floatRules: Partial<Record<OpName, Rule>> = {
  add,
  sub,
  mul,
  div,
  neg,
  abs,
  fma,
  floor: rounding,
  ceil: rounding,
  trunc: rounding,
  round: rounding,
  saturate,
};
