// Generator reductions to `reduce` regions: the clauses nest as loops and ifs, innermost the yield.

import { dtypeInfo, isFloat, isWide, type Dtype } from "../../lang/dtypes.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { Sym, TClause, TReduce } from "../../lang/typed.ts";
import {
  constant,
  i32,
  int,
  op,
  ref,
  scalarType,
  type Combine,
  type Expr,
  type ReduceStmt,
  type Scalar,
} from "../ir/ir.ts";
import { lowerExpr, lowerValue } from "./expressions.ts";
import { lowerLoop } from "./statements.ts";
import { inlineBody } from "./calls.ts";
import { compare, convertTo, type Lowering } from "./lowering.ts";
import { withAnnotations } from "./marks.ts";
import { asExpr, assemble, exprValue, leaves, leafTypes, type Value } from "./values.ts";

export function lowerReduce(cx: Lowering, expr: TReduce): Value {
  const loops = expr.clauses.flatMap((clause) => (clause.kind === "loop" ? [clause.loop] : []));
  let value: Value | undefined;
  withAnnotations(cx, expr.annotations, () => (value = reduction(cx, expr)), loops);
  return value ?? internalError("lower", "a reduction without a value");
}

function reduction(cx: Lowering, expr: TReduce): Value {
  switch (expr.op) {
    case "mean":
      return mean(cx, expr);
    case "argmax":
    case "argmin":
      return argument(cx, expr, expr.op);
    case "custom":
      return custom(cx, expr);
    default: {
      const total = simple(cx, expr, expr.op, expr.accumulator, () => lowerExpr(cx, expr.value));
      return exprValue(convertTo(dtypeOf(expr), total, expr.span));
    }
  }
}

function dtypeOf(expr: TReduce): Dtype {
  return leafTypes(expr.type)[0]?.dtype ?? internalError("lower", "a reduction without a type");
}

/** One accumulator of a built-in operation. */
function simple(
  cx: Lowering,
  expr: TReduce,
  operation: "sum" | "prod" | "max" | "min" | "any" | "all",
  dtype: Dtype,
  value: () => Expr,
): Expr {
  const name = cx.fresh(operation);
  const type = scalarType(dtype);
  const body = cx.collect(() =>
    clauses(cx, expr.clauses, () =>
      cx.emit({ kind: "yield", into: name, values: [convertTo(dtype, value())], span: expr.value.span }),
    ),
  );
  const init = [constant(identity(operation, dtype), type)];
  cx.emit({ kind: "reduce", results: [{ name, type }], op: operation, init, body, span: expr.span });
  return ref(name, type, expr.span);
}

/** The value that leaves every other as it is. */
function identity(operation: "sum" | "prod" | "max" | "min" | "any" | "all", dtype: Dtype): Scalar {
  if (operation === "any") return false;
  if (operation === "all") return true;
  if (operation === "sum") return isWide(dtype) ? 0n : 0;
  if (operation === "prod") return isWide(dtype) ? 1n : 1;
  if (isFloat(dtype)) return operation === "max" ? -Infinity : Infinity;
  return operation === "max" ? dtypeInfo(dtype).min : dtypeInfo(dtype).max;
}

function clauses(cx: Lowering, list: readonly TClause[], innermost: () => void): void {
  const [first, ...others] = list;
  if (!first) return innermost();
  if (first.kind === "loop") return lowerLoop(cx, first.loop, () => clauses(cx, others, innermost));
  const cond = lowerExpr(cx, first.cond);
  const then = cx.collect(() => clauses(cx, others, innermost));
  cx.emit({ kind: "if", cond, then, orelse: [], span: first.cond.span });
}

/** The sum over the number of elements, counted where that isn't the product of independent extents. */
function mean(cx: Lowering, expr: TReduce): Value {
  const total = simple(cx, expr, "sum", expr.accumulator, () => lowerExpr(cx, expr.value));
  const count = extentProduct(cx, expr) ?? simple(cx, expr, "sum", "i32", () => int(1));
  const quotient = op("div", total.type, [total, convertTo(total.type.dtype, count, expr.span)], expr.span);
  return exprValue(convertTo(dtypeOf(expr), quotient, expr.span));
}

function extentProduct(cx: Lowering, expr: TReduce): Expr | undefined {
  let product: Expr | undefined;
  for (const clause of expr.clauses) {
    // A single loop from 0 by 1: its extent is the count, as extents are never negative for dims.
    if (clause.kind === "filter" || clause.loop.step !== 1) return undefined;
    const { low, high } = clause.loop;
    if (low.kind !== "const" || low.value !== 0) return undefined;
    if (high.kind !== "const" && !(high.kind === "ref" && high.sym.kind === "dim")) return undefined;
    const extent = lowerExpr(cx, high);
    product = product ? op("mul", i32, [product, extent], expr.span) : extent;
  }
  return product;
}

/** argmax and argmin: the winner's value, and its position in each loop. */
function argument(cx: Lowering, expr: TReduce, operation: "argmax" | "argmin"): Value {
  const loops = expr.clauses.flatMap((clause) => (clause.kind === "loop" ? [clause.loop] : []));
  const syms: Sym[] = loops.map((loop) => loop.sym);
  const name = cx.fresh(operation);
  const type = scalarType(expr.accumulator);
  const positions = syms.map((sym) => cx.fresh(`${operation}_${sym.name}`));
  const body = cx.collect(() =>
    clauses(cx, expr.clauses, () => {
      const at = syms.map((sym) => asExpr(cx.lookup(sym)));
      const value = convertTo(expr.accumulator, lowerExpr(cx, expr.value));
      cx.emit({ kind: "yield", into: name, values: [value, ...at], span: expr.value.span });
    }),
  );
  const worst = identity(operation === "argmax" ? "max" : "min", expr.accumulator);
  const statement: ReduceStmt = {
    kind: "reduce",
    results: [{ name, type }, ...positions.map((position) => ({ name: position, type: i32 }))],
    op: operation,
    // Behind every real position, so that an element equal to the initial value still wins.
    init: [constant(worst, type), ...positions.map(() => int(2 ** 31 - 1))],
    body,
    span: expr.span,
  };
  requireElement(cx, expr, operation);
  cx.emit(statement);
  const found = positions.map((position) => exprValue(ref(position, i32, expr.span)));
  return found.length === 1 ? found[0]! : { kind: "tuple", items: found };
}

function requireElement(cx: Lowering, expr: TReduce, operation: string): void {
  const message = `\`${operation}\` needs at least one element`;
  for (const clause of expr.clauses) {
    if (clause.kind === "filter") {
      // Whether a filter lets anything through is known only when running.
      cx.emit({
        kind: "assert",
        cond: constant(false, scalarType("bool")),
        message,
        origin: "obligation",
        span: clause.cond.span,
      });
      continue;
    }
    const { low, high, step, span } = clause.loop;
    const cond = compare(step > 0 ? "lt" : "gt", lowerExpr(cx, low), lowerExpr(cx, high), span);
    cx.emit({ kind: "assert", cond, message, origin: "obligation", span: expr.span });
  }
}

/** `reduce(combine, init, e for …)`, over scalars, tuples or structs. */
function custom(cx: Lowering, expr: TReduce): Value {
  const { combine: fn, init } = expr;
  if (!fn || !init) return internalError("lower", "a custom reduction without its function");
  const types = leafTypes(expr.type);
  const initial = leaves(lowerValue(cx, init)).map((leaf) => asExpr(leaf));
  const names = types.map((_, at) => cx.fresh(types.length === 1 ? "reduced" : `reduced_${at}`));
  const combine = combiner(cx, expr);
  const body = cx.collect(() =>
    clauses(cx, expr.clauses, () => {
      const values = leaves(lowerValue(cx, expr.value)).map(asExpr);
      cx.emit({ kind: "yield", into: names[0]!, values, span: expr.value.span });
    }),
  );
  const results = names.map((name, at) => ({ name, type: types[at]! }));
  cx.emit({ kind: "reduce", results, op: "custom", init: initial, combine, body, span: expr.span });
  return assemble(
    expr.type,
    results.map(({ name, type }) => exprValue(ref(name, type, expr.span))),
  );
}

function combiner(cx: Lowering, expr: TReduce): Combine {
  const fn = expr.combine ?? internalError("lower", "a custom reduction without its function");
  const types = leafTypes(expr.type);
  const operand = (side: string) =>
    types.map((_, at) => cx.fresh(types.length === 1 ? side : `${side}_${at}`));
  const left = operand("left");
  const right = operand("right");
  const refs = (names: readonly string[]): Value[] =>
    names.map((name, at) => exprValue(ref(name, types[at]!)));
  let value: Value | undefined;
  const body = cx.collect(() => {
    cx.bind(fn.params[0]!, assemble(expr.type, refs(left)));
    cx.bind(fn.params[1]!, assemble(expr.type, refs(right)));
    value = inlineBody(cx, fn, expr.span);
  });
  const values = leaves(value ?? internalError("lower", "a combiner without a value")).map(asExpr);
  return { left, right, body, values };
}
