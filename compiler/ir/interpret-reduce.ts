// How the built-in reductions combine what was accumulated with what is yielded. The interpreter combines in the
// order of the source; targets may choose another.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { ReduceStmt, Scalar } from "./ir.ts";
import { laneFunction } from "./lane-functions.ts";
import type { Value } from "./interpret-machine.ts";
import type { OpName } from "./ops.ts";

/** The op that combines two values of a reduction; `argmax`, `argmin` and `custom` have none. */
export const reductionOps: Readonly<Partial<Record<ReduceStmt["op"], OpName>>> = {
  sum: "add",
  prod: "mul",
  max: "max",
  min: "min",
  any: "or",
  all: "and",
};

type Reducer = (left: readonly Value[], right: readonly Value[]) => readonly Value[];

export function reducer(stmt: ReduceStmt): Reducer {
  if (stmt.results.length > 1 && reductionOps[stmt.op]) {
    const own = stmt.results.map((result) => reducer({ ...stmt, results: [result] }));
    return (left, right) => own.flatMap((combine, at) => combine([left[at]!], [right[at]!]));
  }
  const { dtype, lanes } = stmt.results[0]!.type;
  if (stmt.op === "argmax" || stmt.op === "argmin") {
    const better = stmt.op === "argmax" ? (a: Scalar, b: Scalar) => a > b : (a: Scalar, b: Scalar) => a < b;
    return lanes === 1
      ? (left, right) => (wins(right as Scalar[], left as Scalar[], better) ? right : left)
      : (left, right) => pickLanes(left, right, lanes, better);
  }
  const name = reductionOps[stmt.op];
  const combine = name && laneFunction(name, dtype, dtype);
  if (!combine) return internalError("interpret", `no op combines a "${stmt.op}" reduction`);
  if (lanes === 1) return ([a], [b]) => [combine(a as Scalar, b as Scalar, 0)];
  return ([a], [b]) => [
    (a as readonly Scalar[]).map((lane, at) => combine(lane, (b as readonly Scalar[])[at]!, 0)),
  ];
}

/** Whether a candidate (value, positions…) takes the place of the best so far. NaN beats numbers. */
function wins(
  candidate: readonly Scalar[],
  best: readonly Scalar[],
  better: (a: Scalar, b: Scalar) => boolean,
): boolean {
  const [value] = candidate;
  const [top] = best;
  const valueIsNaN = value !== value;
  const topIsNaN = top !== top;
  if (valueIsNaN !== topIsNaN) return valueIsNaN;
  if (!valueIsNaN && value !== top) return better(value!, top!);
  for (let at = 1; at < candidate.length; at++) {
    if (candidate[at] !== best[at]) return candidate[at]! < best[at]!;
  }
  return false;
}

function pickLanes(
  left: readonly Value[],
  right: readonly Value[],
  lanes: number,
  better: (a: Scalar, b: Scalar) => boolean,
): readonly Value[] {
  const lane = (values: readonly Value[], at: number): Scalar[] =>
    values.map((value) => (value as readonly Scalar[])[at]!);
  const picked = Array.from({ length: lanes }, (_, at) => {
    const [a, b] = [lane(left, at), lane(right, at)];
    return wins(b, a, better) ? b : a;
  });
  return left.map((_, part) => picked.map((values) => values[part]!));
}
