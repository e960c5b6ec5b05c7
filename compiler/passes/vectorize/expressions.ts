// Expressions across the lanes. What doesn't vary stays a scalar; integers that grow by the same amount from lane to
// lane stay a base and a stride, so that a target sees contiguous accesses; the rest are vectors.

import { isInteger } from "../../../lang/dtypes.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { ramp, splat } from "../../ir/build.ts";
import { int, ref, type Expr, type LoadExpr, type OpExpr } from "../../ir/ir.ts";
import { opInfo } from "../../ir/ops.ts";
import { mapOperands } from "../../ir/walk.ts";
import { add, and, apply, constantValue, literal, mul, neg, select, sub } from "../fold.ts";
import type { Lanes, LaneValue, Mask } from "./lanes.ts";

const uniform = (expr: Expr): LaneValue => ({ kind: "uniform", expr });
const vector = (expr: Expr): LaneValue => ({ kind: "vector", expr });

/** What an expression of the loop body is across the lanes, under the current mask. */
export function lowerExpr(cx: Lanes, expr: Expr): LaneValue {
  switch (expr.kind) {
    case "const":
      return uniform(expr);
    case "ref": {
      const value = cx.values.get(expr.name);
      if (value) return value;
      const variable = cx.variables.get(expr.name);
      if (!variable) return uniform(expr);
      const type = variable.varies ? cx.typeOf(expr.type.dtype) : expr.type;
      const read = ref(variable.name, type, expr.span);
      return variable.varies ? vector(read) : uniform(read);
    }
    case "op":
      return lowerOp(cx, expr);
    case "load":
      return lowerLoad(cx, expr);
  }
}

/** The same, as a vector. */
export function lowerVector(cx: Lanes, expr: Expr): Expr {
  return cx.vector(lowerExpr(cx, expr));
}

function lowerOp(cx: Lanes, expr: OpExpr): LaneValue {
  const args = expr.args.map((arg) => lowerExpr(cx, arg));
  if (args.every((arg) => arg.kind === "uniform")) {
    let at = 0;
    return uniform(mapOperands(expr, () => cx.index(args[at++]!)));
  }
  const affine = affineOp(expr, args);
  if (affine) {
    const still = affine.stride.kind === "const" && Number(affine.stride.value) === 0;
    return still ? uniform(affine.base) : { kind: "affine", ...affine };
  }
  const info = opInfo(expr.op);
  if (!info.lane)
    internalError("vectorize", `the vector op ${expr.op} stands in a loop that is to be vectorized`);
  const operands = args.map((arg, at) =>
    expr.op === "select" && at === 0 && arg.kind === "uniform" ? arg.expr : cx.vector(arg),
  );
  // Lanes that are switched off may hold anything, so they get operands that fit.
  if (info.partial && cx.mask && args[1]!.kind !== "uniform") {
    const right = operands[1]!;
    const fit = literal(expr.op === "shl" || expr.op === "shr" ? 0 : 1, right.type);
    operands[1] = select(cx.mask.expr, right, fit);
  }
  return vector(apply(expr.op, cx.typeOf(expr.type.dtype), operands, expr.span));
}

/** Sums, differences and products with something uniform keep a stride; wrapping arithmetic makes that exact. */
function affineOp(expr: OpExpr, args: readonly LaneValue[]): { base: Expr; stride: Expr } | undefined {
  if (!isInteger(expr.type.dtype)) return undefined;
  const [a, b] = args.map((arg) =>
    arg.kind === "uniform"
      ? { base: arg.expr, stride: literal(0, { dtype: arg.expr.type.dtype, lanes: 1 }), fixed: true }
      : arg.kind === "affine"
        ? { base: arg.base, stride: arg.stride, fixed: false }
        : undefined,
  );
  if (!a) return undefined;
  if (expr.op === "neg") return { base: neg(a.base), stride: neg(a.stride) };
  if (!b) return undefined;
  switch (expr.op) {
    case "add":
      return { base: add(a.base, b.base), stride: add(a.stride, b.stride) };
    case "sub":
      return { base: sub(a.base, b.base), stride: sub(a.stride, b.stride) };
    case "mul":
      if (b.fixed) return { base: mul(a.base, b.base), stride: mul(a.stride, b.base) };
      return a.fixed ? { base: mul(a.base, b.base), stride: mul(a.base, b.stride) } : undefined;
    case "shl": {
      const shifted = (left: Expr): Expr => apply("shl", left.type, [left, b.base], expr.span);
      return b.fixed ? { base: shifted(a.base), stride: shifted(a.stride) } : undefined;
    }
    default:
      return undefined;
  }
}

function lowerLoad(cx: Lanes, expr: LoadExpr): LaneValue {
  const buffer = cx.buffer(expr.buffer);
  const values = expr.index.map((each) => lowerExpr(cx, each));
  const guard = lowerGuard(cx, expr.guard);
  const index = accessIndex(cx, buffer.perLane, values);
  const fixed = values.every((each) => each.kind === "uniform");
  if (!buffer.perLane && fixed) {
    if (!guard || guard.kind === "uniform") {
      const same = { ...expr, buffer: buffer.name, index, guard: guard && cx.index(guard) };
      return uniform(same);
    }
    // One element, which only some lanes want: each lane reads it for itself.
    index[index.length - 1] = splat(index[index.length - 1]!, cx.width);
  }
  const wanted = guard && cx.vector(guard);
  // Lanes that were off when the buffer came to life don't exist for it, and its index holds in some lane.
  const own = buffer.perLane && fixed && cx.mask === buffer.home;
  const mask = own ? undefined : cx.accessMask(buffer.name, index);
  const both = mask && wanted ? and(mask.expr, wanted) : (mask?.expr ?? wanted);
  if (!wanted) cx.noteAccess(buffer.name, index);
  return vector({
    kind: "load",
    type: cx.typeOf(expr.type.dtype),
    buffer: buffer.name,
    index,
    guard: both,
    span: expr.span,
  });
}

/** A guard across the lanes; undefined where it always lets the access through. */
export function lowerGuard(cx: Lanes, guard: Expr | undefined): LaneValue | undefined {
  const value = guard && lowerExpr(cx, guard);
  return value?.kind === "uniform" && constantValue(value.expr) === true ? undefined : value;
}

/** The index of an access across the lanes; a lane's own buffer takes the lane at the end. */
export function accessIndex(cx: Lanes, perLane: boolean, values: readonly LaneValue[]): Expr[] {
  const index = values.map((each) => cx.index(each));
  return perLane ? [...index, ramp(int(0), int(1), cx.width)] : index;
}

/** The guard of a write under the current mask to something that came to life under mask `home`. */
export function writeGuard(cx: Lanes, home: Mask | undefined): Expr | undefined {
  // Lanes that were off already when it came to life don't exist for it.
  return cx.mask === home ? undefined : cx.active();
}
