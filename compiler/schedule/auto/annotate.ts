// Schedules as data, and what lowering would have made of them: marks on loops for the provers, and directives where
// loops change. A kernel that is annotated here and one whose source says the same are the same IR.

import type { Directive, ForStmt, IrKernel, LoopMarks, Stmt } from "../../ir/ir.ts";
import { mapBlocksOf, mapSame, withBody } from "../../ir/walk.ts";

/** The annotations of one statement. */
export interface StatementSchedule {
  /** The first loop of the statement, by its name in the IR. */
  readonly loop: string;
  readonly directives: readonly Directive[];
}

/** The annotations of a kernel; plain data, which JSON can hold. */
export type Schedule = readonly StatementSchedule[];

/** The kernel with a schedule's annotations. Loops that it doesn't have are left out. */
export function annotate(kernel: IrKernel, schedule: Schedule): IrKernel {
  const visit = (stmt: Stmt): Stmt => {
    const inner = mapBlocksOf(stmt, (block) => mapSame(block, visit));
    if (inner.kind !== "for") return inner;
    let loop: ForStmt = inner;
    for (const { directives } of schedule) loop = marked(loop, directives);
    for (const own of schedule)
      if (own.loop === loop.name && own.directives.some(({ kind }) => restructures.has(kind)))
        loop = { ...loop, schedule: [...own.directives, ...(loop.schedule ?? [])] };
    return loop;
  };
  return withBody(kernel, mapSame(kernel.body, visit));
}

const restructures: ReadonlySet<string> = new Set(["tile", "order", "fuse", "stage"]);

function marked(loop: ForStmt, directives: readonly Directive[]): ForStmt {
  const tiled = directives.some(
    (each) => each.kind === "tile" && each.sizes.some((size) => size.loop === loop.name),
  );
  let marks: LoopMarks = loop.marks;
  for (const each of directives) {
    if (!("loops" in each) || !each.loops.some((one) => one.loop === loop.name)) continue;
    if (each.kind === "parallel") marks = { ...marks, parallel: true };
    if (each.kind === "threads") marks = { ...marks, threads: true };
    if (each.kind === "vectorize") {
      const { width, tail } = each;
      marks = { ...marks, vectorize: { ...(width !== undefined && { width }), tail } };
    }
    // Unrolling a tile's points says nothing about the whole loop.
    if (each.kind === "unroll" && !tiled) marks = { ...marks, unroll: each.factor };
  }
  return marks === loop.marks ? loop : { ...loop, marks };
}

/** Whether somebody scheduled the statement or a loop inside of it. */
export function isScheduled(stmt: Stmt): boolean {
  if (stmt.kind === "for") {
    const { parallel, threads, vectorize, unroll } = stmt.marks;
    if (parallel || threads || vectorize || unroll !== undefined || stmt.schedule) return true;
  }
  let found = false;
  mapBlocksOf(stmt, (block) => {
    if (block.some(isScheduled)) found = true;
    return block;
  });
  return found;
}
