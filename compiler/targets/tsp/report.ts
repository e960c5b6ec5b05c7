// What a program's time is spent on: how busy each kind of unit is, which of them bounds it from below, which source lines
// issue how much, and what the cycles of its critical path are.

import { timelineOf, type Event, type Timeline } from "./assemble/timeline.ts";
import { checkProgram } from "./assemble/check.ts";
import { criticalPath, type PathStep } from "./critical-path.ts";
import { edge, planes, queues, slicesOfSide, streams } from "./machine/geometry.ts";
import type { Program } from "./machine/program.ts";
import { sramOf, type SramUse } from "./sram.ts";

/** A resource that can do one thing a cycle, and how much the busiest and all of its kind have to do. */
export interface Use {
  readonly name: string;
  /** Cycles that the busiest one needs at least. */
  readonly busiest: number;
  /** Things done in all, and how many could be done a cycle. */
  readonly done: number;
  readonly width: number;
}

export interface ProgramReport {
  readonly profile: string;
  readonly cycles: number;
  readonly lastTile: number;
  readonly issued: number;
  readonly uses: readonly Use[];
  /** The use whose busiest resource needs most cycles: no program that does the same on these units is shorter. */
  readonly bound: Use;
  readonly sram: SramUse;
  /** Instructions by `.kern` line, those of most first. */
  readonly lines: readonly { readonly place: string; readonly issued: number }[];
}

/** `timeline` is the program's, where it is there already. */
export function reportOf(program: Program, timeline: Timeline = timelineOf(program)): ProgramReport {
  const { cycles, lastTile, issued } = checkProgram(program, timeline);
  const { events } = timeline;
  const uses = [
    use("SRAM reads", 2 * slicesOfSide, events, ({ op, queue }) =>
      ["read", "move", "gather"].includes(op) ? [queue] : [],
    ),
    use("SRAM writes", 2 * slicesOfSide, events, ({ op, queue }) =>
      ["write", "move", "scatter"].includes(op) ? [queue] : [],
    ),
    // Each register of a stream is given one beat a cycle.
    use("streams", streams * (2 * edge + 1), events, ({ row, fields, queue }) => {
      const place = queues[queue]!.position + edge;
      return row
        .gives(fields)
        .flatMap(({ first, count }) => Array.from({ length: count }, (_, at) => 64 * (first + at) + place));
    }),
    use("VXM", 16, events, ({ row, queue }) => (row.unit === "vxm" ? [queue] : [])),
    use("MXM", planes, events, ({ op, queue }) => (op === "abc" ? [queue] : [])),
    use("SXM", 28, events, ({ row, queue }) => (row.unit === "sxm" ? [queue] : [])),
  ].filter(({ done }) => done > 0);
  const nothing: Use = { name: "nothing", busiest: 0, done: 0, width: 1 };
  const lines = new Map<string, number>();
  for (const { from } of events)
    if (from) lines.set(`${from.file}:${from.line}`, (lines.get(`${from.file}:${from.line}`) ?? 0) + 1);
  return {
    profile: program.profile.name,
    cycles,
    lastTile,
    issued,
    uses,
    sram: sramOf(program, cycles, events),
    // Of two with as much to do, the kind that is busier as a whole.
    bound: uses.reduce(
      (a, b) => ((b.busiest - a.busiest || b.done / b.width - a.done / a.width) > 0 ? b : a),
      nothing,
    ),
    lines: [...lines]
      .map(([place, count]) => ({ place, issued: count }))
      .toSorted((a, b) => b.issued - a.issued),
  };
}

/** What the critical path's cycles are, by unit, line and reason, those of most first; they add up to the program's. */
export function pathOf(program: Program, steps = criticalPath(program)): readonly PathStep[] {
  const found = new Map<string, PathStep>();
  for (const step of steps) {
    const key = `${step.unit} ${step.place} ${step.why}`;
    found.set(key, { ...step, cycles: step.cycles + (found.get(key)?.cycles ?? 0) });
  }
  return [...found.values()].toSorted((a, b) => b.cycles - a.cycles);
}

/** Counts what events do by the resource that does it. */
function use(
  name: string,
  width: number,
  events: readonly Event[],
  of: (event: Event) => readonly number[],
): Use {
  const counts = new Map<number, number>();
  let done = 0;
  for (const event of events)
    for (const id of of(event)) {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      done += 1;
    }
  return { name, busiest: [...counts.values()].reduce((a, b) => Math.max(a, b), 0), done, width };
}
