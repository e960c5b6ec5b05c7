// A window operation in time: the words of a window stream to the vector unit, each to the level of its ALUs that takes it,
// and the result goes on to the other hemisphere, a word a cycle at best. Words of all four parts of the result take turns,
// so that the copies of what they read are asked for one word each.

import { alus, groups, memQueue, reaches, streamsOfSide, vxmQueue } from "../../machine/geometry.ts";
import { constantOperand, firstAlu, noResult } from "../../machine/instruction.ts";
import { instruction, type Instruction } from "../../machine/table.ts";
import { types, widths } from "../../machine/values.ts";
import { build, chainOf, constantOfItem, type Chain, type Item } from "../chain.ts";
import { Unfit, type Node } from "../dag.ts";
import { lineOf } from "../line.ts";
import type { Chip } from "./chip.ts";
import { queueOfWord, toVxm, wordSlice } from "./floor.ts";
import { addressOfWord, copiesOf, sliceOfWord, type Resident } from "./resident.ts";
import { tapBuffer, tapNumber, type Window } from "./window.ts";

interface Access {
  readonly queue: number;
  readonly cycle: number;
  readonly address: number;
  readonly stream: number;
  readonly write: boolean;
}

export interface WindowTimes {
  readonly begins: number;
  readonly ends: number;
  /** Cycles between words in steady state. */
  readonly perWord: number;
}

/** Issues a window operation; both tensors have one pixel a word. Throws `Unfit`. */
export function emitWindow(chip: Chip, window: Window, input: Resident, output: Resident): WindowTimes {
  const { delays, memory, builder } = chip;
  const { chain, abreast } = severalAbreast(window, delays.alu, input);
  const west = input.side === "W";
  const on = (stream: number): number => (west ? stream : stream + streamsOfSide);
  const last = Math.max(...chain.items.map(({ store, level }) => (store === undefined ? 0 : level)));
  const done = last * delays.alu + delays.aluEntry + delays.alu;
  const depth = Math.max(...chain.items.map(({ level }) => level));
  const free = Math.max(...chip.planes.map(({ vector }) => vector));
  const cycles: number[] = [];
  let next = free + 1;
  let ends = 0;
  const order = [...inTurns(output.layout.words)];
  for (let first = 0; first < order.length; first += abreast) {
    const words = order.slice(first, first + abreast);
    // Where words are left over, the last one is computed once more, to no end.
    while (words.length < abreast) words.push(words.at(-1)!);
    const given = words.flatMap((word) => tapWords(window, input, output, word));
    // Rows of some interval keep their step, since ALUs take turns by it.
    next = Math.max(next, whenReady(chip, chain, input, given, output.after - done));
    if (chain.interval > 1 && cycles.length > 0)
      next = cycles[0]! + chain.interval * Math.ceil((next - cycles[0]!) / chain.interval);
    let found: readonly Access[] | undefined;
    for (
      let tries = 0;
      !(found = accesses(chip, chain, window, input, output, given, words, next, on));
      tries++
    ) {
      // The four parts of the result keep their turns.
      next += (4 / abreast) * chain.interval;
      if (tries > 100_000) throw new Unfit("a window whose words can’t be read at once", window.span);
    }
    memory.from = lineOf(window.span);
    for (const { queue, cycle, address, stream, write } of found)
      if (write) {
        memory.write(queue, cycle, address, stream);
        for (const word of words) output.ready[word] = Math.max(output.ready[word]!, cycle + delays.write);
        ends = Math.max(ends, cycle + delays.write);
      } else {
        memory.read(queue, cycle, address, stream);
        input.lastRead = Math.max(input.lastRead, cycle);
      }
    cycles.push(next);
    next += chain.interval;
  }
  const configured = new Set<number>();
  for (const item of chain.items) {
    const queue = vxmQueue(item.alu);
    const bits = constantOfItem(item);
    if (bits !== undefined && !item.configured && !configured.has(item.alu)) {
      configured.add(item.alu);
      builder.at(cycles[0]! - 1, queue, instruction("config", { value: bits }));
    }
    const made = instructionOf(item, on);
    for (let at = 0; at < cycles.length;) {
      let end = at + 1;
      if (!item.configured) while (cycles[end] === cycles[end - 1]! + 1) end += 1;
      const cycle = cycles[at]! + item.level * delays.alu;
      if (item.configured) builder.at(cycle - 1, queue, instruction("config", { value: bits! }));
      builder.repeated(cycle, queue, made, end - at);
      at = end;
    }
  }
  const busy = cycles.at(-1)! + depth * delays.alu + 2;
  for (const plane of chip.planes) plane.vector = Math.max(plane.vector, busy);
  return { begins: cycles[0]!, ends, perWord: chain.interval / abreast };
}

/**
 * Two words at once where ALUs are enough; the taps of the second have numbers that go on. Each word's bytes come on half
 * of the stream groups, evenly: every ALU reaches four neighbouring ones.
 */
function severalAbreast(
  window: Window,
  hold: number,
  { copied }: Resident,
): { readonly chain: Chain; readonly abreast: number } {
  const one = chainOf(window.dag, hold);
  const alone = { chain: one, abreast: 1 };
  const perWord = one.streams.length;
  const bytes = one.streams.every(({ type }) => widths[type] === 1);
  if (!bytes || !copied || perWord > streamsOfSide / 2 || 2 * one.items.length > alus) return alone;
  const count = window.x.taps * window.y.taps;
  const moved = new Map<Node, Node>();
  const other = (node: Node): Node => {
    const known = moved.get(node);
    if (known) return known;
    const made: Node =
      node.kind === "alu"
        ? { ...node, args: node.args.map(other) }
        : node.kind === "cast"
          ? { ...node, of: other(node.of) }
          : node.kind === "load"
            ? {
                ...node,
                access: { ...node.access, buffer: tapBuffer(count + tapNumber(node.access.buffer)!) },
              }
            : node;
    moved.set(node, made);
    return made;
  };
  const { stores } = window.dag;
  const second = stores.map((store) => ({ ...store, value: other(store.value) }));
  const { items, streams } = build({ ...window.dag, stores: [...stores, ...second] }, false);
  const next = Array.from({ length: groups }, (_, group) => 4 * group);
  const seen = [0, 0];
  for (const each of streams) {
    const half = tapNumber(each.access.buffer)! < count ? 0 : 1;
    const group = 4 * half + Math.floor((4 * seen[half]!++) / perWord);
    each.first = next[group]!++;
  }
  return matched(items)
    ? { chain: { interval: 1, items, streams, period: 0, givers: [] }, abreast: 2 }
    : alone;
}

/** Gives each item an ALU of its own, which a search in order may miss where all are needed; false if there aren't enough. */
function matched(items: readonly Item[]): boolean {
  const owner: (Item | undefined)[] = Array.from({ length: alus });
  const able = (alu: number, { operands }: Item): boolean =>
    operands.every((each) => each.kind !== "stream" || reaches(alu, each.stream.first));
  const given = (item: Item, tried: Set<number>): boolean => {
    for (let alu = 0; alu < alus; alu++) {
      if (tried.has(alu) || !able(alu, item)) continue;
      tried.add(alu);
      const before = owner[alu];
      if (before && !given(before, tried)) continue;
      owner[alu] = item;
      return true;
    }
    return false;
  };
  if (!items.every((item) => given(item, new Set()))) return false;
  const leaving = new Set<number>();
  for (const [alu, item] of owner.entries()) {
    if (!item) continue;
    item.alu = alu;
    if (item.store === undefined) continue;
    const width = widths[item.gives];
    let out = 0;
    while (out < streamsOfSide && (leaving.has(out) || !reaches(alu, out))) out += width;
    if (out >= streamsOfSide) return false;
    item.out = out;
    for (let at = 0; at < width; at++) leaving.add(out + at);
  }
  return true;
}

/** All words, a quarter of them beside each other. */
function* inTurns(words: number): Iterable<number> {
  const each = Math.ceil(words / 4);
  for (let at = 0; at < each; at++) for (let word = at; word < words; word += each) yield word;
}

/** The words that an output word's taps are; -1 outside. */
function tapWords({ x, y }: Window, { layout }: Resident, output: Resident, word: number): readonly number[] {
  const { parts, across } = output.layout;
  const part = word % parts;
  const place = Math.floor(word / parts);
  const column = place % across;
  const row = Math.floor(place / across);
  const image = Math.floor(row / y.outputs);
  const found: number[] = [];
  for (let r = 0; r < y.taps; r++)
    for (let q = 0; q < x.taps; q++) {
      const own = (row % y.outputs) * y.stride + r * y.dilation + y.offset;
      const at = column * x.stride + q * x.dilation + x.offset;
      const outside = own < 0 || own >= y.size || at < 0 || at >= x.size;
      // The tensor may lie there as rows and columns of other extents: its words are numbered alike.
      found.push(outside ? -1 : ((image * y.size + own) * x.size + at) * layout.parts + part);
    }
  return found;
}

function whenReady(
  { delays }: Chip,
  { streams }: Chain,
  input: Resident,
  given: readonly number[],
  least: number,
): number {
  let start = least + 1;
  for (const { access, level } of streams) {
    const word = given[tapNumber(access.buffer)!]!;
    if (word < 0) continue;
    const way = delays.read + toVxm(sliceOfWord(input, 3, word), delays);
    start = Math.max(start, input.ready[word]! + way - level * delays.alu);
  }
  return start;
}

/** What slices do for a word whose first level is in cycle `at`; undefined if that can't be. */
function accesses(
  chip: Chip,
  { streams, items }: Chain,
  window: Window,
  input: Resident,
  output: Resident,
  given: readonly number[],
  words: readonly number[],
  at: number,
  on: (stream: number) => number,
): readonly Access[] | undefined {
  const { delays, memory } = chip;
  const found: Access[] = [];
  const taken = new Set<number>();
  const add = (access: Access): boolean => {
    const { queue, cycle, address, write } = access;
    const key = 128 * cycle + queue;
    if (taken.has(key)) return false;
    if (!(write ? memory.mayWrite(queue, cycle, address) : memory.mayRead(queue, cycle, address)))
      return false;
    taken.add(key);
    found.push(access);
    return true;
  };
  const width = widths[input.type];
  for (const { access, level, first } of streams) {
    const own = given[tapNumber(access.buffer)!]!;
    for (let byte = 0; byte < width; byte++) {
      let read = false;
      for (let copy = byte; copy < (input.copied ? 4 : width) && !read; copy += width)
        for (let producer = 0; producer < (own < 0 ? 4 : 1) && !read; producer++) {
          const slice = own < 0 ? wordSlice(copy, producer) : sliceOfWord(input, copy, own);
          const address = own < 0 ? chip.pad(input, window.pad) : addressOfWord(input, own);
          const cycle = at + level * delays.alu - toVxm(slice, delays) - delays.read;
          const queue = memQueue(input.side, slice);
          read = add({ queue, cycle, address, stream: on(first + byte), write: false });
        }
      if (!read) return undefined;
    }
  }
  for (const { store, level, out } of items) {
    if (store === undefined) continue;
    const word = words[store]!;
    const leaves = at + level * delays.alu + delays.aluEntry + delays.alu;
    for (const { byte, copy } of words.indexOf(word) === store ? copiesOf(output) : []) {
      const slice = sliceOfWord(output, copy, word);
      const queue = queueOfWord(output.side, copy, output.producer[word]!);
      const cycle = leaves + toVxm(slice, delays);
      const address = addressOfWord(output, word);
      if (!add({ queue, cycle, address, stream: on(out + byte), write: true })) return undefined;
    }
  }
  return found;
}

function instructionOf(item: Item, on: (stream: number) => number): Instruction {
  const { op, type, gives, rounding, operands, out } = item;
  const [x = constantOperand, y] = operands.map((each) =>
    each.kind === "stream"
      ? on(each.stream.first)
      : each.kind === "item"
        ? firstAlu + each.item.alu
        : constantOperand,
  );
  const result = out < 0 ? noResult : on(out);
  const number = types.indexOf(type);
  const fields =
    op === "convert"
      ? { from: number, to: types.indexOf(gives), rounding, x, out: result }
      : y === undefined
        ? { type: number, x, out: result }
        : { type: number, x, y, out: result };
  return { op, fields } as unknown as Instruction;
}
