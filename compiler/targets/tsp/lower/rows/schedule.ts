// When everything happens. Operations come in the order of the kernel; each instance of one is a rigid pattern of reads,
// ALU instructions and writes, put at the earliest cycle behind what it takes where nothing is in its way: so operations
// overlap where they can.

import { internalError } from "../../../../../lang/diagnostics/internal-error.ts";
import { addresses, alus, isWestward, vxmQueue } from "../../machine/geometry.ts";
import { delaysOf, type Delays, type Profile } from "../../machine/profile.ts";
import type { KernLine, ProgramBuilder } from "../../machine/program.ts";
import type { Instruction } from "../../machine/table.ts";
import { widths } from "../../machine/values.ts";
import { constantOfItem, type Item } from "../chain.ts";
import { Constants, Reservations, tableOfStream, type Footprint } from "../reserve.ts";
import { gatherMap, Instructions } from "./instructions.ts";
import { Issues } from "./issues.ts";
import { placeOf, sourcesOf, type Memory, type Source } from "./memory.ts";
import { rowOf, spanOfStream, type Gathered, type Operation, type Row, type Template } from "./model.ts";

/** One instance of a pattern: a row of a map, or a step of a sweep. */
interface Instance {
  readonly template: Template;
  readonly sources: readonly Source[];
  readonly tile: number;
  /** Carried operands come by stream. */
  readonly first: boolean;
  /** The rows that results go to, by store; none where they only go on. */
  readonly results: readonly (Row | undefined)[];
}

/** What an instance takes, and the first cycle in which its operands can be there. */
interface Wanted extends Footprint {
  /** Words that something lay in before: they are written when it is read no more. */
  readonly rewritten: readonly {
    readonly queue: number;
    readonly address: number;
    readonly offset: number;
  }[];
  readonly earliest: number;
}

/** Cycles before a pattern's start in which its constants may be set. */
const patience = 16;

export class Schedule {
  private readonly memory: Memory;
  private readonly delays: Delays;
  private readonly reservations = new Reservations();
  private readonly constants = new Constants(alus);
  private readonly issues = new Map<number, Issues>();
  private readonly instructions = new Instructions();
  /** The last cycle in which something is issued. */
  ends = 0;
  /** Cycles that patterns wait for queues and streams, whose operands would be there: in all, and of each one. */
  waiting = 0;
  readonly waits = new Map<Template, number>();

  /** By slice and address: the last cycle in which it is accessed, where words are used again. */
  private readonly accessed: Map<number, number> | undefined;

  constructor(memory: Memory, profile: Profile, reuse: boolean) {
    this.accessed = reuse ? new Map() : undefined;
    this.memory = memory;
    this.delays = delaysOf(profile);
  }

  add(operation: Operation): void {
    if (operation.kind === "gather") {
      for (const tile of operation.store.rows.keys()) this.gather(operation, tile);
      return;
    }
    const { template, tiles } = operation;
    const { chain } = template;
    if (operation.kind === "map") {
      const sources = sourcesOf(operation, operation.loads);
      for (let tile = 0; tile < tiles; tile++) {
        const results = operation.stores.map((family) => rowOf(family, tile));
        this.place(template, [{ at: 0, instance: { template, sources, tile, first: false, results } }]);
      }
      return;
    }
    const { steps, ways, parts, stores } = operation;
    const sources = steps.map(({ loads }) => sourcesOf(operation, loads));
    const nothing = stores.map(() => undefined);
    if (parts)
      for (let tile = 0; tile < tiles; tile++)
        this.place(
          template,
          steps.map((_, step) => ({
            at: step * chain.interval,
            instance: {
              template,
              sources: sources[step]!,
              tile,
              first: step < ways,
              results:
                step + ways >= steps.length
                  ? stores.map((families) => rowOf(families[step % ways]!, tile))
                  : nothing,
            },
          })),
        );
    else
      for (let from = 0; from < tiles; from += ways)
        this.place(
          template,
          steps.flatMap((_, step) =>
            Array.from({ length: Math.min(ways, tiles - from) }, (__, way) => ({
              at: (step * ways + way) * chain.interval,
              instance: {
                template,
                sources: sources[step]!,
                tile: from + way,
                first: step === 0,
                results:
                  step === steps.length - 1 ? stores.map(([family]) => rowOf(family!, from + way)) : nothing,
              },
            })),
          ),
        );
  }

  /** A map's beat flows west over the table's slices, and what they give on to where it is kept. */
  private gather({ map, table, store, span }: Gathered, tile: number): void {
    const line = this.instructions.line(span);
    const { read, write, gather } = this.delays;
    const { reservations, memory } = this;
    const row = rowOf(map, tile);
    const from = placeOf(memory, row, 0, row.places[0]!);
    const [source] = from.slices as [(typeof from.slices)[0]];
    const chosen = placeOf(memory, table.rows[0]!, 0, 0).slices;
    const kept = rowOf(store, tile);
    const targets = kept.places.flatMap((index, copy) =>
      index === undefined ? [] : [placeOf(memory, kept, copy, index)],
    );
    const W = gatherMap;
    // Times are diagonals: the cycle in which a beat was, or would have been, at the VXM.
    const asked = (time: number): number => time - read + source.hops;
    const given = (time: number): number => time + gather + read;
    const free = (time: number): boolean =>
      reservations.clear(W, "W", time) &&
      reservations.idle(source.queue, asked(time)) &&
      chosen.every(
        ({ queue, hops }, byte) =>
          reservations.idle(queue, time + hops) && reservations.clear(W - 1 - byte, "W", given(time)),
      ) &&
      targets.every(({ slices, address }) =>
        slices.every(
          ({ queue, hops }) =>
            reservations.idle(queue, given(time) + hops) &&
            !this.stillRead(queue, address, given(time) + hops),
        ),
      );
    let time = Math.max(row.ready - 2 * source.hops, read - source.hops, 0);
    while (!free(time)) time += 1;
    reservations.put(W, "W", time);
    this.issue(source.queue, asked(time), this.instructions.simple("read", W, 0), from.address, line);
    for (const [byte, { queue, hops }] of chosen.entries()) {
      const s = W - 1 - byte;
      reservations.put(s, "W", given(time));
      this.issue(queue, time + hops, this.instructions.simple("gather", s, 0), 0, line);
    }
    for (const { slices, address } of targets)
      for (const [byte, { queue, hops }] of slices.entries()) {
        this.issue(
          queue,
          given(time) + hops,
          this.instructions.simple("write", W - 1 - byte, 0),
          address,
          line,
        );
        kept.ready = Math.max(kept.ready, given(time) + 2 * hops + write + read);
      }
  }

  /** Puts instances, at fixed distances from each other, at the first cycle where all of them find room. */
  private place(
    template: Template,
    group: readonly { readonly at: number; readonly instance: Instance }[],
  ): void {
    let start = Math.max(template.last + 1, 1);
    const constants = this.constantsFrom(template);
    const wanted = group.map(({ at, instance }) => {
      const own = this.wantedBy(instance);
      start = Math.max(start, own.earliest - at, constants - at);
      return { ...own, at };
    });
    let tries = 0;
    const asked = start;
    while (!wanted.every((each) => this.fits(template, each, start + each.at))) {
      start += 1;
      if (++tries > 1_000_000) internalError("tsp-schedule", "a pattern of instructions finds no room");
    }
    this.waiting += start - asked;
    this.waits.set(template, (this.waits.get(template) ?? 0) + start - asked);
    for (const { at, instance } of group) this.commit(instance, start + at);
    template.last = start + group.at(-1)!.at;
    template.issued += group.length;
  }

  /** The first cycle of level 0 in which all ALUs can have their constants. */
  private constantsFrom({ chain }: Template): number {
    let found = 0;
    for (const item of chain.items) {
      const bits = constantOfItem(item);
      if (bits === undefined) continue;
      const first = this.constants.earliest(item.alu, bits, item.configured);
      found = Math.max(found, first - item.level * this.delays.alu);
    }
    return found;
  }

  /** Whether a stream brings the start of a carried value, so that only first steps have it. */
  private isInit({ dag, chain }: Template, stream: number): boolean {
    const own = chain.streams[stream]!;
    return dag.carried?.some(({ init }) => init.buffer === own.access.buffer) ?? false;
  }

  /** All that an instance takes, relative to its start, worked out once however many cycles are tried. */
  private wantedBy({ template, sources, tile, first, results }: Instance): Wanted {
    const { read, alu, aluEntry } = this.delays;
    const { items, streams } = template.chain;
    const tables: number[] = [];
    const offsets: number[] = [];
    const rewritten: { readonly queue: number; readonly address: number; readonly offset: number }[] = [];
    const take = (table: number, offset: number): void => {
      tables.push(table);
      offsets.push(offset);
    };
    let earliest = 0;
    // Reads first: what is mostly in the way is another pattern at the same slices.
    for (const [at, { first: id, type, level }] of streams.entries()) {
      if (!first && this.isInit(template, at)) continue;
      const there = level * alu;
      const half = isWestward(id) ? "E" : "W";
      for (let byte = 0; byte < widths[type]; byte++) take(tableOfStream(id + byte, half), there);
      const { family, copy } = sources[at]!;
      const row = rowOf(family, tile);
      for (const { queue, hops } of placeOf(this.memory, row, copy, row.places[copy]!).slices) {
        take(queue, there - hops - read);
        earliest = Math.max(earliest, hops + read - there);
      }
      earliest = Math.max(earliest, row.ready - there);
    }
    for (const item of items) {
      take(vxmQueue(item.alu), item.level * alu);
      const row = item.store === undefined ? undefined : results[item.store];
      if (!row) continue;
      const done = item.level * alu + aluEntry + alu;
      const half = isWestward(item.out) ? "W" : "E";
      for (let byte = 0; byte < widths[item.gives]; byte++) take(tableOfStream(item.out + byte, half), done);
      for (const [copy, index] of row.places.entries()) {
        if (index === undefined) continue;
        const { slices, address } = placeOf(this.memory, row, copy, index);
        for (const { queue, hops } of slices) {
          take(queue, done + hops);
          if (this.accessed) rewritten.push({ queue, address, offset: done + hops });
        }
      }
    }
    return { tables, offsets, rewritten, earliest };
  }

  private fits(template: Template, wanted: Wanted, start: number): boolean {
    if (!this.reservations.free(wanted, start)) return false;
    for (const { queue, address, offset } of wanted.rewritten)
      if (this.stillRead(queue, address, start + offset)) return false;
    for (const item of template.chain.items) {
      const bits = constantOfItem(item);
      if (bits !== undefined && this.setting(template, item, start, bits) === "never") return false;
    }
    return true;
  }

  /** Whether a word can't be written yet, since what lay there before is read then or later. */
  private stillRead(queue: number, address: number, cycle: number): boolean {
    return this.accessed !== undefined && (this.accessed.get(queue * addresses + address) ?? -1) >= cycle;
  }

  /** The cycle in which an item's constant is set: as late as the queue allows, and as the pattern itself does. */
  private setting(
    { chain }: Template,
    item: Item,
    start: number,
    bits: number,
  ): number | "nothing" | "never" {
    const { alu } = this.delays;
    const cycle = start + item.level * alu;
    const need = this.constants.need(item.alu, cycle, bits, item.configured);
    if (typeof need !== "number") return need;
    const earliest = item.configured ? cycle - 1 : Math.max(0, need, start - patience);
    for (let at = cycle - 1; at >= earliest; at--)
      if (
        this.reservations.idle(vxmQueue(item.alu), at) &&
        (at < start ||
          !chain.items.some((other) => {
            if (other === item || other.alu !== item.alu) return false;
            const apart = start + other.level * alu - at;
            return apart % chain.interval === 0 || (other.configured && (apart - 1) % chain.interval === 0);
          }))
      )
        return at;
    return "never";
  }

  private commit({ template, sources, tile, first, results }: Instance, start: number): void {
    const { read, write, alu, aluEntry } = this.delays;
    const { reservations, constants, memory } = this;
    const { items, streams } = template.chain;
    for (const item of items) {
      const cycle = start + item.level * alu;
      const queue = vxmQueue(item.alu);
      const from = this.instructions.line(item.span);
      const bits = constantOfItem(item);
      if (bits !== undefined) {
        const set = this.setting(template, item, start, bits);
        if (set === "never") internalError("tsp-schedule", "a constant finds no room");
        const when = set === "nothing" ? undefined : set;
        if (when !== undefined) this.issue(queue, when, this.instructions.simple("config", bits, 0), 0, from);
        constants.use(item.alu, cycle, bits, item.configured, when);
      }
      const row = item.store === undefined ? undefined : results[item.store];
      const stored = row?.places.some((place) => place !== undefined) ?? false;
      this.issue(queue, cycle, this.instructions.ofItem(template, item, first, stored), 0, from);
      if (!row || !stored) continue;
      const done = cycle + aluEntry + alu;
      const half = isWestward(item.out) ? "W" : "E";
      for (let byte = 0; byte < widths[item.gives]; byte++) reservations.put(item.out + byte, half, done);
      const line = this.instructions.line(template.dag.stores[item.store!]!.span);
      for (const [copy, index] of row.places.entries()) {
        if (index === undefined) continue;
        const { slices, address } = placeOf(memory, row, copy, index);
        for (const [byte, { queue: own, hops }] of slices.entries()) {
          this.issue(own, done + hops, this.instructions.simple("write", item.out + byte, 0), address, line);
          row.ready = Math.max(row.ready, done + 2 * hops + write + read);
        }
      }
    }
    for (const [at, { first: id, type, level }] of streams.entries()) {
      if (!first && this.isInit(template, at)) continue;
      const there = start + level * alu;
      const half = isWestward(id) ? "E" : "W";
      for (let byte = 0; byte < widths[type]; byte++) reservations.put(id + byte, half, there);
      const { family, copy } = sources[at]!;
      const row = rowOf(family, tile);
      const { slices, address } = placeOf(memory, row, copy, row.places[copy]!);
      const from = this.instructions.line(spanOfStream(template, streams[at]!));
      for (const [byte, { queue, hops }] of slices.entries())
        this.issue(queue, there - hops - read, this.instructions.simple("read", id + byte, 0), address, from);
    }
  }

  // ---- instructions ------------------------------------------------------------------------------------------

  private issue(
    queue: number,
    cycle: number,
    given: Instruction,
    address: number,
    from: KernLine | undefined,
  ): void {
    this.reservations.set(queue, cycle);
    this.ends = Math.max(this.ends, cycle);
    if (this.accessed && (given.op === "read" || given.op === "write")) {
      const key = queue * addresses + address;
      this.accessed.set(key, Math.max(this.accessed.get(key) ?? -1, cycle));
    }
    let list = this.issues.get(queue);
    if (!list) this.issues.set(queue, (list = new Issues()));
    list.add(cycle, given, address, from);
  }

  /** Gives the issues to a program. */
  write(builder: ProgramBuilder): void {
    for (const [queue, list] of [...this.issues].toSorted(([a], [b]) => a - b)) list.write(builder, queue);
  }
}
