// The entry points of a kernel: each phase's perfectly nested parallel loops become its invocations.

import { int, type Expr, type ForStmt, type IrKernel, type Stmt } from "../../ir/ir.ts";
import { readOnlyBuffers } from "../../ir/facts.ts";
import { namesIn, substitute } from "../../ir/names.ts";
import { someExpr, visitBlock } from "../../ir/walk.ts";
import { ceilDiv, intValue, max, mul, sub } from "../../passes/fold.ts";
import type { ShapeExpr } from "../../artifact.ts";
import { toShapeExpr } from "../../shape-expr.ts";

/** A loop whose iterations are invocations: iteration t of `count` has the value `lo + t * step`. */
export interface Axis {
  readonly loop: ForStmt;
  readonly lo: Expr;
  readonly count: Expr;
}

export interface EntryPoint {
  /** Outermost first; none for a phase that one invocation runs. */
  readonly axes: readonly Axis[];
  /** Invocations: the product of the counts, over dims and scalar parameters. */
  readonly extent: ShapeExpr;
  /** What an invocation runs. */
  readonly body: readonly Stmt[];
}

/** A loop marked for parallel execution that runs in order instead. */
export interface SerialLoop {
  readonly loop: ForStmt;
  readonly why: string;
}

/** Makes the entry point of one phase: `body` is a parallel loop, with names it needs before it, or serial code. */
export function entryPoint(body: readonly Stmt[], kernel: IrKernel): EntryPoint {
  const readOnly = readOnlyBuffers(kernel);
  const dims = new Set(kernel.dims.map((dim) => dim.name));
  const known = new Set([
    ...dims,
    ...kernel.params.flatMap((param) => (param.kind === "scalar" ? [param.name] : [])),
  ]);
  const axes: Axis[] = [];
  const counts: ShapeExpr[] = [];
  const named = new Map<string, Expr>();
  const prelude: Stmt[] = [];
  let block = body;
  for (;;) {
    const loop = block.at(-1);
    const before = block.slice(0, -1);
    if (loop?.kind !== "for" || !loop.marks.parallel) break;
    // In front of the phase's own loop there are names only, and what they read doesn't change during the phase.
    if (block !== body && !before.every((stmt) => isRepeatable(stmt, readOnly))) break;
    for (const stmt of before) if (stmt.kind === "let") named.set(stmt.name, substitute(stmt.value, named));
    const axis = axisOf(loop, named, known, dims);
    if (!axis) break;
    prelude.push(...before);
    axes.push(axis.axis);
    counts.push(axis.count);
    block = loop.body;
  }
  if (axes.length === 0) return { axes, extent: 1, body };
  const extent = counts.reduce((product, count): ShapeExpr => ["*", product, count]);
  return { axes, extent, body: [...prelude, ...block] };
}

/** A value that every invocation may compute for itself. */
function isRepeatable(stmt: Stmt, readOnly: ReadonlySet<string>): boolean {
  return (
    stmt.kind === "let" && !someExpr(stmt.value, (part) => part.kind === "load" && !readOnly.has(part.buffer))
  );
}

/** The loop as an axis, if its bounds are known before the phase starts. */
function axisOf(
  loop: ForStmt,
  named: ReadonlyMap<string, Expr>,
  known: ReadonlySet<string>,
  dims: ReadonlySet<string>,
): { readonly axis: Axis; readonly count: ShapeExpr } | undefined {
  const lo = substitute(loop.lo, named);
  const hi = substitute(loop.hi, named);
  for (const name of [...namesIn(lo), ...namesIn(hi)]) if (!known.has(name)) return undefined;
  const length = ceilDiv(sub(hi, lo), loop.step);
  // A dim is never negative.
  const forward = (intValue(lo) ?? 1) <= 0 && hi.kind === "ref" && dims.has(hi.name);
  const count = forward ? length : max(length, int(0));
  const shape = toShapeExpr(count);
  return shape === undefined ? undefined : { axis: { loop, lo, count }, count: shape };
}

/** The parallel loops left inside an entry point, which an invocation runs in order. */
export function serialLoops(entry: EntryPoint): readonly SerialLoop[] {
  const found: SerialLoop[] = [];
  const why =
    "something else stands beside it in the parallel loop around it, or its bounds depend on that loop's variable, " +
    "so each invocation runs it in order";
  visitBlock(entry.body, (stmt) => {
    if (stmt.kind === "for" && stmt.marks.parallel) found.push({ loop: stmt, why });
  });
  return found;
}

/** Extents of several axes as one expression on i32, for the test whether an invocation has work. */
export function totalCount(axes: readonly Axis[]): Expr {
  return axes.map((axis) => axis.count).reduce(mul);
}
