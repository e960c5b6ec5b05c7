// Memory over time while a program is made: what each slice reads and writes in which cycle, which addresses are taken, and
// when what lay there was read last. Reads and writes are noted one by one and become instructions at the end: `move`
// where both fall into one cycle, `repeat` wherever they go on by steps.

import { addresses, memQueue, reservedWords, wordsOfBank, type Side } from "../../machine/geometry.ts";
import type { KernLine, ProgramBuilder } from "../../machine/program.ts";
import { instruction, type Instruction } from "../../machine/table.ts";

const usable = addresses - reservedWords;
const streamBits = 64;
/** The longest step that `repeat` makes. */
const largestStep = 2047;
const longestPeriod = 1023;

/** By cycle: address · 64 + stream + 1, or 0. */
class Ports {
  reads = new Int32Array(4096);
  writes = new Int32Array(4096);
  /** The line that causes what happens in a cycle: its number, from 1 on. */
  lines = new Int32Array(4096);

  grow(cycle: number): void {
    if (cycle < this.reads.length) return;
    const length = 2 * Math.max(cycle, this.reads.length);
    for (const name of ["reads", "writes", "lines"] as const) {
      const wider = new Int32Array(length);
      wider.set(this[name]);
      this[name] = wider;
    }
  }
}

/** Words from `from` to below `to`, which may be written again behind cycle `after`. */
interface Free {
  readonly from: number;
  readonly to: number;
  readonly after: number;
}

export interface Place {
  readonly address: number;
  /** The cycle behind which it may be written. */
  readonly after: number;
}

/** Words at the end of bank 1 for what lies outside of tensors. */
const pads = 8;
export const firstPad = usable - pads;
const wholeBank = (bank: number): Free[] => [
  { from: bank * wordsOfBank, to: bank === 0 ? wordsOfBank : firstPad, after: -1 },
];

export class Memory {
  private readonly ports = new Map<number, Ports>();
  private readonly free: Readonly<Record<Side, readonly [Free[], Free[]]>> = {
    W: [wholeBank(0), wholeBank(1)],
    E: [wholeBank(0), wholeBank(1)],
  };
  private readonly taken: Record<Side, number> = { W: 0, E: 0 };
  /** The next free address in the slices of rows and of weights, by queue. */
  private readonly next = new Map<number, number>();

  private readonly lines: (KernLine | undefined)[] = [undefined];
  /** The line that reads and writes are noted for from now on. */
  set from(line: KernLine | undefined) {
    const known = this.lines.findIndex((each) => each?.file === line?.file && each?.line === line?.line);
    this.line = known >= 0 ? known : this.lines.push(line) - 1;
  }
  private line = 0;

  private port(queue: number, cycle: number): Ports {
    let found = this.ports.get(queue);
    if (!found) this.ports.set(queue, (found = new Ports()));
    found.grow(cycle);
    return found;
  }

  mayRead(queue: number, cycle: number, address: number): boolean {
    if (cycle < 0) return false;
    const { reads, writes } = this.port(queue, cycle);
    return reads[cycle] === 0 && !sameBank(writes[cycle]!, address);
  }

  mayWrite(queue: number, cycle: number, address: number): boolean {
    const { reads, writes } = this.port(queue, cycle);
    return writes[cycle] === 0 && !sameBank(reads[cycle]!, address);
  }

  read(queue: number, cycle: number, address: number, stream: number): void {
    const port = this.port(queue, cycle);
    port.reads[cycle] = address * streamBits + stream + 1;
    port.lines[cycle] = this.line;
  }

  write(queue: number, cycle: number, address: number, stream: number): void {
    const port = this.port(queue, cycle);
    port.writes[cycle] = address * streamBits + stream + 1;
    port.lines[cycle] = this.line;
  }

  /** Takes `words` addresses of a bank in the slices of words of a hemisphere; undefined if there are none. */
  take(side: Side, bank: number, words: number): Place | undefined {
    const list = this.free[side][bank]!;
    // What is free for longest makes nobody wait.
    const [found] = list.filter(({ from, to }) => from + words <= to).toSorted((a, b) => a.after - b.after);
    if (!found) return undefined;
    const { from, to, after } = found;
    list.splice(list.indexOf(found), 1, ...(from + words < to ? [{ from: from + words, to, after }] : []));
    return { address: from, after };
  }

  /** Gives addresses back that are read for the last time in cycle `after`. */
  release(side: Side, address: number, words: number, after: number): void {
    if (words === 0) return;
    const list = this.free[side][address < wordsOfBank ? 0 : 1]!;
    list.push({ from: address, to: address + words, after });
    list.sort((a, b) => a.from - b.from);
    for (let at = list.length - 2; at >= 0; at--) {
      const [left, right] = [list[at]!, list[at + 1]!];
      if (left.to !== right.from) continue;
      list.splice(at, 2, { from: left.from, to: right.to, after: Math.max(left.after, right.after) });
    }
  }

  /** An address for a word that stands for what lies outside; undefined if all are taken. */
  pad(side: Side): number | undefined {
    return this.taken[side] < pads ? firstPad + this.taken[side]++ : undefined;
  }

  /** Addresses that nothing else gets, the same in slices `slice` … `slice + count - 1`; undefined if there are none. */
  keep(side: Side, slice: number, words: number): number | undefined {
    const queue = memQueue(side, slice);
    const address = this.next.get(queue) ?? 0;
    if (address + words > usable) return undefined;
    this.next.set(queue, address + words);
    return address;
  }

  /** Puts all reads and writes into the program. */
  emit(builder: ProgramBuilder): void {
    for (const [queue, ports] of this.ports) emitSlice(builder, queue, ports, this.lines);
  }
}

const sameBank = (entry: number, address: number): boolean =>
  entry !== 0 &&
  Math.floor(Math.floor((entry - 1) / streamBits) / wordsOfBank) === Math.floor(address / wordsOfBank);

function emitSlice(
  builder: ProgramBuilder,
  queue: number,
  { reads, writes, lines }: Ports,
  named: readonly (KernLine | undefined)[],
): void {
  const at: number[] = [];
  for (let cycle = 0; cycle < reads.length; cycle++) if (reads[cycle]! || writes[cycle]!) at.push(cycle);
  const follows = (a: number, b: number, table: Int32Array, step: number): boolean =>
    table[a] === 0 ? table[b] === 0 : table[b] !== 0 && step * streamBits === table[b]! - table[a]!;
  for (let first = 0; first < at.length;) {
    const cycle = at[first]!;
    const from = named[lines[cycle]!];
    let end = first + 1;
    if (end < at.length) {
      const next = at[end]!;
      const period = next - cycle;
      const lead = reads[cycle] ? reads : writes;
      const step = (lead[next]! - lead[cycle]!) / streamBits;
      if (period <= longestPeriod && Number.isInteger(step) && Math.abs(step) <= largestStep)
        while (
          end < at.length &&
          period === at[end]! - at[end - 1]! &&
          lines[at[end]!] === lines[cycle] &&
          follows(at[end - 1]!, at[end]!, reads, step) &&
          follows(at[end - 1]!, at[end]!, writes, step)
        )
          end += 1;
      if (end > first + 1) {
        builder.repeated(cycle, queue, accessOf(reads[cycle]!, writes[cycle]!), end - first, {
          period,
          step,
          from,
        });
        first = end;
        continue;
      }
    }
    builder.at(cycle, queue, accessOf(reads[cycle]!, writes[cycle]!), from);
    first = end;
  }
}

function accessOf(read: number, write: number): Instruction {
  const address = (entry: number): number => Math.floor((entry - 1) / streamBits);
  const stream = (entry: number): number => (entry - 1) % streamBits;
  if (!write) return instruction("read", { a: address(read), s: stream(read) });
  if (!read) return instruction("write", { a: address(write), s: stream(write) });
  return instruction("move", { a: address(read), s: stream(read), from: stream(write), to: address(write) });
}
