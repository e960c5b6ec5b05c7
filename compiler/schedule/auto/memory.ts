// Traffic between memory and caches. For a cache of a size: the outermost loop of which one iteration's data fit decides;
// what lies in it is fetched once for each of its iterations, but for data that the next loop further out doesn't
// move, which are still there. A staged buffer is fetched and copied once a panel, and its panel is dense.

import type { LoadExpr } from "../../ir/ir.ts";
import { loopKey, type Plan } from "../plan.ts";
import type { Shape, Turn } from "./levels.ts";
import type { Machine } from "./machine.ts";
import { footprint, movesLast, type Subscripts } from "./subscripts.ts";

/** An access where it runs. */
export interface Touched {
  readonly access: Subscripts;
  readonly turns: readonly Turn[];
  readonly times: number;
  readonly staged: boolean;
}

export function memoryCost(touched: readonly Touched[], shape: Shape, plan: Plan, machine: Machine): number {
  const accesses = distinct(touched);
  const near = misses(accesses, shape, machine, machine.near, machine.nearMiss);
  const far = misses(accesses, shape, machine, machine.far, machine.farMiss);
  return near + far + copying(accesses, shape, plan, machine);
}

/** Accesses to one place in one nest of loops count once. */
function distinct(touched: readonly Touched[]): Touched[] {
  const found = new Map<string, Touched>();
  for (const each of touched) {
    const { access, turns } = each;
    const steps = [...access.steps].map(([loop, by]) => `${loop}:${by.join(",")}`).join(" ");
    const key = `${access.buffer.name} ${turns.map(({ loop }) => loop).join(" ")} ${steps}`;
    if (!found.has(key)) found.set(key, each);
  }
  return [...found.values()];
}

/** Iterations of each loop inside of the first `from` turns. */
function spans(shape: Shape, turns: readonly Turn[], from: number): (loop: string) => number {
  const inside = new Map(shape.copies);
  const { lanes } = shape;
  if (lanes) inside.set(lanes.loop, lanes.width);
  for (const { loop, trips } of turns.slice(from)) inside.set(loop, (inside.get(loop) ?? 1) * trips);
  return (loop) => inside.get(loop) ?? 1;
}

/** What fetching costs through a cache that holds `size` bytes. */
function misses(
  accesses: readonly Touched[],
  shape: Shape,
  machine: Machine,
  size: number,
  price: number,
): number {
  let cost = 0;
  // Accesses under the same loops share the cache; those of other places run at other times.
  const places = new Map<string, Touched[]>();
  for (const each of accesses) {
    const key = each.turns.map(({ loop, level }) => `${loop}.${level}`).join(" ");
    places.set(key, [...(places.get(key) ?? []), each]);
  }
  for (const group of places.values()) {
    const { turns } = group[0]!;
    for (const { access, staged, times } of group) {
      let fits = 0;
      while (
        fits < turns.length &&
        bytesInside(group, access, shape, turns.slice(fits), machine, size) > size
      )
        fits++;
      const around = turns.slice(0, fits);
      const last = around.at(-1);
      const stays = last !== undefined && !access.loops.has(last.loop);
      const fetched = around
        .slice(0, stays ? -1 : undefined)
        .reduce((product, turn) => product * turn.trips, times);
      const { lines, run, elements } = footprint(access, spans(shape, turns, fits), machine.line);
      const apart = !staged && run < 2 * machine.line;
      const own = staged ? (elements * access.bytes) / machine.line : lines;
      // Rows that are read side by side are streams of their own, of which a core follows few.
      const streams = staged ? 1 : [...shape.copies].filter(([loop]) => isRow(access, loop)).length;
      const several = price === machine.farMiss && streams > 0 ? machine.streams : 1;
      // What is written is fetched, and written back.
      const ways = access.kind === "store" ? 2 : 1;
      cost += fetched * own * price * ways * (apart ? machine.scattered : several);
    }
  }
  return cost;
}

/** Whether iterations of a loop lie in different rows. */
const isRow = (access: Subscripts, loop: string): boolean =>
  access.loops.has(loop) && !movesLast(access, loop);

/** Bytes of cache that all data take inside of some turns; those of one access as its rows crowd its sets. */
function bytesInside(
  group: readonly Touched[],
  own: Subscripts,
  shape: Shape,
  inside: readonly Turn[],
  { line, near }: Machine,
  size: number,
): number {
  const span = spans(shape, inside, 0);
  return group.reduce((sum, { access, staged }) => {
    const { lines, elements, crowding } = footprint(access, span, line);
    const crowded = access === own && size === near;
    return sum + (staged ? elements * access.bytes : lines * line * (crowded ? crowding : 1));
  }, 0);
}

/** Filling panels. */
function copying(accesses: readonly Touched[], shape: Shape, plan: Plan, machine: Machine): number {
  let cost = 0;
  for (const { buffers, at } of plan.stages)
    for (const name of buffers) {
      const own = accesses.find(
        ({ access }) => access.kind === "load" && (access.node as LoadExpr).buffer === name,
      );
      if (!own) continue;
      const { turns, access } = own;
      const from = at
        ? turns.findIndex(
            ({ loop, level }) => loopKey({ loop, ...(level !== undefined && { level }) }) === loopKey(at),
          ) + 1
        : 0;
      const { lines, elements, run } = footprint(access, spans(shape, turns, from), machine.line);
      const times = turns.slice(0, from).reduce((product, turn) => product * turn.trips, own.times);
      const vector = Math.max(machine.vectorBytes / access.bytes, 1);
      const each = (machine.load + machine.store) / (run >= 32 ? vector : 1) + machine.iteration / 8;
      const fetch = machine.farMiss * (run < 2 * machine.line ? machine.scattered : 1);
      cost += times * (elements * each + lines * fetch);
    }
  return cost;
}
