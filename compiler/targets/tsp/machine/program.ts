// A program for one chip, as the compiler builds it and the assembler reads it: instructions at absolute cycles of tile
// 0, words that memory holds at the start, and words that the host fills in before or reads after.
//
//     const builder = programBuilder(groqchipCal);
//     builder.input("x", memQueue("E", 0), addressOf(0, 0), 4);     words that the host fills
//     builder.data(memQueue("E", 1), addressOf(0, 0), beats);       words that are there from the start
//     builder.at(0, memQueue("E", 0), instruction("read", { a: 0, s: stream("W", 0) }));
//     builder.repeated(…);                                          the same four times, with a step for addresses
//     builder.output("y", memQueue("E", 1), addressOf(1, 0), 4);
//     const program = builder.finish();                             → checks, assembler, simulator
//
// program.test.ts has a whole program: a vector addition.
//
// When things happen, of an instruction issued at cycle t (delays of the profile, positions of geometry.ts):
//   - MEM, VXM and SXM tap the beat that is at their stream register at t; the MXM and the links, which lie behind the
//     SXM, the one that was there at t - outward.
//   - An ALU takes operands that other ALUs give at t + aluEntry: a chain of two is issued `alu` cycles apart.
//   - A result is at the unit's own register at t + delay(row); what comes from behind the SXM at t + delay(row) + inward.
//   - From there it moves one register each `hop` cycles. Reading doesn't remove it. Who puts another beat on the
//     stream further on replaces it from there; two at one register and cycle are a fault.
//   - `acc` takes the product of the `abc` that was issued exactly `multiply` cycles before.
//   - An instruction behind `sync` has the cycle at which it is really issued: not before notify + barrier.
//   - The first cycle of `repeat` is that of its first repetition: d cycles behind the instruction that it repeats.

import type { Profile } from "./profile.ts";
import { instruction, type Instruction } from "./table.ts";
import type { Beat } from "./values.ts";

/** The `.kern` line that an instruction comes from. */
export interface KernLine {
  readonly file: string;
  readonly line: number;
}

export interface Issue {
  /** Of tile 0, counted from the program's start. */
  readonly cycle: number;
  /** A queue's number. */
  readonly queue: number;
  readonly instruction: Instruction;
  readonly from?: KernLine;
}

/** Consecutive words of one slice that memory holds at the start. */
export interface Segment {
  readonly queue: number;
  readonly address: number;
  readonly words: readonly Beat[];
}

/** Consecutive words of one slice that the host fills, or reads afterwards. */
export interface Region {
  readonly name: string;
  readonly queue: number;
  readonly address: number;
  readonly words: number;
}

export interface Program {
  readonly profile: Profile;
  readonly segments: readonly Segment[];
  readonly inputs: readonly Region[];
  readonly outputs: readonly Region[];
  /** By queue, then by cycle. */
  readonly issues: readonly Issue[];
}

export interface ProgramBuilder {
  /** Issues an instruction; in any order. */
  at(cycle: number, queue: number, given: Instruction, from?: KernLine | undefined): void;
  /** Issues an instruction `times` times, `period` cycles apart, with `repeat` where that is shorter. */
  repeated(
    cycle: number,
    queue: number,
    given: Instruction,
    times: number,
    options?: { readonly period?: number; readonly step?: number; readonly from?: KernLine | undefined },
  ): void;
  /** Words that memory holds at the start: whole beats of 320 bytes. */
  data(queue: number, address: number, words: readonly Beat[]): void;
  input(name: string, queue: number, address: number, words: number): void;
  output(name: string, queue: number, address: number, words: number): void;
  finish(): Program;
}

export function programBuilder(profile: Profile): ProgramBuilder {
  const issues: Issue[] = [];
  const segments: Segment[] = [];
  const inputs: Region[] = [];
  const outputs: Region[] = [];
  const at: ProgramBuilder["at"] = (cycle, queue, given, from) => {
    issues.push({ cycle, queue, instruction: given, ...(from && { from }) });
  };
  return {
    at,
    repeated(cycle, queue, given, times, { period = 1, step = 0, from } = {}) {
      if (times < 1) return;
      at(cycle, queue, given, from);
      if (times > 1)
        at(cycle + period, queue, instruction("repeat", { n: times - 1, d: period, step }), from);
    },
    data: (queue, address, words) => void segments.push({ queue, address, words }),
    input: (name, queue, address, words) => void inputs.push({ name, queue, address, words }),
    output: (name, queue, address, words) => void outputs.push({ name, queue, address, words }),
    finish: () => ({
      profile,
      segments,
      inputs,
      outputs,
      issues: issues.toSorted((a, b) => a.queue - b.queue || a.cycle - b.cycle),
    }),
  };
}

/** Words that a program speaks of, beside what its instructions address. */
export const regionsOf = ({
  segments,
  inputs,
  outputs,
}: Program): readonly Pick<Region, "queue" | "address" | "words">[] => [
  ...segments.map(({ queue, address, words }) => ({ queue, address, words: words.length })),
  ...inputs,
  ...outputs,
];
