// The chip while a program is made: when each plane, each weight buffer and each plane's ALUs are free again, what memory
// does, and words that stand for pixels outside a tensor.

import { lanes, type Side } from "../../machine/geometry.ts";
import { delaysOf, type Delays, type Profile } from "../../machine/profile.ts";
import { programBuilder, type ProgramBuilder } from "../../machine/program.ts";
import { encode, widths } from "../../machine/values.ts";
import { Unfit } from "../dag.ts";
import { queueOfWord } from "./floor.ts";
import { Memory } from "./memory.ts";
import type { Resident } from "./resident.ts";

/** The planes of a hemisphere, which work in step. */
export interface Unit {
  /** The first cycle in which weights may be loaded, and in which other weights may be installed. */
  buffer: number;
  fed: number;
}

export interface PlaneTimes {
  /** When each row of sums was added to last. */
  readonly summed: Int32Array;
  /** The first cycle in which its ALUs may do something else. */
  vector: number;
}

export class Chip {
  readonly profile: Profile;
  readonly delays: Delays;
  readonly builder: ProgramBuilder;
  readonly memory = new Memory();
  readonly units: Readonly<Record<Side, Unit>> = { W: { buffer: 0, fed: 0 }, E: { buffer: 0, fed: 0 } };
  readonly planes: readonly PlaneTimes[];
  private readonly pads = new Map<string, number>();

  constructor(profile: Profile) {
    this.profile = profile;
    this.delays = delaysOf(profile);
    this.builder = programBuilder(profile);
    this.planes = Array.from({ length: 4 }, () => ({
      summed: new Int32Array(this.delays.accumulatorRows).fill(-this.delays.accumulate),
      vector: 1,
    }));
  }

  /** The address of words that hold `value` in every lane, the same in all slices of words. */
  pad({ side, type }: Resident, value: number): number {
    const key = `${side} ${type} ${value}`;
    const known = this.pads.get(key);
    if (known !== undefined) return known;
    const address = this.memory.pad(side);
    if (address === undefined) throw new Unfit("no room left for the border of a tensor");
    const beats = encode(new Float64Array(lanes).fill(value), type);
    for (let copy = 0; copy < 4; copy++)
      for (let producer = 0; producer < 4; producer++)
        this.builder.data(queueOfWord(side, copy, producer), address, [beats[copy % widths[type]]!]);
    this.pads.set(key, address);
    return address;
  }
}
