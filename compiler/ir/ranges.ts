// Rough value ranges of i32 expressions: enough to see that a loop runs, or that `max(i, 0)` is `i`. Proofs are
// not made with this; `symbolic/` reasons about relations, this only about numbers.

import { dtypeInfo, isInteger } from "../../lang/dtypes.ts";
import type { Expr, IrKernel, Stmt } from "./ir.ts";

/** Inclusive bounds. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Ranges by name; names are unique in a kernel, so one map serves all of it. */
export type Ranges = Map<string, Range>;

const whole: Range = { low: -(2 ** 31), high: 2 ** 31 - 1 };

/** The range of every value of a dtype with at most 32 bits. */
function ofDtype(expr: Expr): Range {
  const { dtype } = expr.type;
  if (!isInteger(dtype) || dtypeInfo(dtype).bits > 32) return { low: -Infinity, high: Infinity };
  const { min, max } = dtypeInfo(dtype);
  return { low: Number(min), high: Number(max) };
}

/** What is known before the first statement: dims, and requirements like `N >= 4`. */
export function rangesOfKernel(kernel: IrKernel): Ranges {
  const ranges: Ranges = new Map();
  for (const dim of kernel.dims) ranges.set(dim.name, dim.of ? whole : { low: 0, high: 2 ** 30 - 1 });
  const learn = (cond: Expr): void => {
    if (cond.kind !== "op") return;
    if (cond.op === "and") cond.args.forEach(learn);
    narrow(ranges, cond);
  };
  for (const { cond } of kernel.requires) learn(cond);
  return ranges;
}

/** Uses a comparison of a name with a constant that is known to hold. */
function narrow(ranges: Ranges, cond: Expr): void {
  if (cond.kind !== "op") return;
  const [name, limit] = cond.args;
  if (name?.kind !== "ref" || name.type.dtype !== "i32" || limit?.kind !== "const") return;
  const old = ranges.get(name.name) ?? whole;
  const value = Number(limit.value);
  const low = { ge: value, gt: value + 1, eq: value }[cond.op as "ge"] ?? old.low;
  const high = { le: value, lt: value - 1, eq: value }[cond.op as "le"] ?? old.high;
  ranges.set(name.name, { low: Math.max(low, old.low), high: Math.min(high, old.high) });
}

/** The range of a loop's variable inside its body. */
export function rangeOfLoop(loop: Stmt & { kind: "for" }, ranges: Ranges): Range {
  return { low: rangeOf(loop.lo, ranges).low, high: rangeOf(loop.hi, ranges).high - 1 };
}

/** Bounds of a scalar (or of every lane); the dtype's where nothing better is known. */
export function rangeOf(expr: Expr, ranges: Ranges): Range {
  const limits = ofDtype(expr);
  const found = reach(expr, ranges);
  // A result beyond the dtype wraps, so nothing is known of it.
  return found && found.low >= limits.low && found.high <= limits.high ? found : limits;
}

function reach(expr: Expr, ranges: Ranges): Range | undefined {
  if (expr.kind === "const") {
    return typeof expr.value === "number" ? { low: expr.value, high: expr.value } : undefined;
  }
  if (expr.kind === "ref") return ranges.get(expr.name);
  if (expr.kind !== "op" || !isInteger(expr.type.dtype)) return undefined;
  if (expr.op === "select") {
    const [yes, no] = [rangeOf(expr.args[1]!, ranges), rangeOf(expr.args[2]!, ranges)];
    return { low: Math.min(yes.low, no.low), high: Math.max(yes.high, no.high) };
  }
  const [a, b] = expr.args.map((arg) => (isInteger(arg.type.dtype) ? rangeOf(arg, ranges) : undefined));
  if (!a) return undefined;
  switch (expr.op) {
    case "add":
      return b && { low: a.low + b.low, high: a.high + b.high };
    case "sub":
      return b && { low: a.low - b.high, high: a.high - b.low };
    case "neg":
      return { low: -a.high, high: -a.low };
    case "mul":
      return b && product(a, b);
    case "min":
      return b && { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "max":
      return b && { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
    case "floordiv":
      return b && b.low > 0 ? quotient(a, b) : undefined;
    case "mod":
      return b && b.low > 0
        ? { low: 0, high: a.low >= 0 ? Math.min(a.high, b.high - 1) : b.high - 1 }
        : undefined;
    case "and": {
      // A mask that isn't negative bounds the result; two of them, both.
      const bounds = [a, b].filter((part) => part && part.low >= 0).map((part) => part!.high);
      return bounds.length > 0 ? { low: 0, high: Math.min(...bounds) } : undefined;
    }
    case "shr":
      return b && b.low === b.high ? quotient(a, { low: 2 ** b.low, high: 2 ** b.low }) : undefined;
    case "convert":
    case "splat":
    case "lane":
    case "shuffle":
      return a;
    default:
      return undefined;
  }
}

function product(a: Range, b: Range): Range {
  const corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
  return { low: Math.min(...corners), high: Math.max(...corners) };
}

function quotient(a: Range, b: Range): Range {
  const corners = [a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high].map(Math.floor);
  return { low: Math.min(...corners), high: Math.max(...corners) };
}
