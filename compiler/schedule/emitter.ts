// Loops over tiles and points of a band, in the order that was chosen. Where the points of a tile are unrolled or
// vectorized, full tiles are told from partial ones once a tile, outside of everything that runs in it: a full tile
// has constant trip counts and no masks; the rest runs as tiles of one point (unrolled) or as one tile under a mask
// (vectorized). Tiles that are neither end at a `min`.

import { i32, int, ref, type Expr, type ForStmt, type LoopMarks, type Stmt } from "../ir/ir.ts";
import { add, and, compare, min } from "../passes/fold.ts";
import type { Workspace } from "../passes/workspace.ts";
import { isMasked, isPoint, isReduction, levelKey, type Axis, type Band, type Level } from "./band.ts";
import { advanced, endOf, movedTo, stateOf, withState, type AxisState, type Context } from "./context.ts";

/** Points of a tile that become copies without being asked for: a few vectors. */
const mostVectorCopies = 32;

/** Points of a tile whose accumulators share the loops of a reduction. */
const mostPoints = 64;

export type Inner = (cx: Context) => readonly Stmt[];

export class LoopEmitter {
  readonly workspace: Workspace;
  /** Counts the places where a point's existence was asked for. */
  guards = 0;
  private readonly band: Band;
  /** Called where a loop has been entered: what its body begins with, and the context behind that. */
  private readonly entered: (
    level: Level,
    cx: Context,
  ) => { before: readonly Stmt[]; cx: Context } | undefined;
  /** Keys of loops that `entered` cares about. */
  private readonly stops: ReadonlySet<string>;

  constructor(
    workspace: Workspace,
    band: Band,
    stops: ReadonlySet<string>,
    entered: (level: Level, cx: Context) => { before: readonly Stmt[]; cx: Context } | undefined,
  ) {
    this.workspace = workspace;
    this.band = band;
    this.stops = stops;
    this.entered = entered;
  }

  /** The loops of `levels` from number `at` on, around what `inner` makes. */
  loops(levels: readonly Level[], cx: Context, inner: Inner, at = 0): readonly Stmt[] {
    const level = levels[at];
    if (!level) return this.settled(cx, inner);
    const rest: Inner = (next) => this.loops(levels, next, inner, at + 1);
    const within: Inner = (next) => {
      if (!this.stops.has(levelKey(level))) return rest(next);
      // What is copied by a whole workgroup has room for a full step; only the loop inside need know.
      const later = this.band.workgroups
        ? next.pending.filter(({ reduction }) => reduction !== undefined)
        : [];
      const now = next.pending.filter((axis) => !later.includes(axis));
      return this.settled({ ...next, pending: now }, (known) => {
        const kept = { ...known, pending: [...known.pending, ...later] };
        const made = this.entered(level, kept);
        return made ? [...made.before, ...rest(made.cx)] : rest(kept);
      });
    };
    if (isPoint(level)) return this.settled(cx, (known) => this.points(level, known, within));
    return this.tiles(level, cx, within);
  }

  // ---- tiles ----

  private tiles(level: Level, cx: Context, inner: Inner): readonly Stmt[] {
    const { axis } = level;
    const { loop } = axis;
    const size = axis.tiles[level.level!]!;
    const given = stateOf(cx, axis);
    const { hi: _end, most, ...open } = given;
    const state = most !== undefined && cx.roomy?.has(loop.name) ? { ...open, count: most } : given;
    const { count } = state;
    if (count !== undefined && !state.hi && count % size === 0) {
      if (count === size) return inner(withState(cx, advanced(state, int(0))));
      const name = this.workspace.name(`${loop.name}_tile`);
      const body = inner(withState(cx, { ...advanced(state, ref(name, i32, loop.span)), count: size }));
      return [this.loop(axis, name, int(0), int(count), size, level.marks, body)];
    }
    const hi =
      state.hi && count !== undefined
        ? min(add(state.value, int(count * loop.step)), state.hi)
        : endOf(state);
    const { count: _all, most: _most, ...left } = state;
    const name = this.workspace.name(`${loop.name}_tile`);
    const moved = movedTo(left, ref(name, i32, loop.span));
    const reach = size * loop.step;
    let next: Context;
    if (this.splits(level)) {
      next = { ...withState(cx, { ...moved, hi, most: size }), pending: [...cx.pending, axis] };
    } else {
      next = withState(cx, { ...moved, hi: min(add(moved.value, int(reach)), hi), most: size });
    }
    return [this.loop(axis, name, state.value, hi, reach, level.marks, inner(next))];
  }

  /** Whether the tiles of a level are those of points that are unrolled or vectorized. */
  private splits({ axis, level }: Level): boolean {
    if (level !== axis.tiles.length - 1) return false;
    const point = this.point(axis);
    // A workgroup's steps of a reduction are loops with a constant end, but for the last.
    if (this.band.workgroups && isReduction(point)) return true;
    return point.marks.vectorize !== undefined || point.marks.unroll === 0;
  }

  private point(axis: Axis): Level {
    return this.band.levels.find((each) => each.axis === axis && isPoint(each))!;
  }

  /** Tells full tiles from partial ones, for all axes where that is still open. */
  private settled(cx: Context, inner: Inner): readonly Stmt[] {
    const [axis, ...others] = cx.pending;
    if (!axis) return inner(cx);
    if (this.band.workgroups) {
      const together = cx.pending.filter((each) => this.isMaskedAxis(each) && stateOf(cx, each).most! > 1);
      if (together.length > 0) return this.together(together, cx, inner);
    }
    const { loop } = axis;
    const state = stateOf(cx, axis);
    const { hi, most, ...open } = state;
    const end = add(state.value, int(most! * loop.step));
    const rest = { ...cx, pending: others };
    const point = this.point(axis);
    const full = this.settled(withState(rest, { ...open, count: most! }), inner);
    const partial = (): readonly Stmt[] => {
      if (point.marks.vectorize) {
        const tail = withState(rest, { ...open, count: most!, hi: hi! });
        return this.settled({ ...tail, guarded: [...tail.guarded, axis] }, inner);
      }
      if (this.band.workgroups && isReduction(point)) return this.settled(withState(rest, state), inner);
      const name = this.workspace.name(loop.name);
      const one = withState(rest, { ...movedTo(open, ref(name, i32, loop.span)), count: 1 });
      return [this.loop(axis, name, state.value, hi!, loop.step, {}, this.settled(one, inner))];
    };
    if (most === 1 || cx.roomy?.has(loop.name)) return full;
    const cond = compare("le", end, hi!);
    return [{ kind: "if", cond, then: full, orelse: partial(), span: loop.span }];
  }

  private isMaskedAxis(axis: Axis): boolean {
    const point = this.point(axis);
    return !isReduction(point) && isMasked(point, this.band);
  }

  /**
   * Invocations part at a branch, so there are two versions at most: for tiles that are full along all axes, and under
   * a mask. Where the mask has nothing to do, that one serves all tiles.
   */
  private together(axes: readonly Axis[], cx: Context, inner: Inner): readonly Stmt[] {
    const pending = cx.pending.filter((axis) => !axes.includes(axis));
    let full: Context = { ...cx, pending };
    let masked: Context = { ...full, guarded: [...cx.guarded, ...axes] };
    const conds = axes.map((axis) => {
      const { hi, most, ...open } = stateOf(cx, axis);
      full = withState(full, { ...open, count: most! });
      masked = withState(masked, { ...open, count: most!, hi: hi! });
      return compare("le", add(open.value, int(most! * axis.loop.step)), hi!);
    });
    const before = this.guards;
    const orelse = this.settled(masked, inner);
    if (this.guards === before) return orelse;
    const then = this.settled(full, inner);
    return [{ kind: "if", cond: conds.reduce(and), then, orelse, span: axes[0]!.loop.span }];
  }

  // ---- points ----

  private points(level: Level, cx: Context, inner: Inner): readonly Stmt[] {
    const { axis } = level;
    const { loop } = axis;
    const state = stateOf(cx, axis);
    const { count } = state;
    if (count === undefined) {
      const name = this.workspace.name(loop.name);
      const next = withState(cx, { ...movedTo(state, ref(name, i32, loop.span)), done: true });
      return [this.loop(axis, name, state.value, state.hi!, loop.step, level.marks, inner(next))];
    }
    if (count === 1 && !state.hi) return inner(withState(cx, { ...state, done: true }));
    // A whole loop with constant bounds stays what it was; a tile's points count from 0.
    const whole = axis.tiles.length === 0;
    const name = this.workspace.name(loop.name);
    const at = ref(name, i32, loop.span);
    const moved = whole ? movedTo(state, at) : advanced(state, at);
    const body = inner(withState(cx, { ...moved, done: true }));
    if (whole) return [this.loop(axis, name, state.value, endOf(state), loop.step, level.marks, body)];
    return [this.loop(axis, name, int(0), int(count), 1, pointMarks(level.marks, count, state), body)];
  }

  /** Every point that the loops of `levels` would run through, in order; undefined where that isn't known here. */
  allPoints(levels: readonly Level[], cx: Context): readonly Context[] | undefined {
    let contexts: readonly Context[] = [cx];
    for (const level of levels) {
      const { axis } = level;
      const state = stateOf(cx, axis);
      const { count } = state;
      if (!isPoint(level) || this.stops.has(levelKey(level)) || count === undefined || state.hi)
        return undefined;
      if (contexts.length * count > mostPoints) return undefined;
      const at = (point: number): AxisState =>
        axis.tiles.length === 0
          ? movedTo(state, add(state.value, int(point * axis.loop.step)))
          : advanced(state, int(point));
      const states = Array.from({ length: count }, (_, point): AxisState => ({ ...at(point), done: true }));
      contexts = contexts.flatMap((each) => states.map((state) => withState(each, state)));
    }
    return contexts;
  }

  private loop(
    axis: Axis,
    name: string,
    lo: Expr,
    hi: Expr,
    step: number,
    marks: LoopMarks,
    body: readonly Stmt[],
  ): ForStmt {
    return { kind: "for", name, lo, hi, step, marks, body, span: axis.loop.span };
  }
}

/** Vectors of a tile of constant size are copies, so that what they accumulate can stay in registers. */
function pointMarks(marks: LoopMarks, count: number, state: AxisState): LoopMarks {
  const { vectorize } = marks;
  if (!vectorize) return marks;
  const copies = marks.unroll === undefined && count <= mostVectorCopies;
  const tail = vectorize.tail === "exact" && state.hi ? "mask" : vectorize.tail;
  return { ...marks, vectorize: { ...vectorize, tail }, ...(copies && { unroll: 0 }) };
}
