// Reductions under tiles: where a reduction's loops are to run outside of points, each point of the tile gets an
// accumulator of its own, an element of a local array. The parts of the block then run one after the other, each for
// all points: what comes before, the reduction's loops around the points, what comes behind. Unrolled and vectorized,
// the array is a set of registers.

import type { Dtype } from "../../lang/dtypes.ts";
import { load } from "../ir/build.ts";
import { declaredIn, freeNames, namesIn } from "../ir/names.ts";
import {
  int,
  ref,
  type Buffer,
  type Expr,
  type LetStmt,
  type ReduceStmt,
  type Stmt,
  type YieldStmt,
} from "../ir/ir.ts";
import { mapAllExprs, mapBlock, mapExpr, visitExprs, type Block } from "../ir/walk.ts";
import { isSimple } from "../ir/reducing.ts";
import { stepOf } from "../passes/expand-reductions.ts";
import { and, compare } from "../passes/fold.ts";
import type { Workspace } from "../passes/workspace.ts";
import { isReduction, maskedTiles, reductionChain, type Axis, type Band, type Level } from "./band.ts";
import { canRunBeyond, guardedBy, readsPanels, vanishes, withoutEnd } from "./beyond.ts";
import {
  CannotApply,
  endOf,
  isExtent,
  marked,
  roomFor,
  stateOf,
  withState,
  type Context,
} from "./context.ts";
import type { LoopEmitter } from "./emitter.ts";
import { changedIn, segmentsOf, type Segments } from "./segments.ts";

/** What the expansion of one band's block shares, wherever it is emitted. */
export class Expansion {
  private readonly workspace: Workspace;
  private readonly band: Band;
  private readonly emitter: LoopEmitter;
  private readonly parts: Segments;
  private readonly instantiate: (block: Block, cx: Context) => readonly Stmt[];

  constructor(
    workspace: Workspace,
    band: Band,
    emitter: LoopEmitter,
    instantiate: (block: Block, cx: Context) => readonly Stmt[],
  ) {
    this.workspace = workspace;
    this.band = band;
    this.emitter = emitter;
    this.instantiate = instantiate;
    this.parts = segmentsOf(band.body);
  }

  /** The block for all points that `rest`, the loops still to come, leaves open; `place` numbers this spot. */
  statements(rest: readonly Level[], outer: Context, place: number): readonly Stmt[] {
    const levels = rest.filter((level) => !isReduction(level));
    const axes = [...new Set(levels.map((level) => level.axis))];
    let cx = outer;
    for (const axis of axes) cx = withState(cx, marked(stateOf(cx, axis), place));
    const shape = axes.map((axis) => roomFor(stateOf(cx, axis), maskedTiles(this.band, levels, axis)));
    if (!shape.every((extent) => isExtent(extent, cx)))
      throw new CannotApply("the number of points isn't known before the loops begin");
    const out: Stmt[] = [];
    const arrays = new Map<string, Buffer>();
    const array = (name: string, dtype: Dtype, fill?: Expr, span?: Stmt["span"]): Buffer => {
      const buffer = this.workspace.addBuffer({ name, dtype, space: "local", shape, ...(span && { span }) });
      arrays.set(name, buffer);
      out.push({ kind: "alloc", buffer: buffer.name, ...(fill && { fill }), span });
      return buffer;
    };
    for (const { name, type } of this.parts.crossing.values()) array(name, type.dtype);
    for (const { reduce } of this.parts.list)
      reduce?.results.forEach(({ name, type }, at) => {
        const init = reduce.init[at]!;
        array(name, type.dtype, init.kind === "const" ? init : undefined, reduce.span);
      });
    const at = (inner: Context): Expr[] => axes.map((axis) => stateOf(inner, axis).since.get(place)!.offset);
    for (const { statements, reduce, at: number } of this.parts.list) {
      const inits = reduce ? reduce.init.some((init) => init.kind !== "const") : false;
      if (inits || !statements.every((each) => this.parts.cheap.includes(each as LetStmt))) {
        out.push(
          ...this.emitter.loops(levels, cx, (inner) =>
            this.part(statements, inits ? reduce : undefined, arrays, at(inner), inner),
          ),
        );
      }
      if (!reduce) continue;
      const own = rest.filter((level) => !isReduction(level) || level.axis.reduction === number);
      this.independentBounds(own);
      // Beyond the end of a tile that the next level doesn't divide lies the next tile's first point.
      const apart = axes.every((axis) => nested(maskedTiles(this.band, levels, axis)));
      const together =
        this.together(reduce, arrays, own, at, cx) ?? this.inThreads(reduce, arrays, own, at, cx);
      if (!together) refuseLanes(own);
      out.push(
        ...(together ??
          this.emitter.loops(own, cx, (inner) => this.step(reduce, arrays, at(inner), inner, apart))),
      );
    }
    return out;
  }

  /** Loops of a reduction run for all points at once, so their bounds can't come from a point. */
  private independentBounds(levels: readonly Level[]): void {
    const inside = declaredIn(this.band.body);
    for (const { loop } of this.band.reductionAxes) inside.delete(loop.name);
    for (const { axis } of levels.filter(isReduction))
      for (const bound of [axis.loop.lo, axis.loop.hi])
        if ([...namesIn(bound)].some((name) => inside.has(name)))
          throw new CannotApply("how often the reduction runs differs from point to point");
  }

  /** Statements of a segment for one point, with the values that come from before and go on to later ones. */
  private part(
    statements: Block,
    starting: ReduceStmt | undefined,
    arrays: ReadonlyMap<string, Buffer>,
    at: readonly Expr[],
    cx: Context,
  ): readonly Stmt[] {
    const { crossing } = this.parts;
    const inits = starting?.init.map((init, number): Stmt => {
      const buffer = arrays.get(starting.results[number]!.name)!;
      return { kind: "store", buffer: buffer.name, index: at, value: init, span: starting.span };
    });
    const own = declaredIn(statements);
    const body = [...statements, ...(inits ?? [])];
    const kept = [
      ...[...crossing.values()].filter(({ name }) => own.has(name)).map(({ name }) => name),
      ...changedIn(statements, crossing).filter((name) => !own.has(name)),
    ];
    const stores = kept.map((name): Stmt => ({
      kind: "store",
      buffer: arrays.get(name)!.name,
      index: at,
      value: ref(name, crossing.get(name)!.type),
    }));
    const whole = [...this.arriving(body, arrays, at), ...body, ...stores];
    return this.guarded(this.instantiate(whole, cx), cx);
  }

  /** The values from before that a block needs. */
  private arriving(block: Block, arrays: ReadonlyMap<string, Buffer>, at: readonly Expr[]): Stmt[] {
    const { cheap, crossing } = this.parts;
    let needed = freeNames(block);
    const again: Stmt[] = [];
    for (const each of cheap.toReversed())
      if (needed.has(each.name)) {
        again.unshift(each);
        needed = new Set([...needed, ...namesIn(each.value)]);
      }
    const loads: Stmt[] = [];
    for (const [name, buffer] of arrays) {
      if (!needed.has(name)) continue;
      const value = load(buffer, at);
      loads.push(
        crossing.get(name)?.variable ? { kind: "var", name, init: value } : { kind: "let", name, value },
      );
    }
    return [...loads, ...again];
  }

  /**
   * A reduction whose loop becomes vectors, for all points at once: one region with a result for each point, so that
   * the points share the loop and what they read, and each has lanes of its own. Undefined where it isn't that.
   */
  private together(
    reduce: ReduceStmt,
    arrays: ReadonlyMap<string, Buffer>,
    own: readonly Level[],
    at: (cx: Context) => readonly Expr[],
    cx: Context,
    goesOn = false,
  ): readonly Stmt[] | undefined {
    const loops = own.filter(isReduction);
    const points = own.slice(loops.length);
    const [result] = reduce.results;
    const { body } = reductionChain(reduce);
    const last = body.at(-1);
    if (!loops.some(({ marks }) => marks.vectorize) || points.some(isReduction) || cx.guarded.length > 0)
      return undefined;
    if (!isSimple(reduce.op) || !result || last?.kind !== "yield" || !isPlain(body.slice(0, -1)))
      return undefined;
    const places = this.emitter.allPoints(points, cx)?.map(at);
    if (!places) return undefined;
    const { span } = reduce;
    const array = arrays.get(result.name)!;
    const others = new Map([...arrays].filter(([name]) => name !== result.name));
    const results = places.map(() => ({ name: this.workspace.name(result.name), type: result.type }));
    const steps = (inner: Context): readonly Stmt[] => {
      // Missing steps of a sum whose loads give zeros there add nothing. The points themselves are all there.
      const vanishing =
        inner.guarded.length > 0 &&
        reduce.op === "sum" &&
        canRunBeyond(body) &&
        vanishes(last, inner.guarded);
      const made = this.emitter.allPoints(points, inner)!.map((point) => {
        const whole = [...this.arriving(body, others, at(point)), ...body];
        return this.instantiate(vanishing ? this.loadsGuarded(whole, new Map(), inner) : whole, point);
      });
      const values = made.flatMap((block) => {
        const given = block.at(-1);
        return given?.kind === "yield" ? given.values : [];
      });
      const given: Stmt = { kind: "yield", into: results[0]!.name, values, span: last.span };
      const all = [...made.flatMap((block) => block.slice(0, -1)), given];
      return vanishing ? all : this.guarded(all, inner);
    };
    const init = places.map((place) => {
      const [start] = reduce.init;
      return start?.kind === "const" && !goesOn ? start : load(array, place);
    });
    const inside = { ...cx, roomy: this.roomy(reduce, body, last, cx) };
    const region = { ...reduce, results, init, body: this.emitter.loops(loops, inside, steps) };
    const stores = results.map(({ name, type }, number): Stmt => {
      return { kind: "store", buffer: array.name, index: places[number]!, value: ref(name, type), span };
    });
    return [region, ...stores];
  }

  /**
   * The same for each invocation of a workgroup, which has points of its own: what is summed up within a step of the reduction that
   * all of them make goes on from one step to the next.
   */
  private inThreads(
    reduce: ReduceStmt,
    arrays: ReadonlyMap<string, Buffer>,
    own: readonly Level[],
    at: (cx: Context) => readonly Expr[],
    cx: Context,
  ): readonly Stmt[] | undefined {
    const inside = own.findLastIndex(({ marks }) => marks.threads) + 1;
    const lanes = own.some((level) => isReduction(level) && level.marks.vectorize);
    if (!this.band.workgroups || !lanes || inside === 0) return undefined;
    const { body } = reductionChain(reduce);
    return this.emitter.loops(own.slice(0, inside), cx, (inner) => {
      // Points beyond the end do no harm where all that they read is a panel's zeros.
      const safe = canRunBeyond(body) && readsPanels(body, inner);
      const open = safe ? inner.guarded.reduce(withoutEnd, { ...inner, guarded: [] }) : inner;
      const made = this.together(reduce, arrays, own.slice(inside), at, open, true);
      if (!made) refuseLanes(own);
      return made ?? [];
    });
  }

  /** Loops of a sum that may run on to the end of a tile, since all that they read there are a panel's zeros. */
  private roomy(reduce: ReduceStmt, body: Block, last: YieldStmt, cx: Context): ReadonlySet<string> {
    const found = new Set<string>();
    if (reduce.op !== "sum" || !canRunBeyond(body)) return found;
    for (const axis of this.band.reductionAxes) {
      let staged = vanishes(last, [axis]);
      visitExprs(body, (part) => {
        if (part.kind !== "load" || !part.index.some((each) => namesIn(each).has(axis.loop.name))) return;
        if (!cx.panels.some((panel) => panel.padded && panel.replace(part, cx))) staged = false;
      });
      if (staged) found.add(axis.loop.name);
    }
    return found;
  }

  /** One step of a reduction for one point: its block, with the yields into the point's accumulators. */
  private step(
    reduce: ReduceStmt,
    arrays: ReadonlyMap<string, Buffer>,
    at: readonly Expr[],
    cx: Context,
    apart: boolean,
  ): readonly Stmt[] {
    const { body } = reductionChain(reduce);
    const own = reduce.results.map(({ name }) => arrays.get(name)!);
    const into = reduce.results[0]!.name;
    // A yield mentions the accumulators, which arrive nowhere: the step reads them itself.
    const others = new Map(
      [...arrays].filter(([name]) => !reduce.results.some((result) => result.name === name)),
    );
    const whole = [...this.arriving(body, others, at), ...body];
    const total = apart && cx.guarded.length > 0 && canRunBeyond(whole);
    const made = this.instantiate(total ? this.loadsGuarded(whole, others, cx) : whole, cx);
    const combined = mapBlock(made, (each) => {
      if (each.kind !== "yield" || each.into !== into) return each;
      const held = own.map((buffer) => load(buffer, at));
      const block: Stmt[] = [];
      const single = own.length === 1 && !reduce.combine;
      const named = (value: Expr): Expr => {
        if (single || value.kind === "const") return value;
        const name = this.workspace.name("given");
        block.push({ kind: "let", name, value, span: value.span });
        return ref(name, value.type);
      };
      const [left, right] = [held.map(named), each.values.map(named)];
      const step = stepOf(this.workspace, reduce, left, right);
      const stores = step.values.map((value, number): Stmt => ({
        kind: "store",
        buffer: own[number]!.name,
        index: at,
        value,
        span: each.span,
      }));
      // All new values are computed before any is stored.
      if (stores.length === 1) return [...block, ...step.block, ...stores];
      const news = stores.map((store): Stmt => ({
        kind: "let",
        name: this.workspace.name("next"),
        value: store.kind === "store" ? store.value : int(0),
      }));
      return [
        ...block,
        ...step.block,
        ...news,
        ...stores.map((store, number) => {
          const next = news[number]!;
          return store.kind === "store" && next.kind === "let"
            ? { ...store, value: ref(next.name, next.value.type) }
            : store;
        }),
      ];
    });
    return total ? combined : this.guarded(combined, cx);
  }

  // ---- points that may not exist ----

  private exists(axis: Axis, cx: Context): Expr {
    const state = stateOf(cx, axis);
    return compare("lt", state.value, endOf(state));
  }

  private guarded(block: readonly Stmt[], cx: Context): readonly Stmt[] {
    if (cx.guarded.length > 0 && block.length > 0) this.emitter.guards++;
    return guardedBy(cx, block);
  }

  /** Loads that the missing points of a tile would make outside are switched off instead of the whole block. */
  private loadsGuarded(block: Block, kept: ReadonlyMap<string, Buffer>, cx: Context): Block {
    const moving = new Map(cx.guarded.map((axis) => [axis.loop.name, this.exists(axis, cx)]));
    const dependent = new Map<string, Expr>(moving);
    const whole = [...moving.values()].reduce(and);
    const condition = (expr: Expr): Expr | undefined => {
      let cond: Expr | undefined;
      for (const name of namesIn(expr)) {
        const one = dependent.get(name);
        if (one) cond = cond ? and(cond, one) : one;
      }
      return cond;
    };
    return block.map((stmt) => {
      if (
        stmt.kind === "let" &&
        stmt.value.kind === "load" &&
        kept.get(stmt.name)?.name === stmt.value.buffer
      ) {
        // What was kept for a point is there only if the point is; an accumulator always has its start.
        dependent.set(stmt.name, whole);
        return this.parts.crossing.has(stmt.name)
          ? { ...stmt, value: { ...stmt.value, guard: whole } }
          : stmt;
      }
      const changed = mapAllExprs(stmt, (root) =>
        mapExpr(root, (part) => {
          if (part.kind !== "load" || cx.panels.some((panel) => panel.padded && panel.replace(part, cx)))
            return part;
          const cond = condition(part);
          if (cond) this.emitter.guards++;
          return cond ? { ...part, guard: part.guard ? and(part.guard, cond) : cond } : part;
        }),
      );
      if (stmt.kind === "let") {
        const cond = condition(stmt.value);
        if (cond) dependent.set(stmt.name, cond);
      }
      return changed;
    });
  }
}

/** An accumulator of one element can't take what several lanes give at once: only `together` keeps lanes apart. */
function refuseLanes(levels: readonly Level[]): void {
  if (levels.some((level) => isReduction(level) && level.marks.vectorize))
    throw new CannotApply("lanes of this reduction can't share the accumulator of a point");
}

const nested = (tiles: readonly number[]): boolean =>
  tiles.every((size, at) => at === 0 || tiles[at - 1]! % size === 0);

const isPlain = (block: Block): boolean => block.every((each) => each.kind === "let");
