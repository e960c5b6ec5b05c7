// A program on a time line, as SVG: a row for each queue that does something, from west to east, and above them the
// critical path. Pointing at a bar shows how many instructions it is, and of which lines.

import { doneAt } from "./assemble/check.ts";
import { timelineOf, type Event, type Timeline } from "./assemble/timeline.ts";
import { criticalPath, type PathStep } from "./critical-path.ts";
import { queues } from "./machine/geometry.ts";
import { delaysOf } from "./machine/profile.ts";
import type { Program } from "./machine/program.ts";

const colours: Readonly<Record<string, readonly [colour: string, what: string]>> = {
  mem: ["#4c78a8", "memory"],
  vxm: ["#f58518", "vector unit"],
  sxm: ["#54a24b", "switch"],
  mxm: ["#b279a2", "matrix planes"],
  c2c: ["#9d755d", "links"],
};
const idle = "#c7ccd4";
const [left, right, top, row, bar] = [116, 40, 78, 12, 9];
/** Pixels for all cycles, and for one of a short program at most. */
const [width, widest] = [900, 12];

/** The file's text. `caption` is what the program computes; its timeline and critical path may be there already. */
export function pictureOf(
  program: Program,
  caption: string,
  { events }: Timeline = timelineOf(program),
  steps = criticalPath(program),
): string {
  const delays = delaysOf(program.profile);
  const cycles = events.reduce((latest, event) => Math.max(latest, doneAt(event, delays)), 0);
  const scale = Math.min(widest, width / Math.max(1, cycles));
  const x = (cycle: number): string => (left + cycle * scale).toFixed(1);
  const byQueue = new Map<number, Event[]>();
  for (const event of events) {
    const own = byQueue.get(event.queue);
    if (own) own.push(event);
    else byQueue.set(event.queue, [event]);
  }
  const used = [...byQueue.keys()].toSorted((a, b) => queues[a]!.rank - queues[b]!.rank || a - b);
  const first = top + 2 * row;
  const bottom = first + used.length * row;
  const [wide, high] = [Math.max(left + Math.ceil(cycles * scale) + right, 640), bottom + 40];
  const parts = [
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="12" y="24" font-size="15" font-weight="600">${escaped(caption)}</text>`,
    `<text x="12" y="42" font-size="11" fill="#52606d">${count(cycles)} cycles, simulated; ${program.profile.name}</text>`,
    ...legend(new Set(used.map((queue) => queues[queue]!.place.kind))),
  ];
  for (let cycle = 0, step = round(cycles / 8); cycle <= cycles; cycle += step)
    parts.push(
      `<path d="M${x(cycle)} ${top}V${bottom}" stroke="#e4e7eb"/>`,
      `<text x="${x(cycle)}" y="${bottom + 13}" text-anchor="middle" fill="#52606d">${count(cycle)}</text>`,
    );
  parts.push(
    `<text x="${left}" y="${bottom + 29}" fill="#52606d">cycles</text>`,
    `<text x="${left - 6}" y="${top + bar}" text-anchor="end" font-weight="600">critical path</text>`,
  );
  let cycle = cycles;
  for (const step of steps) {
    cycle -= step.cycles;
    parts.push(pathBar(step, x(cycle), Math.max(0.3, step.cycles * scale)));
  }
  for (const [at, queue] of used.entries()) {
    const { name, place } = queues[queue]!;
    const y = first + at * row;
    parts.push(`<text x="${left - 6}" y="${y + bar}" text-anchor="end">${name}</text>`);
    const own = byQueue.get(queue)!;
    // Gaps narrower than a pixel are closed, since nobody could see them.
    const bars = runsOf(own, Math.max(1, Math.ceil(1 / scale))).map(
      ([from, to]) =>
        `M${x(from)} ${y + 2}h${Math.max(0.5, (to - from) * scale).toFixed(1)}v${bar}H${x(from)}z`,
    );
    const title = `${name}: ${count(own.length)} instructions; ${placesOf(own)}`;
    parts.push(
      `<path class="queue" d="${bars.join("")}" fill="${colours[place.kind]![0]}"><title>${escaped(title)}</title></path>`,
    );
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${high}" width="${wide}" height="${high}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="9" fill="#1f2933">\n${parts.join("\n")}\n</svg>\n`;
}

function legend(kinds: ReadonlySet<string>): readonly string[] {
  let at = 12;
  const shown = [
    ...Object.entries(colours).filter(([kind]) => kinds.has(kind)),
    ["idle", [idle, "nothing could be issued"]] as const,
  ];
  return shown.map(([, [colour, what]]) => {
    const part = `<rect x="${at}" y="52" width="10" height="10" rx="2" fill="${colour}"/><text x="${at + 15}" y="60.5" font-size="10">${what}</text>`;
    at += 32 + 5.6 * what.length;
    return part;
  });
}

function pathBar({ cycles, place, unit, why }: PathStep, x: string, wide: number): string {
  const colour = why === "idle" ? idle : colours[unit.slice(0, 3).toLowerCase()]![0];
  const reason = { busy: "one after the other", way: "on its way", idle: "nothing could be issued" }[why];
  const title = `${count(cycles)} cycles, ${unit}, ${reason}${place && `; ${place}`}`;
  return `<rect x="${x}" y="${top}" width="${wide.toFixed(1)}" height="${bar}" fill="${colour}"${why === "way" ? ' fill-opacity="0.5"' : ""}><title>${escaped(title)}</title></rect>`;
}

/** The source lines of most instructions. */
function placesOf(events: readonly Event[]): string {
  const lines = new Map<string, number>();
  for (const { from } of events)
    if (from) lines.set(`${from.file}:${from.line}`, (lines.get(`${from.file}:${from.line}`) ?? 0) + 1);
  const most = [...lines].toSorted(([, a], [, b]) => b - a).slice(0, 4);
  return most.map(([place, issued]) => `${place} (${count(issued)})`).join(", ") || "of no line alone";
}

/** Cycles as runs [from, to), without gaps below `least`. */
function runsOf(events: readonly Event[], least: number): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const { cycle } of events.toSorted((a, b) => a.cycle - b.cycle)) {
    const last = runs.at(-1);
    if (last && cycle - last[1] < least) last[1] = cycle + 1;
    else runs.push([cycle, cycle + 1]);
  }
  return runs;
}

/** 1, 2 or 5 times a power of ten, at least 1. */
function round(step: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, step)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= step) ?? 1;
}

const count = (value: number): string => value.toLocaleString("en");
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
