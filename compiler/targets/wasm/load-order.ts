// Where the body of a loop is cut, so that V8's older compiler (TurboFan, Node 20 and 22) keeps the order it was written in.
// That compiler puts all loads of a basic block in front of the arithmetic, and what they load into registers: steps of a
// reduction that were unrolled would all be loaded before the first is added up, and spill. A branch between two steps,
// which is never taken, makes them blocks of their own; it costs one instruction. Engines that keep the order lose nothing else.

import type { Expr, Stmt } from "../../ir/ir.ts";
import { freeNames } from "../../ir/names.ts";
import { visitExpr } from "../../ir/walk.ts";
import { storageBits } from "./load.ts";
import { partCount } from "./representation.ts";

/** Loads of a step for which a cut is worth its instruction. */
const leastLoads = 4;

/**
 * The statements of a body before which it's cut: between steps that load vectors and add them to what goes on from one to
 * the next, where nothing else goes on. None in bodies that branch, or whose stores keep the order anyway.
 */
export function cutsOf(body: readonly Stmt[]): readonly number[] {
  if (!body.every(({ kind }) => kind === "let" || kind === "assign")) return [];
  const lastUse = new Map<string, number>();
  body.forEach((stmt, at) => freeNames([stmt]).forEach((name) => lastUse.set(name, at)));
  const cuts: number[] = [];
  let loads = 0;
  let updated = false;
  // The last statement that needs one of the vectors made so far.
  let busy = -1;
  body.forEach((stmt, at) => {
    if (stmt.kind !== "let" && stmt.kind !== "assign") return;
    const own = vectorLoads(stmt.value);
    if (own > 0 && updated && loads >= leastLoads && busy < at) {
      cuts.push(at);
      loads = 0;
      updated = false;
    }
    loads += own;
    if (stmt.value.type.lanes === 1) return;
    if (stmt.kind === "let") busy = Math.max(busy, lastUse.get(stmt.name) ?? -1);
    else updated = true;
  });
  return cuts;
}

/** Vector registers that an expression loads. */
function vectorLoads(expr: Expr): number {
  if (expr.type.lanes === 1) return 0;
  let count = 0;
  visitExpr(expr, (part) => {
    if (part.kind === "load") count += partCount(part.type.lanes, storageBits(part.type.dtype));
  });
  return count;
}
