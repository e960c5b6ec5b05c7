// Identities of bools, `select`, and comparisons whatever they compare.

import { isFloat, isInteger } from "../../../lang/dtypes.ts";
import type { Expr } from "../../ir/ir.ts";
import type { OpName } from "../../ir/ops.ts";
import { integerComparisons } from "./integers.ts";
import { asOp, bools, isFalse, isFloatExpr, isTrue, type Rule, type RuleContext } from "./rules.ts";

function opposite(a: Expr, b: Expr, { table }: RuleContext): boolean {
  const [left, right] = [asOp(a, "not"), asOp(b, "not")];
  return (
    (left !== undefined && table.equal(left.args[0]!, b)) ||
    (right !== undefined && table.equal(right.args[0]!, a))
  );
}

const and: Rule = (expr, context) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isTrue(b) || isFalse(a) || context.table.equal(a, b)) return a;
  if (isFalse(b) || isTrue(a)) return b;
  if (opposite(a, b, context)) return bools(false, a);
  // a & (a & c) = a & c
  const inner = asOp(b, "and") ?? asOp(a, "and");
  const other = inner === b ? a : b;
  return inner?.args.some((part) => context.table.equal(part, other)) ? inner : undefined;
};

const or: Rule = (expr, context) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isFalse(b) || isTrue(a) || context.table.equal(a, b)) return a;
  if (isTrue(b) || isFalse(a)) return b;
  return opposite(a, b, context) ? bools(true, a) : undefined;
};

const xor: Rule = (expr, { table, make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isFalse(b)) return a;
  if (isFalse(a)) return b;
  if (isTrue(b)) return make("not", [a]);
  return table.equal(a, b) ? bools(false, a) : undefined;
};

/** The comparison that holds where this one doesn't; of floats only == and !=, since NaN fails every other. */
const negations: Partial<Record<OpName, OpName>> = {
  eq: "ne",
  ne: "eq",
  lt: "ge",
  le: "gt",
  gt: "le",
  ge: "lt",
};

const not: Rule = (expr, { make }) => {
  const [a] = expr.args;
  if (a?.kind !== "op") return undefined;
  if (a.op === "not") return a.args[0];
  const negation = negations[a.op];
  if (!negation) return undefined;
  const safe = !isFloatExpr(a.args[0]!) || a.op === "eq" || a.op === "ne";
  return safe ? make(negation, a.args) : undefined;
};

export const boolRules: Partial<Record<OpName, Rule>> = { and, or, xor, not };

const mirrored: Partial<Record<OpName, OpName>> = {
  eq: "eq",
  ne: "ne",
  lt: "gt",
  le: "ge",
  gt: "lt",
  ge: "le",
};

/** Comparisons of every dtype: constants to the right, then what the dtype allows. */
export const comparison: Rule = (expr, context) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (a.kind === "const" && b.kind !== "const") return context.make(mirrored[expr.op]!, [b, a]);
  const { dtype } = a.type;
  if (isInteger(dtype)) return integerComparisons[expr.op]?.(expr, context);
  // x < x is false even of NaN; x == x isn't known.
  if (isFloat(dtype)) {
    const strict = expr.op === "lt" || expr.op === "gt";
    return strict && context.table.equal(a, b) ? bools(false, expr) : undefined;
  }
  if (context.table.equal(a, b)) return bools(expr.op === "eq", expr);
  const wanted = expr.op === "eq";
  if (isTrue(b)) return wanted ? a : context.make("not", [a]);
  if (isFalse(b)) return wanted ? context.make("not", [a]) : a;
  return undefined;
};

export const select: Rule = (expr, { table, make }) => {
  const [cond, yes, no] = expr.args as [Expr, Expr, Expr];
  if (isTrue(cond) || table.equal(yes, no)) return yes;
  if (isFalse(cond)) return no;
  const inverted = asOp(cond, "not");
  if (inverted) return make("select", [inverted.args[0]!, no, yes]);
  const [inYes, inNo] = [asOp(yes, "select"), asOp(no, "select")];
  if (inYes && table.equal(inYes.args[0]!, cond)) return make("select", [cond, inYes.args[1]!, no]);
  if (inNo && table.equal(inNo.args[0]!, cond)) return make("select", [cond, yes, inNo.args[2]!]);
  const sameLanes = cond.type.lanes === expr.type.lanes;
  if (expr.type.dtype === "bool" && sameLanes) {
    if (isTrue(yes)) return make("or", [cond, no]);
    if (isFalse(no)) return make("and", [cond, yes]);
    if (isFalse(yes)) return make("and", [make("not", [cond]), no]);
    if (isTrue(no)) return make("or", [make("not", [cond]), yes]);
  }
  // A choice by comparing the two is a min or a max; of integers only, NaN and the zeros differ.
  if (cond.kind !== "op" || !isInteger(expr.type.dtype) || !sameLanes) return undefined;
  const [a, b] = cond.args as [Expr, Expr];
  const straight = b !== undefined && table.equal(a, yes) && table.equal(b, no);
  const crossed = b !== undefined && table.equal(a, no) && table.equal(b, yes);
  if (!straight && !crossed) return undefined;
  const less = cond.op === "lt" || cond.op === "le";
  const more = cond.op === "gt" || cond.op === "ge";
  return less || more ? make(less === straight ? "min" : "max", [yes, no]) : undefined;
};

/** min and max of every dtype. */
export const extreme: Rule = (expr, { table, make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (table.equal(a, b)) return a;
  const inner = asOp(a, expr.op);
  if (inner && b.kind === "const" && inner.args[1]!.kind === "const") {
    return make(expr.op, [inner.args[0]!, make(expr.op, [inner.args[1]!, b])]);
  }
  return inner?.args.some((part) => table.equal(part, b)) ? inner : undefined;
};
