// What a program's time is spent on: how busy each kind of unit is, which of them bounds it from below, which source lines
// issue how much, and a picture of the units over time.

import { timelineOf, type Event } from "./assemble/timeline.ts";
import { checkProgram } from "./assemble/check.ts";
import { edge, planes, queues, slicesOfSide, streams } from "./machine/geometry.ts";
import type { Program } from "./machine/program.ts";

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
  /** Instructions by `.kern` line, those of most first. */
  readonly lines: readonly { readonly place: string; readonly issued: number }[];
}

export function reportOf(program: Program): ProgramReport {
  const { cycles, lastTile, issued } = checkProgram(program);
  const { events } = timelineOf(program);
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
    bound: uses.reduce((a, b) => (b.busiest > a.busiest ? b : a), nothing),
    lines: [...lines]
      .map(([place, count]) => ({ place, issued: count }))
      .toSorted((a, b) => b.issued - a.issued),
  };
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

const colors: Readonly<Record<string, string>> = {
  mem: "#4c78a8",
  vxm: "#f58518",
  sxm: "#54a24b",
  mxm: "#b279a2",
  c2c: "#9d755d",
};

/** Units over time as SVG: a line for each queue that does something, from west to east, cycles from left to right. */
export function pictureOf(program: Program): string {
  const { cycles } = checkProgram(program);
  const { events } = timelineOf(program);
  const used = [...new Set(events.map(({ queue }) => queue))].toSorted(
    (a, b) => queues[a]!.rank - queues[b]!.rank || a - b,
  );
  const [left, width, height] = [110, 900, 12];
  const scale = Math.min(12, width / Math.max(1, cycles));
  const lines: string[] = [];
  for (const [row, queue] of used.entries()) {
    const { name, place } = queues[queue]!;
    const y = row * height;
    lines.push(`<text x="${left - 6}" y="${y + 9}" text-anchor="end">${name}</text>`);
    const own = events.filter((event) => event.queue === queue).map(({ cycle }) => cycle);
    for (const [from, to] of runsOf(own, Math.max(1, Math.ceil(1 / scale)))) {
      const x = (left + from * scale).toFixed(1);
      const span = Math.max(0.5, (to - from) * scale).toFixed(1);
      lines.push(
        `<rect x="${x}" y="${y + 2}" width="${span}" height="${height - 3}" fill="${colors[place.kind]!}"/>`,
      );
    }
  }
  const bottom = used.length * height + 14;
  const step = Math.max(1, 10 ** Math.floor(Math.log10(Math.max(1, cycles / 3))));
  for (let cycle = 0; cycle <= cycles; cycle += step)
    lines.push(
      `<text x="${(left + cycle * scale).toFixed(1)}" y="${bottom - 3}" text-anchor="middle">${cycle}</text>`,
    );
  const size = `width="${left + Math.ceil(cycles * scale) + 30}" height="${bottom}"`;
  const title = `<title>${cycles} cycles, ${program.profile.name}</title>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="9">${title}\n${lines.join("\n")}\n</svg>\n`;
}

/** Cycles as runs [from, to); gaps below `least` are closed, since nobody could see them. */
function runsOf(given: readonly number[], least: number): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const cycle of given.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && cycle - last[1] < least) last[1] = cycle + 1;
    else runs.push([cycle, cycle + 1]);
  }
  return runs;
}
