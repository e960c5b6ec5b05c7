// Who does what of a product: each class of words either shared out over all four planes, which then all load its tiles, or
// given to one hemisphere whose two planes share it. The shorter one of both counts.

import type { Delays } from "../../machine/profile.ts";
import { columnsOfBlock } from "../../machine/mxm.ts";
import { columnsOfTile, wordsOfClass, type Class, type Tiling } from "./tiles.ts";

/** Words of one class for a hemisphere: one list for each of its planes, alike in length but for one word. */
export interface Job {
  readonly of: Class;
  readonly words: readonly Int32Array[];
  /** Which of the goes that accumulators, or annotations, make of a class. */
  readonly go: number;
}

/** Jobs of the western and the eastern hemisphere. */
export function jobsOf(tiling: Tiling, interval: number, delays: Delays): readonly (readonly Job[])[] {
  const { asked = {}, type } = tiling.product;
  const planes = type === "f16" ? 1 : 2;
  const shared: Job[][] = [[], []];
  const whole: Job[][] = [[], []];
  const loads = [0, 0];
  const costs = tiling.classes.map((of) => ({ of, words: wordsOfClass(tiling, of) }));
  for (const { of, words } of costs)
    for (const [side, part] of split(words, 2).entries())
      shared[side]!.push(...chunks(of, part, planes, mostRows(tiling, 2 * planes, delays)));
  for (const { of, words } of costs.toSorted(
    (a, b) => b.of.passes.length * b.words.length - a.of.passes.length * a.words.length,
  )) {
    const side = loads[0]! <= loads[1]! ? 0 : 1;
    const own = chunks(of, words, planes, mostRows(tiling, planes, delays));
    whole[side]!.push(...own);
    loads[side]! += costOf(own, tiling, interval, delays);
  }
  const cost = (jobs: readonly (readonly Job[])[]): number =>
    Math.max(...jobs.map((own) => costOf(own, tiling, interval, delays)));
  // Words that are shared out alike in neighbouring products wait for less of each other.
  const found =
    asked.sharing === "columns" || (!asked.sharing && cost(whole) < 0.95 * cost(shared)) ? whole : shared;
  return asked.rowsOutside ? found.map((own) => own.toSorted((a, b) => a.go - b.go)) : found;
}

/** Rows that a plane takes in one go: as many as it has sums for, or fewer if annotations say so. */
function mostRows({ product, output }: Tiling, planes: number, { accumulatorRows }: Delays): number {
  const rows = product.asked?.rows;
  return rows === undefined
    ? accumulatorRows
    : Math.min(accumulatorRows, Math.max(1, Math.ceil(rows / output.pixels / planes)));
}

function split(words: Int32Array, count: number): readonly Int32Array[] {
  const each = Math.ceil(words.length / count);
  return Array.from({ length: count }, (_, at) => words.slice(at * each, (at + 1) * each));
}

/** Jobs of at most so many words a plane; a plane's words follow each other through all of them. */
function chunks(of: Class, words: Int32Array, planes: number, most: number): readonly Job[] {
  const own = split(words, planes);
  const parts = Math.max(1, Math.ceil(own[0]!.length / most));
  const pieces = own.map((list) => split(list, parts));
  return Array.from({ length: parts }, (_, go) => ({
    of,
    words: pieces.map((piece) => piece[go]!),
    go,
  })).filter(({ words: [first] }) => first!.length > 0);
}

/** Cycles for jobs of one hemisphere, roughly: loads hide behind words, and the last tile is paced by the vector unit. */
export const costOfJobs = (
  jobs: readonly (readonly Job[])[],
  tiling: Tiling,
  interval: number,
  delays: Delays,
): number => Math.max(...jobs.map((own) => costOf(own, tiling, interval, delays)));

function costOf(jobs: readonly Job[], tiling: Tiling, interval: number, delays: Delays): number {
  const float = tiling.product.type === "f16" ? 1 : 0;
  let sum = 0;
  for (const { of, words } of jobs) {
    const rows = words[0]!.length;
    const load = Math.ceil(columnsOfTile(tiling, of) / columnsOfBlock(float)) + delays.install;
    const least = jobs.length > 1 ? load : Math.max(load, delays.accumulate);
    sum += of.passes.length * Math.max(rows + delays.install, least) + (interval - 1) * rows;
  }
  return sum;
}
