// Checks of beats on streams: every one that is taken was put there, no two are put in one place, none is left over. A
// beat's place in time is its diagonal, time - hop · position; puts are sorted by stream, diagonal and place along it.

import { fault, type Fault } from "../machine/faults.ts";
import { edge, isWestward, queues, rankAlong, registerOf, streamName } from "../machine/geometry.ts";
import type { Delays } from "../machine/profile.ts";
import type { Event } from "./timeline.ts";

const ranks = 64;
const cycles = 2 ** 33;

/** A number that sorts by stream, then diagonal, then rank along the stream. */
function keyOf(id: number, rank: number, time: number, hop: number): number {
  const along = rankAlong(id, rank);
  const diagonal = time - hop * registerOf(along);
  return (id * cycles + diagonal + 2 ** 20) * ranks + along + ranks / 2;
}
const laneOf = (key: number): number => Math.floor(key / ranks);
const alongOf = (key: number): number => (key % ranks) - ranks / 2;

/** When and where a unit's taps and results are, relative to its issue. */
const lagOf = (queue: number, delays: Delays): number => (behind(queue) ? delays.outward : 0);
const leadOf = (queue: number, delays: Delays): number => (behind(queue) ? delays.inward : 0);
const behind = (queue: number): boolean => ["mxm", "c2c"].includes(queues[queue]!.place.kind);

/** The cycle in which an event's results are on the streams. */
export const givenAt = ({ cycle, queue, row }: Event, delays: Delays): number =>
  cycle + row.delay(delays) + leadOf(queue, delays);

/** Finds who put the beats that an instruction takes; for programs without faults. */
export function producersOf(events: readonly Event[], delays: Delays): (event: Event) => readonly Event[] {
  const puts: { readonly key: number; readonly event: Event }[] = [];
  for (const event of events) {
    const { rank } = queues[event.queue]!;
    const time = givenAt(event, delays);
    for (const { first, count } of event.row.gives(event.fields))
      for (let id = first; id < first + count; id++)
        puts.push({ key: keyOf(id, rank, time, delays.hop), event });
  }
  puts.sort((a, b) => a.key - b.key);
  const keys = Float64Array.from(puts, ({ key }) => key);
  return (event) => {
    const found = new Set<Event>();
    for (const { first, count } of event.row.taps(event.fields))
      for (let id = first; id < first + count; id++) {
        const at = putFor(keys, event, id, delays);
        if (at >= 0) found.add(puts[at]!.event);
      }
    return [...found];
  };
}

/** Which of the puts an instruction takes from a stream; -1 if nothing is there. */
function putFor(puts: Float64Array, { queue, cycle }: Event, id: number, delays: Delays): number {
  const { rank, place } = queues[queue]!;
  const key = keyOf(id, rank, cycle - lagOf(queue, delays), delays.hop);
  // All but MEM see only what comes from further upstream.
  const at = lastAtMost(puts, place.kind === "mem" ? key : key - 1);
  return at >= 0 && laneOf(puts[at]!) === laneOf(key) ? at : -1;
}

export function streamFaults(events: readonly Event[], delays: Delays, end: number): readonly Fault[] {
  const found: Fault[] = [];
  let count = 0;
  for (const { row, fields } of events) for (const use of row.gives(fields)) count += use.count;
  const puts = new Float64Array(count);
  let at = 0;
  for (const event of events) {
    const { rank } = queues[event.queue]!;
    const time = givenAt(event, delays);
    for (const { first, count: width } of event.row.gives(event.fields))
      for (let id = first; id < first + width; id++) puts[at++] = keyOf(id, rank, time, delays.hop);
  }
  puts.sort();
  const doubled = new Set<number>();
  for (let index = 1; index < puts.length; index++)
    if (
      laneOf(puts[index]!) === laneOf(puts[index - 1]!) &&
      registerOf(alongOf(puts[index]!)) === registerOf(alongOf(puts[index - 1]!))
    )
      doubled.add(puts[index]!);
  if (doubled.size > 0) conflicts(events, doubled, delays, found);
  const tapped = new Uint8Array(puts.length);
  for (const event of events) {
    for (const { first, count: width } of event.row.taps(event.fields))
      for (let id = first; id < first + width; id++) {
        const index = putFor(puts, event, id, delays);
        if (index >= 0) tapped[index] = 1;
        else {
          const what = `nothing is on ${streamName(id)} when \`${event.op}\` takes it`;
          found.push(fault("absent", event.cycle, event.queue, what, event.from));
        }
      }
  }
  leftOver(puts, tapped, delays, end, found);
  return found;
}

function lastAtMost(sorted: Float64Array, key: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Names the instructions whose beats come to a place that is taken. */
function conflicts(
  events: readonly Event[],
  doubled: ReadonlySet<number>,
  delays: Delays,
  found: Fault[],
): void {
  for (const event of events.toSorted((a, b) => b.cycle - a.cycle)) {
    const { rank } = queues[event.queue]!;
    const time = givenAt(event, delays);
    for (const { first, count } of event.row.gives(event.fields))
      for (let id = first; id < first + count; id++) {
        if (!doubled.has(keyOf(id, rank, time, delays.hop))) continue;
        const what = `another beat is put on ${streamName(id)} here in cycle ${time}`;
        found.push(fault("conflict", event.cycle, event.queue, what, event.from));
      }
  }
}

function leftOver(puts: Float64Array, tapped: Uint8Array, delays: Delays, end: number, found: Fault[]): void {
  for (let index = 0; index < puts.length; index++) {
    if (tapped[index]) continue;
    const lane = laneOf(puts[index]!);
    const id = Math.floor((lane - 2 ** 20) / cycles + 0.5);
    const diagonal = lane - 2 ** 20 - id * cycles;
    const now = Math.floor((end - diagonal) / delays.hop);
    if (now > edge) continue;
    const next = puts[index + 1];
    const replaced = next !== undefined && laneOf(next) === lane && registerOf(alongOf(next)) <= now;
    if (replaced) continue;
    const along = Math.max(now, registerOf(alongOf(puts[index]!)));
    const register = isWestward(id) ? -along : along;
    const what = `a beat is on it at the end, at register ${register}, and nobody took it`;
    found.push({ ...fault("alive", end, -1, what), unit: streamName(id) });
  }
}
