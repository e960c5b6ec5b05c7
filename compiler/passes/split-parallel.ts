// Pass `split-parallel`: a loop marked both `parallel` and `vectorize` becomes a parallel loop over chunks of its iterations
// with a vectorized loop inside, for targets whose workers take ranges (WASM). Where iterations are
// invocations (WGSL) the pass isn't run: there the parallel mark alone says it all.
//
// Assumes: proved, so the iterations are independent in any grouping. Runs before `vectorize`.

import { i32, int, ref, type Expr, type ForStmt, type IrKernel, type Stmt } from "../ir/ir.ts";
import { costOf } from "../ir/facts.ts";
import { exprsOf, blocksOf, mapBlock, type Block } from "../ir/walk.ts";
import { add, ceilDiv, intValue, min, mul } from "./fold.ts";
import { tripCount } from "./trips.ts";
import { Workspace } from "./workspace.ts";

/** Iterations of a chunk: enough to be worth handing to a worker, few enough to balance. Powers of two, so that
 * every width divides them. */
const mostInChunk = 4096;
const leastInChunk = 64;
/** Cost of a chunk that is worth a worker's while, in additions. */
const chunkCost = 32768;
/** What a loop inside is taken to run. */
const assumedTrips = 16;

/** Splits every loop that is parallel and vectorized. */
export function splitParallel(kernel: IrKernel): IrKernel {
  const workspace = new Workspace(kernel);
  const body = mapBlock(kernel.body, (statement) =>
    statement.kind === "for" && statement.marks.parallel && statement.marks.vectorize
      ? split(workspace, statement)
      : statement,
  );
  return workspace.finish(body);
}

function split(workspace: Workspace, loop: ForStmt): readonly Stmt[] {
  const { parallel: _outer, ...inner } = loop.marks;
  const chunk = chunkOf(loop.body);
  const trips = tripCount(workspace, loop);
  const known = intValue(trips.count);
  // A single chunk has nothing to share.
  if (known !== undefined && known <= chunk) return [{ ...loop, marks: inner }];
  const name = workspace.name(`${loop.name}_chunk`);
  const start = workspace.name(`${loop.name}_start`);
  const end = workspace.name(`${loop.name}_end`);
  const { span } = loop;
  const offset = mul(ref(name, i32, span), int(chunk * loop.step));
  const from: Expr = ref(start, i32, span);
  const whole = known !== undefined && known % chunk === 0;
  const next = add(from, int(chunk * loop.step));
  const body: Stmt[] = [
    { kind: "let", name: start, value: add(trips.lo, offset), span },
    { kind: "let", name: end, value: whole ? next : min(next, trips.hi), span },
    { ...loop, lo: from, hi: ref(end, i32, span), marks: inner },
  ];
  const chunks = ceilDiv(trips.count, chunk);
  const outer: ForStmt = {
    kind: "for",
    name,
    lo: int(0),
    hi: known === undefined ? chunks : int(Math.ceil(known / chunk)),
    step: 1,
    marks: { parallel: true },
    body,
    span,
  };
  return [...trips.block, outer];
}

/** Iterations of one chunk of a loop with this body: fewer, the more one costs. */
export function chunkOf(body: Block): number {
  let chunk = mostInChunk;
  const cost = costOfBlock(body);
  while (chunk > leastInChunk && chunk * cost > chunkCost) chunk /= 2;
  return chunk;
}

/** Rough cost of running a block once. */
export function costOfBlock(block: Block): number {
  let cost = 0;
  for (const statement of block) {
    for (const expr of exprsOf(statement)) cost += costOf(expr);
    const times = statement.kind === "for" || statement.kind === "while" ? assumedTrips : 1;
    for (const inner of blocksOf(statement)) cost += times * costOfBlock(inner);
  }
  return cost;
}
