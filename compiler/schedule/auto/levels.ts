// A scheduled band as the cost model sees it: the loops that run one after the other's iteration, outermost first, and
// what becomes of the rest, copies in registers: unrolled points and the lanes of vectors.

import { constantTrips } from "../../passes/unroll.ts";
import { isPoint, isReduction, type Band, type Level } from "../band.ts";
import type { Survey } from "./survey.ts";

export interface Turn {
  readonly loop: string;
  readonly reduction: number | undefined;
  /** How often it runs for each iteration around it. */
  readonly trips: number;
  /** Wholly unrolled: it costs nothing itself. */
  readonly copied: boolean;
  /** Iterations that are copies in one turn of the loop. */
  readonly factor?: number;
  /** The tile loop's level, absent for points. */
  readonly level: number | undefined;
}

export interface Lanes {
  readonly loop: string;
  /** Elements at once. */
  readonly width: number;
  readonly reduction: number | undefined;
}

export interface Shape {
  /** The loops that run, outermost first. */
  readonly turns: readonly Turn[];
  /** Points that are copies, by loop: how many. The lanes' loop isn't among them. */
  readonly copies: ReadonlyMap<string, number>;
  readonly lanes: Lanes | undefined;
}

/** Copies of vectors that a tile becomes without being asked for; the emitter says so too. */
const mostCopies = 32;

/** The loops of a band in the order that its levels say; `lanesOf` gives a vector's elements where nobody said. */
export function shapeOf(band: Band, survey: Survey, defaultWidth: number): Shape {
  const turns: Turn[] = [];
  const copies = new Map<string, number>();
  let lanes: Lanes | undefined;
  const left = new Map<string, number>();
  const remaining = ({ axis }: Level): number =>
    left.get(axis.loop.name) ?? constantTrips(axis.loop) ?? survey.loops.get(axis.loop.name)?.trips ?? 1;
  for (const [at, level] of band.levels.entries()) {
    const { axis, marks } = level;
    const loop = axis.loop.name;
    const { reduction } = axis;
    const count = remaining(level);
    const exact = constantTrips(axis.loop) !== undefined;
    const tiled = axis.tiles.length > 0;
    const base = { loop, reduction, level: level.level };
    if (!isPoint(level)) {
      const size = axis.tiles[level.level!]!;
      const whole = Math.ceil(count / size);
      const divides = exact && count % size === 0;
      // Of a tile that isn't full the points cost more than they give.
      const rest = divides || level.level !== axis.tiles.length - 1 ? 0 : partial(band, axis.loop.name);
      turns.push({ ...base, trips: Math.max(whole - 1, 0) + 1 + rest, copied: false });
      left.set(loop, Math.min(size, Math.max(count, 1)));
      continue;
    }
    if (marks.vectorize && !lanes) {
      const size = tiled ? axis.tiles.at(-1)! : count;
      const width = marks.vectorize.width ?? defaultWidth;
      const whole = tiled && size <= mostCopies;
      lanes = { loop, width: whole ? Math.max(size, 1) : width, reduction };
      if (!whole) {
        const vectors = tiled ? Math.ceil(size / width) : Math.floor(size / width);
        // The last vector runs under a mask.
        const rest = !tiled && !(exact && size % width === 0) ? 2.5 : 0;
        turns.push({ ...base, trips: Math.max(vectors + rest, 1), copied: false });
      }
      continue;
    }
    const inside = band.levels.slice(at + 1);
    if (marks.unroll === 0 && (tiled || exact)) {
      // Copies of an inner loop are that loop several times.
      if (inside.every((each) => isCopied(each) || isReduction(level))) copies.set(loop, Math.min(count, 64));
      else turns.push({ ...base, trips: count, copied: true });
      continue;
    }
    const factor = Math.max(marks.unroll ?? 1, 1);
    turns.push({ ...base, trips: count, copied: false, factor });
  }
  return { turns, copies, lanes };
}

/** Extra turns for a tile that isn't full. */
function partial(band: Band, loop: string): number {
  const point = band.levels.find((level) => isPoint(level) && level.axis.loop.name === loop);
  if (!point) return 0;
  // Lanes under a mask are loaded one by one.
  return point.marks.vectorize ? 2 : point.marks.unroll === 0 ? 0.75 : 0;
}

const isCopied = (level: Level): boolean =>
  isPoint(level) && (level.marks.unroll === 0 || level.marks.vectorize !== undefined);
