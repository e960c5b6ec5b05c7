// One step of a declared reduction on concrete values, in the order of the loops.

import type { Expr, ReduceStmt, Scalar } from "../ir/ir.ts";
import { opInfo } from "../ir/ops.ts";
import { combiningOpOf, takesPlace } from "../ir/reducing.ts";
import type { Block } from "../ir/walk.ts";

type Combiner = (
  names: readonly (readonly [string, Scalar])[],
  body: Block,
  values: readonly Expr[],
) => readonly Scalar[];

/** The accumulators after one more yield. */
export function combineYield(
  stmt: ReduceStmt,
  old: readonly Scalar[],
  values: readonly Scalar[],
  custom: Combiner,
): Scalar[] {
  if (stmt.combine) {
    const { left, right, body, values: result } = stmt.combine;
    const names = [
      ...left.map((name, at) => [name, old[at]!] as const),
      ...right.map((name, at) => [name, values[at]!] as const),
    ];
    return [...custom(names, body, result)];
  }
  const operation = combiningOpOf(stmt.op);
  if (operation) {
    const lane = opInfo(operation).lane!;
    return old.map((held, at) => {
      const { dtype } = stmt.results[at]!.type;
      return lane([held, values[at]!], dtype, dtype);
    });
  }
  return takesPlace(stmt.op === "argmax" ? "argmax" : "argmin", values, old) ? [...values] : [...old];
}
