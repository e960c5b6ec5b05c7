// Lowering by rows: any kernel whose control flow is known when its sizes are, as streams of rows through the VXM. Loops are
// chosen to lie in lanes, the kernel is followed, what it does on rows is placed and timed.

import type { Directive, Expr, IrKernel } from "../../../../ir/ir.ts";
import { ops } from "../../../../ir/ops.ts";
import { blocksOf, exprsOf, visitExpr, type Block } from "../../../../ir/walk.ts";
import { simplify } from "../../../../passes/simplify/index.ts";
import type { Profile } from "../../machine/profile.ts";
import { programBuilder } from "../../machine/program.ts";
import { decode, encode, type Beat } from "../../machine/values.ts";
import { Unfit, withKnown } from "../dag.ts";
import { refusedFor, type Lowered, type Lowering } from "../index.ts";
import { noThreads, Steering, WrongAnnotation } from "../steering.ts";
import { coordinatesOf, Families, tensorOf, type Tensor } from "./families.ts";
import { choicesOf, type Choice } from "./lanes.ts";
import { demandRows, placeOf, usable, type Memory } from "./memory.ts";
import { finalFamilies, rowOf, type Region, type Row } from "./model.ts";
import { Operations } from "./operations.ts";
import { withSweeps } from "./recurrences.ts";
import { bestSchedule } from "./search.ts";
import { withoutStrips } from "./strips.ts";
import { Trace } from "./trace.ts";

/** Ways to fill lanes that are tried. */
const tried = 3;
/** Rows side by side: streams for more there aren't. */
const widest = 8;
/** Terms of a reduction in one step: fewer need fewer copies of rows. */
const termsTried = [4, 1];

export const lowerRows: Lowering = (kernel, known, profile) =>
  lowerRowsWithin(usable, kernel, known, profile);

/** The same with so many words of each slice, for tests. */
export function lowerRowsWithin(
  words: number,
  ...[kernel, known, profile]: Parameters<Lowering>
): ReturnType<Lowering> {
  const fixed = simplify(withoutStrips(simplify(withKnown(kernel, known))));
  try {
    const steering = new Steering(kernel);
    const choices = choicesOf(fixed, tensorsOf(fixed), steering);
    let refused: unknown;
    const ways = choices.slice(0, tried).flatMap((choice) => termsTried.map((terms) => ({ choice, terms })));
    for (const { choice, terms } of ways) {
      try {
        return lowered(fixed, choice, profile, terms, steering, words);
      } catch (error) {
        if (!(error instanceof Unfit) || error instanceof WrongAnnotation) throw error;
        refused ??= error;
      }
    }
    throw refused;
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

function tensorsOf(kernel: IrKernel): ReadonlyMap<string, Tensor> {
  const written = new Set<string>();
  const loaded = new Set<string>();
  const visit = (block: Block): void => {
    for (const stmt of block) {
      if (stmt.kind === "store") written.add(stmt.buffer);
      for (const expr of exprsOf(stmt))
        visitExpr(expr, (part) => part.kind === "load" && loaded.add(part.buffer));
      blocksOf(stmt).forEach(visit);
    }
  };
  visit(kernel.body);
  return new Map(
    kernel.buffers.map((buffer) => {
      const param = kernel.params.find((each) => each.kind === "tensor" && each.buffer === buffer.name);
      const mode = param?.kind === "tensor" ? param.mode : "local";
      const shape = buffer.shape.map((dim) => sizeOf(dim));
      const { name } = buffer;
      return [name, tensorOf(buffer, shape, mode, mode !== "in" || written.has(name), loaded.has(name))];
    }),
  );
}

function sizeOf(dim: Expr): number {
  if (dim.kind === "const") return Number(dim.value);
  const lane = dim.kind === "op" ? ops[dim.op].lane : undefined;
  if (dim.kind !== "op" || !lane) throw new Unfit("the size of a tensor that depends on data", dim.span);
  return Number(lane(dim.args.map(sizeOf), "i32", "i32"));
}

function lowered(
  kernel: IrKernel,
  { space, loops }: Choice,
  profile: Profile,
  terms: number,
  steering: Steering,
  words: number,
): Lowered {
  const tensors = tensorsOf(kernel);
  const unrolled = steering.all("unroll");
  const abreast = Math.max(1, ...unrolled.map(({ factor }) => factor));
  const families = new Families(space, tensors, abreast);
  const operations = new Operations(families, profile.constants.alu.value, terms);
  const trace = new Trace(families, operations, loops);
  trace.run(kernel);
  const results = [...tensors.values()].filter(({ mode }) => mode === "out" || mode === "mut");
  const final = [...finalFamilies(results.map(({ now }) => now)), ...trace.checks.map(({ rows }) => rows)];
  for (const directive of unrolled) sayAbreast(directive, operations, space.tiles, steering);
  withSweeps(operations, final);
  const { list } = operations;
  demandRows(list, final);
  const { memory, schedule } = bestSchedule(operations, families.allRegions, final, profile, words);
  const builder = programBuilder(profile);
  schedule.write(builder);
  const kept = new Set(final.flatMap(({ rows }) => rows.map(({ region }) => region)));
  const parts = partsOf(memory);
  for (const { region, rows, words, name, queue, base, byte } of parts) {
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
  const partAt = new Map(parts.map((part) => [`${part.queue} ${part.base}`, part]));
  const wordsOf = (row: Row, words: (name: string) => readonly Beat[]): readonly Beat[] => {
    const copy = row.places.findIndex((place) => place !== undefined);
    const index = row.places[copy]!;
    const { slices, address } = placeOf(memory, row, copy, index);
    const base = address - (index % usable);
    return slices.map(({ queue }) => words(partAt.get(`${queue} ${base}`)!.name)[index % usable]!);
  };
  return {
    program: builder.finish(),
    interval: most?.chain.interval ?? 1,
    rows: most?.issued ?? 0,
    steered: steering.outcomes(reasons),
    inputs: (values) => {
      const beats = new Map<Row, readonly Beat[]>();
      const found: Record<string, readonly Beat[]> = {};
      for (const { region, rows, name, byte } of parts)
        if (rows[0]!.content?.kind === "elements")
          found[name] = rows.map((row) => {
            const own = beats.get(row) ?? contentOf(row, region, values);
            beats.set(row, own);
            return own[byte]!;
          });
      return found;
    },
    failed: (words) =>
      trace.checks.find(({ rows: family }) =>
        family.rows.some((row, tile) => {
          const holds = decode(wordsOf(row, words), "u8");
          return holds.some((value, lane) => value === 0 && coordinatesOf(space, tile, lane) !== undefined);
        }),
      ),
    results: (words, before) => {
      const rowWords = (row: Row): readonly Beat[] =>
        row.content ? contentOf(row, row.region, (name) => before?.(name) ?? []) : wordsOf(row, words);
      return new Map(results.map((tensor) => [tensor.name, valuesOf(tensor, families, rowWords, before)]));
    },
  };
}

/** Says what became of rows that were to go side by side, or throws. */
function sayAbreast(
  directive: Directive & { readonly kind: "unroll" },
  { narrow, widened }: Operations,
  tiles: number,
  steering: Steering,
): void {
  const { factor } = directive;
  if (factor < 2 || factor > widest)
    throw new WrongAnnotation(
      directive,
      factor === 0
        ? "all rows can’t go through 16 ALUs at once, and it doesn’t say how many are to"
        : `from 2 to ${widest} rows can go through the vector unit side by side, and not ${factor}`,
      "say how many, as in `@tsp.unroll(i, 2)`",
    );
  if (narrow)
    throw new WrongAnnotation(directive, narrow, factor > 2 ? `try ${factor - 1}` : "leave it away");
  if (widened > 0) steering.done(directive, `${factor} rows of 320 lanes go through the ALUs side by side`);
  else if (tiles < factor)
    steering.left(directive, `${tiles === 1 ? "one row holds" : `${tiles} rows hold`} all lanes`);
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

interface Part {
  readonly region: Region;
  readonly rows: readonly Row[];
  readonly words: number;
  readonly name: string;
  readonly queue: number;
  readonly base: number;
  readonly byte: number;
}

/** Memory slice by slice: the words of each region's copies. */
function partsOf(memory: Memory): readonly Part[] {
  const found: Part[] = [];
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
