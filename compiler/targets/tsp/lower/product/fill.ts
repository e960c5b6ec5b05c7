// What the host fills around products: tiles of weights, column by column in 16 slices, and rows of factors.

import { lanes } from "../../machine/geometry.ts";
import { columnsOfBlock } from "../../machine/mxm.ts";
import { encode, widths, type Beat, type TspType } from "../../machine/values.ts";
import type { Binding, Values } from "./compose.ts";
import { preparedRow } from "./prepared.ts";
import { shiftBuffer, type Product, type Strided } from "./spec.ts";
import type { StoredWeights } from "./stage.ts";
import { eachWeight, type Tiling } from "./tiles.ts";
import { eachLane, type Layout } from "./words.ts";

/** The values of a row of factors by column. */
export function columnValues(
  { gathered, ...own }: Product,
  bind: Binding,
  at: Strided,
  values: Values,
): (column: number) => number {
  const { weights, channels, columns, x, y, prepared } = gathered?.of ?? own;
  if (at.buffer !== shiftBuffer) {
    const given = prepared?.makes.has(at.buffer)
      ? preparedRow(prepared, at.buffer, (buffer) => values(bind(buffer)))
      : values(bind(at.buffer));
    return (column) => given[at.first + (column % columns) * at.column]!;
  }
  const given = values(bind(weights.buffer));
  return (column) => {
    let sum = 0;
    const first = weights.first + (column % columns) * weights.column;
    for (let r = 0; r < y.taps; r++)
      for (let q = 0; q < x.taps; q++)
        for (let c = 0; c < channels; c++)
          sum += given[first + r * weights.r + q * weights.q + c * weights.channel]!;
    return 128 * sum;
  };
}

/** A row of factors for each part of a result, byte by byte. */
export function rowBeats(output: Layout, type: TspType, at: (column: number) => number): readonly Beat[] {
  const words = Array.from({ length: output.parts }, (_, part) => {
    const values = new Float64Array(lanes);
    eachLane(output, part, (lane, _row, _x, channel) => {
      values[lane] = at(channel);
    });
    return encode(values, type);
  });
  return Array.from({ length: widths[type] }, (_, byte) => words.map((beats) => beats[byte]!)).flat();
}

/** Tiles of weights as their 16 slices hold them, one slice after the other. */
export function weightBeats(
  product: Product,
  item: number,
  tiling: Tiling,
  { words, tiles }: StoredWeights,
  given: ArrayLike<number>,
): readonly Beat[] {
  const { weights } = product;
  const float = product.type === "f16" ? 1 : 0;
  const type = float ? "f16" : "i8";
  const perBlock = columnsOfBlock(float);
  const slices = Array.from({ length: 16 }, () => Array.from({ length: words }, () => new Uint8Array(lanes)));
  const base = weights.first + item * weights.item;
  const one = new Float64Array(1);
  for (const { of, pass, half, blocks, offset } of tiles) {
    // Both halves of an f16 tile hold the same words; the plane takes one half of their lanes.
    if (offset + blocks > words) continue;
    eachWeight(tiling, of, pass, (column, lane, q, channel, number) => {
      const place = product.gathered
        ? product.gathered.weight(channel, number)
        : base + pass.r * weights.r + q * weights.q + channel * weights.channel + number * weights.column;
      if (place < 0) return;
      const word = offset + Math.floor(column / perBlock);
      const own = column % perBlock;
      if (!float) {
        slices[own]![word]![lane] = given[place]!;
        return;
      }
      if ((half === 0) !== lane < lanes / 2) return;
      one[0] = given[place]!;
      for (const [byte, beat] of encode(one, type).entries()) slices[2 * own + byte]![word]![lane] = beat[0]!;
    });
  }
  return slices.flat();
}
