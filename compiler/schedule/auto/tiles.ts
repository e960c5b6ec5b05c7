// Tiles of a band with a reduction: accumulators in registers while it runs, points that share what they read, strips that
// stay in the nearest cache, and around them tiles whose operands are packed for a cache.

import type { Directive, LoopRef } from "../../ir/ir.ts";
import type { BandFacts } from "./band-facts.ts";

/** A tile whose accumulators are registers: `@tile(u=…, v=…) @unroll(u) @vectorize(v)`, say. */
export interface RegisterTile {
  readonly directives: readonly Directive[];
  /** The loop that tiles for a cache would hold together, and its tile's size. */
  readonly vector: string;
  readonly width: number;
  readonly rows: string | undefined;
  readonly height: number;
}

/** Tiles whose accumulators stay in registers while a reduction runs. */
export function registerTiles(facts: BandFacts): RegisterTile[] {
  if (!facts.plain || !facts.axes.every(facts.independent)) return [];
  if (!facts.band.body.some((stmt) => stmt.kind === "reduce") || facts.band.reductionAxes.length === 0)
    return [];
  const found: RegisterTile[] = [];
  const copies = facts.unrolledReductions();
  for (const vector of facts.vectorAxes) {
    const rows = facts.axes.filter((loop) => loop !== vector && !facts.sameReads(loop, vector));
    for (const width of facts.widths) {
      if (width > 2 * facts.trips(vector) || width > 32) continue;
      const lanes: Directive = { kind: "vectorize", loops: [{ loop: vector }], tail: "mask" };
      found.push({
        directives: [{ kind: "tile", sizes: [{ loop: vector, sizes: [width] }] }, ...copies, lanes],
        vector,
        width,
        rows: undefined,
        height: 1,
      });
      if (copies.length > 0 && width === facts.lanes)
        for (const row of facts.axes.filter((loop) => loop !== vector))
          for (const height of [2, 3, 4])
            if (height <= facts.trips(row)) found.push(rowTile(facts, row, height, vector, copies));
      for (const row of rows)
        for (const height of [2, 3, 4, 5, 6, 8]) {
          if (height > facts.trips(row)) continue;
          const sizes = [
            { loop: vector, sizes: [width] },
            { loop: row, sizes: [height] },
          ];
          const unrolled: Directive = {
            kind: "unroll",
            loops: [{ loop: row }, ...copies.flatMap((each) => (each.kind === "unroll" ? each.loops : []))],
            factor: 0,
          };
          found.push({
            directives: [{ kind: "tile", sizes: inOrder(sizes, facts.axes) }, unrolled, lanes],
            vector,
            width,
            rows: row,
            height,
          });
        }
    }
  }
  return found;
}

/** Points side by side that share what they read, each with lanes along its reduction: rows times rows. */
export function jammedTiles(facts: BandFacts): RegisterTile[] {
  const reductions = new Set(facts.band.reductionAxes.map(({ reduction }) => reduction));
  const last = facts.band.reductionAxes.at(-1)?.loop.name;
  if (!facts.plain || !facts.axes.every(facts.independent) || reductions.size !== 1 || last === undefined)
    return [];
  if (facts.reductionVectors().length === 0) return [];
  const [rows, columns] = [facts.axes.at(-2), facts.axes.at(-1)!];
  const found: RegisterTile[] = [];
  for (const width of facts.widths.slice(0, 2))
    for (const [height, wide] of [
      [2, 2],
      [2, 4],
      [4, 2],
      [1, 2],
      [1, 4],
      [4, 4],
    ] as const) {
      if (wide > facts.trips(columns) || (height > 1 && (rows === undefined || height > facts.trips(rows))))
        continue;
      if (width > facts.trips(last)) continue;
      const tall = height > 1 ? [{ loop: rows!, sizes: [height] }] : [];
      const sizes = [...tall, { loop: columns, sizes: [wide] }];
      found.push({
        directives: [
          { kind: "tile", sizes },
          { kind: "unroll", loops: sizes.map(({ loop }) => ({ loop })), factor: 0 },
          facts.vectorized(last, width),
        ],
        vector: columns,
        width: wide,
        rows: height > 1 ? rows : undefined,
        height,
      });
    }
  return found;
}

/** Strips of accumulators that stay in the nearest cache while rows go by, a few at a time. */
export function strips(facts: BandFacts): Directive[][] {
  const reductions = new Set(facts.band.reductionAxes.map(({ reduction }) => reduction));
  const last = facts.band.reductionAxes.at(-1)?.loop.name;
  if (!facts.plain || !facts.axes.every(facts.independent) || reductions.size !== 1 || last === undefined)
    return [];
  const found: Directive[][] = [];
  for (const vector of facts.vectorAxes)
    for (const strip of [256, 1024])
      for (const rows of [4, 8]) {
        if (strip >= 2 * facts.trips(vector) || rows > facts.trips(last)) continue;
        const sizes = [
          { loop: vector, sizes: [strip] },
          { loop: last, sizes: [rows] },
        ];
        const copies: Directive = { kind: "unroll", loops: [{ loop: last }], factor: 0 };
        found.push([{ kind: "tile", sizes }, copies, facts.vectorized(vector, 4 * facts.lanes)]);
      }
  return found;
}

/** Rows side by side, for vectors all along another loop: windows that overlap share what they read. */
function rowTile(
  facts: BandFacts,
  row: string,
  height: number,
  vector: string,
  copies: readonly Directive[],
): RegisterTile {
  const unrolled = copies.flatMap((each) => (each.kind === "unroll" ? each.loops : []));
  return {
    directives: [
      { kind: "tile", sizes: [{ loop: row, sizes: [height] }] },
      { kind: "unroll", loops: [{ loop: row }, ...unrolled], factor: 0 },
      { kind: "vectorize", loops: [{ loop: vector }], tail: "mask" },
    ],
    vector,
    width: facts.lanes,
    rows: undefined,
    height,
  };
}

/** A register tile inside of tiles whose operands stay in a cache, packed in the order of use. */
export function cacheTiles(facts: BandFacts, tile: RegisterTile): Directive[][] {
  const { vector, rows } = tile;
  const long = facts.trips(vector);
  const operands = facts.operands();
  const across = operands.filter((name) => facts.movedBy(name, vector));
  const along =
    rows === undefined ? [] : operands.filter((name) => facts.movedBy(name, rows) && !across.includes(name));
  const found: Directive[][] = [];
  const [others] = [tile.directives.filter(({ kind }) => kind !== "tile")];
  const sizesOf = (outer: number | undefined): Directive => ({
    kind: "tile",
    sizes: [
      { loop: vector, sizes: outer === undefined ? [tile.width] : [outer, tile.width] },
      ...(rows === undefined ? [] : [{ loop: rows, sizes: [tile.height] }]),
    ],
  });
  const at = (loop: string): LoopRef => ({ loop, level: 0 });
  const stage = (buffers: readonly string[], loop: string): Directive[] =>
    buffers.length === 0 ? [] : [{ kind: "stage", buffers, at: at(loop) }];
  if (rows === undefined) return [];
  for (const outer of [64, 128, 256, 512]) {
    if (outer % tile.width !== 0 || outer >= 2 * long || outer <= tile.width) continue;
    const base = [sizesOf(outer)];
    found.push([...base, ...others]);
    if (across.length > 0) found.push([...base, ...stage(across, vector), ...others]);
    if (across.length > 0 && along.length > 0)
      found.push([...base, ...stage(across, vector), ...stage(along, rows), ...others]);
  }
  if (across.length > 0) found.push([sizesOf(undefined), ...stage(across, vector), ...others]);
  return found;
}

/** A tile whose guarded reads come from a copy with their defaults in it, made once for each row around the tile. */
export function paddedRows(facts: BandFacts, tile: RegisterTile): Directive[][] {
  const { rows } = tile;
  if (rows === undefined) return [];
  const around = facts.axes.filter((loop) => loop !== tile.vector && loop !== tile.rows);
  const row = around.at(-1);
  const guarded = facts.guarded().filter((name) => row !== undefined && facts.movedBy(name, row));
  const tiled = facts.axes.slice(-2).every((loop) => !around.includes(loop));
  if (row === undefined || guarded.length === 0 || !tiled) return [];
  const moved = (name: string): boolean => [...around, tile.vector].some((loop) => facts.movedBy(name, loop));
  const still = facts.operands().filter((name) => facts.movedBy(name, rows) && !moved(name));
  const at = tile.directives.findIndex(({ kind }) => kind === "unroll");
  const stages: Directive[] = [
    ...(still.length === 0 ? [] : [{ kind: "stage", buffers: still } as const]),
    { kind: "stage", buffers: guarded, at: { loop: row } },
  ];
  return [[...tile.directives.slice(0, at), ...stages, ...tile.directives.slice(at)]];
}

/** The same with four steps of a long reduction in one turn of its loop; none where lanes or copies are its iterations. */
export function inSteps(facts: BandFacts, directives: readonly Directive[]): Directive[][] {
  const last = facts.band.reductionAxes.at(-1)?.loop.name;
  if (last === undefined || facts.trips(last) < 32 || facts.request.ambiguous.has(last)) return [];
  const marked = directives.some(
    (each) =>
      (each.kind === "vectorize" || each.kind === "unroll") && each.loops.some(({ loop }) => loop === last),
  );
  if (marked) return [];
  const at = directives.findIndex(({ kind }) => kind === "vectorize");
  const steps: Directive = { kind: "unroll", loops: [{ loop: last }], factor: 4 };
  return [[...directives.slice(0, at), steps, ...directives.slice(at)]];
}

/** Tile sizes in the order of the loops. */
function inOrder<T extends { readonly loop: string }>(sizes: readonly T[], axes: readonly string[]): T[] {
  return sizes.toSorted((a, b) => axes.indexOf(a.loop) - axes.indexOf(b.loop));
}
