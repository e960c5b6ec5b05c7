// An instruction prepared for being issued many times: its row, the streams it taps and gives one by one, its delay, and
// whether it is valid at all.

import { queues, type Place } from "../machine/geometry.ts";
import type { Fields, Row } from "../machine/instruction.ts";
import type { Issue, KernLine } from "../machine/program.ts";
import type { Delays } from "../machine/profile.ts";
import { rowOf, type Instruction, type Op } from "../machine/table.ts";
import { invalidity, type Invalid } from "../machine/validity.ts";

export interface Step {
  readonly instruction: Instruction;
  readonly op: Op;
  readonly row: Row;
  readonly fields: Fields;
  readonly queue: number;
  readonly place: Place;
  readonly rank: number;
  readonly taps: readonly number[];
  readonly gives: readonly number[];
  readonly delay: number;
  /** Fields that `repeat` advances. */
  readonly stepped: readonly string[];
  readonly invalid: Invalid | undefined;
  readonly from: KernLine | undefined;
}

export function prepared({ instruction, queue, from }: Issue, delays: Delays): Step {
  const { op } = instruction;
  const row = rowOf(op);
  const { place, rank } = queues[queue]!;
  const invalid = invalidity(queue, instruction, delays);
  const usable = !invalid || invalid.kind !== "illegal";
  const ids = (uses: readonly { readonly first: number; readonly count: number }[]): readonly number[] =>
    uses.flatMap(({ first, count }) => Array.from({ length: count }, (_, at) => first + at));
  const fields: Fields = instruction.fields;
  return {
    instruction,
    op,
    row,
    fields,
    queue,
    place,
    rank,
    taps: usable ? ids(row.taps(fields)) : [],
    gives: usable ? ids(row.gives(fields)) : [],
    delay: row.delay(delays),
    stepped: Object.keys(row.fields).filter((name) => row.fields[name]!.stepped),
    invalid,
    from,
  };
}

/** The step's fields with `offset` added to addresses, rows and blocks. */
export function offsetFields({ fields, stepped }: Step, offset: number): Fields {
  if (offset === 0 || stepped.length === 0) return fields;
  const found: Record<string, number> = { ...fields };
  for (const name of stepped) found[name] = found[name]! + offset;
  return found;
}

/** What is wrong with the step once `offset` is added to its fields. */
export function invalidAt(step: Step, offset: number, delays: Delays): Invalid | undefined {
  if (offset === 0) return step.invalid;
  const given = { op: step.op, fields: offsetFields(step, offset) } as unknown as Instruction;
  return invalidity(step.queue, given, delays);
}
