// Powers of two that dims and loop variables are known to be multiples of: from what callers must meet
// (`K % 32 == 0`) and from loops' starts and steps. Rows of packed elements begin at a byte by such facts.

import type { Expr, IrKernel } from "../../ir/ir.ts";
import { visitBlock } from "../../ir/walk.ts";
import { intValue } from "../fold.ts";

/** The greatest known power of two that divides each name; absent names have none. */
export function divisibility(kernel: IrKernel): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const note = (name: string, by: number): void => {
    const power = by & -by;
    if (power > (found.get(name) ?? 1)) found.set(name, power);
  };
  const fact = (cond: Expr): void => {
    if (cond.kind !== "op") return;
    const [left, right] = cond.args;
    if (cond.op === "and") return cond.args.forEach(fact);
    if (cond.op !== "eq" || intValue(right!) !== 0 || left!.kind !== "op" || left!.op !== "mod") return;
    const [name, by] = left!.args;
    if (name!.kind === "ref" && intValue(by!)) note(name!.name, intValue(by!)!);
  };
  for (const { cond } of kernel.requires) fact(cond);
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind !== "for" || intValue(stmt.lo) === undefined) return;
    const low = intValue(stmt.lo)!;
    note(stmt.name, low === 0 ? stmt.step : Math.min(low & -low, stmt.step & -stmt.step));
  });
  return found;
}
