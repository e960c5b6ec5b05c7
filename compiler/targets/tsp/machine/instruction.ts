// What a row of the instruction table is: fields with their ranges, the streams it takes and gives and when, and an
// executable body. The assembler, its checks, the simulator and the instruction selector all read these rows.

import type { Delays } from "./profile.ts";
import type { Beat, Lanes, TspType } from "./values.ts";

/** How a field is written, and how many bits it takes; signed ones are two's complement. */
export interface FieldKind {
  readonly bits: number;
  readonly min: number;
  readonly max: number;
  /** Streams that the field names, for one whose count doesn't depend on an element type. */
  readonly streams?: 1 | 2 | 16;
  /** `repeat` adds its step to such a field. */
  readonly stepped?: true;
  readonly text:
    | "number"
    | "hexadecimal"
    | "address"
    | "stream"
    | "typed stream"
    | "operand"
    | "result"
    | "type"
    | "rounding"
    | "float"
    | "sums";
}

const unsigned = (bits: number, min = 0): FieldKind => ({ bits, min, max: 2 ** bits - 1, text: "number" });
const signed = (bits: number): FieldKind => ({
  bits,
  min: -(2 ** (bits - 1)),
  max: 2 ** (bits - 1) - 1,
  text: "number",
});
const streamGroup = (count: 1 | 2 | 16): FieldKind => ({
  ...unsigned(6),
  streams: count,
  text: "stream",
});

/** `count` is the number of cycles or times; 64 as a `result` is none; operands 64 … 79 are ALUs and 80 the constant. */
export const kinds = {
  count: unsigned(16, 1),
  period: unsigned(10, 1),
  step: signed(12),
  bits32: { ...unsigned(32), text: "hexadecimal" },
  stream: streamGroup(1),
  pair: streamGroup(2),
  sixteen: streamGroup(16),
  /** Of one MXM operand: one stream for i8, two for f16. */
  activations: { ...unsigned(6), text: "typed stream" },
  address: { ...unsigned(14), text: "address", stepped: true },
  operand: { ...unsigned(7), max: 80, text: "operand" },
  result: { ...unsigned(7), max: 64, text: "result" },
  sums: { ...unsigned(7), max: 64, text: "sums" },
  type: { ...unsigned(3), text: "type" },
  /** Of an MXM: 0 is i8, 1 is f16. */
  float: { ...unsigned(1), text: "float" },
  rounding: { ...unsigned(2), max: 2, text: "rounding" },
  flag: unsigned(1),
  row: { ...unsigned(12), stepped: true },
  /** Blocks of 16 (i8) or 8 (f16) columns of weights. */
  block: { ...unsigned(6), stepped: true },
  lanes: { ...unsigned(9), max: 320 },
  shift: { ...signed(10), min: -320, max: 320 },
  side: { ...unsigned(3), min: 3, max: 4 },
} as const satisfies Record<string, FieldKind>;

export const noResult = 64;
export const firstAlu = 64;
export const constantOperand = 80;

/** Streams that an instruction takes or gives: `count` of them from `first` on. */
export interface StreamUse {
  readonly first: number;
  readonly count: number;
}

/** State behind a queue that bodies read and change; each unit has the part it needs. */
export interface UnitState {
  /** MEM: the beat at an address. */
  row(address: number): Beat;
  setRow(address: number, beat: Beat): void;
  /** MXM: the plane's weights and sums. */
  readonly plane: PlaneState;
}

/** What a plane computes with. Timing is not its business. */
export interface PlaneState {
  /** Columns of weights on their way in, by column: one element a lane of K. Absent ones are zero. */
  buffer: Map<number, Lanes>;
  bufferFloat: boolean;
  installed: Map<number, Lanes>;
  installedFloat: boolean;
  /** Rows of sums, one lane a column. */
  readonly sums: Map<number, Lanes>;
  /** The product that reaches `acc` this cycle. */
  product: Lanes;
}

export type Fields = Readonly<Record<string, number>>;

export interface Row<F extends Record<string, FieldKind> = Record<string, FieldKind>> {
  readonly unit: "icu" | "mem" | "vxm" | "sxm" | "mxm" | "c2c";
  /** SXM: the first letter of the units that carry it out. MXM: the part of the plane whose queue takes it. */
  readonly part?: "D" | "T" | "P" | "weights" | "act" | "acc";
  readonly doc: string;
  /** Packed from bit 0 of the word up, in this order. */
  readonly fields: F;
  /** The line of text behind the cycle, fields in braces. */
  readonly text: string;
  /** Streams tapped; an address that comes by stream is first. */
  taps(fields: { readonly [K in keyof F]: number }): readonly StreamUse[];
  gives(fields: { readonly [K in keyof F]: number }): readonly StreamUse[];
  /** Cycles from issue until its beats are at the unit's output. */
  delay(delays: Delays): number;
  /** VXM: the element type that its inputs have, the types it exists for, and what it gives. */
  readonly vxm?: VxmRow;
  /** Beats tapped, in the order of `taps`, to beats given, in the order of `gives`. */
  body?(
    beats: readonly Beat[],
    fields: { readonly [K in keyof F]: number },
    state: UnitState,
  ): readonly Beat[];
}

export type BytesBody = (z: Beat, x: Beat, y: Beat) => void;

export interface VxmRow {
  readonly inputs: 1 | 2;
  readonly types: readonly TspType[];
  /** The type of the second input where it is another one. */
  readonly second?: TspType;
  /** The type of the result where it isn't that of the inputs. */
  readonly gives?: TspType | "to";
  /** Writes to `z`, which is neither `x` nor `y`, and gives it. */
  lanes(x: Lanes, y: Lanes, type: TspType, fields: Fields, z?: Lanes): Lanes;
  /** The same on the bytes of types of one byte, where their sign doesn't matter; writes to `z`. */
  readonly bytes?: BytesBody | undefined;
}

/** Infers a row's field names, so that its functions may use them. */
export function row<const F extends Record<string, FieldKind>>(
  value: Partial<Pick<Row<F>, "taps" | "gives" | "delay">> & Omit<Row<F>, "taps" | "gives" | "delay">,
): Row<F> {
  return { taps: () => [], gives: () => [], delay: () => 0, ...value };
}

export const one = (first: number): StreamUse => ({ first, count: 1 });
