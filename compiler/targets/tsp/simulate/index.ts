// The simulator: one chip, or several with links between them, cycle by cycle but only where something happens. It takes
// from a program its words, gaps and data, and no time that the assembler or the compiler reckoned with; arrivals follow
// from the delays of the profile given here.
//
// Order of float arithmetic: an ALU rounds each result to its type. A product of the MXM adds element by element in the order
// of K, each step rounded to f32, starting from 0; sums over several tiles of K add product by product, rounded.

import { superlanes } from "../machine/geometry.ts";
import { fault, type Fault } from "../machine/faults.ts";
import { delaysOf, type Profile } from "../machine/profile.ts";
import { regionsOf, type Program } from "../machine/program.ts";
import type { Beat } from "../machine/values.ts";
import { badRegion } from "../machine/validity.ts";
import { Chip } from "./run.ts";
import type { Step } from "./step.ts";

export interface SimulateOptions {
  /** Other delays than the program was made for. */
  readonly profile?: Profile;
  /** Beats for each input region, by name; in the order of the program's regions where several have the name. */
  readonly inputs?: Readonly<Record<string, readonly Beat[]>>;
  /** False counts cycles only, without values. */
  readonly compute?: boolean;
  /** Ends after so many faults; 20. */
  readonly maxFaults?: number;
  /** Ends with so many issued instructions at most; 10^9. */
  readonly maxIssued?: number;
  /** Told of each instruction that is issued, and what `repeat` has added to its addresses, rows and blocks. */
  trace?(queue: number, cycle: number, step: Step, offset: number): void;
}

export interface Simulated {
  readonly faults: readonly Fault[];
  /** From the program's start until everything is done, at tile 0. */
  readonly cycles: number;
  /** The same at the last tile. */
  readonly lastTile: number;
  /** Instructions that units carried out. */
  readonly issued: number;
  /** Whether a limit ended it early. */
  readonly cut: boolean;
  /** A word of memory as it is at the end. */
  word(queue: number, address: number): Beat | undefined;
  /** The words of the output regions with this name. */
  output(name: string): readonly Beat[];
}

/** Runs a program on one chip. */
export function simulate(program: Program, options: SimulateOptions = {}): Simulated {
  return simulateChips([program], [], [options.inputs ?? {}], options)[0]!;
}

/** Both ends of a cable, each a chip's number and one of its links. */
export type Cable = readonly [
  { readonly chip: number; readonly link: number },
  { readonly chip: number; readonly link: number },
];

/** Runs one program a chip, started together, all with one profile. */
export function simulateChips(
  programs: readonly Program[],
  cables: readonly Cable[],
  inputs: readonly SimulateOptions["inputs"][],
  options: SimulateOptions = {},
): readonly Simulated[] {
  const wrong = programs.map(regionFaults);
  if (wrong.some((found) => found.length > 0)) return wrong.map(misplaced);
  const faults: Fault[][] = programs.map(() => []);
  const { compute = true, maxFaults = 20, maxIssued = 1e9 } = options;
  let count = 0;
  const chips: Chip[] = [];
  const delays = delaysOf(options.profile ?? programs[0]!.profile);
  for (const [number, program] of programs.entries())
    chips.push(
      new Chip(program, {
        delays,
        compute,
        ...(options.trace && { trace: options.trace }),
        report: (found) => {
          count += 1;
          if (count <= maxFaults) faults[number]!.push(found);
        },
        send: (link, time, beat) => {
          const end = otherEnd(cables, number, link);
          if (end) chips[end.chip]!.units.state.links[end.link]!.inbox.push({ time, beat });
        },
      }),
    );
  for (const [number, program] of programs.entries())
    fill(chips[number]!, program, inputs[number] ?? {}, compute);
  let issued = 0;
  const over = (): boolean => count >= maxFaults || issued >= maxIssued;
  while (!over()) {
    const first = earliest(chips);
    if (first.next === Infinity) break;
    issued -= first.issued;
    first.advance();
    issued += first.issued;
  }
  if (!over()) for (const [number, chip] of chips.entries()) chip.finish(faults[number]!.length > 0);
  return chips.map((chip, number) =>
    simulated(chip, programs[number]!, faults[number]!, over(), delays.tile),
  );
}

function simulated(
  chip: Chip,
  program: Program,
  faults: readonly Fault[],
  cut: boolean,
  tile: number,
): Simulated {
  return {
    faults,
    cycles: chip.units.end,
    lastTile: chip.units.end + (superlanes - 1) * tile,
    issued: chip.issued,
    cut,
    word: (queue, address) => chip.word(queue, address),
    output: (name) =>
      program.outputs
        .filter((region) => region.name === name)
        .flatMap(({ queue, address, words }) =>
          Array.from({ length: words }, (_, at) => chip.word(queue, address + at) ?? new Uint8Array(320)),
        ),
  };
}

const regionFaults = (program: Program): readonly Fault[] =>
  regionsOf(program).flatMap(({ queue, address, words }) => {
    const what = badRegion(queue, address, words);
    return what ? [fault("address", 0, queue, what)] : [];
  });

/** What comes of a program that can't even be put into memory. */
const misplaced = (faults: readonly Fault[]): Simulated => ({
  faults,
  cycles: 0,
  lastTile: 0,
  issued: 0,
  cut: true,
  word: () => undefined,
  output: () => [],
});

function earliest(chips: readonly Chip[]): Chip {
  let first = chips[0]!;
  for (const chip of chips) if (chip.next < first.next) first = chip;
  return first;
}

function otherEnd(cables: readonly Cable[], chip: number, link: number): Cable[0] | undefined {
  for (const [a, b] of cables) {
    if (a.chip === chip && a.link === link) return b;
    if (b.chip === chip && b.link === link) return a;
  }
  return undefined;
}

/** The host's part before the start; words that aren't given are zero. */
function fill(
  chip: Chip,
  program: Program,
  inputs: Readonly<Record<string, readonly Beat[]>>,
  compute: boolean,
): void {
  const used = new Map<string, number>();
  const zero = new Uint8Array(320);
  for (const { name, queue, address, words } of program.inputs) {
    const from = used.get(name) ?? 0;
    used.set(name, from + words);
    for (let at = 0; at < words; at++)
      chip.setWord(queue, address + at, (compute ? inputs[name]?.[from + at] : undefined) ?? zero);
  }
}
