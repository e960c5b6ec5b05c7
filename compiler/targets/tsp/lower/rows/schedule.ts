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
import { Constants, Reservations } from "../reserve.ts";
import { gatherMap, Instructions } from "./instructions.ts";
import { writeIssues, type Issue } from "./issues.ts";
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

/** Cycles before a pattern's start in which its constants may be set. */
const patience = 16;

export class Schedule {
  private readonly memory: Memory;
  private readonly delays: Delays;
  private readonly reservations = new Reservations();
  private readonly constants = new Constants(alus);
  private readonly issues = new Map<number, Issue[]>();
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
    for (const { at, instance } of group) start = Math.max(start, this.earliest(instance) - at);
    let tries = 0;
    const asked = start;
    while (!group.every(({ at, instance }) => this.fits(instance, start + at))) {
      start += 1;
      if (++tries > 1_000_000) internalError("tsp-schedule", "a pattern of instructions finds no room");
    }
    this.waiting += start - asked;
    this.waits.set(template, (this.waits.get(template) ?? 0) + start - asked);
    for (const { at, instance } of group) this.commit(instance, start + at);
    template.last = start + group.at(-1)!.at;
    template.issued += group.length;
  }

  /** The first cycle of level 0 in which all operands can be there. */
  private earliest({ template, sources, tile, first }: Instance): number {
    const { read, alu } = this.delays;
    let found = 0;
    for (const item of template.chain.items) {
      const bits = constantOfItem(item);
      if (bits === undefined) continue;
      const first = this.constants.earliest(item.alu, bits, item.configured);
      found = Math.max(found, first - item.level * alu);
    }
    for (const [at, { level }] of template.chain.streams.entries()) {
      if (!first && this.isInit(template, at)) continue;
      const { family, copy } = sources[at]!;
      const row = rowOf(family, tile);
      const { slices } = placeOf(this.memory, row, copy, row.places[copy]!);
      for (const { hops } of slices) found = Math.max(found, hops + read - level * alu);
      found = Math.max(found, row.ready - level * alu);
    }
    return found;
  }

  /** Whether a stream brings the start of a carried value, so that only first steps have it. */
  private isInit({ dag, chain }: Template, stream: number): boolean {
    const own = chain.streams[stream]!;
    return dag.carried?.some(({ init }) => init.buffer === own.access.buffer) ?? false;
  }

  private fits({ template, sources, tile, first, results }: Instance, start: number): boolean {
    const { read, alu, aluEntry } = this.delays;
    const { reservations, memory } = this;
    const { items, streams } = template.chain;
    for (const item of items) {
      const cycle = start + item.level * alu;
      const queue = vxmQueue(item.alu);
      if (!reservations.idle(queue, cycle)) return false;
      const bits = constantOfItem(item);
      if (bits !== undefined && this.setting(template, item, start, bits) === "never") return false;
      const row = item.store === undefined ? undefined : results[item.store];
      if (!row) continue;
      const done = cycle + aluEntry + alu;
      const half = isWestward(item.out) ? "W" : "E";
      for (let byte = 0; byte < widths[item.gives]; byte++)
        if (!reservations.clear(item.out + byte, half, done)) return false;
      for (const [copy, index] of row.places.entries()) {
        if (index === undefined) continue;
        const { slices, address } = placeOf(memory, row, copy, index);
        for (const { queue: own, hops } of slices)
          if (!reservations.idle(own, done + hops) || this.stillRead(own, address, done + hops)) return false;
      }
    }
    for (const [at, { first: id, type, level }] of streams.entries()) {
      if (!first && this.isInit(template, at)) continue;
      const there = start + level * alu;
      const half = isWestward(id) ? "E" : "W";
      for (let byte = 0; byte < widths[type]; byte++)
        if (!reservations.clear(id + byte, half, there)) return false;
      const { family, copy } = sources[at]!;
      const row = rowOf(family, tile);
      for (const { queue, hops } of placeOf(memory, row, copy, row.places[copy]!).slices)
        if (!reservations.idle(queue, there - hops - read)) return false;
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
    this.reservations.issue(queue, cycle);
    this.ends = Math.max(this.ends, cycle);
    if (this.accessed && (given.op === "read" || given.op === "write")) {
      const key = queue * addresses + address;
      this.accessed.set(key, Math.max(this.accessed.get(key) ?? -1, cycle));
    }
    const list = this.issues.get(queue);
    if (list) list.push({ cycle, given, address, from });
    else this.issues.set(queue, [{ cycle, given, address, from }]);
  }

  /** Gives the issues to a program. */
  write(builder: ProgramBuilder): void {
    writeIssues(builder, this.issues);
  }
}
