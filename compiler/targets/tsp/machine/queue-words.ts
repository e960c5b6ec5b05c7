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

/** One list a queue. Times behind a `sync` are counted from the release that the program's own profile gives. */
export function queueWords({ issues, profile }: Program): readonly (readonly QueueWord[])[] {
  const barrier = profile.constants.barrier.value;
  const notified = issues
    .filter(({ instruction }) => instruction.op === "notify")
    .map(({ cycle }) => cycle)
    .toSorted((a, b) => a - b);
  const found: QueueWord[][] = queues.map(() => []);
  const free = queues.map(() => 0);
  for (const issue of issues) {
    const { queue, cycle } = issue;
    found[queue]?.push({ gap: cycle - free[queue]!, issue });
    const heard = notified.find((each) => each >= cycle) ?? cycle;
    free[queue] = freeAfter(issue, heard + barrier);
  }
  return found;
}
