// Everything that can be known to be wrong with a program before it runs, and the number of cycles that it takes. The
// simulator finds the same faults by other means: each checks the other.

import { delaysOf, type Delays } from "../machine/profile.ts";
import { fault, type Fault } from "../machine/faults.ts";
import { planes, queues, superlanes } from "../machine/geometry.ts";
import { regionsOf, type Program } from "../machine/program.ts";
import { badRegion } from "../machine/validity.ts";
import { givenAt, streamFaults } from "./check-streams.ts";
import { chainFaults, memoryFaults, planeFaults, reporter, sharedFaults } from "./check-units.ts";
import { timelineOf, type Event, type Timeline } from "./timeline.ts";

export interface Checked {
  /** By cycle. */
  readonly faults: readonly Fault[];
  /** From the start until everything is done, at tile 0 and at the last tile. */
  readonly cycles: number;
  readonly lastTile: number;
  /** Instructions that units carry out. */
  readonly issued: number;
}

/** `timeline` is the program's, where it is there already. */
export function checkProgram(program: Program, timeline: Timeline = timelineOf(program)): Checked {
  const delays = delaysOf(program.profile);
  const { events, faults } = timeline;
  const found = [...faults];
  const report = reporter(found);
  for (const { queue, address, words } of regionsOf(program)) {
    const wrong = badRegion(queue, address, words);
    if (wrong) return { faults: [fault("address", 0, queue, wrong)], cycles: 0, lastTile: 0, issued: 0 };
  }
  const end = events.reduce((latest, event) => Math.max(latest, doneAt(event, delays)), 0);
  for (const [queue, own] of grouped(events, ({ queue }) => queue))
    if (queues[queue]!.place.kind === "mem") memoryFaults(program, queue, own, delays, report);
  const inCycles = (kind: string): readonly Event[] =>
    events.filter(({ queue }) => queues[queue]!.place.kind === kind).toSorted((a, b) => a.cycle - b.cycle);
  chainFaults(inCycles("vxm"), delays, report);
  const ofPlanes = grouped(inCycles("mxm"), ({ queue }) => planeOf(queue));
  planeFaults(
    Array.from({ length: planes }, (_, plane) => ofPlanes.get(plane) ?? []),
    delays,
    report,
  );
  sharedFaults([...inCycles("sxm"), ...inCycles("c2c")], report);
  const ofStreams = streamFaults(events, delays, end);
  // A beat that is left over is mostly the consequence of another fault.
  const others = [...found, ...ofStreams.filter(({ kind }) => kind !== "alive")];
  const all = others.length > 0 ? others : ofStreams;
  return {
    faults: all.toSorted((a, b) => a.cycle - b.cycle),
    cycles: end,
    lastTile: end + (superlanes - 1) * delays.tile,
    issued: events.filter(({ op }) => !["nop", "sync", "notify"].includes(op)).length,
  };
}

/** The first cycle after everything that an instruction does. */
export function doneAt(event: Event, delays: Delays): number {
  const { cycle, op, row, fields } = event;
  const results = givenAt(event, delays);
  switch (op) {
    case "nop":
      return cycle + fields["n"]!;
    case "sync":
    case "notify":
      return 0;
    case "write":
    case "move":
      return Math.max(cycle + delays.write, row.gives(fields).length > 0 ? results : 0);
    case "scatter":
      return cycle + delays.gather + delays.write;
    case "acc":
    case "iw":
    case "abc":
      return Math.max(cycle + 1, op === "acc" ? results : cycle + row.delay(delays));
    default:
      return Math.max(cycle + 1, row.vxm || row.gives(fields).length > 0 ? results : 0);
  }
}

const planeOf = (queue: number): number => {
  const { place } = queues[queue]!;
  return place.kind === "mxm" ? place.plane : -1;
};

function grouped<T>(items: readonly T[], key: (item: T) => number): ReadonlyMap<number, T[]> {
  const found = new Map<number, T[]>();
  for (const item of items) {
    const list = found.get(key(item));
    if (list) list.push(item);
    else found.set(key(item), [item]);
  }
  return found;
}
