// Which slices hold which rows. What one instruction pattern reads and writes at once never shares a slice: a slice has one
// queue. A pattern that reads a region twice at once has it from two copies, of which each holds the rows read from it.

import {
  addresses,
  memQueue,
  reservedWords,
  slicePosition,
  slicesOfSide,
  type Side,
} from "../../machine/geometry.ts";
import type { Delays } from "../../machine/profile.ts";
import { widths } from "../../machine/values.ts";
import { Unfit } from "../dag.ts";
import { rowOf, slotOf, type Family, type Operation, type Region, type Row, type Streamed } from "./model.ts";

/** Words of a slice that rows may take. */
export const usable = addresses - reservedWords;

/** A slice with its distance in cycles from the VXM. */
export interface Slice {
  readonly queue: number;
  readonly hops: number;
}

/** By region, copy and set (of as many rows as a slice holds): a slice a byte, and the first word. */
export interface Places {
  readonly slices: readonly Slice[];
  readonly base: number;
}
export type Memory = ReadonlyMap<Region, readonly (readonly Places[])[]>;

/** The family behind each stream of an operation's pattern, in one of its steps, and the copy that it is read from. */
export interface Source {
  readonly family: Family;
  readonly copy: number;
}

export function sourcesOf(operation: Streamed, loads: readonly Family[]): readonly Source[] {
  const inits = operation.kind === "sweep" ? operation.inits : [];
  const seen = new Map<Region, number>();
  return operation.template.chain.streams.map(({ access }) => {
    const slot = slotOf(access);
    const family = slot < loads.length ? loads[slot]! : inits[slot - loads.length]!;
    const { region } = family.rows[0]!;
    const copy = seen.get(region) ?? 0;
    seen.set(region, copy + 1);
    return { family, copy };
  });
}

function demand(row: Row, copy: number): void {
  if (row.places[copy] !== undefined) return;
  const list = (row.region.copies[copy] ??= []);
  row.places[copy] = list.push(row) - 1;
}

/** Gives each row a place in every copy that it is read from; those in `kept` have at least one. */
export function demandRows(operations: readonly Operation[], kept: Iterable<Family>): void {
  for (const operation of operations) {
    if (operation.kind === "gather") {
      for (const row of [...operation.map.rows, ...operation.table.rows]) demand(row, 0);
      continue;
    }
    const steps = operation.kind === "map" ? [operation.loads] : operation.steps.map(({ loads }) => loads);
    for (const loads of steps)
      for (const { family, copy } of sourcesOf(operation, loads))
        for (const row of family.rows) demand(row, copy);
  }
  for (const { rows } of kept)
    for (const row of rows) if (row.places.every((at) => at === undefined)) demand(row, 0);
}

export interface Room {
  /** Whether regions lie in the slices that fewest others lie in, instead of the nearest to the VXM. */
  readonly spread: boolean;
  /** Words of a slice that rows may take; fewer than there are for tests. */
  readonly words: number;
  /** When regions are in use, where words that nothing reads any more are given to others. */
  readonly lives: ReadonlyMap<Region, Life> | undefined;
}

/** Chooses slices for all regions. Throws `Unfit` where they don't fit. */
export function allocate(
  regions: readonly Region[],
  operations: readonly Operation[],
  delays: Delays,
  { spread, words: capacity, lives }: Room,
): Memory {
  const apart = conflicts(operations);
  const slices = { W: slicesFor(capacity), E: slicesFor(capacity) };
  const found = pinned(operations, slices.W, capacity, delays);
  const wanted = regions.flatMap((region) =>
    found.has(region)
      ? []
      : region.copies.flatMap((rows, copy) =>
          rows ? [{ region, copy, rows: rows.length, life: lives?.get(region) ?? always }] : [],
        ),
  );
  for (const { region, copy, rows, life } of wanted.toSorted(
    (a, b) => (lives ? a.life.from - b.life.from : 0) || b.rows - a.rows,
  )) {
    const { side } = region;
    const own = nameOf(region, copy);
    const others = apart.get(own) ?? new Set();
    const width = widths[region.type];
    const sets: Places[] = [];
    for (let from = 0; from < rows; from += usable) {
      const words = Math.min(usable, rows - from);
      const order = slices[side].map((slice, at) => ({ slice, at }));
      if (spread) order.sort((a, b) => a.slice.names.length - b.slice.names.length || a.at - b.at);
      const able = order.filter(
        ({ slice }) =>
          slice.firstFree(0, words, life) !== undefined && !slice.names.some((each) => others.has(each)),
      );
      // All bytes of a row have one address.
      const taken = able.slice(0, width);
      if (taken.length < width) throw new Unfit(tooMuch(side));
      const base = commonBase(
        taken.map(({ slice }) => slice),
        words,
        life,
      );
      if (base === undefined) throw new Unfit(tooMuch(side));
      for (const { slice } of taken) slice.take(own, base, words, life);
      sets.push({ base, slices: taken.map(({ at }) => sliceAt(side, at, delays)) });
    }
    const copies = found.get(region) ?? [];
    copies[copy] = sets;
    found.set(region, copies);
  }
  return found;
}

/** From the operation that writes rows first, or -1 where the host does, to the one that reads them last. */
export interface Life {
  readonly from: number;
  readonly to: number;
}
const always: Life = { from: -1, to: Infinity };

function livesOf(operations: readonly Operation[], kept: readonly Family[]): ReadonlyMap<Row, Life> {
  const lives = new Map<Row, Life>();
  const use = (family: Family, at: number): void => {
    for (const row of family.rows) {
      const known = lives.get(row) ?? { from: row.content ? -1 : at, to: at };
      lives.set(row, { from: known.from, to: Math.max(known.to, at) });
    }
  };
  for (const [at, each] of operations.entries()) {
    if (each.kind === "gather") for (const family of [each.map, each.table, each.store]) use(family, at);
    else if (each.kind === "map") for (const family of [...each.loads, ...each.stores]) use(family, at);
    else {
      for (const family of [...each.inits, ...each.stores.flat()]) use(family, at);
      for (const { loads } of each.steps) for (const family of loads) use(family, at);
    }
  }
  for (const family of kept) use(family, Infinity);
  return lives;
}

/**
 * Gives rows places of their regions that held rows nothing reads any more. Rows that the host fills, and tables that
 * gathers choose from, keep theirs. Gives the life of each region.
 */
export function shareRows(
  regions: readonly Region[],
  operations: readonly Operation[],
  kept: readonly Family[],
): ReadonlyMap<Region, Life> {
  const lives = livesOf(operations, kept);
  const lifeOf = (row: Row): Life => lives.get(row) ?? always;
  const whole = new Map<Region, Life>();
  const fixed = new Set(
    operations.flatMap((each) =>
      each.kind === "gather"
        ? [each.map, each.table, each.store].flatMap(({ rows }) => rows.map(({ region }) => region))
        : [],
    ),
  );
  for (const region of regions) {
    const all = region.copies.flatMap((rows) => (rows ?? []).map(lifeOf));
    whole.set(region, {
      from: Math.min(...all.map(({ from }) => from)),
      to: Math.max(...all.map(({ to }) => to)),
    });
    if (fixed.has(region)) continue;
    for (const [copy, rows] of region.copies.entries()) {
      if (!rows) continue;
      const places: Row[] = [];
      for (const row of rows.toSorted((a, b) => lifeOf(a).from - lifeOf(b).from)) {
        const dead = places.findIndex((other) => lifeOf(other).to < lifeOf(row).from);
        const at = dead < 0 ? places.length : dead;
        places[at] = row;
        row.places[copy] = at;
      }
      region.copies[copy] = places;
    }
  }
  return whole;
}

/** What lies in a slice, and when. */
class SliceRoom {
  readonly names: string[] = [];
  private readonly capacity: number;
  private readonly tenants: { readonly base: number; readonly end: number; readonly life: Life }[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  take(name: string, base: number, words: number, life: Life): void {
    this.names.push(name);
    this.tenants.push({ base, end: base + words, life });
  }

  /** The first address from `from` on where words are free through a life. */
  firstFree(from: number, words: number, life: Life): number | undefined {
    let base = from;
    for (let moved = true; moved;) {
      moved = false;
      for (const each of this.tenants) {
        const meets = each.life.from <= life.to && life.from <= each.life.to;
        if (!meets || each.end <= base || base + words <= each.base) continue;
        base = each.end;
        moved = true;
      }
    }
    return base + words <= this.capacity ? base : undefined;
  }
}

const slicesFor = (capacity: number): readonly SliceRoom[] =>
  Array.from({ length: slicesOfSide }, () => new SliceRoom(capacity));

function commonBase(slices: readonly SliceRoom[], words: number, life: Life): number | undefined {
  let base = 0;
  for (;;) {
    const next = slices.map((slice) => slice.firstFree(base, words, life));
    if (next.includes(undefined)) return undefined;
    const most = Math.max(...(next as number[]));
    if (most === base) return base;
    base = most;
  }
}

/**
 * What gathers take and give, in slices of the west of their own: maps, the tables behind them, then what is chosen. So
 * streams that flow away from the VXM pass them in this order.
 */
function pinned(
  operations: readonly Operation[],
  west: readonly SliceRoom[],
  capacity: number,
  delays: Delays,
): Map<Region, Places[][]> {
  const found = new Map<Region, Places[][]>();
  let next = 0;
  const pin = ({ rows }: Family): void => {
    const { region } = rows[0]!;
    if (found.has(region)) return;
    const copies = region.copies.map((list) => {
      const slices = Array.from({ length: widths[region.type] }, () => next++);
      if (list.length > capacity || next > slicesOfSide)
        throw new Unfit("a table that doesn’t fit its slices");
      for (const slice of slices) west[slice]!.take(region.name, 0, capacity, always);
      return [{ base: 0, slices: slices.map((slice) => sliceAt("W", slice, delays)) }];
    });
    found.set(region, copies);
  };
  const gathers = operations.filter((each) => each.kind === "gather");
  for (const { map } of gathers) pin(map);
  for (const { table } of gathers) pin(table);
  for (const { store } of gathers) pin(store);
  return found;
}

const tooMuch = (side: Side): string =>
  `more rows of 320 elements than the ${slicesOfSide} slices of the ${side === "W" ? "western" : "eastern"} hemisphere hold, or can give at once`;
const sliceAt = (side: Side, slice: number, { hop }: Delays): Slice => ({
  queue: memQueue(side, slice),
  hops: hop * Math.abs(slicePosition(side, slice)),
});
const nameOf = ({ name, side }: Region, copy: number): string => `${side} ${copy} ${name}`;

/** Pairs of copies that one pattern reads or writes at once. */
function conflicts(operations: readonly Operation[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const done = new Set<string>();
  const together = (names: ReadonlySet<string>): void => {
    const key = [...names].toSorted().join("|");
    if (done.has(key)) return;
    done.add(key);
    for (const name of names) {
      const others = found.get(name) ?? new Set();
      found.set(name, others);
      for (const other of names) if (other !== name) others.add(other);
    }
  };
  const written = (family: Family): readonly string[] =>
    regionsOf(family).flatMap((region) => region.copies.map((_, copy) => nameOf(region, copy)));
  for (const operation of operations) {
    if (operation.kind === "gather") continue;
    const steps = operation.kind === "map" ? [operation.loads] : operation.steps.map(({ loads }) => loads);
    const read = new Set<string>();
    // Steps of a sweep overlap each other, parts of its results come one after the other.
    for (const loads of steps)
      for (const { family, copy } of sourcesOf(operation, loads))
        for (const region of regionsOf(family)) read.add(nameOf(region, copy));
    if (operation.kind === "map") together(new Set([...read, ...operation.stores.flatMap(written)]));
    else
      for (const part of operation.stores[0]!.keys())
        together(new Set([...read, ...operation.stores.flatMap((families) => written(families[part]!))]));
  }
  return found;
}

const regionsOf = ({ rows }: Family): readonly Region[] => [...new Set(rows.map(({ region }) => region))];

/** Where a row's bytes are read or written. */
export function placeOf(
  memory: Memory,
  { region }: Row,
  copy: number,
  index: number,
): { readonly slices: readonly Slice[]; readonly address: number } {
  const { slices, base } = memory.get(region)![copy]![Math.floor(index / usable)]!;
  return { slices, address: base + (index % usable) };
}

export const everyRow = (family: Family, tiles: number): readonly Row[] =>
  Array.from({ length: tiles }, (_, tile) => rowOf(family, tile));
