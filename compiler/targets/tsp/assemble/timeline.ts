// A program's instructions one by one at absolute cycles, `repeat` written out: what the checks and the report go through.
// Nothing here is shared with the simulator, which has only words and gaps.

import { fault, type Fault } from "../machine/faults.ts";
import type { Fields, Row } from "../machine/instruction.ts";
import type { Issue, KernLine, Program } from "../machine/program.ts";
import { delaysOf } from "../machine/profile.ts";
import { freeAfter, heardAfter } from "../machine/queue-words.ts";
import { rowOf, type Instruction, type Op } from "../machine/table.ts";
import { invalidity } from "../machine/validity.ts";

/** An instruction at the cycle in which its unit carries it out. */
export interface Event {
  readonly cycle: number;
  readonly queue: number;
  readonly op: Op;
  readonly row: Row;
  readonly fields: Fields;
  readonly from: KernLine | undefined;
}

export interface Timeline {
  /** By queue, then by cycle; only valid ones. */
  readonly events: readonly Event[];
  readonly faults: readonly Fault[];
}

export function timelineOf(program: Program): Timeline {
  const delays = delaysOf(program.profile);
  const events: Event[] = [];
  const faults: Fault[] = [];
  const notified = program.issues
    .filter(({ instruction }) => instruction.op === "notify")
    .map(({ cycle }) => cycle);
  const byQueue = new Map<number, Issue[]>();
  for (const issue of program.issues) {
    const list = byQueue.get(issue.queue);
    if (list) list.push(issue);
    else byQueue.set(issue.queue, [issue]);
  }
  for (const [queue, issues] of byQueue) {
    let free = 0;
    let base: { issue: Issue; cycle: number; offset: number } | undefined;
    for (const issue of issues) {
      const { cycle, instruction, from } = issue;
      const report = (kind: Fault["kind"], what: string): void =>
        void faults.push(fault(kind, cycle, queue, what, from));
      if (cycle < free) report("queue", "the queue still carries out the instruction before");
      const invalid = invalidity(queue, instruction, delays);
      if (invalid) report(invalid.kind, invalid.what);
      const heard = heardAfter(notified, cycle, delays.barrier);
      if (instruction.op === "sync" && heard === undefined)
        report("sync", "`sync` waits for a `notify` that never comes");
      free = freeAfter(issue, (heard ?? cycle) + delays.barrier);
      const add = (at: number, given: Instruction, offset: number, source: Issue): void => {
        const row = rowOf(given.op);
        events.push({
          cycle: at,
          queue,
          op: given.op,
          row,
          fields: stepped(row, given.fields, offset),
          from: source.from,
        });
      };
      if (instruction.op !== "repeat") {
        if (!invalid) add(cycle, instruction, 0, issue);
        if (rowOf(instruction.op).unit !== "icu") base = invalid ? undefined : { issue, cycle, offset: 0 };
        continue;
      }
      if (invalid) continue;
      const { n, d, step } = instruction.fields as { n: number; d: number; step: number };
      if (!base) {
        report("illegal", "`repeat` has nothing to repeat");
        continue;
      }
      if (cycle !== base.cycle + d) {
        report(
          "illegal",
          `\`repeat\` with a period of ${d} comes ${cycle - base.cycle} cycles behind its instruction`,
        );
        continue;
      }
      const last = withOffset(base.issue.instruction, base.offset + n * step);
      const wrong = invalidity(queue, last, delays);
      if (wrong) {
        report(wrong.kind, wrong.what);
        continue;
      }
      for (let at = 0; at < n; at++)
        add(cycle + at * d, base.issue.instruction, base.offset + (at + 1) * step, base.issue);
      base = { issue: base.issue, cycle: cycle + (n - 1) * d, offset: base.offset + n * step };
    }
  }
  return { events, faults };
}

function stepped(row: Row, fields: Fields, offset: number): Fields {
  if (offset === 0) return fields;
  let found: Record<string, number> | undefined;
  for (const name of Object.keys(row.fields))
    if (row.fields[name]!.stepped) (found ??= { ...fields })[name] = fields[name]! + offset;
  return found ?? fields;
}

const withOffset = ({ op, fields }: Instruction, offset: number): Instruction =>
  ({ op, fields: stepped(rowOf(op), fields, offset) }) as unknown as Instruction;
