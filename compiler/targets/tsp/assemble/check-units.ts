// Checks of units' own rules: banks and words of memory, chains of ALUs, weights and sums of the MXM, SXM units with two
// queues. Events of one queue come in the order of their cycles.

import { fault, type Fault, type FaultKind } from "../machine/faults.ts";
import { bankOf, planes, queues } from "../machine/geometry.ts";
import { firstAlu } from "../machine/instruction.ts";
import { safeAccumulations } from "../machine/mxm.ts";
import type { Delays } from "../machine/profile.ts";
import type { Program } from "../machine/program.ts";
import { types, widths, type TspType } from "../machine/values.ts";
import type { Event } from "./timeline.ts";

export type Report = (kind: FaultKind, event: Event, what: string) => void;

export const reporter =
  (found: Fault[]): Report =>
  (kind, { cycle, queue, from }, what) =>
    void found.push(fault(kind, cycle, queue, what, from));

/** Memory: one list of events a slice. Where `gather` and `scatter` go isn't known; the simulator sees it. */
export function memoryFaults(
  program: Program,
  queue: number,
  events: readonly Event[],
  delays: Delays,
  report: Report,
): void {
  const written = new Map<number, number>();
  for (const { queue: slice, address, words } of [
    ...program.segments.map((each) => ({ ...each, words: each.words.length })),
    ...program.inputs,
  ])
    if (slice === queue) for (let at = 0; at < words; at++) written.set(address + at, -Infinity);
  let anything = false;
  const busy = new Set<number>();
  const access = (event: Event, cycle: number, bank: number): void => {
    if (busy.has(2 * cycle + bank)) report("bank", event, `bank ${bank} is accessed twice in cycle ${cycle}`);
    busy.add(2 * cycle + bank);
  };
  const load = (event: Event, address: number): void => {
    access(event, event.cycle, bankOf(address));
    const at = written.get(address);
    if (at === undefined && !anything) report("unwritten", event, `the word ${address} was never written`);
    if (at !== undefined && event.cycle < at + delays.write)
      report("hazard", event, `the word ${address} is still being written`);
  };
  for (const event of events) {
    const { op, fields, cycle } = event;
    if (op === "read" || op === "move") load(event, fields["a"]!);
    if (op === "write" || op === "move") {
      const to = fields[op === "move" ? "to" : "a"]!;
      access(event, cycle, bankOf(to));
      written.set(to, cycle);
    }
    if (op === "gather" || op === "scatter") {
      access(event, cycle + delays.gather, 0);
      access(event, cycle + delays.gather, 1);
      if (op === "scatter") anything = true;
    }
  }
}

/** Operands that come from other ALUs. `events` are those of the whole VXM. */
export function chainFaults(events: readonly Event[], delays: Delays, report: Report): void {
  const given = new Map<number, TspType>();
  const first = new Map<number, number>();
  const key = (alu: number, cycle: number): number => cycle * 16 + alu;
  const aluOf = ({ queue }: Event): number => {
    const { place } = queues[queue]!;
    return place.kind === "vxm" ? place.alu : 0;
  };
  for (const event of events) {
    const { row, fields, cycle } = event;
    if (!row.vxm) continue;
    const own = types[(fields["type"] ?? fields["from"])!]!;
    given.set(
      key(aluOf(event), cycle),
      row.vxm.gives === "to" ? types[fields["to"]!]! : (row.vxm.gives ?? own),
    );
    first.set(aluOf(event), Math.min(first.get(aluOf(event)) ?? Infinity, cycle));
  }
  for (const event of events) {
    const { row, fields, cycle, op } = event;
    if (!row.vxm) continue;
    const own = types[(fields["type"] ?? fields["from"])!]!;
    for (const [name, type] of [
      ["x", own],
      ...(row.vxm.inputs === 2 ? ([["y", row.vxm.second ?? own]] as const) : []),
    ] as const) {
      const other = fields[name]! - firstAlu;
      if (other < 0 || other > 15) continue;
      const due = cycle - delays.alu;
      const found = given.get(key(other, due));
      if (found && widths[found] !== widths[type])
        report("illegal", event, `ALU ${other} gives ${found}, and \`${op}\` takes ${type}`);
      if (!found && (first.get(other) ?? Infinity) < due)
        report("stale", event, `what ALU ${other} gives is from an earlier cycle than ${due}`);
      else if (!found) report("absent", event, `ALU ${other} gives nothing when \`${op}\` takes it`);
    }
  }
}

/** The planes' weights, products and sums. `byPlane` has the events of all three queues of each. */
export function planeFaults(byPlane: readonly (readonly Event[])[], delays: Delays, report: Report): void {
  const installs = byPlane.map((events) => installsOf(events));
  for (let plane = 0; plane < planes; plane++) {
    const events = byPlane[plane]!;
    const own = installs[plane]!;
    const others = installs[plane ^ 1]!;
    const fed = new Map(
      events.filter(({ op }) => op === "abc").map(({ cycle, fields }) => [cycle, fields["float"]!]),
    );
    for (const event of events) {
      const { op, cycle } = event;
      const last = own.findLast((each) => each.cycle < cycle);
      const changing = last !== undefined && cycle < last.cycle + delays.install;
      if (op === "lw" && changing)
        report("inFlight", event, "the buffer’s weights are still being installed");
      if (op === "iw") {
        if (changing) report("inFlight", event, "the weights of the last `iw` are still being installed");
        if (fed.has(cycle))
          report("inFlight", event, "activations are multiplied by the weights that this overwrites");
        if (!own.find((each) => each.cycle === cycle)!.loaded)
          report("absent", event, "no weights were loaded since the last `iw`");
      }
      if (op === "abc") fedTooEarly(event, own, others, delays, report);
    }
    sumFaults(events, fed, delays, report);
  }
}

interface Install {
  readonly cycle: number;
  readonly float: number;
  readonly loaded: boolean;
}

/** The `iw`s of a plane, each with the type of the weights loaded before it. */
function installsOf(events: readonly Event[]): readonly Install[] {
  const found: Install[] = [];
  let loaded: number | undefined;
  for (const { op, cycle, fields } of events) {
    if (op === "lw") loaded = fields["float"];
    if (op !== "iw") continue;
    found.push({ cycle, float: loaded ?? 0, loaded: loaded !== undefined });
    loaded = undefined;
  }
  return found;
}

function fedTooEarly(
  event: Event,
  own: readonly Install[],
  others: readonly Install[],
  delays: Delays,
  report: Report,
): void {
  const { cycle, fields } = event;
  const last = own.findLast((each) => each.cycle <= cycle);
  const other = others.findLast((each) => each.cycle <= cycle);
  const taken = last && other && (last.float || other.float) && other.cycle >= last.cycle;
  if (!last || taken)
    report("notInstalled", event, "activations before the install: no weights are installed");
  else if (cycle < last.cycle + delays.install)
    report(
      "notInstalled",
      event,
      `activations before the install: they are ready in cycle ${last.cycle + delays.install}`,
    );
  else if (last.float !== fields["float"])
    report("notInstalled", event, `the installed weights are ${last.float ? "f16" : "i8"}`);
}

function sumFaults(
  events: readonly Event[],
  fed: ReadonlyMap<number, number>,
  delays: Delays,
  report: Report,
): void {
  const rows = new Map<number, { at: number; count: number; float: number }>();
  const first = [...fed.keys()].reduce((a, b) => Math.min(a, b), Infinity);
  for (const event of events) {
    if (event.op !== "acc") continue;
    const { cycle, fields } = event;
    const [row, float] = [fields["row"]!, fields["float"]!];
    const due = cycle - delays.multiply;
    const product = fed.get(due);
    if (product === undefined && first < due)
      report("stale", event, `no activations were fed in cycle ${due}`);
    else if (product === undefined) report("absent", event, `no activations were fed in cycle ${due}`);
    else if (product !== float) report("illegal", event, `the product is ${product ? "f32" : "i32"}`);
    const before = rows.get(row);
    let count = 1;
    if (fields["add"]) {
      if (!before) report("absent", event, `row ${row} of the sums was never set`);
      else {
        if (cycle < before.at + delays.accumulate)
          report("hazard", event, `row ${row} is still being accumulated since cycle ${before.at}`);
        if (before.float !== float)
          report("illegal", event, `row ${row} holds ${before.float ? "f32" : "i32"}`);
        count = before.count + 1;
        if (count > safeAccumulations && !float)
          report("overflow", event, `${count} products may be more than an i32 holds`);
      }
    }
    rows.set(row, { at: cycle, count, float });
  }
}

/** Two queues of one SXM unit in one cycle; links that are used before they are aligned. */
export function sharedFaults(events: readonly Event[], report: Report): void {
  const used = new Set<string>();
  const aligned = new Map<number, number>();
  for (const { op, queue, cycle } of events)
    if (op === "deskew" && !aligned.has(queue)) aligned.set(queue, cycle);
  for (const event of events) {
    const { place } = queues[event.queue]!;
    if (event.row.unit === "sxm" && place.kind === "sxm") {
      const key = `${place.side}${place.index}@${event.cycle}`;
      if (used.has(key)) report("busy", event, "the unit’s other queue uses it in the same cycle");
      used.add(key);
    }
    if (event.op === "send" || event.op === "receive")
      if ((aligned.get(event.queue) ?? Infinity) > event.cycle)
        report("absent", event, "the link was not aligned by `deskew`");
  }
}
