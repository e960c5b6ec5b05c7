// What queues issue, as instructions of a program: runs of one period and step become a `repeat`.

import type { KernLine, ProgramBuilder } from "../../machine/program.ts";
import { instruction, type Instruction } from "../../machine/table.ts";

export interface Issue {
  readonly cycle: number;
  readonly given: Instruction;
  /** For reads and writes, whose addresses step. */
  readonly address: number;
  readonly from: KernLine | undefined;
}

/** Gives issues, by queue, to a program, with `repeat` where several follow each other by one period and step. */
export function writeIssues(builder: ProgramBuilder, issues: ReadonlyMap<number, readonly Issue[]>): void {
  for (const [queue, list] of issues) {
    const sorted = list.toSorted((a, b) => a.cycle - b.cycle);
    for (let at = 0; at < sorted.length;) {
      const own = sorted[at]!;
      const next = sorted[at + 1];
      const period = next ? next.cycle - own.cycle : 1;
      const step = next ? next.address - own.address : 0;
      let end = at + 1;
      if (period <= 1023 && Math.abs(step) < 2048 && own.given.op !== "config")
        while (end < sorted.length && end - at < 65_535) {
          const [before, each] = [sorted[end - 1]!, sorted[end]!];
          if (each.given !== own.given || each.cycle - before.cycle !== period) break;
          if (each.address - before.address !== step || each.from?.line !== own.from?.line) break;
          end += 1;
        }
      const options = { period, step, ...(own.from && { from: own.from }) };
      builder.repeated(own.cycle, queue, atAddress(own), end - at, options);
      at = end;
    }
  }
}

function atAddress({ given, address }: Issue): Instruction {
  if (given.op === "read") return instruction("read", { ...given.fields, a: address });
  if (given.op === "write") return instruction("write", { ...given.fields, a: address });
  return given;
}
