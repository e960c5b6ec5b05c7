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

/**
 * Chooses slices for all regions: the nearest to the VXM, or (`spread`) those that fewest others lie in. Throws `Unfit` where they
 * don't fit.
 */
export function allocate(
  regions: readonly Region[],
  operations: readonly Operation[],
  delays: Delays,
  spread = false,
): Memory {
  const apart = conflicts(operations);
  const used = { W: new Float64Array(slicesOfSide), E: new Float64Array(slicesOfSide) };
  const tenants = { W: tenantsOfSide(), E: tenantsOfSide() };
  const found = pinned(operations, used.W, delays);
  const wanted = regions.flatMap((region) =>
    found.has(region)
      ? []
      : region.copies.flatMap((rows, copy) => (rows ? [{ region, copy, rows: rows.length }] : [])),
  );
  for (const { region, copy, rows } of wanted.toSorted((a, b) => b.rows - a.rows)) {
    const { side } = region;
    const own = nameOf(region, copy);
    const others = apart.get(own) ?? new Set();
    const sets: Places[] = [];
    for (let from = 0; from < rows; from += usable) {
      const words = Math.min(usable, rows - from);
      const order = Array.from({ length: slicesOfSide }, (_, slice) => slice);
      if (spread) order.sort((a, b) => tenants[side][a]!.length - tenants[side][b]!.length || a - b);
      const taken: number[] = [];
      for (const slice of order)
        if (
          taken.length < widths[region.type] &&
          used[side][slice]! + words <= usable &&
          !tenants[side][slice]!.some((each) => others.has(each))
        )
          taken.push(slice);
      if (taken.length < widths[region.type]) throw new Unfit(tooMuch(side));
      // All bytes of a row have one address.
      const base = Math.max(...taken.map((slice) => used[side][slice]!));
      if (base + words > usable) throw new Unfit(tooMuch(side));
      for (const slice of taken) {
        used[side][slice] = base + words;
        tenants[side][slice]!.push(own);
      }
      sets.push({ base, slices: taken.map((slice) => sliceAt(side, slice, delays)) });
    }
    const copies = found.get(region) ?? [];
    copies[copy] = sets;
    found.set(region, copies);
  }
  return found;
}

/**
 * What gathers take and give, in slices of the west of their own: maps, the tables behind them, then what is chosen. So
 * streams that flow away from the VXM pass them in this order.
 */
function pinned(
  operations: readonly Operation[],
  used: Float64Array,
  delays: Delays,
): Map<Region, Places[][]> {
  const found = new Map<Region, Places[][]>();
  let next = 0;
  const pin = ({ rows }: Family): void => {
    const { region } = rows[0]!;
    if (found.has(region)) return;
    const copies = region.copies.map((list) => {
      const slices = Array.from({ length: widths[region.type] }, () => next++);
      if (list.length > usable || next > slicesOfSide) throw new Unfit("a table that doesn’t fit its slices");
      for (const slice of slices) used[slice] = usable;
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

const tenantsOfSide = (): string[][] => Array.from({ length: slicesOfSide }, () => []);
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
