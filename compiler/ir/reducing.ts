// How the built-in reductions combine two values, for whoever computes them: the interpreter, the provers' traces, the passes
// and the targets.

import type { ReduceStmt, Scalar } from "./ir.ts";
import type { OpName } from "./ops.ts";

/** The op that combines two accumulators of a reduction with a single value; `argmax`, `argmin` and `custom` have none. */
export const combiningOp = {
  sum: "add",
  prod: "mul",
  max: "max",
  min: "min",
  any: "or",
  all: "and",
} as const satisfies Partial<Record<ReduceStmt["op"], OpName>>;

/** Whether one op combines two accumulators. */
export function isSimple(op: ReduceStmt["op"]): op is keyof typeof combiningOp {
  return Object.hasOwn(combiningOp, op);
}

/** The op of `combiningOp`, if there is one. */
export const combiningOpOf = (op: ReduceStmt["op"]): OpName | undefined =>
  isSimple(op) ? combiningOp[op] : undefined;

/**
 * Whether a candidate of `argmax` or `argmin`, (value, positions…), takes the place of the best so far: NaN beats numbers, then
 * the greater (or smaller) value does, then the first position.
 */
export function takesPlace(
  op: "argmax" | "argmin",
  candidate: readonly Scalar[],
  best: readonly Scalar[],
): boolean {
  const [value, top] = [candidate[0]!, best[0]!];
  const [valueIsNaN, topIsNaN] = [value !== value, top !== top];
  if (valueIsNaN !== topIsNaN) return valueIsNaN;
  if (!valueIsNaN && value !== top) return op === "argmax" ? value > top : value < top;
  for (let at = 1; at < candidate.length; at++)
    if (candidate[at] !== best[at]) return candidate[at]! < best[at]!;
  return false;
}
