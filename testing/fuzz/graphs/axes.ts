// Draws that makers of several kinds need: a value of any dtype, an axis of it, an order.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Dice } from "../dice.ts";
import type { Sketch, Value } from "./sketch.ts";

const kinds: readonly Dtype[] = ["f32", "f32", "f32", "i32", "i64", "bool", "u8"];

/** A value of a dtype that moves as any other does. */
export const some = (s: Sketch, test: (value: Value) => boolean = () => true): Value =>
  s.any(s.dice.pick(kinds), test);

/** An axis of a rank, maybe counted from the end. */
export function axisOf(dice: Dice, rank: number, negative = true): readonly [place: number, written: number] {
  const place = dice.below(rank);
  return [place, negative && dice.chance(0.4) ? place - rank : place];
}

export const withRank = ({ shape }: Value) => shape.length > 0;

/** The numbers below `count`, shuffled. */
export function shuffled(dice: Dice, length: number): number[] {
  const order = Array.from({ length }, (_, at) => at);
  for (let at = length - 1; at > 0; at--) {
    const other = dice.below(at + 1);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}
