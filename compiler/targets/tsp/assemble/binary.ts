// Programs as bytes (`.tspb`), little-endian throughout:
//
//   "TSPB" · version u16 · sections u16 · profile hash u32
//   each section: kind u16 · queue u16 · count u32 · content
//     1 words     `count` instruction words of a queue, u64 each
//     2 data      address u16, then `count` words of 320 bytes
//     3 input, 4 output: address u16 · length of the name u8 · name (UTF-8); `count` is the number of words
//     5 lines     for the words of a queue: runs of (words u32, line u32, length u8, file); line 0 is none
//
// Nothing in a file is believed before it is checked.

import { lanes, queues } from "../machine/geometry.ts";
import { profileHash, profiles } from "../machine/profile.ts";
import type { Issue, KernLine, Program, Region, Segment } from "../machine/program.ts";
import { freeAfter, heardAfter, queueWords } from "../machine/queue-words.ts";
import { instruction } from "../machine/table.ts";
import { badRegion } from "../machine/validity.ts";
import { decodeWord, encodeWord, largestGap } from "./words.ts";

const version = 1;
const kinds = { words: 1, data: 2, input: 3, output: 4, lines: 5 } as const;

/** The bytes of a program whose instructions are valid and don't overlap. */
export function encodeProgram(program: Program): Uint8Array {
  const out = new Writer();
  out.bytes(new TextEncoder().encode("TSPB"));
  out.number(version, 2);
  const sectionsAt = out.length;
  out.number(0, 2);
  out.number(profileHash(program.profile), 4);
  let sections = 0;
  const section = (kind: number, queue: number, count: number): void => {
    sections += 1;
    out.number(kind, 2);
    out.number(queue, 2);
    out.number(count, 4);
  };
  const region = (kind: number, { name, queue, address, words }: Region): void => {
    section(kind, queue, words);
    out.number(address, 2);
    out.text(name);
  };
  for (const each of program.inputs) region(kinds.input, each);
  for (const each of program.outputs) region(kinds.output, each);
  for (const { queue, address, words } of program.segments) {
    section(kinds.data, queue, words.length);
    out.number(address, 2);
    for (const beat of words) out.bytes(beat);
  }
  for (const [queue, list] of queueWords(program).entries()) {
    if (list.length === 0) continue;
    const words: { readonly word: bigint; readonly from?: KernLine }[] = [];
    for (const { gap, issue } of list) {
      let left = gap;
      for (; left > largestGap; left -= Math.min(left, largestGap))
        words.push({ word: encodeWord(0, instruction("nop", { n: Math.min(left, largestGap) })) });
      words.push({ word: encodeWord(left, issue.instruction), ...(issue.from && { from: issue.from }) });
    }
    section(kinds.words, queue, words.length);
    for (const { word } of words) out.word(word);
    if (words.some(({ from }) => from)) {
      const runs = runsOf(words.map(({ from }) => from));
      section(kinds.lines, queue, runs.length);
      for (const { count, from } of runs) {
        out.number(count, 4);
        out.number(from?.line ?? 0, 4);
        out.text(from?.file ?? "");
      }
    }
  }
  return out.finish(sectionsAt, sections);
}

function runsOf(lines: readonly (KernLine | undefined)[]): { count: number; from: KernLine | undefined }[] {
  const runs: { count: number; from: KernLine | undefined }[] = [];
  for (const from of lines) {
    const last = runs.at(-1);
    if (last && last.from?.file === from?.file && last.from?.line === from?.line) last.count += 1;
    else runs.push({ count: 1, from });
  }
  return runs;
}

/** The program that some bytes hold, or why they hold none. */
export function decodeProgram(bytes: Uint8Array): Program | string {
  const input = new Reader(bytes);
  try {
    return readProgram(input);
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}

class Malformed extends Error {}

function within(queue: number, address: number, words: number): void {
  const wrong = badRegion(queue, address, words);
  if (wrong) throw new Malformed(wrong);
}

function readProgram(input: Reader): Program {
  if (new TextDecoder("latin1").decode(input.bytes(4)) !== "TSPB")
    throw new Malformed("it doesn’t begin with TSPB");
  const found = input.number(2);
  if (found !== version) throw new Malformed(`its version is ${found}, and this is for ${version}`);
  const sections = input.number(2);
  const hash = input.number(4);
  const profile = profiles.find((each) => profileHash(each) === hash);
  if (!profile) throw new Malformed("it was assembled for a profile that isn’t known here");
  const segments: Segment[] = [];
  const regions: Record<"input" | "output", Region[]> = { input: [], output: [] };
  const words = new Map<number, bigint[]>();
  const lines = new Map<number, KernLine[]>();
  for (let at = 0; at < sections; at++) {
    const kind = input.number(2);
    const queue = input.number(2);
    const count = input.number(4);
    if (!queues[queue]) throw new Malformed(`there is no queue ${queue}`);
    switch (kind) {
      case kinds.words:
        input.need(8 * count);
        words.set(
          queue,
          Array.from({ length: count }, () => input.word()),
        );
        break;
      case kinds.data: {
        const address = input.number(2);
        within(queue, address, count);
        input.need(lanes * count);
        segments.push({
          queue,
          address,
          words: Array.from({ length: count }, () => input.bytes(lanes).slice()),
        });
        break;
      }
      case kinds.input:
      case kinds.output: {
        const address = input.number(2);
        within(queue, address, count);
        const region = { name: input.text(), queue, address, words: count };
        regions[kind === kinds.input ? "input" : "output"].push(region);
        break;
      }
      case kinds.lines:
        lines.set(queue, readLines(input, count, words.get(queue)?.length ?? 0));
        break;
      default:
        throw new Malformed(`there is no section of kind ${kind}`);
    }
  }
  if (!input.atEnd) throw new Malformed("there are bytes behind its last section");
  const issues = issuesOf(words, lines, profile.constants.barrier.value);
  return { profile, segments, inputs: regions.input, outputs: regions.output, issues };
}

function readLines(input: Reader, count: number, limit: number): KernLine[] {
  const found: KernLine[] = [];
  for (let at = 0; at < count; at++) {
    const times = input.number(4);
    const line = { line: input.number(4), file: input.text() };
    if (found.length + times > limit) throw new Malformed("it has more lines than instructions");
    for (let each = 0; each < times; each++) found.push(line);
  }
  return found;
}

/** Gaps to cycles. Behind a `sync` they count from the release. */
function issuesOf(
  words: ReadonlyMap<number, readonly bigint[]>,
  lines: ReadonlyMap<number, readonly KernLine[]>,
  barrier: number,
): readonly Issue[] {
  const decoded = [...words].map(([queue, list]) => ({
    queue,
    list: list.map((word, at) => {
      const given = decodeWord(word);
      if (typeof given === "string") throw new Malformed(`${queues[queue]!.name}, word ${at}: ${given}`);
      const from = lines.get(queue)?.[at];
      return { ...given, from: from && from.line > 0 ? from : undefined };
    }),
    next: 0,
    free: 0,
  }));
  const issues: Issue[] = [];
  const notified: number[] = [];
  const take = (run: (typeof decoded)[number], heard: number): void => {
    const { gap, instruction, from } = run.list[run.next++]!;
    const issue: Issue = { cycle: run.free + gap, queue: run.queue, instruction, ...(from && { from }) };
    if (instruction.op === "notify") notified.push(issue.cycle);
    issues.push(issue);
    run.free = freeAfter(issue, heard + barrier);
  };
  for (;;) {
    for (const run of decoded)
      while (run.next < run.list.length && run.list[run.next]!.instruction.op !== "sync") take(run, 0);
    // Of the parked queues the one that hears the earliest `notify` goes on: whatever comes later is later still.
    const parked = decoded
      .filter((run) => run.next < run.list.length)
      .map((run) => ({ run, heard: heardAfter(notified, run.free + run.list[run.next]!.gap, barrier) }));
    const first = parked.toSorted((a, b) => (a.heard ?? Infinity) - (b.heard ?? Infinity))[0];
    if (!first) break;
    take(first.run, first.heard ?? first.run.free);
  }
  return issues.toSorted((a, b) => a.queue - b.queue || a.cycle - b.cycle);
}

class Writer {
  private data = new Uint8Array(1024);
  length = 0;

  private room(count: number): void {
    if (this.length + count <= this.data.length) return;
    const larger = new Uint8Array(Math.max(2 * this.data.length, this.length + count));
    larger.set(this.data);
    this.data = larger;
  }

  bytes(given: Uint8Array): void {
    this.room(given.length);
    this.data.set(given, this.length);
    this.length += given.length;
  }

  number(value: number, size: number): void {
    this.room(size);
    for (let at = 0; at < size; at++) this.data[this.length++] = value >>> (8 * at);
  }

  word(value: bigint): void {
    this.number(Number(value & 0xffffffffn), 4);
    this.number(Number(value >> 32n), 4);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value).subarray(0, 255);
    this.number(bytes.length, 1);
    this.bytes(bytes);
  }

  finish(sectionsAt: number, sections: number): Uint8Array {
    this.data[sectionsAt] = sections;
    this.data[sectionsAt + 1] = sections >> 8;
    return this.data.slice(0, this.length);
  }
}

class Reader {
  private at = 0;
  private readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  get atEnd(): boolean {
    return this.at === this.data.length;
  }

  need(count: number): void {
    if (this.at + count > this.data.length) throw new Malformed("it ends in the middle of a section");
  }

  bytes(count: number): Uint8Array {
    this.need(count);
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  number(size: number): number {
    let value = 0;
    for (const [at, byte] of this.bytes(size).entries()) value += byte * 2 ** (8 * at);
    return value;
  }

  word(): bigint {
    return BigInt(this.number(4)) | (BigInt(this.number(4)) << 32n);
  }

  text(): string {
    return new TextDecoder().decode(this.bytes(this.number(1)));
  }
}
