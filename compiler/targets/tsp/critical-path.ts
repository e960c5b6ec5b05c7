// Why a program isn't shorter: from the instruction that ends last back to the start, at each step what kept an instruction
// from being issued earlier. Beats don't wait on their way, so an instruction and those that made its operands move
// together; one of them was held by a word of memory, by weights, by sums, or by what its own queue did before.

import { producersOf } from "./assemble/check-streams.ts";
import { doneAt } from "./assemble/check.ts";
import { timelineOf, type Event, type Timeline } from "./assemble/timeline.ts";
import { queues } from "./machine/geometry.ts";
import { firstAlu } from "./machine/instruction.ts";
import { delaysOf, type Delays } from "./machine/profile.ts";
import type { Program } from "./machine/program.ts";

/** Cycles in a row that one source line is responsible for, the last ones of a program first. */
export interface PathStep {
  readonly cycles: number;
  /** `FILE:LINE`, or empty where an instruction has none. */
  readonly place: string;
  /** Whose instruction: the name of a queue without its number, such as `VXM` or `MXM.act`. */
  readonly unit: string;
  /** What the cycles are: units at work, one instruction after the other; beats and results on their way; nothing at all. */
  readonly why: "busy" | "way" | "idle";
}

/** The steps' cycles add up to the program's. It must be without faults. */
export function criticalPath(
  program: Program,
  { events }: Timeline = timelineOf(program),
): readonly PathStep[] {
  const delays = delaysOf(program.profile);
  let event = events.reduce<Event | undefined>(
    (last, each) => (last && doneAt(last, delays) >= doneAt(each, delays) ? last : each),
    undefined,
  );
  if (!event) return [];
  const moving = movesWith(events, delays);
  const holds = holdersOf(events, delays);
  const steps: PathStep[] = [];
  const add = (cycles: number, why: PathStep["why"], { from, queue }: Event): void => {
    if (cycles === 0) return;
    const place = from ? `${from.file}:${from.line}` : "";
    const unit = queues[queue]!.name.replace(/^([A-Z]+)(\.[A-Z])?(\.\w*\d\w*)?/, "$1");
    const last = steps.at(-1);
    if (last && last.place === place && last.why === why && last.unit === unit)
      steps[steps.length - 1] = { ...last, cycles: last.cycles + cycles };
    else steps.push({ cycles, place, unit, why });
  };
  add(doneAt(event, delays) - event.cycle, "way", event);
  for (;;) {
    const held = tightest(event, moving, holds);
    if (!held) break;
    const { who, by, ready, why } = held;
    add(event.cycle - who.cycle, "way", event);
    add(who.cycle - ready, "idle", who);
    add(ready - by.cycle, why, by);
    event = by;
  }
  const first = earliest(event, moving);
  add(event.cycle - first.cycle, "way", event);
  add(first.cycle, "idle", first);
  return steps;
}

/** What kept `who` until `ready`: `by`, since it was at work or since its result was under way. */
interface Hold {
  readonly who: Event;
  readonly by: Event;
  readonly ready: number;
  readonly why: "busy" | "way";
}

type Before = (event: Event) => readonly Event[];

/** Of all that held an instruction, or those that it moves with, what held it longest. */
function tightest(event: Event, moving: Before, holds: (event: Event) => readonly Hold[]): Hold | undefined {
  let best: Hold | undefined;
  for (const who of together(event, moving)) {
    for (const hold of holds(who))
      if (!best || hold.who.cycle - hold.ready < best.who.cycle - best.ready) best = hold;
    if (best && best.who.cycle === best.ready) break;
  }
  return best;
}

const earliest = (event: Event, moving: Before): Event =>
  [...together(event, moving)].reduce((a, b) => (b.cycle < a.cycle ? b : a), event);

/** An instruction and all whose results it takes at fixed distances, the latest first. */
function* together(event: Event, moving: Before): Generator<Event> {
  const known = new Set([event]);
  const open = [event];
  while (open.length > 0) {
    let at = 0;
    for (let other = 1; other < open.length; other++) if (open[other]!.cycle > open[at]!.cycle) at = other;
    const [next] = open.splice(at, 1);
    yield next!;
    for (const each of moving(next!))
      if (!known.has(each)) {
        known.add(each);
        open.push(each);
      }
  }
}

/** Who gave the operands that an instruction takes in the very cycle in which they come. */
function movesWith(events: readonly Event[], delays: Delays): Before {
  const producers = producersOf(events, delays);
  const at = new Map<string, Event>();
  const key = (unit: string, cycle: number): string => `${unit}@${cycle}`;
  for (const event of events) {
    const { place } = queues[event.queue]!;
    if (place.kind === "vxm" && event.row.vxm) at.set(key(`alu ${place.alu}`, event.cycle), event);
    if (place.kind === "mxm" && event.op === "abc") at.set(key(`plane ${place.plane}`, event.cycle), event);
  }
  return (event) => {
    const { place } = queues[event.queue]!;
    const found = [...producers(event)];
    const take = (unit: string, cycle: number): void => {
      const other = at.get(key(unit, cycle));
      if (other) found.push(other);
    };
    if (event.row.vxm)
      for (const name of event.row.vxm.inputs === 2 ? ["x", "y"] : ["x"])
        take(`alu ${event.fields[name]! - firstAlu}`, event.cycle - delays.alu);
    if (place.kind === "mxm" && event.op === "acc")
      take(`plane ${place.plane}`, event.cycle - delays.multiply);
    return found;
  };
}

/** What an instruction had to wait for, whose result may have waited for it, too. */
function holdersOf(events: readonly Event[], delays: Delays): (event: Event) => readonly Hold[] {
  const found = new Map<Event, Hold[]>();
  const hold = (who: Event, by: Event | undefined, after: number, why: Hold["why"]): void => {
    if (!by) return;
    const list = found.get(who) ?? [];
    list.push({ who, by, ready: by.cycle + after, why });
    found.set(who, list);
  };
  const words = new Map<string, Event>();
  const before = new Map<number, Event>();
  const planes = new Map<string, Event>();
  // Of one cycle: what takes something comes before what makes it.
  for (const event of events.toSorted((a, b) => a.cycle - b.cycle)) {
    const { queue, op, fields } = event;
    const { place } = queues[queue]!;
    if (op === "read" || op === "move")
      hold(event, words.get(`${queue} ${fields["a"]}`), delays.write, "way");
    if (place.kind === "mxm") {
      const of = (what: string): string => `${place.plane} ${what}`;
      const row = of(`row ${fields["row"]}`);
      if (op === "lw") hold(event, planes.get(of("iw")), delays.install, "way");
      if (op === "iw") {
        hold(event, planes.get(of("lw")), 1, "way");
        hold(event, planes.get(of("abc")), 1, "busy");
      }
      if (op === "abc") hold(event, planes.get(of("iw")), delays.install, "way");
      if (op === "acc" && fields["add"]) hold(event, planes.get(row), delays.accumulate, "way");
      planes.set(op === "acc" ? row : of(op), event);
    }
    hold(event, before.get(queue), 1, "busy");
    before.set(queue, event);
    if (op === "write" || op === "move") words.set(`${queue} ${fields[op === "move" ? "to" : "a"]}`, event);
  }
  return (event) => found.get(event) ?? [];
}
