// What queues issue, as instructions of a program: runs of one period and step become a `repeat`.

import type { KernLine, ProgramBuilder } from "../../machine/program.ts";
import { instruction, type Instruction } from "../../machine/table.ts";

/** What one queue issues, in any order: a cycle, an instruction, an address (for reads and writes, whose addresses step), a line. */
export class Issues {
  private readonly cycles: number[] = [];
  private readonly given: Instruction[] = [];
  private readonly addresses: number[] = [];
  private readonly from: (KernLine | undefined)[] = [];

  add(cycle: number, given: Instruction, address: number, from: KernLine | undefined): void {
    this.cycles.push(cycle);
    this.given.push(given);
    this.addresses.push(address);
    this.from.push(from);
  }

  /** Gives them to a program, with `repeat` where several follow each other by one period and step. */
  write(builder: ProgramBuilder, queue: number): void {
    const { cycles, given, addresses, from } = this;
    const count = cycles.length;
    // A queue issues once a cycle: cycles alone say the order. Numbers are sorted by far faster than objects.
    const order = Float64Array.from(cycles, (cycle, at) => cycle * count + at).toSorted();
    for (let at = 0; at < count; at++) order[at]! %= count;
    for (let at = 0; at < count;) {
      const own = order[at]!;
      let end = at + 1;
      const period = end < count ? cycles[order[end]!]! - cycles[own]! : 1;
      const step = end < count ? addresses[order[end]!]! - addresses[own]! : 0;
      if (period <= 1023 && Math.abs(step) < 2048 && given[own]!.op !== "config")
        while (end < count && end - at < 65_535) {
          const [before, each] = [order[end - 1]!, order[end]!];
          if (given[each] !== given[own] || cycles[each]! - cycles[before]! !== period) break;
          if (addresses[each]! - addresses[before]! !== step || from[each]?.line !== from[own]?.line) break;
          end += 1;
        }
      const line = from[own];
      const options = { period, step, ...(line && { from: line }) };
      builder.repeated(cycles[own]!, queue, atAddress(given[own]!, addresses[own]!), end - at, options);
      at = end;
    }
  }
}

function atAddress(given: Instruction, address: number): Instruction {
  if (given.op === "read") return instruction("read", { ...given.fields, a: address });
  if (given.op === "write") return instruction("write", { ...given.fields, a: address });
  return given;
}
