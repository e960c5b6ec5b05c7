// Lowering by rows: any kernel whose control flow is known when its sizes are, as streams of rows through the VXM. Loops are
// chosen to lie in lanes, the kernel is followed, what it does on rows is placed and timed.

import { internalError } from "../../../../../lang/diagnostics/internal-error.ts";
import { simplify } from "../../../../passes/simplify/index.ts";
import { lanes } from "../../machine/geometry.ts";
import type { Profile } from "../../machine/profile.ts";
import { programBuilder } from "../../machine/program.ts";
import { decode, encode, type Beat } from "../../machine/values.ts";
import { Unfit, withKnown } from "../dag.ts";
import { refusedFor, type Lowered, type Lowering } from "../index.ts";
import { noThreads, WrongAnnotation } from "../steering.ts";
import type { Families, Tensor } from "./families.ts";
import { independentParts } from "./independent.ts";
import { demandRows, placeOf, usable, type Memory } from "./memory.ts";
import { rowOf, type Region, type Row } from "./model.ts";
import type { Operations } from "./operations.ts";
import { follow, partOf, type Followed } from "./parts.ts";
import { bestSchedule } from "./search.ts";
import { withoutStrips } from "./strips.ts";

export const lowerRows: Lowering = (kernel, known, profile) =>
  lowerRowsWithin(usable, kernel, known, profile);

/** The same with so many words of each slice, for tests. */
export function lowerRowsWithin(
  words: number,
  ...[kernel, known, profile]: Parameters<Lowering>
): ReturnType<Lowering> {
  const fixed = simplify(withoutStrips(simplify(withKnown(kernel, known))));
  try {
    const parts = independentParts(fixed).map(partOf);
    const refusals: Unfit[] = [];
    for (let chosen = follow(parts, undefined, profile, words, refusals); chosen;) {
      try {
        return lowered(chosen, profile, words);
      } catch (error) {
        if (!(error instanceof Unfit) || error instanceof WrongAnnotation) throw error;
        refusals.push(error);
      }
      chosen = follow(parts, chosen, profile, words, refusals);
    }
    throw refusals[0] ?? internalError("tsp-rows", "a kernel without a way to follow it");
  } catch (error) {
    if (error instanceof Unfit) return refusedFor(error);
    throw error;
  }
}

/** Why annotations mean nothing here. */
const reasons = {
  tile: "there is no product for the matrix planes: rows of 320 lanes are the tiles",
  order: "rows are streamed in the order of the source, and overlap as far as they don’t wait for each other",
  fuse: "its loops run in time",
  parallel: "all rows go through one vector unit; those that don’t wait for each other overlap anyway",
  threads: noThreads,
  vectorize: "its loops run once",
  unroll: "nothing is streamed row by row: steps that hand values on follow each other",
  stage: "all tensors lie in SRAM, with as many copies as one pattern reads at once",
};

function lowered(parts: readonly Followed[], profile: Profile, words: number): Lowered {
  const final = parts.flatMap((part) => part.final);
  const list = parts.flatMap(({ operations }) => operations.list);
  const regions = parts.flatMap(({ families }) => families.allRegions);
  demandRows(list, final);
  // Other streams and ALUs for a pattern depend on nothing but the pattern.
  const [{ operations }] = parts as [Followed];
  const shift: Operations["shift"] = (template, turn) => operations.shift(template, turn);
  const { memory, schedule } = bestSchedule({ list, shift }, regions, final, profile, words);
  const builder = programBuilder(profile);
  schedule.write(builder);
  const kept = new Set(final.flatMap(({ rows }) => rows.map(({ region }) => region)));
  const pieces = piecesOf(memory);
  for (const { region, rows, words, name, queue, base, byte } of pieces) {
    const { content } = rows[0]!;
    if (content?.kind === "elements") builder.input(name, queue, base, words);
    if (content?.kind === "values")
      builder.data(
        queue,
        base,
        rows.map((row) => contentOf(row, region, () => []).at(byte)!),
      );
    if (!content && kept.has(region)) builder.output(name, queue, base, words);
  }
  const templates = [...new Set(list.flatMap((each) => (each.kind === "gather" ? [] : [each.template])))];
  const most = templates.toSorted((a, b) => b.issued * b.chain.interval - a.issued * a.chain.interval)[0];
  const pieceAt = new Map(pieces.map((piece) => [`${piece.queue} ${piece.base}`, piece]));
  const wordsOf = (row: Row, words: (name: string) => readonly Beat[]): readonly Beat[] => {
    const copy = row.places.findIndex((place) => place !== undefined);
    const index = row.places[copy]!;
    const { slices, address } = placeOf(memory, row, copy, index);
    const base = address - (index % usable);
    return slices.map(({ queue }) => words(pieceAt.get(`${queue} ${base}`)!.name)[index % usable]!);
  };
  return {
    program: builder.finish(),
    interval: most?.chain.interval ?? 1,
    rows: most?.issued ?? 0,
    steered: parts.flatMap(({ steering }) => steering.outcomes(reasons)),
    inputs: (values) => {
      const beats = new Map<Row, readonly Beat[]>();
      const found: Record<string, readonly Beat[]> = {};
      for (const { region, rows, name, byte } of pieces)
        if (rows[0]!.content?.kind === "elements")
          found[name] = rows.map((row) => {
            const own = beats.get(row) ?? contentOf(row, region, values);
            beats.set(row, own);
            return own[byte]!;
          });
      return found;
    },
    failed: (words) =>
      parts
        .flatMap(({ checks, families: { space } }) => checks.map((check) => ({ ...check, space })))
        .find(({ rows: family, space }) =>
          family.rows.some((row, tile) => {
            const holds = decode(wordsOf(row, words), "u8");
            return holds.some((value, lane) => value === 0 && tile * lanes + lane < space.count);
          }),
        ),
    results: (words, before) => {
      const rowWords = (row: Row): readonly Beat[] =>
        row.content ? contentOf(row, row.region, (name) => before?.(name) ?? []) : wordsOf(row, words);
      return new Map(
        parts.flatMap(({ results, families }) =>
          results.map((tensor) => [tensor.name, valuesOf(tensor, families, rowWords, before)]),
        ),
      );
    },
  };
}

/** The dense elements of a tensor from the rows that hold them at the end. */
function valuesOf(
  tensor: Tensor,
  families: Families,
  wordsOf: (row: Row) => readonly Beat[],
  before: ((buffer: string) => ArrayLike<number> | undefined) | undefined,
): Float64Array {
  const { name, shape, type, now } = tensor;
  const dense = new Float64Array(shape.reduce((a, b) => a * b, 1));
  const initial = tensor.mode === "mut" ? before?.(name) : undefined;
  if (initial) dense.set(initial);
  for (const [key, family] of now)
    for (let tile = 0; tile < families.space.tiles; tile++) {
      const elements = families.elementsOf(name, key, tile);
      const values = decode(wordsOf(rowOf(family, tile)), type);
      for (const [lane, at] of elements.entries()) if (at >= 0) dense[at] = values[lane]!;
    }
  return dense;
}

function contentOf(
  { content }: Row,
  { type }: Region,
  values: (buffer: string) => ArrayLike<number>,
): readonly Beat[] {
  if (content?.kind === "values") return encode(content.values(), type);
  if (content?.kind !== "elements") return [];
  const given = values(content.buffer);
  return encode(
    Float64Array.from(content.elements(), (at) => (at < 0 ? 0 : given[at]!)),
    type,
  );
}

interface Piece {
  readonly region: Region;
  readonly rows: readonly Row[];
  readonly words: number;
  readonly name: string;
  readonly queue: number;
  readonly base: number;
  readonly byte: number;
}

/** Memory slice by slice: the words of each region's copies. */
function piecesOf(memory: Memory): readonly Piece[] {
  const found: Piece[] = [];
  let number = 0;
  for (const [region, copies] of memory) {
    number += 1;
    for (const [copy, sets] of copies.entries())
      for (const [set, { slices, base }] of (sets ?? []).entries()) {
        const rows = region.copies[copy]!.slice(set * usable, (set + 1) * usable);
        for (const [byte, { queue }] of slices.entries())
          found.push({
            region,
            rows,
            words: rows.length,
            name: `r${number}.${copy}.${set}.${byte}`,
            queue,
            base,
            byte,
          });
      }
  }
  return found;
}
