// How the built-in reductions combine what was accumulated with what is yielded. The interpreter combines in the
// order of the source; targets may choose another.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { ReduceStmt, Scalar } from "./ir.ts";
import { laneFunction } from "./lane-functions.ts";
import type { Value } from "./interpret-machine.ts";
import { combiningOpOf, takesPlace } from "./reducing.ts";

type Reducer = (left: readonly Value[], right: readonly Value[]) => readonly Value[];

export function reducer(stmt: ReduceStmt): Reducer {
  if (stmt.results.length > 1 && combiningOpOf(stmt.op)) {
    const own = stmt.results.map((result) => reducer({ ...stmt, results: [result] }));
    return (left, right) => own.flatMap((combine, at) => combine([left[at]!], [right[at]!]));
  }
  const { dtype, lanes } = stmt.results[0]!.type;
  if (stmt.op === "argmax" || stmt.op === "argmin") {
    const { op } = stmt;
    return lanes === 1
      ? (left, right) => (takesPlace(op, right as Scalar[], left as Scalar[]) ? right : left)
      : (left, right) => pickLanes(left, right, lanes, op);
  }
  const name = combiningOpOf(stmt.op);
  const combine = name && laneFunction(name, dtype, dtype);
  if (!combine) return internalError("interpret", `no op combines a "${stmt.op}" reduction`);
  if (lanes === 1) return ([a], [b]) => [combine(a as Scalar, b as Scalar, 0)];
  return ([a], [b]) => [
    (a as readonly Scalar[]).map((lane, at) => combine(lane, (b as readonly Scalar[])[at]!, 0)),
  ];
}

function pickLanes(
  left: readonly Value[],
  right: readonly Value[],
  lanes: number,
  op: "argmax" | "argmin",
): readonly Value[] {
  const lane = (values: readonly Value[], at: number): Scalar[] =>
    values.map((value) => (value as readonly Scalar[])[at]!);
  const picked = Array.from({ length: lanes }, (_, at) => {
    const [a, b] = [lane(left, at), lane(right, at)];
    return takesPlace(op, b, a) ? b : a;
  });
  return left.map((_, part) => picked.map((values) => values[part]!));
}
