// One step of a declared reduction on concrete values, in the order of the loops.

import type { Expr, ReduceStmt, Scalar } from "../ir/ir.ts";
import { opInfo, type OpName } from "../ir/ops.ts";
import type { Block } from "../ir/walk.ts";

type Combiner = (
  names: readonly (readonly [string, Scalar])[],
  body: Block,
  values: readonly Expr[],
) => readonly Scalar[];

const operations: Partial<Record<ReduceStmt["op"], OpName>> = {
  sum: "add",
  prod: "mul",
  max: "max",
  min: "min",
  any: "or",
  all: "and",
};

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
  const operation = operations[stmt.op];
  if (operation) {
    const lane = opInfo(operation).lane!;
    return old.map((held, at) => {
      const { dtype } = stmt.results[at]!.type;
      return lane([held, values[at]!], dtype, dtype);
    });
  }
  return better(stmt.op === "argmax", values, old) ? [...values] : [...old];
}

/** Whether `a` wins: NaN, then the greater (or smaller) value, then the smaller position. */
function better(greatest: boolean, a: readonly Scalar[], b: readonly Scalar[]): boolean {
  const [left, right] = [a[0]!, b[0]!];
  const [leftNaN, rightNaN] = [left !== left, right !== right];
  if (leftNaN !== rightNaN) return leftNaN;
  if (left !== right && !leftNaN) return greatest ? left > right : left < right;
  for (let at = 1; at < a.length; at++) if (a[at] !== b[at]) return a[at]! < b[at]!;
  return false;
}
