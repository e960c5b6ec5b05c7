// Loops over tiles and points of a band, in the order that was chosen. Where the points of a tile are unrolled or
// vectorized, full tiles are told from partial ones once a tile, outside of everything that runs in it: a full tile
// has constant trip counts and no masks; the rest runs as tiles of one point (unrolled) or as one tile under a mask
// (vectorized). Tiles that are neither end at a `min`.

import { i32, int, ref, type Expr, type ForStmt, type LoopMarks, type Stmt } from "../ir/ir.ts";
import { add, compare, min } from "../passes/fold.ts";
import type { Workspace } from "../passes/workspace.ts";
import { isPoint, levelKey, type Axis, type Band, type Level } from "./band.ts";
import { advanced, endOf, movedTo, stateOf, withState, type AxisState, type Context } from "./context.ts";

/** Points of a tile that become copies without being asked for: a few vectors. */
const mostVectorCopies = 32;

export type Inner = (cx: Context) => readonly Stmt[];

export class LoopEmitter {
  readonly workspace: Workspace;
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
      return this.settled(next, (known) => {
        const made = this.entered(level, known);
        return made ? [...made.before, ...rest(made.cx)] : rest(known);
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
    const state = stateOf(cx, axis);
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
    const { count: _all, most: _most, ...open } = state;
    const name = this.workspace.name(`${loop.name}_tile`);
    const moved = movedTo(open, ref(name, i32, loop.span));
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
    const { marks } = this.point(axis);
    return marks.vectorize !== undefined || marks.unroll === 0;
  }

  private point(axis: Axis): Level {
    return this.band.levels.find((each) => each.axis === axis && isPoint(each))!;
  }

  /** Tells full tiles from partial ones, for all axes where that is still open. */
  private settled(cx: Context, inner: Inner): readonly Stmt[] {
    const [axis, ...others] = cx.pending;
    if (!axis) return inner(cx);
    const { loop } = axis;
    const state = stateOf(cx, axis);
    const { hi, most, ...open } = state;
    const end = add(state.value, int(most! * loop.step));
    const rest = { ...cx, pending: others };
    const full = this.settled(withState(rest, { ...open, count: most! }), inner);
    const partial = (): readonly Stmt[] => {
      if (this.point(axis).marks.vectorize) {
        const tail = withState(rest, { ...open, count: most!, hi: hi! });
        return this.settled({ ...tail, guarded: [...tail.guarded, axis] }, inner);
      }
      const name = this.workspace.name(loop.name);
      const one = withState(rest, { ...movedTo(open, ref(name, i32, loop.span)), count: 1 });
      return [this.loop(axis, name, state.value, hi!, loop.step, {}, this.settled(one, inner))];
    };
    if (most === 1) return full;
    const cond = compare("le", end, hi!);
    return [{ kind: "if", cond, then: full, orelse: partial(), span: loop.span }];
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
