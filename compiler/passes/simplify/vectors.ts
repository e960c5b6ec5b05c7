// Identities of vectors and conversions. What all lanes agree on is computed once and spread.

import { dtypeInfo, isFloat, isInteger, type Dtype } from "../../../lang/dtypes.ts";
import { constant, type Expr, type OpExpr, type Scalar } from "../../ir/ir.ts";
import { opInfo, type OpName } from "../../ir/ops.ts";
import { asOp, literal, type Rule, type RuleContext } from "./rules.ts";

/** The scalar that every lane of a vector holds, if that is plain to see. */
export function uniform(expr: Expr): Expr | undefined {
  if (expr.type.lanes === 1) return undefined;
  if (expr.kind === "const") return constant(expr.value, { dtype: expr.type.dtype, lanes: 1 }, expr.span);
  return asOp(expr, "splat")?.args[0];
}

/** An op on lanes that agree is a scalar op; constants alone are folded already. */
export function onUniform(expr: OpExpr, { make }: RuleContext): Expr | undefined {
  if (!opInfo(expr.op).lane || expr.type.lanes === 1) return undefined;
  const scalars: Expr[] = [];
  for (const arg of expr.args) {
    const scalar = arg.type.lanes === 1 ? arg : uniform(arg);
    if (!scalar) return undefined;
    scalars.push(scalar);
  }
  const type = { dtype: expr.type.dtype, lanes: 1 };
  return make("splat", [make(expr.op, scalars, type)], expr.type);
}

const splat: Rule = (expr) => {
  const [a] = expr.args;
  if (expr.type.lanes === 1) return a;
  return a?.kind === "const" ? constant(a.value, expr.type, expr.span) : undefined;
};

const ramp: Rule = (expr, { make }) => {
  const [base, stride] = expr.args as [Expr, Expr];
  const still = stride.kind === "const" && (stride.value === 0 || stride.value === 0n);
  return still ? make("splat", [base], expr.type) : undefined;
};

/** ramp + all lanes alike is a ramp from elsewhere. */
export const addRamp: Rule = (expr, { make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  for (const [left, right] of [
    [a, b],
    [b, a],
  ] as const) {
    const start = asOp(left, "ramp");
    const step = start && uniform(right);
    if (start && step) return make("ramp", [make("add", [start.args[0]!, step]), start.args[1]!], expr.type);
  }
  return undefined;
};

export const mulRamp: Rule = (expr, { make }) => {
  const start = asOp(expr.args[0], "ramp");
  const factor = start && uniform(expr.args[1]!);
  if (!start || !factor) return undefined;
  return make(
    "ramp",
    [make("mul", [start.args[0]!, factor]), make("mul", [start.args[1]!, factor])],
    expr.type,
  );
};

const lane: Rule = (expr, { make }) => {
  const [a] = expr.args as [Expr];
  const at = expr.imm![0]!;
  if (a.type.lanes === 1) return a;
  const same = uniform(a);
  if (same) return same;
  if (a.kind !== "op") return undefined;
  if (a.op === "vec") return a.args[at];
  if (a.op === "ramp") return make("add", [a.args[0]!, make("mul", [a.args[1]!, literal(at, expr.type)])]);
  if (a.op === "insert") return a.imm![0] === at ? a.args[1] : make("lane", [a.args[0]!], expr.type, [at]);
  if (a.op === "shuffle") return make("lane", [a.args[0]!], expr.type, [a.imm![at]!]);
  return undefined;
};

const shuffle: Rule = (expr, { make }) => {
  const [a] = expr.args as [Expr];
  const imm = expr.imm!;
  if (imm.length === a.type.lanes && imm.every((from, at) => from === at)) return a;
  const same = a.type.lanes === 1 ? a : uniform(a);
  if (same) return make("splat", [same], expr.type);
  const inner = asOp(a, "shuffle");
  if (inner)
    return make(
      "shuffle",
      inner.args,
      expr.type,
      imm.map((from) => inner.imm![from]!),
    );
  return imm.length === 1 ? make("lane", [a], expr.type, [imm[0]!]) : undefined;
};

const vec: Rule = (expr, { table, make }) => {
  const [first] = expr.args as [Expr];
  return expr.args.every((arg) => table.equal(arg, first)) ? make("splat", [first], expr.type) : undefined;
};

/** A horizontal op on lanes that agree, where repeating a value changes nothing, is that value. */
const idempotent: Rule = (expr) => (expr.args[0]!.type.lanes === 1 ? expr.args[0] : uniform(expr.args[0]!));

/** A horizontal op on a constant vector. */
const foldHorizontal: Rule = (expr) => {
  const [a] = expr.args as [Expr];
  const { vector } = opInfo(expr.op);
  if (a.type.lanes === 1) return a;
  if (a.kind !== "const" || !vector) return undefined;
  const lanes = Array.from({ length: a.type.lanes }, (): Scalar => a.value);
  return constant(vector([lanes], [a.type], expr.type, [])[0]!, expr.type, expr.span);
};

/** Whether every value of one dtype is a value of another, unchanged. */
function embeds(from: Dtype, into: Dtype): boolean {
  const [a, b] = [dtypeInfo(from), dtypeInfo(into)];
  if (isInteger(from) && isInteger(into))
    return BigInt(a.min) >= BigInt(b.min) && BigInt(a.max) <= BigInt(b.max);
  if (isInteger(from) && isFloat(into)) {
    // f16 has fewer exponents than its precision needs from 2^16 on.
    return a.bits - (a.kind === "int" ? 1 : 0) <= b.mantissa!;
  }
  if (isFloat(from) && isFloat(into))
    return from === into || into === "f64" || (into === "f32" && from !== "f64");
  return false;
}

const convert: Rule = (expr, { make }) => {
  const [a] = expr.args as [Expr];
  const to = expr.type.dtype;
  if (a.type.dtype === to) return a;
  const inner = asOp(a, "convert");
  if (!inner) return undefined;
  const [x] = inner.args as [Expr];
  const [from, via] = [x.type.dtype, a.type.dtype];
  if (!embeds(from, via)) return undefined;
  if (from === to) return x;
  // Via another kind the last step would saturate instead of wrap, or the reverse.
  return isFloat(from) === isFloat(via) ? make("convert", [x], expr.type) : undefined;
};

const saturate: Rule = (expr) => {
  const [a] = expr.args as [Expr];
  return a.type.dtype === expr.type.dtype ? a : undefined;
};

/** Through integers only: a float's bits may not survive being a NaN. */
const bitcast: Rule = (expr, { make }) => {
  const [a] = expr.args as [Expr];
  if (a.type.dtype === expr.type.dtype) return a;
  const inner = asOp(a, "bitcast");
  return inner && isInteger(a.type.dtype) ? make("bitcast", inner.args, expr.type) : undefined;
};

export const vectorRules: Partial<Record<OpName, Rule>> = {
  splat,
  ramp,
  lane,
  shuffle,
  vec,
  vmax: idempotent,
  vmin: idempotent,
  vany: idempotent,
  vall: idempotent,
  vsum: foldHorizontal,
  vprod: foldHorizontal,
  convert,
  saturate,
  bitcast,
};
