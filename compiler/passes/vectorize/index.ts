// Pass `vectorize`: loops marked `vectorize` become loops over vectors, and so do the innermost loops of reductions
// where that is worth it. Behind it no loop is marked `vectorize` any more. The README beside it says what vectors it makes.
//
// Assumes: nest form, proved: the iterations of a marked loop are independent, or feed a declared reduction only.
// Bit for bit the same results, but for float sums and products that are reassociated.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Expr, ForStmt, IrKernel, ReduceStmt, Stmt } from "../../ir/ir.ts";
import { outsideAssigned } from "../../ir/facts.ts";
import { allocatedIn, declaredIn, namesIn } from "../../ir/names.ts";
import { expandBlock, mapBlocksOf, someExpr, visitBlock, visitExprs, type Block } from "../../ir/walk.ts";
import { expandIn, expandReduce } from "../expand-reductions.ts";
import { constantTrips } from "../unroll.ts";
import { jumpsOut, silent, Workspace, type PassReport } from "../workspace.ts";
import { worthVectorizing } from "./automatic.ts";
import { divergenceOf } from "./divergence.ts";
import { vectorizeLoop } from "./loop.ts";
import { groupOf, type Quads } from "./pair-sums.ts";
import { accumulatorSets, OpenReduction } from "./reductions.ts";
import { defaultWidthOf, leastWidth, mostWidth } from "./width.ts";

/** Accumulators that leave registers for what they are fed. */
const mostAccumulators = 8;

export interface VectorizeOptions {
  /** Whether unmarked reductions are vectorized where that is worth it; yes if absent. */
  readonly automatic?: boolean;
  /** Which products of bytes the target adds up in fours; absent, none. */
  readonly quads?: Quads | undefined;
}

/** Vectorizes every marked loop of a kernel, and reductions by themselves. */
export function vectorize(
  kernel: IrKernel,
  report: PassReport = silent,
  options: VectorizeOptions = {},
): IrKernel {
  const vectorizer = new Vectorizer(new Workspace(kernel), report, options);
  return vectorizer.workspace.finish(vectorizer.block(kernel.body, []));
}

class Vectorizer {
  readonly workspace: Workspace;
  private readonly report: PassReport;
  private readonly automatic: boolean;
  private readonly quads: Quads | undefined;

  constructor(workspace: Workspace, report: PassReport, { automatic = true, quads }: VectorizeOptions) {
    this.workspace = workspace;
    this.report = report;
    this.automatic = automatic;
    this.quads = quads;
  }

  /** A block inside reductions that are open, innermost last. */
  block(block: Block, open: readonly OpenReduction[]): Block {
    return expandBlock(block, (statement) => this.statement(statement, open));
  }

  private statement(statement: Stmt, open: readonly OpenReduction[]): readonly Stmt[] {
    if (statement.kind === "reduce" && this.feedsFromVectors(statement))
      return this.reduction(statement, open);
    if (statement.kind === "for") {
      if (statement.marks.vectorize) return this.marked(statement, open);
      if (open.length > 0 && this.worth(statement, fedBy(statement, open)))
        return this.vectors(statement, open, this.widthOf(statement, true), "scalar");
    }
    return [mapBlocksOf(statement, (block) => this.block(block, open))];
  }

  // ---- reductions ----

  /** Whether a loop that is to become vectors yields into the reduction. */
  private feedsFromVectors(reduce: ReduceStmt): boolean {
    const into = reduce.results[0]!.name;
    let found = false;
    let inner = false;
    visitBlock(reduce.body, (each) => {
      // A region inside would hold assignments to this one's registers, which no region may.
      if (each.kind === "reduce" && yieldsTo(each.body).has(into)) inner = true;
      if (each.kind !== "for" || !yieldsTo(each.body).has(into)) return;
      if (each.marks.vectorize || this.worth(each, true)) found = true;
    });
    return found && !inner;
  }

  private worth(loop: ForStmt, feeds: boolean): boolean {
    return this.automatic && feeds && worthVectorizing(this.workspace, loop, this.widthOf(loop, true));
  }

  private reduction(reduce: ReduceStmt, open: readonly OpenReduction[]): readonly Stmt[] {
    const expanded = expandReduce(this.workspace, reduce);
    const own = new OpenReduction(this.workspace, reduce, expanded);
    const body = this.block(expanded.body, [...open, own]);
    return [...expanded.registers, ...own.declarations(), ...body, ...own.combination(), ...expanded.results];
  }

  // ---- loops ----

  private marked(loop: ForStmt, open: readonly OpenReduction[]): readonly Stmt[] {
    const { vectorize: wanted, ...marks } = loop.marks;
    const problem = this.problem(loop, open);
    if (problem === undefined && wanted) {
      this.reportInner(loop);
      const width = wanted.width ?? this.fitting(loop, open);
      return this.vectors(loop, open, width, wanted.tail);
    }
    this.report.notHonoured(annotationOf(loop), problem ?? "it has no vectors", loop.span);
    return this.statement({ ...loop, marks }, open);
  }

  private vectors(
    loop: ForStmt,
    open: readonly OpenReduction[],
    width: number,
    tail: "mask" | "peel" | "scalar" | "exact",
  ): readonly Stmt[] {
    const plain = { ...loop, body: expandIn(this.workspace, loop.body) };
    const assigned = outsideAssigned(plain.body);
    const reductions = open.filter(({ expanded }) =>
      expanded.accumulators.some((name) => assigned.has(name)),
    );
    const sets = Math.min(
      ...reductions.map((each) => setsOf(each.reduce, width)),
      loop.body.length > 8 ? 1 : 64,
    );
    return vectorizeLoop(this.workspace, plain, {
      width,
      tail,
      reductions,
      register: this.widthOf(loop, false),
      quads: this.quads,
      sets: reductions.length === 0 ? 1 : sets,
    });
  }

  /** Lanes of a loop that nobody gave a width: fewer where the reductions that it feeds would fill the registers. */
  private fitting(loop: ForStmt, open: readonly OpenReduction[]): number {
    const assigned = outsideAssigned(loop.body);
    const fed = open.filter(({ expanded }) => expanded.accumulators.some((name) => assigned.has(name)));
    const registers = (lanes: number): number =>
      fed.reduce((sum, each) => sum + registersOf(each, loop.body, lanes, this.quads), 0);
    const trips = constantTrips(loop) ?? mostWidth;
    let width = this.widthOf(loop, fed.length > 0);
    while (width > leastWidth && width > trips) width /= 2;
    while (registers(width) > mostAccumulators && registers(width / 2) < registers(width)) width /= 2;
    return width;
  }

  private widthOf(loop: ForStmt, reduced: boolean): number {
    return defaultWidthOf(this.workspace, loop.body, reduced);
  }

  /** Why a marked loop can't become vectors, or undefined. */
  private problem(loop: ForStmt, open: readonly OpenReduction[]): string | undefined {
    const width = loop.marks.vectorize?.width;
    if (width !== undefined && (width < leastWidth || width > mostWidth || (width & (width - 1)) !== 0))
      return `a width is a power of two from ${leastWidth} to ${mostWidth}`;
    if (jumpsOut(loop.body, ["break"]))
      return "a `break` ends the loop, so later iterations depend on earlier ones";
    let explicit = false;
    visitExprs(loop.body, (part) => {
      if (part.type.lanes > 1) explicit = true;
    });
    if (explicit) return "its body is explicit SIMD already";
    if (accumulatesInMemory(loop))
      return "what it accumulates is kept in memory, the same place for every lane";
    const accumulators = new Set(open.flatMap(({ expanded }) => expanded.accumulators));
    const carried = [...outsideAssigned(loop.body)].find((name) => !accumulators.has(name));
    if (carried !== undefined) return `\`${carried}\` carries a value from one iteration to the next`;
    if (yieldsTo(loop.body).size > 0) return "it feeds a reduction from inside of another one";
    return undefined;
  }

  /** Marks inside of a vectorized loop, which its lanes leave without meaning. */
  private reportInner(loop: ForStmt): void {
    const why = `the loop over \`${loop.marks.label ?? loop.name}\` around it is vectorized`;
    visitBlock(loop.body, (each) => {
      if (each.kind !== "for") return;
      const name = each.marks.label ?? each.name;
      if (each.marks.vectorize) this.report.notHonoured(annotationOf(each), why, each.span);
      if (each.marks.parallel) this.report.notHonoured(`@parallel(${name})`, why, each.span);
      if (each.marks.threads) this.report.notHonoured(`@threads(${name})`, why, each.span);
    });
  }
}

const annotationOf = (loop: ForStmt): string => `@vectorize(${loop.marks.label ?? loop.name})`;

/**
 * Whether iterations combine what they compute with one and the same element of memory, as the steps of a reduction do
 * that a schedule has moved out of its points.
 */
function accumulatesInMemory(loop: ForStmt): boolean {
  const own = allocatedIn(loop.body);
  const moving = divergenceOf([loop.name], loop.body).names;
  let found = false;
  visitBlock(loop.body, (each) => {
    if (each.kind !== "store" || each.atomic || own.has(each.buffer)) return;
    const still = !each.index.some((part) => [...namesIn(part)].some((name) => moving.has(name)));
    const read = (part: Expr): boolean => part.kind === "load" && part.buffer === each.buffer;
    if (still && someExpr(each.value, read)) found = true;
  });
  return found;
}

/** Results of reductions around the block that it yields into. */
function yieldsTo(block: Block): Set<string> {
  const names = new Set<string>();
  visitBlock(block, (each) => each.kind === "yield" && names.add(each.into));
  for (const name of declaredIn(block)) names.delete(name);
  return names;
}

function fedBy(loop: ForStmt, open: readonly OpenReduction[]): boolean {
  const assigned = outsideAssigned(loop.body);
  return open.some(({ expanded }) => expanded.accumulators.some((name) => assigned.has(name)));
}

/** Registers that one set of a reduction's accumulators takes. */
function registersOf(
  open: OpenReduction,
  body: Block,
  width: number,
  quads: VectorizeOptions["quads"],
): number {
  const lanes = width / groupOf(open, body, width, quads);
  return open.reduce.results.reduce(
    (sum, { type }) => sum + Math.max((lanes * dtypeInfo(type.dtype).bits) / 128, 1),
    0,
  );
}

/** Sets of accumulators that pay: four registers' worth in all. */
function setsOf({ op, results }: ReduceStmt, width: number): number {
  if (op === "custom" || op === "argmax" || op === "argmin" || op === "any" || op === "all") return 1;
  const registers = results.length * Math.max((width * dtypeInfo(results[0]!.type.dtype).bits) / 128, 1);
  return Math.max(Math.floor(accumulatorSets / registers), 1);
}
