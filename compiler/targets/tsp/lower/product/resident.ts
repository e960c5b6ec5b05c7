// Tensors while they lie on the chip: which slices and addresses hold each word, from when on it may be read, and until when
// it was. Words that stay for another product are copied for every plane as they are written; those that only the host
// reads are not.

import { lanes, type Side } from "../../machine/geometry.ts";
import type { ProgramBuilder } from "../../machine/program.ts";
import { decode, encode, widths, type Beat, type TspType } from "../../machine/values.ts";
import { queueOfWord, wordSlice } from "./floor.ts";
import type { Memory } from "./memory.ts";
import { eachLane, type Layout } from "./words.ts";

export interface Resident {
  readonly layout: Layout;
  readonly type: TspType;
  readonly side: Side;
  /** How words are spread over the banks, and where they begin in each. */
  readonly spread: Spread;
  readonly bases: readonly [number, number];
  /** Addresses in each bank of each slice. */
  readonly reserved: readonly [number, number];
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

/**
 * How words follow each other in the banks of a slice, which can't be read and written in one cycle: one bank alone; by
 * turns, so that a reader that is an odd number of words behind the writer never meets it; or the first half in one and the
 * second half in the other, for readers that are half of the words behind.
 */
export type Spread = "bank 0" | "bank 1" | "turns" | "halves";

const inBanks = (spread: Spread, words: number): readonly [number, number] =>
  spread === "bank 0" ? [words, 0] : spread === "bank 1" ? [0, words] : [(words + 1) >> 1, words >> 1];

/** A hemisphere's room for words that planes will make, or undefined. */
export function reserve(
  memory: Memory,
  side: Side,
  spread: Spread,
  layout: Layout,
  type: TspType,
  copied: boolean,
  producer: Uint8Array,
): Resident | undefined {
  const counts = [0, 0, 0, 0];
  const slot = Int32Array.from(producer, (plane) => counts[plane]!++);
  const reserved = inBanks(spread, Math.max(...counts));
  const places = reserved.map((words, bank) => memory.take(side, bank, words));
  const [low, high] = places;
  if (!low || !high) return undefined;
  const ready = new Int32Array(layout.words).fill(-1);
  const bases = [low.address, high.address] as const;
  // A bank that nothing is taken from may be written whenever the other may.
  const after = Math.max(...places.map((place, bank) => (reserved[bank]! > 0 ? place!.after : -1)));
  return { layout, type, side, spread, bases, reserved, after, copied, producer, slot, ready, lastRead: -1 };
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

/** The bank of a slot and its number there. */
function bankedSlot({ spread, reserved }: Resident, slot: number): readonly [number, number] {
  if (spread === "turns") return [slot & 1, slot >> 1];
  if (spread === "halves") return slot < reserved[0] ? [0, slot] : [1, slot - reserved[0]];
  return [spread === "bank 0" ? 0 : 1, slot];
}

export function addressOfWord(tensor: Resident, word: number): number {
  const [bank, at] = bankedSlot(tensor, tensor.slot[word]!);
  return tensor.bases[bank]! + at;
}
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
  const words = hostOrder(tensor);
  for (const { copy } of copies)
    for (const [plane, banks] of words.entries())
      for (const [bank, own] of banks.entries())
        if (own.length > 0)
          builder[kind](name, queueOfWord(tensor.side, copy, plane), tensor.bases[bank]!, own.length);
}

/** Words by plane and bank, in the order of their addresses. */
function hostOrder(tensor: Resident): readonly (readonly number[][])[] {
  const found: number[][][] = Array.from({ length: 4 }, () => [[], []]);
  for (const [word, plane] of tensor.producer.entries()) {
    const [bank, at] = bankedSlot(tensor, tensor.slot[word]!);
    found[plane]![bank]![at] = word;
  }
  return found;
}

/** Beats for a host's region, in its order; `at` is the value of an element. */
export function beatsOf(
  tensor: Resident,
  at: (row: number, x: number, channel: number) => number,
): readonly Beat[] {
  const { layout, type } = tensor;
  const values = new Float64Array(lanes);
  const beats: (readonly Beat[])[] = [];
  for (let word = 0; word < layout.words; word++) {
    values.fill(0);
    eachLane(layout, word, (lane, row, x, channel) => {
      values[lane] = at(row, x, channel);
    });
    beats.push([...encode(values, type)]);
  }
  const order = hostOrder(tensor).flat(2);
  return copiesOf(tensor).flatMap(({ byte }) => order.map((word) => beats[word]![byte]!));
}

/** Hands each element that the host reads to `give`. */
export function readBeats(
  tensor: Resident,
  words: readonly Beat[],
  give: (row: number, x: number, channel: number, value: number) => void,
): void {
  const { layout, type } = tensor;
  const values = new Float64Array(lanes);
  for (const [at, word] of hostOrder(tensor).flat(2).entries()) {
    const beats = Array.from({ length: widths[type] }, (_, byte) => words[byte * layout.words + at]!);
    decode(beats, type, values);
    eachLane(layout, word, (lane, row, x, channel) => give(row, x, channel, values[lane]!));
  }
}
