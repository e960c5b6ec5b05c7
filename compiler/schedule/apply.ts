// The scheduler: carries out the directives that lowering left on loops. A nest goes through them in one order, tiles
// and loop order, staging, marks, whatever the order of the annotations, so that a schedule means one thing.
//
// Assumes: nest form, proved, and the directives found legal. Runs once a target, before all passes; behind it no
// loop has directives.

import { textOf } from "../../lang/source.ts";
import type { Directive, Expr, ForStmt, IrKernel, Stmt } from "../ir/ir.ts";
import { substituteIn } from "../ir/names.ts";
import {
  type Block,
  expandBlock,
  mapAllExprs,
  mapBlock,
  mapBlocksOf,
  mapOperands,
  mapSame,
  withBody,
} from "../ir/walk.ts";
import type { Quads } from "../passes/vectorize/pair-sums.ts";
import { jumpsOut, silent, Workspace, type PassReport } from "../passes/workspace.ts";
import {
  bandOf,
  chainOf,
  changes,
  isReduction,
  levelKey,
  reads,
  reductionChain,
  type Band,
  type Level,
} from "./band.ts";
import { CannotApply, openContext, valuesOf, type Context } from "./context.ts";
import { LoopEmitter } from "./emitter.ts";
import { guardedBy } from "./beyond.ts";
import { Expansion } from "./expansion.ts";
import { Fitting } from "./fitting.ts";
import { fuse } from "./fusion.ts";
import { withoutDetour } from "./panel-dtype.ts";
import { loopKey, planOf, type Plan } from "./plan.ts";
import { stage } from "./staging.ts";

/** The kernel with its schedules applied; with `workgroups`, `threads` loops work together on what is staged. */
export function applySchedules(
  kernel: IrKernel,
  report: PassReport = silent,
  workgroups = false,
  quads?: Quads,
): IrKernel {
  const workspace = new Workspace(kernel);
  const scheduler = new Scheduler(workspace, kernel, report, workgroups, quads);
  return workspace.finish(scheduler.block(kernel.body));
}

/** The kernel as it is, without directives: for targets that carry out none. */
export function dropSchedules(kernel: IrKernel): IrKernel {
  const plain = (stmt: Stmt): Stmt => {
    const inner = mapBlocksOf(stmt, (block) => mapSame(block, plain));
    if (inner.kind !== "for" || !inner.schedule) return inner;
    const { schedule: _dropped, ...loop } = inner;
    return loop;
  };
  return { ...kernel, body: mapSame(kernel.body, plain) };
}

/** The kernel with its loops over threads in order: for targets whose workers don't work together on a tile. */
export function serialThreads(kernel: IrKernel): IrKernel {
  const body = mapBlock(kernel.body, (stmt) => {
    if (stmt.kind !== "for" || !stmt.marks.threads) return stmt;
    const { threads: _serial, ...marks } = stmt.marks;
    return { ...stmt, marks };
  });
  return withBody(kernel, body);
}

class Scheduler {
  private readonly workspace: Workspace;
  private readonly report: PassReport;
  private readonly quads: Quads | undefined;
  private readonly sizes: ReadonlySet<string>;
  private readonly workgroups: boolean;
  private readonly fitting: Fitting;
  private places = 0;
  /** Directives that have made a panel. */
  private readonly staged = new Set<Directive>();
  /** Statements around the one at hand. */
  private depth = 0;

  constructor(
    workspace: Workspace,
    kernel: IrKernel,
    report: PassReport,
    workgroups: boolean,
    quads: Quads | undefined,
  ) {
    this.quads = quads;
    this.workgroups = workgroups;
    this.fitting = new Fitting(kernel);
    this.sizes = new Set([
      ...kernel.dims.map(({ name }) => name),
      ...kernel.params.flatMap((param) => (param.kind === "scalar" ? [param.name] : [])),
    ]);
    this.workspace = workspace;
    this.report = report;
  }

  /** Schedules the annotated nests of a block. */
  block(block: Block): Block {
    return expandBlock(block, (stmt) => this.statement(stmt));
  }

  private statement(stmt: Stmt): readonly Stmt[] {
    if (stmt.kind !== "for" || !stmt.schedule) return [this.inside(stmt)];
    const { schedule, ...loop } = stmt;
    try {
      const fused = fuse(this.workspace, this.fitting, loop, schedule);
      const plan = planOf(fused.directives);
      const made = this.nest(fused.loop, plan);
      for (const { directive } of plan.stages)
        if (!this.staged.has(directive)) this.drop(directive, "no loop there reads it");
      return [...fused.before, ...made];
    } catch (error) {
      if (!(error instanceof CannotApply)) throw error;
      for (const each of schedule) if (isStructural(each)) this.drop(each, error.message);
      return [this.inside(loop)];
    }
  }

  private inside(stmt: Stmt): Stmt {
    this.depth++;
    const changed = mapBlocksOf(stmt, (block) => this.block(block));
    this.depth--;
    return changed;
  }

  private drop(directive: Directive, why: string): void {
    const text = directive.span ? textOf(directive.span) : `@${directive.kind}`;
    this.report.notHonoured(text, why, directive.span);
  }

  // ---- one annotated nest ----

  /** A loop under a plan, whose band may hold further bands that the plan is about. */
  private nest(loop: ForStmt, plan: Plan): readonly Stmt[] {
    const chain = chainOf(loop);
    const band = bandOf(loop, plan, this.workgroups);
    if (changes(band, plan)) return this.band(band, plan);
    // Nothing happens to these loops themselves; the plan goes on inside.
    this.depth++;
    const inside = this.inner(chain.body, plan);
    this.depth--;
    const rebuilt = chain.loops.reduceRight<readonly Stmt[]>(
      (body, each, at) => [
        { ...each, marks: band.levels.find((level) => level.axis === band.axes[at])!.marks, body },
      ],
      inside,
    );
    return rebuilt;
  }

  /** The blocks inside of a band, for what a plan says of loops further in. */
  private inner(block: Block, plan: Plan): Block {
    return block.flatMap((stmt) => {
      if (stmt.kind === "for" && stmt.schedule) return this.statement(stmt);
      if (stmt.kind === "for") return this.nest(stmt, plan);
      return [mapBlocksOf(stmt, (inner) => this.inner(inner, plan))];
    });
  }

  private band(band: Band, plan: Plan): readonly Stmt[] {
    if (jumpsOut(band.body)) throw new CannotApply("a `break` or `continue` leaves an iteration early");
    const stops = new Set(plan.stages.flatMap(({ at }) => (at ? [loopKey(at)] : [])));
    const firstReduction = band.levels.findIndex(isReduction);
    const split = firstReduction < 0 ? band.levels.length : firstReduction;
    const { before, cx: start } = this.stagesBefore(band, plan);
    const outer = band.levels.slice(0, split);
    const rest = band.levels.slice(split);
    const emitter: LoopEmitter = new LoopEmitter(this.workspace, band, stops, (level, cx) =>
      this.stagesAt(band, plan, level, cx),
    );
    const instantiate = (block: Block, cx: Context): readonly Stmt[] => this.instance(block, cx);
    if (rest.every(isReduction)) {
      // The reductions stay inside of the points; their own loops are bands of their own.
      const loops = emitter.loops(outer, start, (cx) => {
        const body = this.reductionsInPlace(band, emitter, rest, cx, plan);
        if (cx.guarded.length > 0) emitter.guards++;
        return guardedBy(cx, body);
      });
      return [...before, ...loops];
    }
    const prepared: Band = { ...band, body: this.preparedBody(band, plan) };
    const expansion = new Expansion(this.workspace, prepared, emitter, instantiate);
    return [...before, ...emitter.loops(outer, start, (cx) => expansion.statements(rest, cx, this.places++))];
  }

  /** The block with what the plan says of loops inside that are no part of the band. */
  private preparedBody(band: Band, plan: Plan): Block {
    return band.body.map((stmt) => {
      if (stmt.kind === "reduce") return stmt;
      const [only] = this.inner([stmt], plan);
      return only ?? stmt;
    });
  }

  /** The block for one point, each reduction with its own loops tiled where it stands. */
  private reductionsInPlace(
    band: Band,
    emitter: LoopEmitter,
    rest: readonly Level[],
    cx: Context,
    plan: Plan,
  ): readonly Stmt[] {
    // One copy at the end: names of one statement are mentioned by others.
    const made = band.body.flatMap((stmt, at) => {
      const levels = rest.filter((level) => level.axis.reduction === at);
      if (stmt.kind !== "reduce" || levels.length === 0) return this.atPoint(this.inner([stmt], plan), cx);
      const { body } = reductionChain(stmt);
      const [head] = this.atPoint([{ ...stmt, body: [] }], cx);
      const loops = emitter.loops(levels, cx, (inner) =>
        guardedBy(
          { ...inner, guarded: inner.guarded.filter((axis) => !cx.guarded.includes(axis)) },
          this.atPoint(this.inner(body, plan), inner),
        ),
      );
      return head?.kind === "reduce" ? [{ ...head, body: loops }] : [];
    });
    return this.workspace.copy(made, new Map());
  }

  /** A copy of a block of the source at the point that the context has reached. */
  private instance(block: Block, cx: Context): readonly Stmt[] {
    return this.workspace.copy(this.atPoint(block, cx), new Map());
  }

  /** A block of the source with the loop variables' values, and loads from panels. */
  private atPoint(block: Block, cx: Context): Block {
    const widened = new Set(cx.panels.flatMap((panel) => panel.widened ?? []));
    const staged = (part: Expr): Expr => {
      for (const panel of cx.panels.toReversed()) {
        const replaced = panel.replace(part, cx);
        if (replaced) return mapOperands(replaced, staged);
      }
      return withoutDetour(mapOperands(part, staged), widened);
    };
    const replaced = cx.panels.length === 0 ? block : mapSame(block, (stmt) => mapAllExprs(stmt, staged));
    return substituteIn(replaced, valuesOf(cx));
  }

  // ---- staging ----

  /** What is staged without a place: once a call, where the nest itself runs once a call. */
  private stagesBefore(band: Band, plan: Plan): { before: readonly Stmt[]; cx: Context } {
    const before: Stmt[] = [];
    let cx = openContext([...band.axes, ...band.reductionAxes], this.sizes);
    for (const { buffers, at, directive } of plan.stages) {
      if (at) continue;
      for (const name of buffers) {
        const buffer = this.workspace.buffer(name);
        if (!buffer || !reads(band.body, name)) continue;
        const shared = this.depth === 0;
        const made = stage(this.workspace, buffer, band, band.levels, cx, this.places++, {
          shared,
          widen: !this.workgroups,
          quads: this.quads,
          span: directive.span,
        });
        before.push(...made.statements);
        this.staged.add(directive);
        cx = made.cx;
      }
    }
    return { before, cx };
  }

  /** Whether a place in a band lies outside of all loops over threads. */
  private outsideThreads(band: Band, level: Level): boolean {
    return !band.levels.slice(0, band.levels.indexOf(level) + 1).some(({ marks }) => marks.threads);
  }

  private stagesAt(
    band: Band,
    plan: Plan,
    level: Level,
    outer: Context,
  ): { before: readonly Stmt[]; cx: Context } | undefined {
    const key = levelKey(level);
    const before: Stmt[] = [];
    let cx = outer;
    const rest = band.levels.slice(band.levels.indexOf(level) + 1);
    for (const { buffers, at, directive } of plan.stages) {
      if (!at || loopKey(at) !== key) continue;
      for (const name of buffers) {
        const buffer = this.workspace.buffer(name);
        if (!buffer || !reads(band.body, name)) continue;
        const made = stage(this.workspace, buffer, band, rest, cx, this.places++, {
          together: band.workgroups && this.outsideThreads(band, level),
          widen: !this.workgroups,
          quads: this.quads,
          span: directive.span,
        });
        before.push(...made.statements);
        this.staged.add(directive);
        cx = made.cx;
      }
    }
    return before.length > 0 ? { before, cx } : undefined;
  }
}

const isStructural = ({ kind }: Directive): boolean =>
  kind === "tile" || kind === "order" || kind === "fuse" || kind === "stage";
