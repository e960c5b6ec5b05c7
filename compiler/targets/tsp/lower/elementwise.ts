// A nest of independent elements as a program: rows of 320 lanes stream from slices of the western hemisphere through the
// VXM to slices of the eastern one, a row every interval. Every operand has slices of its own, a byte of its elements in
// each, and so has every result: nothing competes for a bank, a stream or a queue.
//
// Where all operands run through all loops, the nest is one long row of elements; otherwise the innermost loop lies in
// lanes, and an operand that doesn't depend on it is laid out with its value in every lane.

import type { Span } from "../../../../lang/source.ts";
import { positionAt } from "../../../../lang/source.ts";
import {
  lanes,
  memQueue,
  slicePosition,
  slicesOfSide,
  vxmQueue,
  addresses,
  reservedWords,
} from "../machine/geometry.ts";
import { constantOperand, firstAlu, noResult } from "../machine/instruction.ts";
import { delaysOf, type Profile } from "../machine/profile.ts";
import { programBuilder, type KernLine, type ProgramBuilder } from "../machine/program.ts";
import { instruction, type Instruction } from "../machine/table.ts";
import { decode, encode, types, widths, type Beat, type TspType } from "../machine/values.ts";
import { chainOf, constantOfItem, type Chain, type Item } from "./chain.ts";
import { dagOf, Unfit, type Access, type Dag } from "./dag.ts";
import type { Lowered, Lowering } from "./index.ts";

/** Words of a slice that rows may take. */
const usable = addresses - reservedWords;

/** The program of a kernel for given sizes and scalar arguments, or why there is none. */
export const lowerElementwise: Lowering = (kernel, known, profile) => {
  try {
    const dag = dagOf(kernel, known);
    const chain = chainOf(dag, profile.constants.alu.value);
    return new Emission(dag, chain, profile).lowered();
  } catch (error) {
    if (error instanceof Unfit) return { why: error.message, span: error.span };
    throw error;
  }
};

/** How rows run over the elements: tiles of lanes within the innermost loop, or all loops as one. */
interface Rows {
  readonly count: number;
  /** Loops by extent, outermost first; the last one lies in lanes. */
  readonly extents: readonly number[];
  readonly tiles: number;
}

class Emission {
  private readonly dag: Dag;
  private readonly chain: Chain;
  private readonly rows: Rows;
  private readonly flat: boolean;
  private readonly profile: Profile;

  constructor(dag: Dag, chain: Chain, profile: Profile) {
    this.dag = dag;
    this.chain = chain;
    this.profile = profile;
    const extents = dag.loops.map(({ extent }) => extent);
    this.flat = [...chain.streams, ...dag.stores].every(({ access }) => whole(access, extents));
    const own = this.flat ? [extents.reduce((a, b) => a * b, 1)] : extents;
    const tiles = Math.ceil((own.at(-1) ?? 1) / lanes);
    const written = new Set(dag.stores.map(({ access }) => access.buffer));
    for (const { access } of chain.streams)
      if (written.has(access.buffer) && !whole(access, extents))
        throw new Unfit("a tensor that is read at other places than it is written");
    this.rows = { extents: own, tiles, count: tiles * own.slice(0, -1).reduce((a, b) => a * b, 1) };
  }

  lowered(): Lowered {
    const { chain, rows, profile, dag } = this;
    const delays = delaysOf(profile);
    const builder = programBuilder(profile);
    const needed = chain.streams.reduce((sum, { type }) => sum + widths[type], 0);
    const given = chain.items.reduce(
      (sum, { store, gives }) => sum + (store === undefined ? 0 : widths[gives]),
      0,
    );
    const sets = Math.max(1, Math.ceil(rows.count / usable));
    if (sets * Math.max(needed, given) > slicesOfSide)
      throw new Unfit(
        `${rows.count} rows of 320 elements in ${needed} + ${given} bytes: more than a hemisphere holds`,
      );
    const hops = (slice: number): number => delays.hop * slicePosition("E", slice);
    // The first read of the furthest slice is in cycle 0; ALUs get their constants before.
    const start = delays.read + hops(Math.max(0, sets * needed - 1));
    let next = 0;
    for (const [index, { access, type, first, level }] of chain.streams.entries()) {
      const words = this.addressesOf(access);
      for (let set = 0; set < sets; set++) {
        const part = words.slice(set * usable, (set + 1) * usable);
        const lowest = part.reduce((a, b) => Math.min(a, b), Infinity);
        const highest = part.reduce((a, b) => Math.max(a, b), -1);
        if (highest - lowest >= usable) throw new Unfit("an operand with more rows than a slice holds");
        for (let byte = 0; byte < widths[type]; byte++) {
          const slice = next++;
          const queue = memQueue("W", slice);
          if (part.length === 0) continue;
          builder.input(inputName(index, set, byte), queue, 0, highest - lowest + 1);
          const at = start + level * delays.alu + set * usable * chain.interval - hops(slice) - delays.read;
          run(
            builder,
            at,
            queue,
            chain.interval,
            part.map((word) => word - lowest),
            (a) => instruction("read", { a, s: first + byte }),
          );
        }
      }
    }
    if (rows.count > 0) this.vector(builder, start);
    let slice = 0;
    for (const item of chain.items.toSorted((a, b) => (a.store ?? -1) - (b.store ?? -1))) {
      if (item.store === undefined) continue;
      for (let set = 0; set < sets; set++) {
        const count = Math.min(usable, rows.count - set * usable);
        for (let byte = 0; byte < widths[item.gives]; byte++) {
          const own = slice++;
          if (count <= 0) continue;
          const done = start + item.level * delays.alu + delays.aluEntry + delays.alu;
          const at = done + set * usable * chain.interval + hops(own);
          const write = instruction("write", { s: item.out + byte, a: 0 });
          const from = lineOf(dag.stores[item.store]!.span);
          builder.repeated(at, memQueue("E", own), write, count, {
            period: chain.interval,
            step: 1,
            ...(from && { from }),
          });
          builder.output(outputName(item.store, set, byte), memQueue("E", own), 0, count);
        }
      }
    }
    return {
      program: builder.finish(),
      interval: chain.interval,
      rows: rows.count,
      inputs: (values) => this.inputs(values, sets),
      results: (words) => this.results(words, sets),
    };
  }

  /** All ALUs, for all rows. */
  private vector(builder: ProgramBuilder, start: number): void {
    const { items, interval } = this.chain;
    const { alu: hold } = delaysOf(this.profile);
    const configured = new Set<number>();
    for (const item of items) {
      const queue = vxmQueue(item.alu);
      const bits = constantOfItem(item);
      const config = item.configured ? instruction("config", { value: bits! }) : undefined;
      if (bits !== undefined && !config && !configured.has(item.alu)) {
        configured.add(item.alu);
        builder.at(0, queue, instruction("config", { value: bits }));
      }
      const at = start + item.level * hold;
      const from = lineOf(item.span);
      const alone = !config && items.every((other) => other === item || other.alu !== item.alu);
      if (alone && interval <= 1023)
        builder.repeated(at, queue, instructionOf(item), this.rows.count, {
          period: interval,
          ...(from && { from }),
        });
      else
        for (let row = 0; row < this.rows.count; row++) {
          if (config) builder.at(at + row * interval - 1, queue, config, from);
          builder.at(at + row * interval, queue, instructionOf(item), from);
        }
    }
  }

  /** For each row the word, in the operand's own layout, that holds it. */
  private addressesOf(access: Access): readonly number[] {
    const { extents, tiles, count } = this.rows;
    if (this.flat) return Array.from({ length: count }, (_, row) => row);
    const last = extents.length - 1;
    const inLanes = access.axes.includes(last);
    // Strides in words of the loops that the operand depends on, and of tiles.
    const strides = extents.map(() => 0);
    let stride = inLanes ? tiles : 1;
    for (const axis of access.axes.toReversed())
      if (typeof axis === "number" && axis < last) {
        strides[axis] = stride;
        stride *= extents[axis]!;
      }
    return Array.from({ length: count }, (_, row) => {
      let rest = Math.floor(row / tiles);
      let word = inLanes ? row % tiles : 0;
      for (let loop = last - 1; loop >= 0; loop--) {
        word += strides[loop]! * (rest % extents[loop]!);
        rest = Math.floor(rest / extents[loop]!);
      }
      return word;
    });
  }

  /** The position in a tensor of the element in each lane of a row; -1 where the row has none. */
  private elements(access: Access, row: number): Int32Array {
    const { extents, tiles } = this.rows;
    const found = new Int32Array(lanes).fill(-1);
    const inner = extents.at(-1) ?? 1;
    const first = (row % tiles) * lanes;
    if (this.flat) {
      for (let lane = 0; lane < lanes && row * lanes + lane < inner; lane++) found[lane] = row * lanes + lane;
      return found;
    }
    const last = extents.length - 1;
    const at: number[] = [];
    let rest = Math.floor(row / tiles);
    for (let loop = last - 1; loop >= 0; loop--) {
      at[loop] = rest % extents[loop]!;
      rest = Math.floor(rest / extents[loop]!);
    }
    for (let lane = 0; lane < lanes && first + lane < inner; lane++) {
      at[last] = first + lane;
      let place = 0;
      for (const [axis, size] of access.shape.entries()) {
        const own = access.axes[axis]!;
        place = place * size + (typeof own === "number" ? at[own]! : own.at);
      }
      found[lane] = place;
    }
    return found;
  }

  private inputs(
    values: (buffer: string) => ArrayLike<number>,
    sets: number,
  ): Record<string, readonly Beat[]> {
    const found: Record<string, readonly Beat[]> = {};
    for (const [index, { access, type }] of this.chain.streams.entries()) {
      const given = values(access.buffer);
      const words = this.addressesOf(access);
      for (let set = 0; set < sets; set++) {
        const beats: (readonly Beat[])[] = [];
        const part = words.slice(set * usable, (set + 1) * usable);
        const lowest = part.reduce((a, b) => Math.min(a, b), Infinity);
        for (const [row, word] of part.entries()) {
          if (beats[word - lowest]) continue;
          const elements = this.elements(access, set * usable + row);
          const own = Float64Array.from(elements, (place) => (place < 0 ? 0 : given[place]!));
          beats[word - lowest] = encode(own, type);
        }
        for (let byte = 0; byte < widths[type]; byte++)
          found[inputName(index, set, byte)] = Array.from(
            beats,
            (each) => each?.[byte] ?? new Uint8Array(lanes),
          );
      }
    }
    return found;
  }

  private results(words: (name: string) => readonly Beat[], sets: number): ReadonlyMap<string, Float64Array> {
    const found = new Map<string, Float64Array>();
    for (const { store, gives } of this.chain.items) {
      if (store === undefined) continue;
      const { access } = this.dag.stores[store]!;
      const dense = new Float64Array(access.shape.reduce((a, b) => a * b, 1));
      const type: TspType = storedType(this.dag, store, gives);
      for (let set = 0; set < sets; set++) {
        const bytes = Array.from({ length: widths[gives] }, (_, byte) => words(outputName(store, set, byte)));
        for (let row = 0; row < (bytes[0]?.length ?? 0); row++) {
          const own = decode(
            bytes.map((list) => list[row]!),
            type,
          );
          for (const [lane, place] of this.elements(access, set * usable + row).entries())
            if (place >= 0) dense[place] = own[lane]!;
        }
      }
      found.set(access.buffer, dense);
    }
    return found;
  }
}

/** A stored value may have its bits under another type than its last instruction. */
const storedType = ({ stores }: Dag, store: number, gives: TspType): TspType => {
  const { value } = stores[store]!;
  return value.kind === "alu" ? gives : value.type;
};

const whole = ({ axes, shape }: Access, extents: readonly number[]): boolean =>
  axes.length === extents.length && axes.every((axis, at) => axis === at && shape[at] === extents[at]);

const inputName = (index: number, set: number, byte: number): string => `in${index}.${set}.${byte}`;
const outputName = (store: number, set: number, byte: number): string => `out${store}.${set}.${byte}`;

function lineOf(span: Span | undefined): KernLine | undefined {
  return span && { file: span.file.path, line: positionAt(span.file, span.start).line };
}

function instructionOf({ op, type, gives, rounding, operands, out }: Item): Instruction {
  const [x = constantOperand, y] = operands.map((each) =>
    each.kind === "stream"
      ? each.stream.first
      : each.kind === "item"
        ? firstAlu + each.item.alu
        : constantOperand,
  );
  const result = out < 0 ? noResult : out;
  const number = types.indexOf(type);
  const fields =
    op === "convert"
      ? { from: number, to: types.indexOf(gives), rounding, x, out: result }
      : y === undefined
        ? { type: number, x, out: result }
        : { type: number, x, y, out: result };
  return { op, fields } as unknown as Instruction;
}

/** Issues for rows with the given words, `repeat` wherever they follow each other by one step. */
function run(
  builder: ProgramBuilder,
  at: number,
  queue: number,
  interval: number,
  words: readonly number[],
  make: (address: number) => Instruction,
): void {
  for (let row = 0; row < words.length;) {
    const step = (words[row + 1] ?? 0) - words[row]!;
    let end = row + 1;
    while (end < words.length && words[end] === words[end - 1]! + step) end += 1;
    // One more than the words that follow by this step, unless a larger step than `repeat` has is asked for.
    const count = Math.abs(step) < 2048 ? end - row : 1;
    builder.repeated(at + row * interval, queue, make(words[row]!), count, { period: interval, step });
    row += count;
  }
}
