// Identities of floats: only those that give the same bits for every operand, NaN (of any payload), infinities and
// both zeros included. So x * 1 is x, and x + 0 isn't: -0 + 0 is 0.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Expr } from "../../ir/ir.ts";
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

/** Rounding to an integer what is one already: another rounding, or a converted integer. */
const rounding: Rule = (expr) => {
  const [a] = expr.args;
  if (a?.kind !== "op") return undefined;
  const whole = ["floor", "ceil", "trunc", "round"].includes(a.op);
  return whole || (a.op === "convert" && isIntegerExpr(a.args[0]!)) ? a : undefined;
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
};
