// How much memory a program takes: words that hold something which is still to be read, at the moment when they are most,
// and words that it takes in all. A word lives from when it is filled or written until it is read last.

import type { Event } from "./assemble/timeline.ts";
import { addresses } from "./machine/geometry.ts";
import type { Program } from "./machine/program.ts";

export interface SramUse {
  /** Words of 320 bytes. */
  readonly peak: number;
  readonly words: number;
}

export function sramOf(program: Program, cycles: number, events: readonly Event[]): SramUse {
  const accesses = new Map<number, { readonly cycle: number; readonly writes: boolean }[]>();
  const note = (queue: number, address: number, cycle: number, writes: boolean): void => {
    const key = queue * addresses + address;
    const list = accesses.get(key);
    if (list) list.push({ cycle, writes });
    else accesses.set(key, [{ cycle, writes }]);
  };
  const region = (list: Program["inputs"], cycle: number, writes: boolean): void => {
    for (const { queue, address, words } of list)
      for (let at = 0; at < words; at++) note(queue, address + at, cycle, writes);
  };
  region(program.inputs, -1, true);
  for (const { queue, address, words } of program.segments)
    for (const at of words.keys()) note(queue, address + at, -1, true);
  for (const { cycle, queue, op, fields } of events) {
    if (op === "read" || op === "move") note(queue, fields["a"]!, cycle, false);
    if (op === "write") note(queue, fields["a"]!, cycle, true);
    if (op === "move") note(queue, fields["to"]!, cycle, true);
  }
  region(program.outputs, cycles, false);
  // By cycle: words that begin to live, less those that were read last in the cycle before.
  const changes = new Map<number, number>();
  const change = (cycle: number, by: number): void => void changes.set(cycle, (changes.get(cycle) ?? 0) + by);
  for (const list of accesses.values()) {
    list.sort((a, b) => a.cycle - b.cycle || Number(a.writes) - Number(b.writes));
    let from: number | undefined;
    let last = 0;
    const end = (): void => {
      if (from === undefined) return;
      change(from, 1);
      change(last + 1, -1);
    };
    for (const { cycle, writes } of list) {
      if (writes) {
        end();
        from = cycle;
      }
      last = cycle;
    }
    end();
  }
  let now = 0;
  let peak = 0;
  for (const [, by] of [...changes].toSorted(([a], [b]) => a - b)) {
    now += by;
    peak = Math.max(peak, now);
  }
  return { peak, words: accesses.size };
}
