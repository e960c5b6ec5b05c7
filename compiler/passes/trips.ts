// How often a loop runs, as expressions: what unrolling, vectorizing and chunking share. Bounds that aren't names or
// constants are named first, since they are mentioned several times afterwards.

import { i32, int, ref, type Expr, type ForStmt, type Stmt } from "../ir/ir.ts";
import { add, apply, ceilDiv, intValue, max, mul, sub } from "./fold.ts";
import type { Workspace } from "./workspace.ts";

export interface Trips {
  readonly lo: Expr;
  readonly hi: Expr;
  readonly step: number;
  /** Number of iterations, never negative; a constant where it's known. */
  readonly count: Expr;
  /** Statements that the expressions need before them; `name` adds to it. */
  readonly block: Stmt[];
  readonly name: (base: string, expr: Expr) => Expr;
}

/** The trip count of a loop. */
export function tripCount(workspace: Workspace, loop: ForStmt): Trips {
  const block: Stmt[] = [];
  const name = (base: string, expr: Expr): Expr => {
    if (expr.kind === "const" || (expr.kind === "ref" && !workspace.isVariable(expr.name))) return expr;
    const fresh = workspace.name(base);
    block.push({ kind: "let", name: fresh, value: expr, span: loop.span });
    return ref(fresh, expr.type, loop.span);
  };
  const lo = name(`${loop.name}_lo`, loop.lo);
  const hi = name(`${loop.name}_hi`, loop.hi);
  const length = ceilDiv(sub(hi, lo), loop.step);
  // A dim is never negative, and a loop over one usually starts at 0.
  const forward = (intValue(lo) ?? 1) <= 0 && hi.kind === "ref" && workspace.isDim(hi.name);
  const count = name(`${loop.name}_count`, forward ? length : max(length, int(0)));
  return { lo, hi, step: loop.step, count, block, name };
}

/** The loop variable's value behind the last whole group of `group` iterations. */
export function startOfRest(trips: Trips, group: number): Expr {
  const whole = wholeGroups(trips.count, group);
  return add(trips.lo, mul(whole, int(trips.step)));
}

/** A count rounded down to a multiple of `group`. */
export function wholeGroups(count: Expr, group: number): Expr {
  if (group === 1) return count;
  if ((group & (group - 1)) === 0) return apply("and", i32, [count, int(-group)]);
  return mul(apply("floordiv", i32, [count, int(group)]), int(group));
}
