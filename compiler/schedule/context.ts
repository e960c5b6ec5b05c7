// Where code of a band is being made: how far each axis has got, which tiles are yet to be told full from partial, what
// must hold for a point to exist, which buffers are read from panels. Immutable, since the code branches.

import { int, type Expr } from "../ir/ir.ts";
import { namesIn, substitute } from "../ir/names.ts";
import { someExpr } from "../ir/walk.ts";
import { add, ceilDiv, intValue, max, mul, sub } from "../passes/fold.ts";
import { labelOf, type Axis } from "./band.ts";

/** The schedule can't be applied to this nest; the message says why, and the nest stays as it was. */
export class CannotApply extends Error {}

/** Iterations of an axis that are still to be run through: those of the current tile. */
export interface AxisState {
  readonly axis: Axis;
  /** The loop variable's value where they begin; in the point loop, its value. */
  readonly value: Expr;
  /** Exactly so many … */
  readonly count?: number;
  /** … of which those that reach this value don't exist; without a count, they end there. */
  readonly hi?: Expr;
  /** Never more than so many. */
  readonly most?: number;
  readonly done?: true;
  /** Iterations since certain places in the nest, by the number of the place. */
  readonly since: ReadonlyMap<number, Passed>;
}

/** How far an axis has got since a place. */
export interface Passed {
  readonly base: Expr;
  /** Iterations in all. */
  readonly offset: Expr;
  /** Iterations by each loop that was entered since, from where the one around it stood. */
  readonly digits: readonly Expr[];
}

export interface Panel {
  readonly buffer: string;
  /** The load of the panel instead of a load of the buffer, or of a load with its default; undefined if it isn't one. */
  readonly replace: (part: Expr, context: Context) => Expr | undefined;
  /** The panel's own name where it holds values in a wider dtype than the buffer. */
  readonly widened?: string;
  /** Points of a partial tile that don't exist find zeros in it. */
  readonly padded: boolean;
}

export interface Context {
  /** Names of dims and scalar parameters, which extents of buffers may mention. */
  readonly sizes: ReadonlySet<string>;
  /** Names of all loops of the band: none may be mentioned before its points are reached. */
  readonly loops: ReadonlySet<string>;
  readonly states: ReadonlyMap<string, AxisState>;
  /** Axes whose tile may be partial and whose code differs for those that are. */
  readonly pending: readonly Axis[];
  /** Loops whose partial tiles may run as if they were full. */
  readonly roomy?: ReadonlySet<string>;
  /** Axes with lanes that may not exist. */
  readonly guarded: readonly Axis[];
  readonly panels: readonly Panel[];
}

export function openContext(axes: readonly Axis[], sizes: ReadonlySet<string>): Context {
  const loops = new Set(axes.map((axis) => axis.loop.name));
  return { sizes, loops, states: new Map(), pending: [], guarded: [], panels: [] };
}

export function stateOf(cx: Context, axis: Axis): AxisState {
  const known = cx.states.get(axis.loop.name);
  if (known) return known;
  const values = valuesOf(cx);
  const [lo, hi] = [substitute(axis.loop.lo, values), substitute(axis.loop.hi, values)];
  for (const bound of [lo, hi])
    if ([...namesIn(bound)].some((name) => cx.loops.has(name)))
      throw new CannotApply(
        `the bounds of the loop over \`${labelOf(axis)}\` come from a loop that runs inside of it`,
      );
  const [from, to] = [intValue(lo), intValue(hi)];
  const count =
    from === undefined || to === undefined ? undefined : Math.max(0, Math.ceil((to - from) / axis.loop.step));
  return { axis, value: lo, ...(count === undefined ? { hi } : { count }), since: new Map() };
}

export function withState(cx: Context, state: AxisState): Context {
  return { ...cx, states: new Map(cx.states).set(state.axis.loop.name, state) };
}

/** What stands for the loop variables whose point loops are entered. */
export function valuesOf(cx: Context): ReadonlyMap<string, Expr> {
  const values = new Map<string, Expr>();
  for (const [name, state] of cx.states) if (state.done) values.set(name, state.value);
  return values;
}

/** The state `by` iterations further, in a loop of its own. */
export function advanced(state: AxisState, by: Expr): AxisState {
  const since = new Map<number, Passed>();
  for (const [place, { base, offset, digits }] of state.since)
    since.set(place, { base, offset: add(offset, by), digits: [...digits, by] });
  return { ...state, value: add(state.value, mul(by, int(state.axis.loop.step))), since };
}

/** The state at a value of the loop variable, in a loop of its own. */
export function movedTo(state: AxisState, value: Expr): AxisState {
  const since = new Map<number, Passed>();
  for (const [place, { base, digits }] of state.since) {
    const digit = iterations(sub(value, state.value), state);
    since.set(place, { base, offset: iterations(sub(value, base), state), digits: [...digits, digit] });
  }
  return { ...state, value, since };
}

/** Counts from here on under a number. */
export function marked(state: AxisState, place: number): AxisState {
  return {
    ...state,
    since: new Map(state.since).set(place, { base: state.value, offset: int(0), digits: [] }),
  };
}

const iterations = (distance: Expr, state: AxisState): Expr => ceilDiv(distance, state.axis.loop.step);

/** How many iterations there are at most, as an extent of a buffer. */
export function capacity(state: AxisState): Expr {
  if (state.count !== undefined) return int(state.count);
  if (state.most !== undefined) return int(state.most);
  const length = iterations(sub(state.hi!, state.value), state);
  return (intValue(state.value) ?? 1) <= 0 && state.hi!.kind === "ref" ? length : max(length, int(0));
}

/** The same, with room for the points of partial tiles that run as if they were full; `tiles` are those to come. */
export function roomFor(state: AxisState, tiles: readonly number[]): Expr {
  return reach(capacity(state), tiles);
}

function reach(room: Expr, [size, ...others]: readonly number[]): Expr {
  if (size === undefined) return room;
  return add(mul(sub(ceilDiv(room, size), int(1)), int(size)), reach(int(size), others));
}

/** Whether an expression may be the extent of a buffer. */
export function isExtent(expr: Expr, cx: Context): boolean {
  return (
    ![...namesIn(expr)].some((name) => !cx.sizes.has(name)) && !someExpr(expr, (part) => part.kind === "load")
  );
}

/** How many iterations there are. */
export function actual(state: AxisState): Expr {
  if (state.count !== undefined && !state.hi) return int(state.count);
  return iterations(sub(state.hi!, state.value), state);
}

/** The value at which the iterations end. */
export function endOf(state: AxisState): Expr {
  if (state.hi) return state.hi;
  return add(state.value, int(state.count! * state.axis.loop.step));
}
