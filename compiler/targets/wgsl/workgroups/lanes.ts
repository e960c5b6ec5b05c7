// Pass `lanes`: the lanes of a GPU are its invocations. Where an iteration of a parallel loop has no threads of its own, its
// vectorized loops become loops over threads, and a workgroup runs the iteration; so do those of a phase that isn't parallel.
// A loop that is both parallel and vectorized is parallel, an invocation a lane. Short loops, those inside of threads and
// those beside run-time checks keep their mark and become vectors of a few lanes.
//
// Assumes nothing further: what makes iterations independent lanes makes them independent threads.

import type { ForStmt, IrKernel, Stmt } from "../../../ir/ir.ts";
import { mapBlocksOf, mapSame, visitBlock, type Block } from "../../../ir/walk.ts";
import { intValue } from "../../../passes/fold.ts";
import { Workspace } from "../../../passes/workspace.ts";
import { inFours } from "./fours.ts";
import { hasThreads, mostTrips, nestOf, valuesOf, type Values } from "./nests.ts";

/** Iterations below which invocations would mostly stand idle. */
const fewest = 16;
/** Lanes of WGSL's widest vector. */
const widest = 4;

export function lanesToThreads(kernel: IrKernel): IrKernel {
  const values = valuesOf(kernel.body);
  const workspace = new Workspace(kernel);
  const fours: Fours = (loop) => inFours(loop, kernel, workspace, values);
  const body = mapSame(kernel.body, (stmt) => {
    const plain = hasThreads([stmt]) ? turns(stmt) : hasChecks(stmt) ? stmt : spread(stmt, values, fours);
    return narrowed(plain);
  });
  return workspace.finish(body);
}

/** A loop along rows as one over fours of them. */
export type Fours = (loop: ForStmt) => ForStmt | undefined;

/** An invocation whose run-time check fails stops, and may not leave others waiting for it. */
function hasChecks(stmt: Stmt): boolean {
  let found = false;
  visitBlock([stmt], (each) => each.kind === "assert" && (found = true));
  return found;
}

/** Nests over threads without a loop over tiles take turns. */
function turns(stmt: Stmt): Stmt {
  if (stmt.kind !== "for" || !stmt.marks.threads) return mapBlocksOf(stmt, (block) => mapSame(block, turns));
  const { loops } = nestOf(stmt);
  const tiled = loops.some(({ lo, step }) => intValue(lo) === undefined || step > 1);
  if (tiled || loops.some(({ marks }) => marks.lanes)) return stmt;
  const mark = (loop: ForStmt): ForStmt => ({
    ...loop,
    marks: { ...loop.marks, lanes: "turns" },
    body: loops.includes(loop)
      ? mapSame(loop.body, (each) => (loops.includes(each as ForStmt) ? mark(each as ForStmt) : each))
      : loop.body,
  });
  return mark(stmt);
}

/** A statement at the top of a kernel with its vector loops as loops over threads. */
function spread(stmt: Stmt, values: Values, fours: Fours): Stmt {
  if (stmt.kind === "for" && stmt.marks.parallel) {
    const { vectorize: _lanes, ...marks } = stmt.marks;
    const inner = mapBlocksOf(stmt, (block) => mapSame(block, (each) => spread(each, values, fours)));
    return inner.kind === "for" && stmt.marks.vectorize ? { ...inner, marks } : inner;
  }
  if (stmt.kind === "for" && stmt.marks.vectorize) {
    const most = mostTrips(stmt, values);
    if (most !== undefined && most < fewest) return stmt;
    const loop = fours(stmt) ?? stmt;
    const { vectorize: _lanes, ...marks } = loop.marks;
    return { ...loop, marks: { ...marks, threads: true, lanes: "vectorized" } };
  }
  if (stmt.kind === "reduce") {
    let marked = false;
    visitBlock(stmt.body, (each) => {
      if (each.kind === "for" && each.marks.vectorize) marked = true;
    });
    return marked ? { ...stmt, body: mapSame(stmt.body, (each) => wholeChain(each, values, fours)) } : stmt;
  }
  if (stmt.kind === "while") return stmt;
  return mapBlocksOf(stmt, (block) => mapSame(block, (each) => spread(each, values, fours)));
}

/** All the loops of a reduction, which runs in any order, if one of them has lanes. */
export function wholeChain(stmt: Stmt, values: Values, fours: Fours): Stmt {
  if (stmt.kind !== "for") return stmt;
  const marked = (loop: ForStmt): ForStmt => {
    const inner = loop.body.some(({ kind }) => kind === "for") ? undefined : fours(loop);
    const { vectorize: _lanes, ...marks } = (inner ?? loop).marks;
    const body = inner?.body ?? mapSame(loop.body, (each) => (each.kind === "for" ? marked(each) : each));
    return { ...(inner ?? loop), marks: { ...marks, threads: true, lanes: "vectorized" }, body };
  };
  const all = marked(stmt);
  const { loops } = nestOf(all);
  const trips = loops.map((loop) => mostTrips(loop, values));
  if (trips.every((most) => most !== undefined) && trips.reduce((a, b) => a * b, 1) < fewest) return stmt;
  const names = new Set(loops.map(({ name }) => name));
  const only = (each: Stmt): Stmt => {
    const inner = mapBlocksOf(each, (block: Block) => mapSame(block, only));
    if (inner.kind !== "for" || names.has(inner.name)) return inner;
    const { threads: _inside, lanes: _too, ...marks } = inner.marks;
    return { ...inner, marks };
  };
  return only(all);
}

/** Vector loops that stay have vectors that WGSL knows. */
function narrowed(stmt: Stmt): Stmt {
  const inner = mapBlocksOf(stmt, (block) => mapSame(block, narrowed));
  if (inner.kind !== "for" || !inner.marks.vectorize) return inner;
  const { vectorize, ...marks } = inner.marks;
  if (marks.parallel) return { ...inner, marks };
  const width = Math.min(vectorize.width ?? widest, widest);
  return { ...inner, marks: { ...marks, vectorize: { ...vectorize, width } } };
}
