// A band: perfectly nested loops that a schedule may strip-mine and reorder, the reductions in its innermost block with
// their own loops, and the order in which all the loops that result are to run.

import type { ForStmt, LoopMarks, LoopRef, ReduceStmt } from "../ir/ir.ts";
import { namesIn } from "../ir/names.ts";
import { visitExprs, type Block } from "../ir/walk.ts";
import { loopKey, type Plan, type Staging } from "./plan.ts";

/** A loop of the source, and the sizes of its tiles in iterations, outermost first. */
export interface Axis {
  readonly loop: ForStmt;
  readonly tiles: readonly number[];
  /** The reduction of the band's block that the loop belongs to, by its place in the block; absent for the band's own. */
  readonly reduction?: number;
}

/** One loop of the result: over tiles of a level, or over points. */
export interface Level {
  readonly axis: Axis;
  /** Absent for the points. */
  readonly level?: number;
  readonly marks: LoopMarks;
}

export interface Band {
  readonly axes: readonly Axis[];
  /** The block of the innermost loop. */
  readonly body: Block;
  /** Of the reductions in the block. */
  readonly reductionAxes: readonly Axis[];
  readonly levels: readonly Level[];
  /** Whether its threads are invocations that share panels, so that branches cost and copies are made together. */
  readonly workgroups: boolean;
}

/** What the source calls the loop. */
export const labelOf = (axis: Axis): string => axis.loop.marks.label ?? axis.loop.name;
export const isReduction = (level: Level): boolean => level.axis.reduction !== undefined;
export const isPoint = (level: Level): boolean => level.level === undefined;
export const levelKey = ({ axis, level }: Level): string =>
  loopKey({ loop: axis.loop.name, ...(level !== undefined && { level }) });

/** Perfectly nested loops from this one on, and what the innermost holds. */
export function chainOf(loop: ForStmt): { readonly loops: readonly ForStmt[]; readonly body: Block } {
  const loops = [loop];
  let { body } = loop;
  for (;;) {
    const [only] = body;
    if (body.length !== 1 || only?.kind !== "for" || only.schedule) return { loops, body };
    loops.push(only);
    body = only.body;
  }
}

/** The perfectly nested loops that a reduction runs over; none if it begins with something else. */
export function reductionChain(reduce: ReduceStmt): {
  readonly loops: readonly ForStmt[];
  readonly body: Block;
} {
  const [only] = reduce.body;
  return reduce.body.length === 1 && only?.kind === "for" ? chainOf(only) : { loops: [], body: reduce.body };
}

/** The band that a loop begins under a plan. */
export function bandOf(loop: ForStmt, plan: Plan, workgroups = false): Band {
  const { loops, body } = chainOf(loop);
  const axisOf = (each: ForStmt, reduction?: number): Axis => ({
    loop: each,
    tiles: plan.tiles.get(each.name) ?? [],
    ...(reduction !== undefined && { reduction }),
  });
  const axes = loops.map((each) => axisOf(each));
  const reductionAxes = body.flatMap((each, at) =>
    each.kind === "reduce" ? reductionChain(each).loops.map((inner) => axisOf(inner, at)) : [],
  );
  const make = (axis: Axis, level?: number): Level => ({
    axis,
    ...(level !== undefined && { level }),
    marks: marksOf(axis, level, plan),
  });
  const levels = plan.order
    ? stated(plan.order.loops, [...axes, ...reductionAxes], make)
    : usual(axes, reductionAxes, make, plan);
  const shared = workgroups && levels.some(({ marks }) => marks.threads);
  return { axes, body, reductionAxes, levels, workgroups: shared };
}

type Make = (axis: Axis, level?: number) => Level;

const levelsOf = (axis: Axis, make: Make): Level[] => [
  ...axis.tiles.map((_, level) => make(axis, level)),
  make(axis),
];

/** The order that was asked for; loops that it leaves out come last, as they were. */
function stated(refs: readonly LoopRef[], axes: readonly Axis[], make: Make): Level[] {
  const all = axes.flatMap((axis) => levelsOf(axis, make));
  const chosen = refs.flatMap((each) => all.find((level) => levelKey(level) === loopKey(each)) ?? []);
  return [...chosen, ...all.filter((level) => !chosen.includes(level))];
}

/**
 * Tile loops level by level, in the order in which they were written; reduction tiles, between the parallel and the
 * `threads` loops; reduction points; points. Loops that aren't tiled stay outside, where they were.
 */
function usual(axes: readonly Axis[], reductions: readonly Axis[], make: Make, plan: Plan): Level[] {
  const tiled = axes.filter((axis) => axis.tiles.length > 0);
  const points = axes.filter((axis) => axis.tiles.length > 0);
  // A loop whose bounds come from a point runs inside of it.
  for (const axis of axes) if (!points.includes(axis) && dependsOn(axis, points)) points.push(axis);
  points.sort((a, b) => axes.indexOf(a) - axes.indexOf(b));
  const inner = [...tileLevels(reductions, make), ...reductions.map((axis) => make(axis))];
  if (tiled.length === 0) return [...axes.map((axis) => make(axis)), ...inner];
  const written = [...plan.tiles.keys()].flatMap(
    (name) => tiled.find((axis) => axis.loop.name === name) ?? [],
  );
  let next = 0;
  const outer = axes.flatMap((axis) => {
    if (axis.tiles.length > 0) return make(written[next++]!, 0);
    return points.includes(axis) ? [] : make(axis);
  });
  const deeper = tileLevels(written, make).filter(({ level }) => level! > 0);
  const tiles = [...outer, ...deeper];
  const threads = tiles.findIndex(({ marks }) => marks.threads);
  const split = threads < 0 ? tiles.length : threads;
  const reductionTiles = inner.filter((level) => !isPoint(level));
  return [
    ...tiles.slice(0, split),
    ...reductionTiles,
    ...tiles.slice(split),
    ...inner.filter(isPoint),
    ...points.map((axis) => make(axis)),
  ];
}

function dependsOn(axis: Axis, others: readonly Axis[]): boolean {
  const names = new Set(others.map((other) => other.loop.name));
  return [axis.loop.lo, axis.loop.hi].some((bound) => [...namesIn(bound)].some((name) => names.has(name)));
}

function tileLevels(axes: readonly Axis[], make: Make): Level[] {
  const deepest = Math.max(0, ...axes.map((axis) => axis.tiles.length));
  return Array.from({ length: deepest }, (_, level) =>
    axes.filter((axis) => axis.tiles.length > level).map((axis) => make(axis, level)),
  ).flat();
}

/** What a resulting loop is marked with: what a directive says of it, else what lowering put on the whole loop. */
function marksOf(axis: Axis, level: number | undefined, plan: Plan): LoopMarks {
  const key = loopKey({ loop: axis.loop.name, ...(level !== undefined && { level }) });
  const { label, ...own } = axis.loop.marks;
  const named =
    label === undefined
      ? {}
      : { label: level === undefined ? label : `${label}.tile${level ? `.${level}` : ""}` };
  const said = plan.marks.get(key) ?? {};
  if (plan.marked.has(axis.loop.name)) return { ...said, ...named };
  // Marks from an annotation further out: sharing is for the tiles, lanes and copies for the points.
  const { parallel, threads, vectorize, unroll } = own;
  const outermost = axis.tiles.length === 0 || level === 0;
  return {
    ...(parallel && outermost && { parallel }),
    ...(threads && outermost && { threads }),
    ...(vectorize && level === undefined && { vectorize }),
    ...(unroll !== undefined && level === undefined && { unroll }),
    ...named,
  };
}

/** Whether a plan does anything to the loops of a band. */
export function changes(band: Band, plan: Plan): boolean {
  const axes = [...band.axes, ...band.reductionAxes];
  if (axes.some(({ tiles }) => tiles.length > 0)) return true;
  const names = new Set(axes.map((axis) => axis.loop.name));
  const staged = ({ at, buffers }: Staging): boolean =>
    at ? names.has(at.loop) : buffers.some((buffer) => reads(band.body, buffer));
  if (plan.stages.some(staged)) return true;
  if (!plan.order) return false;
  const usual = axes.map((axis) => axis.loop.name);
  return band.levels.some((level, at) => level.axis.loop.name !== usual[at]);
}

/** Whether the points of a tile that isn't full run under a mask; otherwise copies run as tiles of one point. */
export const isMasked = ({ marks }: Level, { workgroups }: Band): boolean =>
  marks.vectorize !== undefined || (workgroups && marks.unroll === 0);

/** The tiles of an axis still to come among `levels`, if points beyond its end may run under a mask. */
export function maskedTiles(band: Band, levels: readonly Level[], axis: Axis): number[] {
  const own = levels.filter((level) => level.axis === axis);
  if (!own.some((level) => isPoint(level) && isMasked(level, band))) return [];
  return own.flatMap(({ level }) => (level === undefined ? [] : [axis.tiles[level]!]));
}

/** Whether something in the block reads the buffer. */
export function reads(body: Block, buffer: string): boolean {
  let found = false;
  visitExprs(body, (part) => {
    if (part.kind === "load" && part.buffer === buffer) found = true;
  });
  return found;
}
