// A matrix product with whatever becomes of its sums, in one form: a convolution over rows and columns of pixels whose
// channels are contracted. A product of plain matrices has one tap, and its rows are pixels.

import type { Span } from "../../../../../lang/source.ts";
import type { Dag } from "../dag.ts";
import type { TspType } from "../../machine/values.ts";
import type { Asked } from "./asked.ts";
import type { Gathered } from "./gather.ts";
import type { Prepared } from "./prepared.ts";

/** How an output position, a tap and an input position belong together on one axis. */
export interface Axis {
  /** Positions of the input, of the output, and taps. */
  readonly size: number;
  readonly outputs: number;
  readonly taps: number;
  /** input = output · stride + tap · dilation + offset */
  readonly stride: number;
  readonly dilation: number;
  readonly offset: number;
}

/** Where elements lie in a dense tensor: the sum of one factor a coordinate, and a first place. */
export interface Strided {
  readonly buffer: string;
  readonly batch: readonly number[];
  readonly y: number;
  readonly x: number;
  /** Of the factor: taps. */
  readonly r: number;
  readonly q: number;
  readonly channel: number;
  readonly column: number;
  readonly item: number;
  readonly first: number;
}

/** A tensor that the sums meet: one value a column, or one an element. */
export interface Operand {
  readonly kind: "row" | "word";
  readonly type: TspType;
  readonly at: Strided;
}

export interface LoopNames {
  readonly batch: readonly string[];
  readonly y: string | undefined;
  readonly x: string | undefined;
  readonly r: string | undefined;
  readonly q: string | undefined;
  readonly channel: string | undefined;
  readonly column: string | undefined;
  readonly item: string | undefined;
}

export interface Product {
  readonly name: string;
  readonly span: Span | undefined;
  /** What the planes take; `u8` is given to them less 128. */
  readonly type: "i8" | "u8" | "f16";
  /** Independent products of the same sizes, one after the other. */
  readonly items: number;
  /** Extents of axes that only place pixels. */
  readonly batch: readonly number[];
  readonly y: Axis;
  readonly x: Axis;
  readonly channels: number;
  readonly columns: number;
  readonly words: Strided;
  readonly weights: Strided;
  /** What stands for pixels outside the tensor. */
  readonly pad: number;
  /** The graph from sums to results; its loads are the sums (`sumBuffer`), their shift (`shiftBuffer`) and operands. */
  readonly dag: Dag;
  readonly operands: ReadonlyMap<string, Operand>;
  readonly result: { readonly type: TspType; readonly at: Strided };
  /** Its loops by their names in the IR. */
  readonly names: LoopNames;
  /** What annotations ask for. */
  readonly asked?: Asked;
  /** Rows of factors that the kernel makes before the product. */
  readonly prepared?: Prepared;
  /** Where its words hold the taps of another product, side by side. */
  readonly gathered?: Gathered;
}

export const sumBuffer = "#sum";
/** 128 · Σ weights of each column, for activations that were given less 128. */
export const shiftBuffer = "#shift";

export const batchOf = ({ batch }: Product): number => batch.reduce((a, b) => a * b, 1);

/** The place of an element; `row` counts batch and y together, `height` of them an image. */
export function placeOf(
  at: Strided,
  batch: readonly number[],
  height: number,
  item: number,
  row: number,
  x: number,
  last: { readonly channel?: number; readonly column?: number },
): number {
  let place = at.first + item * at.item + x * at.x + (row % height) * at.y;
  let rest = Math.floor(row / height);
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    place += (rest % batch[axis]!) * at.batch[axis]!;
    rest = Math.floor(rest / batch[axis]!);
  }
  return place + (last.channel ?? 0) * at.channel + (last.column ?? 0) * at.column;
}
