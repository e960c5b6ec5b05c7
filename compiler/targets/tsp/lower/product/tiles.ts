// A product as tiles of weights: which words of the input meet which tile for a word of the result. A tile has a column for
// each lane of the result's word and an element for each lane of the input's; with several pixels in a word most elements
// of a tile may be zero, and a word still needs fewer passes than its pixels would one by one.

import { lanes } from "../../machine/geometry.ts";
import { channelsOf, lanesOf, wordAt, type Layout } from "./words.ts";
import type { Product } from "./spec.ts";

/** A tile that a word of the result adds to its sum, and the word of the input that goes through it. */
export interface Pass {
  /** Rows of the input from the output row's first one, in taps. */
  readonly r: number;
  /** Words from the class's first one. */
  readonly shift: number;
  readonly part: number;
}

/** Words of the result that have their passes alike: those of one part, and of every `cycle`th group of pixels. */
export interface Class {
  readonly part: number;
  readonly phase: number;
  readonly passes: readonly Pass[];
}

export interface Tiling {
  readonly product: Product;
  readonly input: Layout;
  readonly output: Layout;
  readonly cycle: number;
  /** Words of the input between groups of the result that are a cycle apart. */
  readonly advance: number;
  readonly classes: readonly Class[];
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

export function tilingOf(product: Product, input: Layout, output: Layout): Tiling {
  const { x, y } = product;
  const cycle = input.pixels / gcd(x.stride * output.pixels, input.pixels);
  const advance = (x.stride * output.pixels * cycle) / input.pixels;
  const classes: Class[] = [];
  for (let phase = 0; phase < Math.min(cycle, output.across); phase++) {
    const shifts = new Set<number>();
    for (let pixel = 0; pixel < output.pixels; pixel++)
      for (let q = 0; q < x.taps; q++)
        shifts.add(Math.floor(columnOf(product, output, phase, pixel, q) / input.pixels));
    const places = Array.from({ length: y.taps }, (_, r) =>
      [...shifts].map((shift) => ({ r, shift })),
    ).flat();
    const first = Math.floor((phase * output.pixels * x.stride) / input.pixels);
    // Words as far on as the result's own first, then those behind: planes that share an image get these from each other
    // last.
    const ahead = ({ r, shift }: Pick<Pass, "r" | "shift">): number =>
      (r * y.dilation + y.offset) * input.across + shift - first;
    const later = (place: Pick<Pass, "r" | "shift">): number =>
      ahead(place) >= 0 ? ahead(place) : input.words - ahead(place);
    const passes = places
      .toSorted((a, b) => later(a) - later(b))
      .flatMap((place): Pass[] => Array.from({ length: input.parts }, (_, part) => ({ ...place, part })));
    for (let part = 0; part < output.parts; part++) classes.push({ part, phase, passes });
  }
  return { product, input, output, cycle, advance, classes };
}

/** The column of the input that a tap takes for a pixel of the class's first word. */
const columnOf = ({ x }: Product, { pixels }: Layout, phase: number, pixel: number, q: number): number =>
  (phase * pixels + pixel) * x.stride + q * x.dilation + x.offset;

/** The words of the result that a class has, in their order. */
export function wordsOfClass({ output, cycle }: Tiling, { part, phase }: Class): Int32Array {
  const across = Math.ceil((output.across - phase) / cycle);
  const found = new Int32Array(output.rows * across);
  let at = 0;
  for (let row = 0; row < output.rows; row++)
    for (let group = phase; group < output.across; group += cycle)
      found[at++] = wordAt(output, row, group, part);
  return found;
}

/** The word of the input that goes through a pass for a word of the result; -1 where it lies outside. */
export function wordOfPass(tiling: Tiling, { phase }: Class, { r, shift, part }: Pass, word: number): number {
  const { product, input, output, cycle, advance } = tiling;
  const { y } = product;
  const place = Math.floor(word / output.parts);
  const group = place % output.across;
  const row = Math.floor(place / output.across);
  const image = Math.floor(row / y.outputs);
  const own = (row % y.outputs) * y.stride + r * y.dilation + y.offset;
  const across = shift + ((group - phase) / cycle) * advance;
  if (own < 0 || own >= y.size || across < 0 || across >= input.across) return -1;
  return wordAt(input, image * y.size + own, across, part);
}

/** Columns of a tile that hold weights. */
export const columnsOfTile = ({ output }: Tiling, { part }: Class): number => lanesOf(output, part);

/** Calls `each` for every weight of a tile: its column, its lane, and which weight it is. */
export function eachWeight(
  { product, input, output }: Tiling,
  { part, phase }: Class,
  pass: Pass,
  each: (column: number, lane: number, q: number, channel: number, number: number) => void,
): void {
  const { x } = product;
  const outputs = channelsOf(output, part);
  const inputs = channelsOf(input, pass.part);
  for (let pixel = 0; pixel < output.pixels; pixel++)
    for (let q = 0; q < x.taps; q++) {
      const at = columnOf(product, output, phase, pixel, q);
      if (Math.floor(at / input.pixels) !== pass.shift) continue;
      const first = (at - pass.shift * input.pixels) * inputs;
      for (let number = 0; number < outputs; number++)
        for (let channel = 0; channel < inputs; channel++)
          each(
            pixel * outputs + number,
            first + channel,
            q,
            pass.part * input.share + channel,
            part * output.share + number,
          );
    }
}

/** Cycles that the planes are fed at least if four planes share the words, for choosing layouts. */
export function passesOf({ classes, output, cycle }: Tiling): number {
  return classes.reduce(
    (sum, { passes, phase }) =>
      sum + passes.length * output.rows * Math.ceil((output.across - phase) / cycle),
    0,
  );
}

/** f16 goes through a plane by halves of its lanes. */
export const halvesOf = (product: Product, used: number): readonly number[] =>
  product.type === "f16" ? (used > lanes / 2 ? [0, 1] : [0]) : [0];
