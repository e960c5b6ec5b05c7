// C = A · B on all planes: int8 → int32 on four, f16 → f32 on two pairs. Each plane has a share of A's rows and goes through
// all of B, so that the planes of a hemisphere take the same weights from the same streams at once. A phase is one tile of K
// and one of N: while its rows stream through, the next tile's weights load behind them; sums over K stay in the
// accumulators and leave for memory in the last phase of a tile of N.
//
// Layouts: a row of A is a beat for each 320 of K, in slices of the plane's own. B lies column by column, element k in lane k,
// the columns of a block in 16 slices (f16: two slices a column); a copy in each hemisphere. f16 takes such a word in two
// halves. A row of C takes four slices for each tile of N.

import {
  addresses,
  lanes,
  memQueue,
  mxmQueue,
  reservedWords,
  sides,
  slicesOfSide,
  stream,
  type Side,
} from "../machine/geometry.ts";
import { noResult } from "../machine/instruction.ts";
import { columnsOfBlock, halfLanes } from "../machine/mxm.ts";
import { delaysOf, type Delays, type Profile } from "../machine/profile.ts";
import { programBuilder, type Program, type ProgramBuilder } from "../machine/program.ts";
import { instruction } from "../machine/table.ts";
import { decode, encode, type Beat } from "../machine/values.ts";

export interface MatmulShape {
  readonly type: "i8" | "f16";
  /** A is m × k, B is k × n. */
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

export interface Matmul {
  readonly program: Program;
  /** Beats for the inputs `a` and `b`, from dense row-major values. */
  inputs(a: ArrayLike<number>, b: ArrayLike<number>): Record<string, readonly Beat[]>;
  /** C's values, dense and row-major, from the words of the output `c`. */
  output(words: readonly Beat[]): Float64Array;
}

/** A plane's part: rows `from` … `from + rows - 1` of A. */
export interface Share {
  readonly side: Side;
  readonly plane: number;
  /** 0 or 1: which of the hemisphere's. */
  readonly index: number;
  readonly from: number;
  readonly rows: number;
}

export interface Plan {
  readonly shape: MatmulShape;
  readonly float: 0 | 1;
  readonly delays: Delays;
  readonly shares: readonly Share[];
  /** Rows that go through at once, at most what the accumulators hold. */
  readonly chunk: number;
  /** Tiles that go through the planes, of 320 or (f16) 160 lanes, and those that memory holds, of 320. */
  readonly tilesK: number;
  readonly storedK: number;
  readonly tilesN: number;
  /** How many tiles of K and of N one slice holds for a share's rows. */
  readonly tilesOfSlice: number;
}

const firstWeights = slicesOfSide - 16;
const usable = addresses - reservedWords;

/** Makes the program, or says why it can't be made. */
export function matmul(profile: Profile, shape: MatmulShape): Matmul | string {
  const plan = planned(profile, shape);
  if (typeof plan === "string") return plan;
  const builder = programBuilder(profile);
  emitMatmul(builder, plan, 0, true);
  return {
    program: builder.finish(),
    inputs: (a, b) => ({ a: beatsOfA(plan, a), b: beatsOfB(plan, b) }),
    output: (words) => valuesOfC(plan, words),
  };
}

/** Adds a product that starts in cycle `offset`; A's words are the host's, or get into memory some other way. */
export function emitMatmul(builder: ProgramBuilder, plan: Plan, offset: number, hostA: boolean): void {
  for (const share of plan.shares) regions(builder, plan, share, hostA);
  for (const side of sides)
    if (plan.shares.some((share) => share.side === side)) hemisphere(builder, plan, side, offset);
}

/** Where A's words lie: runs of words in slices, in the order of `beatsOfA`. */
export const wordsOfA = (
  plan: Plan,
): readonly { readonly queue: number; readonly address: number; readonly words: number }[] =>
  plan.shares.flatMap((share) =>
    Array.from({ length: plan.storedK }, (_, tile) => tile).flatMap((tile) =>
      Array.from({ length: plan.float + 1 }, (_, byte) => ({
        queue: memQueue(share.side, rowSlice(plan, share, tile) + byte),
        address: wordOf(plan, share, tile),
        words: share.rows,
      })),
    ),
  );

/** Shares, tiles and places for a product, or why it doesn't fit. */
export function planned(profile: Profile, shape: MatmulShape): Plan | string {
  const { type, m, k, n } = shape;
  if (m === 0 || k === 0 || n === 0) return "a dimension is zero: there is nothing to stream";
  const float = type === "f16" ? 1 : 0;
  const delays = delaysOf(profile);
  const planes = float ? [0, 2] : [0, 2, 1, 3];
  const each = Math.ceil(m / planes.length);
  const shares = planes
    .map((plane, at) => ({
      side: sides[plane >> 1]!,
      plane,
      index: plane % 2,
      from: at * each,
      rows: Math.min(each, m - at * each),
    }))
    .filter(({ rows }) => rows > 0);
  const plan: Plan = {
    shape,
    float,
    delays,
    shares,
    chunk: Math.min(each, delays.accumulatorRows),
    tilesK: Math.ceil(k / (float ? halfLanes : lanes)),
    storedK: Math.ceil(k / lanes),
    tilesN: Math.ceil(n / lanes),
    tilesOfSlice: Math.floor(usable / each),
  };
  const { tilesN, storedK, tilesOfSlice } = plan;
  if (tilesOfSlice === 0 || firstResults(plan) + (float ? 1 : 2) * resultSlices(plan) > firstWeights)
    return `${m} rows of A, ${k} long, and as many of C, ${n} long, do not fit`;
  if (tilesN * storedK * weightWords(plan) > usable) return `B has ${k} rows of ${n}: they do not fit`;
  return plan;
}

/** Words of a tile of weights in each of its 16 slices. */
const weightWords = ({ float }: Plan): number => lanes / columnsOfBlock(float);

/** Slices for a share's rows of A, and for its rows of C. */
const rowSlices = ({ float, storedK, tilesOfSlice }: Plan): number =>
  (float + 1) * Math.ceil(storedK / tilesOfSlice);
const resultSlices = ({ tilesN, tilesOfSlice }: Plan): number => 4 * Math.ceil(tilesN / tilesOfSlice);
/** The first slice behind A's. */
const firstResults = (plan: Plan): number => (plan.float ? 1 : 2) * rowSlices(plan);

/** The slice of a hemisphere that holds a share's rows in a stored tile of K; for f16 the first of two. */
const rowSlice = (plan: Plan, { index }: Share, tile: number): number =>
  index * rowSlices(plan) + Math.floor(tile / plan.tilesOfSlice) * (plan.float + 1);
/** The first of four slices that hold them in a tile of N. */
const resultSlice = (plan: Plan, { index }: Share, tile: number): number =>
  firstResults(plan) + index * resultSlices(plan) + 4 * Math.floor(tile / plan.tilesOfSlice);
const wordOf = ({ tilesOfSlice }: Plan, { rows }: Share, tile: number): number =>
  (tile % tilesOfSlice) * rows;

function inputsOfA(builder: ProgramBuilder, plan: Plan, share: Share): void {
  for (let tile = 0; tile < plan.storedK; tile++)
    for (let byte = 0; byte <= plan.float; byte++) {
      const queue = memQueue(share.side, rowSlice(plan, share, tile) + byte);
      builder.input("a", queue, wordOf(plan, share, tile), share.rows);
    }
}

function regions(builder: ProgramBuilder, plan: Plan, share: Share, hostA: boolean): void {
  const { storedK, tilesN } = plan;
  const { side, rows } = share;
  if (hostA) inputsOfA(builder, plan, share);
  for (let tile = 0; tile < tilesN; tile++)
    for (let byte = 0; byte < 4; byte++)
      builder.output(
        "c",
        memQueue(side, resultSlice(plan, share, tile) + byte),
        wordOf(plan, share, tile),
        rows,
      );
  if (share.index === 0)
    for (let at = 0; at < 16; at++)
      builder.input("b", memQueue(side, firstWeights + at), 0, tilesN * storedK * weightWords(plan));
}

/** Cycles between the edge's register and a slice's. */
const hopsToEdge = (slice: number, { hop }: Delays): number =>
  hop * (slicesOfSide / 4 - 1 - Math.floor(slice / 4));
/** When a slice is read so that its beat is at the MXM in cycle `at`. */
const readFor = (slice: number, at: number, delays: Delays): number =>
  at - delays.outward - hopsToEdge(slice, delays) - delays.read;

/** All phases of one hemisphere. */
function hemisphere(builder: ProgramBuilder, plan: Plan, side: Side, offset: number): void {
  const { delays, float, chunk, tilesK, tilesN, shape } = plan;
  const shares = plan.shares.filter((share) => share.side === side);
  const most = Math.max(...shares.map(({ rows }) => rows));
  // The first weights and rows: read as early as the furthest of their slices allows.
  const blocksOf = (tileN: number): number =>
    Math.ceil(Math.min(lanes, shape.n - tileN * lanes) / columnsOfBlock(float));
  let load =
    offset +
    Math.max(-readFor(firstWeights, 0, delays), -readFor(0, 0, delays) - delays.install - blocksOf(0));
  let free = offset;
  for (let first = 0; first < most; first += chunk)
    for (let tileN = 0; tileN < tilesN; tileN++)
      for (let tileK = 0; tileK < tilesK; tileK++) {
        const blocks = blocksOf(tileN);
        loadWeights(builder, plan, side, shares, load, { tileN, tileK, blocks });
        const install = Math.max(free, load + blocks);
        const start = install + delays.install;
        const rows = Math.min(chunk, most - first);
        for (const share of shares) {
          builder.at(install, mxmQueue(share.plane, "weights"), instruction("iw", {}));
          const own = Math.min(chunk, share.rows - first);
          if (own > 0) feed(builder, plan, share, start, first, own, tileN, tileK);
        }
        load = start;
        // The weights stay until the last row is in; a row of sums is added to again when it is done.
        free = start + Math.max(rows, delays.accumulate - delays.install);
      }
}

/** Where a tile of K lies in memory, and which half of its words it is. */
const stored = ({ float }: Plan, tileK: number): { readonly tile: number; readonly half: number } =>
  float ? { tile: tileK >> 1, half: tileK & 1 } : { tile: tileK, half: 0 };

function loadWeights(
  builder: ProgramBuilder,
  plan: Plan,
  side: Side,
  shares: readonly Share[],
  at: number,
  { tileN, tileK, blocks }: { readonly tileN: number; readonly tileK: number; readonly blocks: number },
): void {
  const { delays, float, storedK } = plan;
  const outward = stream(side, 0);
  const { tile, half } = stored(plan, tileK);
  for (let slice = 0; slice < 16; slice++) {
    const number = firstWeights + slice;
    const a = (tileN * storedK + tile) * weightWords(plan);
    const read = instruction("read", { a, s: outward + slice });
    builder.repeated(readFor(number, at, delays), memQueue(side, number), read, blocks, { step: 1 });
  }
  const given = instruction("lw", { float, half, block: 0, s: outward });
  for (const { plane } of shares)
    builder.repeated(at, mxmQueue(plane, "weights"), given, blocks, { step: 1 });
}

/** Rows of a share through the plane, and in the last tile of K the sums to memory. */
function feed(
  builder: ProgramBuilder,
  plan: Plan,
  share: Share,
  start: number,
  first: number,
  rows: number,
  tileN: number,
  tileK: number,
): void {
  const { delays, float, tilesK } = plan;
  const { side, plane, index } = share;
  const s = stream(side, 16 + 2 * index);
  const { tile, half } = stored(plan, tileK);
  for (let byte = 0; byte <= float; byte++) {
    const slice = rowSlice(plan, share, tile) + byte;
    const read = instruction("read", { a: wordOf(plan, share, tile) + first, s: s + byte });
    builder.repeated(readFor(slice, start, delays), memQueue(side, slice), read, rows, { step: 1 });
  }
  builder.repeated(start, mxmQueue(plane, "act"), instruction("abc", { float, half, s }), rows);
  const last = tileK === tilesK - 1;
  const out = stream(side === "W" ? "E" : "W", 4 * index);
  const acc = instruction("acc", { float, add: tileK > 0 ? 1 : 0, row: 0, out: last ? out : noResult });
  const summed = start + delays.multiply;
  builder.repeated(summed, mxmQueue(plane, "acc"), acc, rows, { step: 1 });
  if (!last) return;
  for (let byte = 0; byte < 4; byte++) {
    const slice = resultSlice(plan, share, tileN) + byte;
    const at = summed + delays.accumulate + delays.inward + hopsToEdge(slice, delays);
    const write = instruction("write", { s: out + byte, a: wordOf(plan, share, tileN) + first });
    builder.repeated(at, memQueue(side, slice), write, rows, { step: 1 });
  }
}

// ---- the host's part -------------------------------------------------------------------------------------------

export function beatsOfA({ shape, float, shares, storedK }: Plan, a: ArrayLike<number>): readonly Beat[] {
  const found: Beat[] = [];
  for (const { from, rows } of shares)
    for (let tile = 0; tile < storedK; tile++) {
      const words = Array.from({ length: rows }, (_, row) => {
        const values = new Float64Array(lanes);
        const count = Math.min(lanes, shape.k - tile * lanes);
        for (let at = 0; at < count; at++) values[at] = a[(from + row) * shape.k + tile * lanes + at]!;
        return encode(values, shape.type);
      });
      for (let byte = 0; byte <= float; byte++) found.push(...words.map((beats) => beats[byte]!));
    }
  return found;
}

export function beatsOfB(
  { shape, float, shares, storedK, tilesN }: Plan,
  b: ArrayLike<number>,
): readonly Beat[] {
  const width = float + 1;
  const perBlock = columnsOfBlock(float);
  const slices: Beat[][] = Array.from({ length: 16 }, () => []);
  for (let tileN = 0; tileN < tilesN; tileN++)
    for (let tile = 0; tile < storedK; tile++)
      for (let block = 0; block < lanes / perBlock; block++)
        for (let at = 0; at < perBlock; at++) {
          const column = tileN * lanes + block * perBlock + at;
          const values = new Float64Array(lanes);
          const count = column < shape.n ? Math.min(lanes, shape.k - tile * lanes) : 0;
          for (let k = 0; k < count; k++) values[k] = b[(tile * lanes + k) * shape.n + column]!;
          for (const [byte, beat] of encode(values, shape.type).entries())
            slices[width * at + byte]!.push(beat);
        }
  return shares.filter(({ index }) => index === 0).flatMap(() => slices.flat());
}

export function valuesOfC({ shape, float, shares, tilesN }: Plan, words: readonly Beat[]): Float64Array {
  const found = new Float64Array(shape.m * shape.n);
  let at = 0;
  for (const { from, rows } of shares)
    for (let tile = 0; tile < tilesN; tile++) {
      const columns = Math.min(lanes, shape.n - tile * lanes);
      for (let row = 0; row < rows; row++) {
        const beats = [0, 1, 2, 3].map((byte) => words[at + byte * rows + row]!);
        const values = decode(beats, float ? "f32" : "i32");
        found.set(values.subarray(0, columns), (from + row) * shape.n + tile * lanes);
      }
      at += 4 * rows;
    }
  return found;
}
