// Pass `unroll`: loops marked `unroll` become copies of their body, wholly (factor 0, constant trip count) or by a factor,
// with the iterations that don't fill a group in a loop behind. Works inside reductions too. Loops that are still
// to be vectorized wait: the vector loop inherits the mark.
//
// Assumes nothing about the body; each copy gets names and buffers of its own.

import { int, ref, i32, type Expr, type ForStmt, type IrKernel, type Stmt } from "../ir/ir.ts";
import { mapBlock, visitExprs } from "../ir/walk.ts";
import { codeSize } from "./code-size.ts";
import { add, intValue } from "./fold.ts";
import { tripCount, startOfRest } from "./trips.ts";
import { jumpsOut, silent, Workspace, type PassReport } from "./workspace.ts";

/** Copies beyond this make code that no instruction cache holds. */
const mostCopies = 256;

/** Unrolls every loop that is marked; inner loops first. */
export function unroll(kernel: IrKernel, report: PassReport = silent): IrKernel {
  const workspace = new Workspace(kernel);
  const body = mapBlock(kernel.body, (statement) =>
    statement.kind === "for" && statement.marks.unroll !== undefined && !statement.marks.vectorize
      ? unrollLoop(workspace, statement, statement.marks.unroll, report)
      : statement,
  );
  return workspace.finish(body);
}

/** Iterations, and instructions, up to which a loop is unrolled though nobody asked. */
const small = { trips: 8, instructions: 1024 };

/**
 * Short loops of a known number of iterations around straight vector code become copies: in a window of three by three, a loop's
 * own instructions are as many as those of its body, and addresses become constants. Engines don't do it themselves.
 */
export function unrollSmall(kernel: IrKernel): IrKernel {
  const workspace = new Workspace(kernel);
  const body = mapBlock(kernel.body, (statement) =>
    statement.kind === "for" && isSmall(statement) ? unrollLoop(workspace, statement, 0) : statement,
  );
  return workspace.finish(body);
}

function isSmall({ marks, body, ...bounds }: ForStmt): boolean {
  if (marks.parallel || marks.threads || marks.vectorize || marks.unroll !== undefined) return false;
  const trips = constantTrips({ marks, body, ...bounds });
  if (trips === undefined || trips > small.trips || !body.every(isStraight)) return false;
  let vectors = false;
  visitExprs(body, (expr) => (vectors ||= expr.type.lanes > 1));
  return vectors && trips * codeSize(body) <= small.instructions;
}

const isStraight = ({ kind }: Stmt): boolean =>
  kind === "let" || kind === "var" || kind === "assign" || kind === "store";

/** One loop, unrolled by `factor`, or wholly with 0. */
export function unrollLoop(
  workspace: Workspace,
  loop: ForStmt,
  factor: number,
  report: PassReport = silent,
): readonly Stmt[] {
  const { unroll: _done, ...marks } = loop.marks;
  const rolled: ForStmt = { ...loop, marks };
  const refuse = (why: string): readonly Stmt[] => {
    report.notHonoured(`@unroll(${loop.marks.label ?? loop.name})`, why, loop.span);
    return [rolled];
  };
  if (jumpsOut(loop.body)) return refuse("a `break` or `continue` leaves its iterations early");
  const count = constantTrips(loop);
  if (factor === 0 || (count !== undefined && count <= factor)) {
    if (count === undefined) return refuse("its number of iterations isn't a constant; a factor would do");
    if (count > mostCopies) return refuse(`${count} copies of its body are more than ${mostCopies}`);
    const lo = intValue(loop.lo)!;
    return Array.from({ length: count }, (_, at) => copyOf(workspace, loop, int(lo + at * loop.step))).flat();
  }
  if (factor > mostCopies) return refuse(`${factor} copies of its body are more than ${mostCopies}`);
  // The mark says that its author wants it so.
  if (factor === 1) return [loop];
  return byFactor(workspace, rolled, factor, count);
}

function byFactor(workspace: Workspace, loop: ForStmt, factor: number, count: number | undefined): Stmt[] {
  const trips = tripCount(workspace, loop);
  const rest = trips.name("unrolled", startOfRest(trips, factor));
  const name = workspace.name(loop.name);
  const at = ref(name, i32, loop.span);
  const body = Array.from({ length: factor }, (_, copy) =>
    copyOf(workspace, loop, add(at, int(copy * loop.step))),
  ).flat();
  const main: ForStmt = { ...loop, name, lo: trips.lo, hi: rest, step: loop.step * factor, body };
  if (count !== undefined && count % factor === 0) return [...trips.block, main];
  // The last use of the body keeps the loop's own names.
  return [...trips.block, main, { ...loop, lo: rest, hi: trips.hi }];
}

function copyOf(workspace: Workspace, loop: ForStmt, at: Expr): readonly Stmt[] {
  return workspace.copy(loop.body, new Map([[loop.name, at]]));
}

/** How often a loop with constant bounds runs. */
export function constantTrips(loop: ForStmt): number | undefined {
  const [lo, hi] = [intValue(loop.lo), intValue(loop.hi)];
  return lo === undefined || hi === undefined ? undefined : Math.max(Math.ceil((hi - lo) / loop.step), 0);
}
