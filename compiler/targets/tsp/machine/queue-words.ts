// A program's instructions as its queues hold them: each with the cycles to wait since the queue was free. Absolute times
// are gone then: this is all that the binary and the simulator know.

import { queues } from "./geometry.ts";
import type { Issue, Program } from "./program.ts";

export interface QueueWord {
  /** Cycles that the queue idles before the instruction; negative where it is still taken, which is a fault. */
  readonly gap: number;
  readonly issue: Issue;
}

/** The first cycle after an instruction in which its queue is free; behind `sync` that depends on who notifies. */
export function freeAfter({ cycle, instruction: { op, fields } }: Issue, release: number): number {
  const { n = 1, d = 1 } = fields as { n?: number; d?: number };
  if (op === "nop") return cycle + n;
  if (op === "repeat") return cycle + (n - 1) * d + 1;
  return op === "sync" ? release : cycle + 1;
}

/** Of the cycles of a program's `notify`s, the one whose release is the first after a `sync`'s cycle. */
export function heardAfter(notified: readonly number[], cycle: number, barrier: number): number | undefined {
  let first: number | undefined;
  for (const each of notified) if (each + barrier > cycle && each < (first ?? Infinity)) first = each;
  return first;
}

/** One list a queue. Times behind a `sync` are counted from the release that the program's own profile gives. */
export function queueWords({ issues, profile }: Program): readonly (readonly QueueWord[])[] {
  const barrier = profile.constants.barrier.value;
  const notified = issues.filter(({ instruction }) => instruction.op === "notify").map(({ cycle }) => cycle);
  const found: QueueWord[][] = queues.map(() => []);
  const free = queues.map(() => 0);
  for (const issue of issues) {
    const { queue, cycle } = issue;
    found[queue]?.push({ gap: cycle - free[queue]!, issue });
    free[queue] = freeAfter(issue, (heardAfter(notified, cycle, barrier) ?? cycle) + barrier);
  }
  return found;
}
