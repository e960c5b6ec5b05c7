// One chip's queues in time: each issues its next instruction when its gap has passed, `repeat` issues again, `sync` parks
// and `notify` lets go. Queues wait in a ring of the next cycles or, beyond it, in a heap, so that idle stretches are
// skipped.

import { fault, type Fault } from "../machine/faults.ts";
import type { Issue, Program } from "../machine/program.ts";
import type { Delays } from "../machine/profile.ts";
import { queueWords } from "../machine/queue-words.ts";
import type { Beat } from "../machine/values.ts";
import { Agenda } from "./agenda.ts";
import { sliceState } from "./state.ts";
import { invalidAt, prepared, type Step } from "./step.ts";
import { Units } from "./units.ts";

export interface ChipOptions {
  readonly delays: Delays;
  readonly compute: boolean;
  report(found: Fault): void;
  send(link: number, time: number, beat: Beat): void;
  /** Told of each instruction that is issued, and what `repeat` has added to its addresses, rows and blocks. */
  trace?(queue: number, cycle: number, step: Step, offset: number): void;
}

interface QueueRun {
  readonly id: number;
  readonly words: readonly { readonly gap: number; readonly step: Step }[];
  next: number;
  /** What `repeat` issues again, when it was issued last, and what was added to its fields. */
  base: Step | undefined;
  issuedAt: number;
  offset: number;
  /** Whether the fields stay valid while `repeat` advances them. */
  valid: boolean;
  left: number;
  period: number;
  step: number;
  parked: boolean;
}

/** Numbers above the queues' stand for the release of parked queues. */
const release = 1000;

export class Chip {
  readonly units: Units;
  /** Instructions that units have carried out, those of `repeat` counted each. */
  issued = 0;
  private readonly runs: QueueRun[];
  private readonly agenda = new Agenda();
  private readonly options: ChipOptions;

  constructor(program: Program, options: ChipOptions) {
    this.options = options;
    this.units = new Units(options);
    const lists = queueWords(program);
    this.runs = lists.map((words, id) => ({
      id,
      words: words.map(({ gap, issue }) => ({ gap, step: prepared(issue, options.delays) })),
      next: 0,
      base: undefined,
      issuedAt: 0,
      offset: 0,
      valid: true,
      left: 0,
      period: 1,
      step: 0,
      parked: false,
    }));
    for (const { queue, address, words } of program.segments)
      for (const [at, beat] of words.entries()) this.setWord(queue, address + at, beat);
    for (const run of this.runs) this.wait(run, 0);
    for (const { gap, issue } of lists.flat()) if (gap < 0) this.overlap(issue);
  }

  private overlap({ cycle, queue, from }: Issue): void {
    this.options.report(
      fault("queue", cycle, queue, "the queue still carries out the instruction before", from),
    );
  }

  /** Fills a word before the program starts. */
  setWord(queue: number, address: number, beat: Beat): void {
    sliceState(this.units.state, queue, this.options.delays).words[address] = beat;
  }

  word(queue: number, address: number): Beat | undefined {
    return this.units.state.slices[queue]?.words[address];
  }

  /** The next cycle in which something is issued; infinite when nothing is left. */
  get next(): number {
    return this.agenda.next;
  }

  /** Issues everything of the next cycle. */
  advance(): void {
    const now = this.agenda.next;
    for (const id of this.agenda.take()) {
      if (id === release) this.letGo(now);
      else this.turn(this.runs[id]!, now);
    }
  }

  private letGo(now: number): void {
    for (const run of this.runs)
      // A `sync` of this very cycle waits for the next release, whichever of the two stands first here.
      if (run.parked && run.issuedAt < now) {
        run.parked = false;
        // The cycle is under way: what has no gap is issued in it.
        if ((run.words[run.next]?.gap ?? 1) <= 0) this.turn(run, now);
        else this.wait(run, now);
      }
  }

  /** Puts a queue that is free from cycle `free` on the agenda for its next instruction. */
  private wait(run: QueueRun, free: number): void {
    const word = run.words[run.next];
    if (word) this.agenda.add(free + Math.max(0, word.gap), run.id);
  }

  private turn(run: QueueRun, now: number): void {
    if (run.left > 0) {
      this.again(run, now);
      return;
    }
    const { step } = run.words[run.next++]!;
    switch (step.op) {
      case "repeat": {
        const { n, d, step: by } = step.fields as { n: number; d: number; step: number };
        if (!run.base || step.invalid || now !== run.issuedAt + d) {
          const what = !run.base
            ? "`repeat` has nothing to repeat"
            : (step.invalid?.what ??
              `\`repeat\` with a period of ${d} comes ${now - run.issuedAt} cycles behind its instruction`);
          this.options.report(fault("illegal", now, run.id, what, step.from));
          return this.wait(run, now + 1);
        }
        run.left = n;
        run.period = d;
        run.step = by;
        // What is valid at both ends is valid between them: the valid values of each field are one range.
        run.valid =
          run.base.invalid === undefined &&
          invalidAt(run.base, run.offset, this.options.delays) === undefined &&
          invalidAt(run.base, run.offset + n * by, this.options.delays) === undefined;
        return this.again(run, now);
      }
      case "nop": {
        this.units.issue(step, now, 0, step.invalid);
        const free = now + step.fields["n"]!;
        this.units.end = Math.max(this.units.end, free);
        return this.wait(run, free);
      }
      case "sync":
        run.parked = true;
        run.issuedAt = now;
        return;
      case "notify":
        this.agenda.add(now + step.delay, release);
        return this.wait(run, now + 1);
      default:
        if (step.row.unit !== "icu") {
          run.base = step;
          run.offset = 0;
          run.valid = step.invalid === undefined;
        }
        this.issue(run, step, now);
        this.wait(run, now + 1);
    }
  }

  private again(run: QueueRun, now: number): void {
    run.left -= 1;
    run.offset += run.step;
    this.issue(run, run.base!, now);
    if (run.left > 0) this.agenda.add(now + run.period, run.id);
    else this.wait(run, now + 1);
  }

  private issue(run: QueueRun, step: Step, now: number): void {
    run.issuedAt = now;
    this.issued += 1;
    this.options.trace?.(run.id, now, step, step.row.unit === "icu" ? 0 : run.offset);
    this.units.end = Math.max(this.units.end, now + 1);
    if (step.row.unit === "icu") this.units.issue(step, now, 0, step.invalid);
    else {
      const invalid = run.valid ? undefined : invalidAt(step, run.offset, this.options.delays);
      this.units.issue(step, now, run.offset, invalid);
    }
  }

  /**
   * What is wrong once nothing is left to issue: queues that nobody woke, and beats that nobody took, which are
   * reported only where nothing else was wrong before.
   */
  finish(faulty: boolean): void {
    const { end } = this.units;
    for (const { id, parked, issuedAt } of this.runs)
      if (parked)
        this.options.report(fault("sync", issuedAt, id, "`sync` waits for a `notify` that never comes"));
    if (faulty || this.runs.some(({ parked }) => parked)) return;
    const alive = this.units.streams.alive(end);
    for (const { id, register } of alive) this.options.report(aliveFault(id, register, end));
  }
}

const aliveFault = (id: number, register: number, end: number): Fault => ({
  ...fault("alive", end, -1, `a beat is on it at the end, at register ${register}, and nobody took it`),
  unit: `${id >= 32 ? "W" : "E"}${id % 32}`,
});
