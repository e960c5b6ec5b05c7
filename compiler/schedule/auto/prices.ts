// What single operations cost where the op table's figure isn't what engines make of it, and what a step of each
// reduction costs and waits for.

import { dtypeInfo, isFloat } from "../../../lang/dtypes.ts";
import type { Expr, OpExpr, ReduceStmt } from "../../ir/ir.ts";
import { opInfo } from "../../ir/ops.ts";
import { operandsOf, type Block } from "../../ir/walk.ts";

/**
 * The op table's cost, but for what engines make of some: lanes of i32 multiply in three steps and widen from 8 bits in
 * two; the greater of two floats is several instructions, the more so for scalars.
 */
export function priceOf({ op, type, args }: OpExpr, vector: boolean): number {
  const { cost } = opInfo(op);
  if ((op === "max" || op === "min") && isFloat(type.dtype)) return vector ? 3 : 8;
  if (!vector) return cost;
  if (op === "mul" && type.dtype === "i32") return cost * 3;
  const narrow =
    op === "convert" && dtypeInfo(args[0]!.type.dtype).bits === 8 && dtypeInfo(type.dtype).bits > 16;
  return narrow ? cost + 2 : cost;
}

/** Whether the next accumulation can begin before a compare-and-select of the last one has ended. */
export const overlaps = ({ op }: ReduceStmt): boolean => op !== "argmax" && op !== "argmin";

/** Operations, one after the other, from an accumulator's value to its next. */
export function chainOf({ op, combine }: ReduceStmt): number {
  if (op === "custom") return Math.max(combine?.body.length ?? 1, 1);
  return op === "argmax" || op === "argmin" ? 2 : op === "any" || op === "all" ? 0.25 : 1;
}

/** The cost of one step of a reduction. */
export function combining(stmt: ReduceStmt, vector: boolean): number {
  const extreme = (stmt.op === "max" || stmt.op === "min") && isFloat(stmt.results[0]!.type.dtype);
  const each = extreme ? (vector ? 3 : 8) : 1;
  return stmt.results.length * chainOf(stmt) * each;
}

/** i32 sums of products of what is narrower, which become pair products. */
export function isNarrowProduct({ op, results }: ReduceStmt, body: Block): boolean {
  const [only] = body;
  if (op !== "sum" || results[0]!.type.dtype !== "i32" || body.length !== 1 || only?.kind !== "yield")
    return false;
  const [value] = only.values;
  const narrow = (expr: Expr): boolean =>
    expr.kind === "op" && expr.op === "convert" && dtypeInfo(expr.args[0]!.type.dtype).bits <= 16;
  return value?.kind === "op" && value.op === "mul" && value.args.every(narrow);
}

/** Bytes of an accumulator. */
export const bytesOf = ({ results }: ReduceStmt): number =>
  Math.max(dtypeInfo(results[0]!.type.dtype).bits / 8, 1);

/** Bytes of the widest data that a block computes. */
export function widest(block: Block): number {
  let bytes = 0;
  const visit = (expr: Expr): void => {
    const { kind, bits } = dtypeInfo(expr.type.dtype);
    if (expr.kind === "load" || kind === "float") bytes = Math.max(bytes, bits / 8);
    if (expr.kind !== "load") operandsOf(expr).forEach(visit);
  };
  const inside = (body: Block): void => {
    for (const stmt of body) {
      if (stmt.kind === "store" || stmt.kind === "let" || stmt.kind === "assign") visit(stmt.value);
      if (stmt.kind === "yield") stmt.values.forEach(visit);
      if (stmt.kind === "reduce" || stmt.kind === "for" || stmt.kind === "while") inside(stmt.body);
      if (stmt.kind === "if") [stmt.then, stmt.orelse].forEach(inside);
    }
  };
  inside(block);
  return Math.max(bytes, 1);
}
