// Pass `merge-reductions`: neighbouring reductions of one kind over the same iterations become one with several results, so
// that what they both read is read once, and several streams through memory are open at a time.
//
// Assumes: nest form. Only plain bodies are merged (values, then one yield), and never more than fit into registers.

import { ref, type ForStmt, type IrKernel, type ReduceStmt, type Stmt, type YieldStmt } from "../ir/ir.ts";
import { isTotal } from "../ir/facts.ts";
import { declaredBy, freeNames, namesIn } from "../ir/names.ts";
import { sameExpr } from "../ir/same.ts";
import { mapBlocksOf, mapSame, withBody, type Block } from "../ir/walk.ts";
import { isSimple } from "../ir/reducing.ts";
import { Workspace } from "./workspace.ts";

/** Results of one region: as many accumulators as leave registers for what they are fed. */
const mostResults = 8;

/** Merges neighbouring reductions everywhere in a kernel. */
export function mergeReductions(kernel: IrKernel): IrKernel {
  const workspace = new Workspace(kernel);
  const inside = (stmt: Stmt): Stmt =>
    mapBlocksOf(stmt, (block) => mergedIn(workspace, mapSame(block, inside)));
  return withBody(kernel, mergedIn(workspace, mapSame(kernel.body, inside)));
}

function mergedIn(workspace: Workspace, block: Block): Block {
  const out: Stmt[] = [];
  let changed = false;
  for (const stmt of block) {
    const at = stmt.kind === "reduce" ? partnerOf(stmt, out) : undefined;
    const earlier = at === undefined ? undefined : out[at];
    const both =
      stmt.kind === "reduce" && earlier?.kind === "reduce" ? merged(workspace, earlier, stmt) : undefined;
    if (both && at !== undefined) {
      // What stands between doesn't need the earlier one's results, so it may run as late as the later one.
      out.splice(at, 1);
      changed = true;
    }
    out.push(both ?? stmt);
  }
  return changed ? out : block;
}

/** The place of an earlier reduction that may move down to this one. */
function partnerOf(reduce: ReduceStmt, before: readonly Stmt[]): number | undefined {
  const needed = freeNames([reduce]);
  for (let at = before.length - 1; at >= 0; at--) {
    const stmt = before[at]!;
    if (stmt.kind === "reduce") return declaredBy(stmt).some((name) => needed.has(name)) ? undefined : at;
    if (stmt.kind !== "let" || !isTotal(stmt.value)) return undefined;
    // A value that is computed from an earlier reduction keeps it where it is.
    for (const name of namesIn(stmt.value)) needed.add(name);
  }
  return undefined;
}

interface Plain {
  readonly loop: ForStmt;
  readonly values: Block;
  readonly given: YieldStmt;
}

/** A reduction over one loop, whose body computes values and yields once. */
function plain(reduce: ReduceStmt): Plain | undefined {
  const [loop] = reduce.body;
  if (!isSimple(reduce.op) || reduce.body.length !== 1 || loop?.kind !== "for" || loop.schedule)
    return undefined;
  const given = loop.body.at(-1);
  const values = loop.body.slice(0, -1);
  return given?.kind === "yield" && values.every((each) => each.kind === "let")
    ? { loop, values, given }
    : undefined;
}

function merged(workspace: Workspace, first: ReduceStmt, second: ReduceStmt): ReduceStmt | undefined {
  if (first.op !== second.op || first.results.length + second.results.length > mostResults) return undefined;
  const [a, b] = [plain(first), plain(second)];
  if (!a || !b || !sameLoop(a.loop, b.loop)) return undefined;
  // Renamed as one block, so that the values keep their names' meaning.
  const copied = workspace.copy(
    [...b.values, b.given],
    new Map([[b.loop.name, ref(a.loop.name, a.loop.lo.type)]]),
  );
  const given = copied.at(-1);
  if (given?.kind !== "yield") return undefined;
  const values = [...a.given.values, ...given.values];
  const body = [...a.values, ...copied.slice(0, -1), { ...a.given, values }];
  return {
    ...first,
    results: [...first.results, ...second.results],
    init: [...first.init, ...second.init],
    body: [{ ...a.loop, body }],
  };
}

function sameLoop(a: ForStmt, b: ForStmt): boolean {
  const marks = (loop: ForStmt): string => JSON.stringify({ ...loop.marks, label: undefined });
  return a.step === b.step && sameExpr(a.lo, b.lo) && sameExpr(a.hi, b.hi) && marks(a) === marks(b);
}
