// Images whose channels lie together, [batch, …, channels], beside those that models speak of, [batch, channels, …]. An operator
// that computes its result channels last says so (`Value.last`), those behind it take it up, and the copy in the model's order is made
// only if somebody reads it. Nothing here decides what is faster: convolutions do.

import { contiguousStrides, sizeOf } from "../tensor/layout.ts";
import type { Builder, MapOptions, Operand } from "./builder.ts";
import type { Value } from "./program.ts";

/** The axes of an image of a rank, channels last. */
export const lastOrder = (rank: number): number[] => [
  0,
  ...Array.from({ length: Math.max(rank - 2, 0) }, (_, at) => at + 2),
  ...(rank > 1 ? [1] : []),
];

const inLastOrder = <T>(list: readonly T[]): T[] => lastOrder(list.length).map((axis) => list[axis]!);

/** Whether the order of the axes makes no difference. */
const isFlat = ({ shape }: Value): boolean => shape.slice(2).every((dim) => dim === 1) || shape[1] === 1;

/** Whether images of these shapes differ in axes of one element only: rows of pixels seen as images. */
export function sameImage(a: readonly number[], b: readonly number[]): boolean {
  const long = (shape: readonly number[]) => shape.slice(2).filter((dim) => dim !== 1);
  return (
    a.length > 2 &&
    b.length > 2 &&
    [0, 1].every((axis) => a[axis] === b[axis]) &&
    String(long(a)) === String(long(b))
  );
}

/** The elements of an image channels last where that costs nothing. */
export function lastOf(b: Builder, value: Value): Value | undefined {
  if (value.shape.length < 3) return undefined;
  return value.last ?? (isFlat(value) ? b.reshape(value, inLastOrder(value.shape)) : undefined);
}

/**
 * The operands of a map with their channels last, where one is there so and the others are, too, or may be read in any order: numbers,
 * one for each channel, constants.
 */
export function lastOperands(
  b: Builder,
  operands: readonly Operand[],
  { shape }: MapOptions,
): readonly Operand[] | undefined {
  const values = operands.filter((each): each is Value => !("value" in each));
  const image = values.filter(({ last }) => last).toSorted((x, y) => sizeOf(y.shape) - sizeOf(x.shape))[0];
  if (!b.reorders || !image || values.length < operands.length) return undefined;
  const rank = image.shape.length;
  const same = (dims: readonly number[]) =>
    dims.length === rank && dims.every((dim, at) => dim === image.shape[at]);
  if (shape && !same(shape)) return undefined;
  const turned = values.map((value): Operand | undefined => {
    if (sizeOf(value.shape) === 1 && value.shape.length <= rank) return b.reshape(value, []);
    if (value.shape.length > rank) return undefined;
    const padded = [...Array.from({ length: rank - value.shape.length }, () => 1), ...value.shape];
    if (padded.some((dim, at) => dim !== 1 && dim !== image.shape[at])) return undefined;
    if (value.last && value.shape.length === rank) return value.last;
    const strides = contiguousStrides(padded);
    const read = { value, view: { shape: inLastOrder(padded), strides: inLastOrder(strides), offset: 0 } };
    if (isFlat({ ...value, shape: padded })) return b.reshape(value, inLastOrder(padded));
    return value.fixed ? read : undefined;
  });
  return turned.includes(undefined) ? undefined : (turned as Operand[]);
}
