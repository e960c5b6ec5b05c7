// The instruction table: every row, its number in a word, and the types that follow from it. The numbers are part of
// the binary format: new rows go last.

import type { Place } from "./geometry.ts";
import { planeParts, queues, sxmUnits } from "./geometry.ts";
import { c2cRows, icuRows } from "./icu.ts";
import type { Row } from "./instruction.ts";
import { memRows } from "./mem.ts";
import { mxmRows } from "./mxm.ts";
import { sxmRows } from "./sxm.ts";
import { vxmRows } from "./vxm.ts";

export const table = { ...icuRows, ...memRows, ...vxmRows, ...mxmRows, ...sxmRows, ...c2cRows };

type Table = typeof table;
export type Op = keyof Table;
type InstructionOf<O extends Op> = {
  readonly op: O;
  readonly fields: { readonly [F in keyof Table[O]["fields"]]: number };
};
/** One instruction: its row's name and a number a field. */
export type Instruction = { [O in Op]: InstructionOf<O> }[Op];

export const ops = Object.keys(table) as Op[];
export const numberOf: ReadonlyMap<Op, number> = new Map(ops.map((op, at) => [op, at]));
/** A row without the knowledge of which one it is. */
export const rowOf = (op: Op): Row => table[op] as unknown as Row;

/** Makes an instruction: `instruction("read", { a: addressOf(0, 16), s: stream("E", 5) })`. */
export function instruction<O extends Op>(op: O, fields: InstructionOf<O>["fields"]): Instruction {
  return { op, fields } as unknown as Instruction;
}

/** Whether the queue at a place takes such instructions. */
export function accepts(place: Place, op: Op): boolean {
  const { unit, part } = rowOf(op);
  if (unit === "icu") return true;
  if (unit !== place.kind) return false;
  if (place.kind === "sxm") return sxmUnits[place.index]!.startsWith(part!);
  return place.kind !== "mxm" || planeParts[place.part] === part;
}

/** The queues that take such instructions. */
export const queuesFor = (op: Op): readonly number[] =>
  queues.filter(({ place }) => accepts(place, op)).map(({ id }) => id);
