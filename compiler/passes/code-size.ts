// How many instructions statements will come to, roughly, once loops are vectors and copies are made: what the compiler itself
// has chosen is given up where it would make code that takes engines longer to compile than to run.

import { dtypeInfo } from "../../lang/dtypes.ts";
import type { Expr, LoadExpr, StoreStmt } from "../ir/ir.ts";
import { visitBlock, visitExprs, type Block } from "../ir/walk.ts";
import { intValue } from "./fold.ts";

/**
 * Instructions beyond which a schedule that nobody wrote is given up. The library's kernels come to 14,000 at most where all
 * of them are scheduled automatically; from 40,000 on Binaryen takes minutes.
 */
export const mostInstructions = 20_000;

/** A vector is an operation for each register of 16 bytes; lanes that lie apart, or are masked, are moved one by one. */
export function codeSize(block: Block): number {
  let size = 0;
  visitExprs(block, (expr) => {
    if (expr.kind === "load") size += accessSize(expr, expr.type.lanes);
    else if (expr.kind === "op") size += registers(expr);
  });
  visitBlock(block, (stmt) => {
    if (stmt.kind === "store") size += accessSize(stmt, stmt.value.type.lanes);
  });
  return size;
}

const registers = ({ type }: Expr): number =>
  Math.max(1, (type.lanes * Math.max(dtypeInfo(type.dtype).bits, 8)) / 128);

function accessSize({ index, guard }: LoadExpr | StoreStmt, lanes: number): number {
  if (lanes === 1) return guard ? 3 : 1;
  const last = index.at(-1);
  const row = last?.kind === "op" && last.op === "ramp" && intValue(last.args[1]!) === 1;
  if (row && !guard) return Math.max(1, lanes / 4);
  return lanes * (guard ? 6 : 3);
}
