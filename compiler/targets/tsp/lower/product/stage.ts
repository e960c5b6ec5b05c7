// One product in time: tiles of weights one after the other on the planes of each hemisphere, the words that go through
// them, and from the last tile of each sum on the vector unit and the results' way to memory. Each phase begins as soon as its
// weights are there, its words may be read, its sums may be added to, and no slice is asked for two things in one cycle.

import { lanes, memQueue, mxmQueue, sides, type Side } from "../../machine/geometry.ts";
import { instruction } from "../../machine/table.ts";
import { noResult } from "../../machine/instruction.ts";
import { columnsOfBlock } from "../../machine/mxm.ts";
import { widths } from "../../machine/values.ts";
import { Unfit } from "../dag.ts";
import { lineOf } from "../line.ts";
import { WrongAnnotation } from "../steering.ts";
import { configure, issueChain, type Epilogue } from "./epilogue.ts";
import {
  firstWeightSlice,
  operandStream,
  otherSide,
  planesOf,
  resultStream,
  rowPlace,
  queueOfWord,
  sumStream,
  toPlane,
  toSum,
  toVxm,
  weightStream,
  wordStream,
} from "./floor.ts";
import { addressOfWord, copiesOf, copyForPlane, sliceOfWord, type Resident } from "./resident.ts";
import { columnsOfTile, wordOfPass, type Class, type Pass, type Tiling } from "./tiles.ts";
import type { Chip } from "./chip.ts";
import type { Job } from "./jobs.ts";

/** A tile on one hemisphere: its weights and where they lie. */
export interface StoredTile {
  readonly of: Class;
  readonly pass: Pass;
  readonly half: number;
  readonly blocks: number;
  /** Words behind the stage's first one. */
  readonly offset: number;
}

/** What the host fills for a stage in one hemisphere. */
export interface StoredWeights {
  readonly side: Side;
  readonly address: number;
  readonly words: number;
  readonly tiles: readonly StoredTile[];
}

/** A tile and the words that go through it. */
interface Phase {
  readonly tile: StoredTile;
  readonly parts: readonly { readonly job: Job; readonly row: number }[];
  readonly add: 0 | 1;
  readonly last: boolean;
}

export interface StageOptions {
  readonly tiling: Tiling;
  readonly epilogue: Epilogue;
  readonly input: Resident;
  /** The tensor beside the sums, if there is one. */
  readonly operand: Resident | undefined;
  readonly output: Resident;
  readonly jobs: readonly (readonly Job[])[];
  /** Addresses of the rows of factors: by hemisphere of the planes, then by feed; a word a part of the output. */
  readonly rows: Readonly<Record<Side, readonly number[]>>;
}

/** Cycles that a phase may wait for slices: more than everything that is under way then. */
const longestWait = 20_000;

/** Access to a slice that a phase would have. */
interface Access {
  readonly queue: number;
  readonly cycle: number;
  readonly address: number;
  readonly stream: number;
  readonly write: boolean;
}

export class Stage {
  private readonly chip: Chip;
  private readonly of: StageOptions;
  private readonly float: 0 | 1;
  private readonly configured = new Set<number>();
  /** By hemisphere: the arrival of the stage's first sum, to which others keep the interval's time. */
  private readonly pace = new Map<Side, number>();
  readonly stored: StoredWeights[] = [];
  begins = Infinity;
  ends = 0;
  fed = 0;

  constructor(chip: Chip, of: StageOptions) {
    this.chip = chip;
    this.of = of;
    this.float = of.tiling.product.type === "f16" ? 1 : 0;
  }

  /** Issues everything; a reason if the weights don't fit. */
  emit(): string | undefined {
    const queues = sides.map((side, at) => this.phasesOf(side, this.of.jobs[at]!));
    for (const [at, phases] of queues.entries())
      if (typeof phases === "string") return phases;
      else if (phases.length === 0) queues[at] = [];
    const next = [0, 0];
    for (;;) {
      const open = sides
        .map((side, at) => ({ side, at, free: this.chip.units[side].fed }))
        .filter(({ at }) => next[at]! < (queues[at] as readonly Phase[]).length)
        .toSorted((a, b) => a.free - b.free)[0];
      if (!open) return undefined;
      this.phase(open.side, (queues[open.at] as readonly Phase[])[next[open.at]!]!);
      next[open.at]! += 1;
    }
  }

  /** Phases of a hemisphere: jobs together whose rows are few, so that a row's sums have time between two tiles. */
  private phasesOf(side: Side, jobs: readonly Job[]): readonly Phase[] | string {
    const { tiling } = this.of;
    const { product } = tiling;
    const { delays, memory } = this.chip;
    const tiles: StoredTile[] = [];
    const known = new Map<string, StoredTile>();
    let words = 0;
    const tileOf = (of: Class, pass: Pass, half: number): StoredTile => {
      const key = `${of.phase} ${of.part} ${pass.r} ${pass.shift} ${pass.part} ${half}`;
      const found = known.get(key);
      if (found) return found;
      const blocks = Math.ceil(columnsOfTile(tiling, of) / columnsOfBlock(this.float));
      const made = { of, pass, half, blocks, offset: words };
      words += blocks;
      known.set(key, made);
      tiles.push(made);
      return made;
    };
    const phases: Phase[] = [];
    for (let first = 0; first < jobs.length;) {
      let rows = 0;
      const group: { job: Job; row: number }[] = [];
      const outer = product.asked?.outer;
      // Tiles of channels outside: all columns have their sums at once; tiles of columns: none has them beside another.
      const most = outer?.tiles === "channels" ? Infinity : outer ? 1 : delays.accumulate;
      while (first < jobs.length && (group.length === 0 || rows < most)) {
        const job = jobs[first]!;
        const own = Math.max(...job.words.map(({ length }) => length));
        const other = group[0]?.job.of.passes.length ?? job.of.passes.length;
        if (outer?.tiles === "channels" && rows + own > delays.accumulatorRows)
          throw new WrongAnnotation(
            outer.directive,
            `sums of all columns at once take ${rows + own} rows and more in a plane’s accumulators, which have ${delays.accumulatorRows}`,
            "let the loop over tiles of columns run outside, or tile the rows and let their tiles run outside of all",
          );
        if (other !== job.of.passes.length || rows + own > delays.accumulatorRows) break;
        if (product.asked?.rowsOutside && group.length > 0 && group[0]!.job.go !== job.go) break;
        group.push({ job, row: rows });
        rows += own;
        first += 1;
      }
      const { passes } = group[0]!.job.of;
      const halves = (pass: Pass): readonly number[] =>
        this.float && usedLanes(tiling, pass) > lanes / 2 ? [0, 1] : [0];
      const last = passes.length - 1;
      for (const [at, pass] of passes.entries())
        for (const [index, half] of halves(pass).entries())
          for (const part of group)
            phases.push({
              tile: tileOf(part.job.of, part.job.of.passes[at]!, half),
              parts: [part],
              add: at > 0 || index > 0 ? 1 : 0,
              last: at === last && index === halves(pass).length - 1,
            });
    }
    if (phases.length === 0) return phases;
    const address = memory.keep(side, firstWeightSlice, words);
    if (address === undefined)
      return `more weights than a hemisphere’s 16 slices hold (of \`${product.name}\`)`;
    this.stored.push({ side, address, words, tiles });
    return phases.map((phase) => ({
      ...phase,
      tile: { ...phase.tile, offset: address + phase.tile.offset },
    }));
  }

  private phase(side: Side, phase: Phase): void {
    const { chip, of, float } = this;
    const { delays, builder, memory } = chip;
    const unit = chip.units[side];
    const { tile, add, last } = phase;
    const { job, row } = phase.parts[0]!;
    const interval = last ? of.epilogue.interval : 1;
    const active = planesOf(side).filter((_, index) => (job.words[index]?.length ?? 0) > 0);
    const count = Math.max(...job.words.map(({ length }) => length));
    const slowest = toPlane(side, firstWeightSlice, side, delays);
    const load = Math.max(unit.buffer, slowest);
    const install = Math.max(load + tile.blocks, unit.fed);
    let start = install + delays.install;
    for (const plane of active) {
      const own = chip.planes[plane]!;
      const words = job.words[plane % 2]!;
      if (add)
        for (let at = 0; at < words.length; at++)
          start = Math.max(
            start,
            own.summed[row + at]! + delays.accumulate - delays.multiply - at * interval,
          );
      if (last) {
        const early = of.epilogue.sumLevel * delays.alu + (this.configured.has(plane) ? 0 : 1);
        const free = this.configured.has(plane) ? 0 : own.vector + early;
        start = Math.max(start, free - toSum(delays));
      }
    }
    start = Math.max(start, this.whenReady(job, tile, active, interval, last));
    if (last && interval > 1) {
      const pace = this.pace.get(side);
      if (pace !== undefined) start += (((pace - start) % interval) + interval) % interval;
    }
    let accesses: readonly Access[] | undefined;
    for (let tries = 0; ; start += last ? interval : 1) {
      if (tries++ > longestWait)
        throw new Unfit("a product whose words can’t be read and written at once", of.tiling.product.span);
      accesses = this.accesses(side, job, tile, active, start, interval, last, count);
      if (accesses) break;
    }
    if (last) this.pace.set(side, start);
    const from = lineOf(of.tiling.product.span);
    memory.from = from;
    for (const { queue, cycle, address, stream, write } of accesses)
      if (write) memory.write(queue, cycle, address, stream);
      else memory.read(queue, cycle, address, stream);
    for (let slice = firstWeightSlice; slice < firstWeightSlice + 16; slice++) {
      const first = load - toPlane(side, slice, side, delays);
      const stream = weightStream(side) + slice - firstWeightSlice;
      for (let block = 0; block < tile.blocks; block++)
        memory.read(memQueue(side, slice), first + block, tile.offset + block, stream);
    }
    const lw = instruction("lw", { float, half: tile.half, block: 0, s: weightStream(side) });
    for (const plane of active) {
      const words = job.words[plane % 2]!;
      builder.repeated(load, mxmQueue(plane, "weights"), lw, tile.blocks, { step: 1, from });
      builder.at(install, mxmQueue(plane, "weights"), instruction("iw", {}), from);
      const abc = instruction("abc", { float, half: tile.half, s: wordStream(plane, float) });
      builder.repeated(start, mxmQueue(plane, "act"), abc, words.length, { period: interval, from });
      const acc = instruction("acc", { float, add, row, out: last ? sumStream(plane) : noResult });
      const summed = start + delays.multiply;
      builder.repeated(summed, mxmQueue(plane, "acc"), acc, words.length, {
        period: interval,
        step: 1,
        from,
      });
      const own = chip.planes[plane]!;
      for (let at = 0; at < words.length; at++) own.summed[row + at] = summed + at * interval;
      if (last) this.vector(plane, start + toSum(delays), words.length);
      this.fed += words.length;
    }
    unit.buffer = install + delays.install;
    unit.fed = start + (count - 1) * interval + 1;
    this.begins = Math.min(this.begins, start);
  }

  private vector(plane: number, arrival: number, words: number): void {
    const { chip, of, configured } = this;
    const { epilogue, output } = of;
    const hold = chip.delays.alu;
    const from = of.operand?.side ?? otherSide(output.side);
    if (!configured.has(plane)) {
      configured.add(plane);
      configure(chip.builder, epilogue, plane, arrival - epilogue.sumLevel * hold - 1);
    }
    issueChain(chip.builder, epilogue, plane, output.side, arrival, words, hold, from);
    chip.planes[plane]!.vector = arrival + (words - 1) * epilogue.interval + epilogue.busy + 1;
  }

  /** The first cycle in which a phase's words, one every interval, may all be read and written. */
  private whenReady(
    job: Job,
    { of: own, pass }: StoredTile,
    active: readonly number[],
    interval: number,
    last: boolean,
  ): number {
    const { tiling, input, operand, output, epilogue } = this.of;
    const { delays } = this.chip;
    let start = 0;
    const arrival = toSum(delays);
    for (const plane of active)
      for (const [at, word] of job.words[plane % 2]!.entries()) {
        const given = wordOfPass(tiling, own, pass, word);
        if (given >= 0) {
          const slice = sliceOfWord(input, copyForPlane(input, plane, 0), given);
          const way = toPlane(input.side, slice, plane < 2 ? "W" : "E", delays);
          start = Math.max(start, input.ready[given]! + way - at * interval);
        }
        if (!last) continue;
        if (operand) {
          // The operand is taken behind the sum's arrival or before it; counting from the arrival is always enough.
          const slice = sliceOfWord(operand, (plane + 1) % 4, word);
          const before = toVxm(slice, delays) + delays.read + epilogue.sumLevel * delays.alu;
          start = Math.max(start, operand.ready[word]! + before - arrival - at * interval);
        }
        start = Math.max(start, output.after + 1 - arrival - epilogue.done - at * interval);
      }
    return start;
  }

  /** What slices would do for a phase that starts in a cycle; undefined if one of them can't. */
  private accesses(
    side: Side,
    job: Job,
    { of: own, pass }: StoredTile,
    active: readonly number[],
    start: number,
    interval: number,
    last: boolean,
    count: number,
  ): readonly Access[] | undefined {
    const { tiling, input, operand, output, epilogue, rows } = this.of;
    const { delays, memory } = this.chip;
    const found: Access[] = [];
    const taken = new Map<number, number>();
    const add = (queue: number, cycle: number, address: number, stream: number, write: boolean): boolean => {
      const free = write ? memory.mayWrite(queue, cycle, address) : memory.mayRead(queue, cycle, address);
      const key = 128 * cycle + queue;
      // Within a phase a slice does one thing a cycle.
      if (!free || taken.has(key)) return false;
      taken.set(key, address);
      found.push({ queue, cycle, address, stream, write });
      return true;
    };
    for (const plane of active)
      for (const [at, word] of job.words[plane % 2]!.entries()) {
        const when = start + at * interval;
        const given = wordOfPass(tiling, own, pass, word);
        for (let byte = 0; byte < widths[input.type]; byte++) {
          const copy = copyForPlane(input, plane, byte);
          const slice = given < 0 ? 4 * copy : sliceOfWord(input, copy, given);
          const address = given < 0 ? this.chip.pad(input, tiling.product.pad) : addressOfWord(input, given);
          const cycle = when - toPlane(input.side, slice, side, delays);
          if (!add(memQueue(input.side, slice), cycle, address, wordStream(plane, this.float) + byte, false))
            return undefined;
          input.lastRead = Math.max(input.lastRead, cycle);
        }
        if (!last) continue;
        const arrival = when + toSum(delays);
        for (const { stream, place } of epilogue.feeds) {
          if (place !== undefined || !operand) continue;
          const slice = sliceOfWord(operand, (plane + 1) % 4, word);
          const cycle =
            arrival + (stream.level - epilogue.sumLevel) * delays.alu - toVxm(slice, delays) - delays.read;
          const on = operandStream(plane, operand.side);
          if (!add(memQueue(operand.side, slice), cycle, addressOfWord(operand, word), on, false))
            return undefined;
          operand.lastRead = Math.max(operand.lastRead, cycle);
        }
        for (const { byte, copy } of copiesOf(output)) {
          const slice = sliceOfWord(output, copy, word);
          const cycle = arrival + epilogue.done + toVxm(slice, delays);
          const queue = queueOfWord(output.side, copy, plane);
          const on = resultStream(plane, output.side) + byte;
          if (cycle <= output.after || !add(queue, cycle, addressOfWord(output, word), on, true))
            return undefined;
          output.ready[word] = Math.max(output.ready[word]!, cycle + delays.write);
          this.ends = Math.max(this.ends, cycle + delays.write);
        }
      }
    if (!last) return found;
    for (const [index, { stream, place }] of epilogue.feeds.entries()) {
      if (place === undefined) continue;
      const at = rowPlace(side, place);
      for (let word = 0; word < count; word++)
        for (let byte = 0; byte < widths[stream.type]; byte++) {
          const arrival = start + word * interval + toSum(delays);
          const level = (stream.level - epilogue.sumLevel) * delays.alu;
          const cycle = arrival + level - toVxm(at.slice, delays) - delays.read;
          const address = rows[side][index]! + own.part;
          if (!add(memQueue(at.side, at.slice + byte), cycle, address, at.stream + byte, false))
            return undefined;
        }
    }
    return found;
  }
}

/** Lanes of a pass's words that hold values. */
const usedLanes = ({ input }: Tiling, { part }: Pass): number =>
  input.parts === 1
    ? input.pixels * input.channels
    : part < input.parts - 1
      ? input.share
      : input.channels - input.share * (input.parts - 1);
