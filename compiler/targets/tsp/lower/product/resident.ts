// Tensors while they lie on the chip: which slices and addresses hold each word, from when on it may be read, and until when
// it was. Words that stay for another product are copied for every plane as they are written; those that only the host
// reads are not.

import { addresses, lanes, reservedWords, type Side } from "../../machine/geometry.ts";
import type { ProgramBuilder } from "../../machine/program.ts";
import { decode, encode, widths, type Beat, type TspType } from "../../machine/values.ts";
import { queueOfWord, wordSlice } from "./floor.ts";
import type { Memory } from "./memory.ts";
import { eachLane, type Layout } from "./words.ts";

export interface Resident {
  readonly layout: Layout;
  readonly type: TspType;
  readonly side: Side;
  readonly address: number;
  /** Addresses in each slice. */
  readonly reserved: number;
  /** The cycle behind which it may be written. */
  readonly after: number;
  /** Whether every plane has a copy. */
  readonly copied: boolean;
  /** Of each word: the plane that makes it, its number among those, and the cycle from which on it may be read. */
  readonly producer: Uint8Array;
  readonly slot: Int32Array;
  readonly ready: Int32Array;
  /** The last cycle in which it is read. */
  lastRead: number;
}

/** A hemisphere's room for words that planes will make, or undefined. `counts` are the words of each plane. */
export function reserve(
  memory: Memory,
  side: Side,
  bank: number,
  layout: Layout,
  type: TspType,
  copied: boolean,
  producer: Uint8Array,
): Resident | undefined {
  const counts = [0, 0, 0, 0];
  const slot = Int32Array.from(producer, (plane) => counts[plane]!++);
  const reserved = Math.max(...counts);
  const place = memory.take(side, reserved, bank);
  if (!place) return undefined;
  const { address, after } = place;
  const ready = new Int32Array(layout.words).fill(-1);
  return { layout, type, side, address, reserved, after, copied, producer, slot, ready, lastRead: -1 };
}

/** Words shared out in runs, as planes make them that have equal parts of the rows. */
export const inRuns = (words: number): Uint8Array =>
  Uint8Array.from({ length: words }, (_, word) => Math.floor((4 * word) / words));

/** Copies of a word that are written: each a byte of it, and the first of four slices. */
export function copiesOf({ type, copied }: Pick<Resident, "type" | "copied">): readonly {
  readonly byte: number;
  readonly copy: number;
}[] {
  const width = widths[type];
  const times = copied ? 4 / width : 1;
  return Array.from({ length: times * width }, (_, at) => ({ byte: at % width, copy: at }));
}

/** The copy that holds a byte of a word for a plane. */
export const copyForPlane = ({ type }: Resident, plane: number, byte: number): number =>
  widths[type] === 1 ? plane : widths[type] === 2 ? 2 * (plane >> 1) + byte : byte;

export const addressOfWord = ({ address, slot }: Resident, word: number): number => address + slot[word]!;
export const sliceOfWord = ({ producer }: Resident, copy: number, word: number): number =>
  wordSlice(copy, producer[word]!);

/** Lets the host fill all copies, or read one. */
export function regionsFor(
  builder: ProgramBuilder,
  tensor: Resident,
  name: string,
  kind: "input" | "output",
): void {
  const copies = kind === "input" ? copiesOf(tensor) : copiesOf({ ...tensor, copied: false });
  const counts = countsOf(tensor);
  for (const { copy } of copies)
    for (let plane = 0; plane < 4; plane++)
      if (counts[plane]! > 0)
        builder[kind](name, queueOfWord(tensor.side, copy, plane), tensor.address, counts[plane]!);
}

const countsOf = ({ producer }: Resident): readonly number[] => {
  const counts = [0, 0, 0, 0];
  for (const plane of producer) counts[plane]! += 1;
  return counts;
};

/** Beats for a host's region, in its order; `at` is the value of an element. */
export function beatsOf(
  tensor: Resident,
  at: (row: number, x: number, channel: number) => number,
): readonly Beat[] {
  const { layout, type, producer, slot } = tensor;
  const planes: Beat[][][] = Array.from({ length: 4 }, () => []);
  const values = new Float64Array(lanes);
  for (let word = 0; word < layout.words; word++) {
    values.fill(0);
    eachLane(layout, word, (lane, row, x, channel) => {
      values[lane] = at(row, x, channel);
    });
    planes[producer[word]!]![slot[word]!] = [...encode(values, type)];
  }
  return copiesOf(tensor).flatMap(({ byte }) =>
    planes.flatMap((words) => words.map((beats) => beats[byte]!)),
  );
}

/** Hands each element that the host reads to `give`. */
export function readBeats(
  { layout, type, producer, slot }: Resident,
  words: readonly Beat[],
  give: (row: number, x: number, channel: number, value: number) => void,
): void {
  const counts = [0, 0, 0, 0];
  for (const plane of producer) counts[plane]! += 1;
  const first = counts.map((_, plane) => counts.slice(0, plane).reduce((a, b) => a + b, 0));
  const values = new Float64Array(lanes);
  for (let word = 0; word < layout.words; word++) {
    const beats = Array.from(
      { length: widths[type] },
      (_, byte) => words[byte * layout.words + first[producer[word]!]! + slot[word]!]!,
    );
    decode(beats, type, values);
    eachLane(layout, word, (lane, row, x, channel) => give(row, x, channel, values[lane]!));
  }
}

export const largestTensor = 4 * (addresses - reservedWords);
