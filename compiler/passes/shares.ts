// A worker's share of a parallel phase. Perfectly nested parallel loops count as one sequence of iterations, so that
// an outer loop of few iterations (a batch of one image) doesn't keep workers idle; a share [begin, end) of them is
// the same nest again with narrower bounds, so no iteration pays for taking its number apart.
//
// Assumes: a phase of `phases`. The counts are over dims and scalars, which the host knows as well.

import { i32, int, ref, type Expr, type ForStmt, type IrKernel, type Stmt } from "../ir/ir.ts";
import { namesIn, substitute } from "../ir/names.ts";
import { someExpr, type Block } from "../ir/walk.ts";
import { toShapeExpr } from "../shape-expr.ts";
import { add, apply, ceilDiv, intValue, max, min, mul, sub } from "./fold.ts";
import type { Phase } from "./phases.ts";
import { Workspace } from "./workspace.ts";

interface Level {
  readonly loop: ForStmt;
  /** What stands before the loop: the phase's prologue, or `let`s of the loop around it. */
  readonly before: Block;
  /** Iterations, over dims and scalars. */
  readonly count: Expr;
}

/** Iterations of a phase that workers may share, over dims and scalar parameters; 1 for a serial phase. */
export function extentOf(kernel: IrKernel, phase: Phase): Expr {
  return nestOf(kernel, phase)
    .map((level) => level.count)
    .reduce(mul, int(1));
}

/** The statements of a phase that carry out iterations [begin, end) of its extent; all of a serial phase. */
export function shareOf(kernel: IrKernel, phase: Phase, begin: Expr, end: Expr): Block {
  const levels = nestOf(kernel, phase);
  return levels.length === 0 ? phase.body : shared(new Workspace(kernel), levels, begin, end);
}

/** The parallel loops of a phase, each alone in the one before but for values that it may need. */
function nestOf(kernel: IrKernel, phase: Phase): readonly Level[] {
  if (!phase.parallel) return [];
  const dims = new Set(kernel.dims.map((dim) => dim.name));
  const known = new Set(dims);
  for (const param of kernel.params) if (param.kind === "scalar") known.add(param.name);
  const values = new Map<string, Expr>();
  const levels: Level[] = [];
  let block = phase.body;
  for (;;) {
    const loop = block.at(-1);
    const before = block.slice(0, -1);
    // Only the prologue may hold more than arithmetic: what stands before an inner loop runs once a worker.
    if (loop?.kind !== "for" || !loop.marks.parallel || (levels.length > 0 && !before.every(isArithmetic)))
      break;
    for (const each of before) if (each.kind === "let") values.set(each.name, substitute(each.value, values));
    const lo = substitute(loop.lo, values);
    const hi = substitute(loop.hi, values);
    const length = ceilDiv(sub(hi, lo), loop.step);
    if ([...namesIn(length)].some((name) => !known.has(name)) || toShapeExpr(length) === undefined) break;
    const forward = (intValue(lo) ?? 1) <= 0 && hi.kind === "ref" && dims.has(hi.name);
    levels.push({ loop, before, count: forward ? length : max(length, int(0)) });
    block = loop.body;
  }
  return levels;
}

const isArithmetic = (statement: Stmt): boolean =>
  statement.kind === "let" && !someExpr(statement.value, (part) => part.kind === "load");

function shared(workspace: Workspace, levels: readonly Level[], begin: Expr, end: Expr): Block {
  const [{ loop, before }, ...inner] = levels as [Level, ...Level[]];
  const { span } = loop;
  const block: Stmt[] = [...before];
  const named = (base: string, value: Expr, into = block): Expr => {
    if (value.kind === "const" || value.kind === "ref") return value;
    const name = workspace.name(`${loop.name}_${base}`);
    into.push({ kind: "let", name, value, span });
    return ref(name, i32, span);
  };
  const { parallel: _shared, ...marks } = loop.marks;
  const valueAt = (iteration: Expr): Expr => add(loop.lo, mul(iteration, int(loop.step)));
  if (inner.length === 0) return [...block, { ...loop, lo: valueAt(begin), hi: valueAt(end), marks }];
  // Nothing runs where an inner loop is empty, but the division must be sound.
  const one = named("inner", max(inner.map((level) => level.count).reduce(mul), int(1)));
  const divided = (value: Expr): Expr => apply("floordiv", i32, [value, one]);
  const first = named("first", divided(begin));
  const last = named("last", divided(add(end, sub(one, int(1)))));
  const body: Stmt[] = [];
  const at = ref(loop.name, i32, span);
  const iteration = sub(at, loop.lo);
  const done = named(
    "done",
    mul(loop.step === 1 ? iteration : apply("floordiv", i32, [iteration, int(loop.step)]), one),
    body,
  );
  const from = named("from", max(sub(begin, done), int(0)), body);
  const to = named("to", min(sub(end, done), one), body);
  body.push(...shared(workspace, inner, from, to));
  return [...block, { ...loop, lo: valueAt(first), hi: valueAt(last), marks, body }];
}
