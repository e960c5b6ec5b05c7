// Generator reductions in tests: the elements in source order, each step rounded to the accumulator.

import { dtypeInfo, isFloat, isWide, type Dtype } from "../../../lang/dtypes.ts";
import type { TClause, TReduce } from "../../../lang/typed.ts";
import type { Scalar } from "../../../compiler/ir/ir.ts";
import { opInfo } from "../../../compiler/ir/ops.ts";
import { convert, normalise } from "../../../compiler/ir/values.ts";
import { evaluate, type Scope } from "./evaluator.ts";
import { callFunction, loopValues } from "./statements.ts";
import { asScalar, dtypeOf, TestFailure, type Value } from "./value.ts";

export function reduce(expr: TReduce, scope: Scope): Value {
  if (expr.op === "custom") {
    let total = evaluate(expr.init!, scope);
    each(expr.clauses, scope, () => {
      total = callFunction(expr.combine!, [total, evaluate(expr.value, scope)], scope);
    });
    return total;
  }
  if (expr.op === "argmax" || expr.op === "argmin") return position(expr, scope);
  const from = dtypeOf(expr.value.type);
  const { accumulator } = expr;
  let total = start(expr.op, accumulator);
  let count = 0;
  const combine = combiner(expr.op, accumulator);
  each(expr.clauses, scope, () => {
    total = combine(total, convert(asScalar(evaluate(expr.value, scope)), from, accumulator));
    count++;
  });
  if (expr.op === "mean") total = opInfo("div").lane!([total, count], accumulator, accumulator);
  return convert(total, accumulator, dtypeOf(expr.type));
}

/** Runs the loops and filters of a generator from the first to the last. */
function each(clauses: readonly TClause[], scope: Scope, body: () => void): void {
  const [first, ...rest] = clauses;
  if (!first) return body();
  if (first.kind === "filter") {
    if (evaluate(first.cond, scope)) each(rest, scope, body);
    return;
  }
  for (const value of loopValues(first.loop, scope)) {
    scope.values.set(first.loop.sym, value);
    each(rest, scope, body);
  }
}

function start(op: TReduce["op"], dtype: Dtype): Scalar {
  const { min, max, kind } = dtypeInfo(dtype);
  const infinite = isFloat(dtype);
  switch (op) {
    case "max":
      return infinite ? -Infinity : kind === "bool" ? false : min;
    case "min":
      return infinite ? Infinity : kind === "bool" ? true : max;
    case "any":
      return false;
    case "all":
      return true;
    default:
      return normalise(isWide(dtype) ? BigInt(op === "prod" ? 1 : 0) : op === "prod" ? 1 : 0, dtype);
  }
}

function combiner(op: TReduce["op"], dtype: Dtype): (a: Scalar, b: Scalar) => Scalar {
  if (op === "any") return (a, b) => Boolean(a) || Boolean(b);
  if (op === "all") return (a, b) => Boolean(a) && Boolean(b);
  const row = op === "prod" ? "mul" : op === "max" || op === "min" ? op : "add";
  const lane = opInfo(row).lane!;
  return (a, b) => lane([a, b], dtype, dtype);
}

/** Of equal values the first, and NaN before numbers. */
function position(expr: TReduce, scope: Scope): Value {
  const loops = expr.clauses.flatMap((clause) => (clause.kind === "loop" ? [clause.loop.sym] : []));
  let best: Scalar | undefined;
  let found: Value[] = [];
  each(expr.clauses, scope, () => {
    const value = asScalar(evaluate(expr.value, scope));
    const better =
      best === undefined ||
      (Number.isNaN(value) && !Number.isNaN(best)) ||
      (expr.op === "argmax" ? value > best : value < best);
    if (!better) return;
    best = value;
    found = loops.map((sym) => scope.values.get(sym)!);
  });
  if (best === undefined) throw new TestFailure(`${expr.op} of nothing`, expr.span);
  return expr.type.kind === "tuple" ? found : found[0]!;
}
