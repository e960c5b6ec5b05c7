// Products put together to one program: tensors that the host fills, products that read what lies on the chip and leave their
// results there, and tensors that the host reads. A kernel alone is a program of one product; a network is one of many, whose
// tensors stay in SRAM.

import { lanes, memQueue, sides, type Side } from "../../machine/geometry.ts";
import { delaysOf, type Profile } from "../../machine/profile.ts";
import type { Program } from "../../machine/program.ts";
import { widths, type Beat, type TspType } from "../../machine/values.ts";
import { Unfit } from "../dag.ts";
import { Chip } from "./chip.ts";
import { epilogueOf, type Epilogue } from "./epilogue.ts";
import { firstWeightSlice, otherSide, rowPlace } from "./floor.ts";
import { columnValues, rowBeats, weightBeats } from "./fill.ts";
import { gatheredProduct } from "./gather.ts";
import { costOfJobs, jobsOf, type Job } from "./jobs.ts";
import { beatsOf, inRuns, readBeats, regionsFor, reserve, type Resident, type Spread } from "./resident.ts";
import { batchOf, placeOf, type Product } from "./spec.ts";
import { Stage, type StoredWeights } from "./stage.ts";
import type { Window } from "./window.ts";
import { emitWindow } from "./window-stage.ts";
import { tilingOf, type Tiling } from "./tiles.ts";
import { layoutOf, pixelChoices, type Layout } from "./words.ts";

/** Dense row-major values of a tensor by its name. */
export type Values = (name: string) => ArrayLike<number>;
/** The tensor that a kernel's buffer is bound to. */
export type Binding = (buffer: string) => string;

/** What became of one product. */
export interface StageReport {
  readonly name: string;
  /** From the first word that goes through a plane to the last result in memory. */
  readonly begins: number;
  readonly ends: number;
  /** Words that went through planes, of which four do a cycle; and cycles that the fullest plane's ALUs need. */
  readonly fed: number;
  readonly vector: number;
  /** Blocks of 16 streams of weights that the busier hemisphere loads, one a cycle. */
  readonly loaded: number;
  /** Words of weights, in 320 bytes. */
  readonly weights: number;
  readonly macs: number;
  readonly pixels: readonly [number, number];
}

interface Filler {
  readonly name: string;
  fill(values: Values): readonly Beat[];
}

export interface ProductOptions {
  readonly item?: number;
  /** Whether the result is read by other products, or by the host only. */
  readonly copied: boolean;
  /** Pixels in a word of the result. */
  readonly pixels: number;
  readonly operand?: Resident;
  /** How the result is spread over banks, where that matters to something else. */
  readonly spread?: Spread;
}

/**
 * Up to so many words of a plane in one go the next product may begin while the last of them are written, and finds them in
 * the other bank if banks take turns; with more, halves do, whose addresses go on by one.
 */
const longestTurns = 256;

export class Composer {
  readonly chip: Chip;
  readonly reports: StageReport[] = [];
  private readonly fillers: Filler[] = [];
  private readonly taken: { readonly name: string; readonly tensor: Resident }[] = [];
  private count = 0;

  constructor(profile: Profile) {
    this.chip = new Chip(profile);
  }

  /** A tensor that the host fills, in a hemisphere; `at` gives its elements. */
  input(
    layout: Layout,
    type: TspType,
    side: Side,
    at: (values: Values) => (row: number, x: number, channel: number) => number,
  ): Resident {
    const tensor = reserve(this.chip.memory, side, "halves", layout, type, true, inRuns(layout.words));
    if (!tensor || tensor.after >= 0)
      throw new Unfit(`a tensor of ${layout.words} words, which a hemisphere doesn’t hold`);
    const name = `in${this.count++}`;
    regionsFor(this.chip.builder, tensor, name, "input");
    this.fillers.push({ name, fill: (values) => beatsOf(tensor, at(values)) });
    return tensor;
  }

  /** The factor of a product that goes through the planes, as the host fills it. */
  words(product: Product, bind: Binding, pixels: number, item: number, side: Side): Resident {
    const { words, batch, y, type } = product;
    const layout = inputLayout(product, pixels);
    const less = type === "u8" ? 128 : 0;
    return this.input(layout, type === "f16" ? "f16" : "i8", side, (values) => {
      const given = values(bind(words.buffer));
      return (row, at, channel) => given[placeOf(words, batch, y.size, item, row, at, { channel })]! - less;
    });
  }

  /** The same for a gathered product. */
  gathered(product: Product, bind: Binding, side: Side): Resident {
    const { words, batch, y, x, channels, type } = product;
    const { of, source } = product.gathered!;
    const layout = layoutOf(batchOf(product) * y.size, x.size, channels, 1);
    const less = type === "u8" ? 128 : 0;
    return this.input(layout, type === "f16" ? "f16" : "i8", side, (values) => {
      const given = values(bind(words.buffer));
      return (row, group, lane) => {
        const at = source(row, group, lane);
        const value = at
          ? given[placeOf(words, batch, of.y.size, 0, at[0], at[1], { channel: at[2] })]!
          : of.pad;
        return value - less;
      };
    });
  }

  /** A window operation on what lies on the chip. Throws `Unfit`. */
  window(window: Window, input: Resident, copied: boolean): Resident {
    const { chip } = this;
    const { batch, x, y, channels, span } = window;
    const images = batch.reduce((a, b) => a * b, 1);
    const view = layoutOf(images * y.size, x.size, channels, 1);
    if (input.layout.pixels !== 1 || !alike(view, input.layout) || input.type !== window.type)
      throw new Unfit("a tensor that lies in other words than this window takes", span);
    const layout = layoutOf(images * y.outputs, x.outputs, channels, 1);
    // Words that are made at once lie in different slices, and so do neighbouring pixels, two of which the next window takes.
    const each = Math.ceil(layout.words / 4);
    const turn = (word: number): number => Math.floor(word / each) + Math.floor((word % each) / layout.parts);
    const producer = Uint8Array.from({ length: layout.words }, (_, word) => turn(word) % 4);
    const output = reserve(
      chip.memory,
      otherSide(input.side),
      "halves",
      layout,
      window.result.type,
      copied,
      producer,
    );
    if (!output) throw new Unfit(`a result of ${layout.words} words, which memory doesn’t hold`, span);
    const { begins, ends, perWord } = emitWindow(chip, window, input, output);
    this.reports.push({
      name: window.name,
      begins,
      ends,
      fed: 0,
      vector: perWord * layout.words,
      loaded: 0,
      weights: 0,
      macs: 0,
      pixels: [1, 1],
    });
    return output;
  }

  /** A product of what lies on the chip. Throws `Unfit`. */
  product(product: Product, bind: Binding, input: Resident, options: ProductOptions): Resident {
    const { chip } = this;
    const { item = 0, copied, pixels, operand } = options;
    const { delays, memory } = chip;
    const output = outputLayout(product, pixels);
    const view = inputLayout(product, input.layout.pixels);
    const type = product.type === "f16" ? "f16" : "i8";
    if (!alike(view, input.layout) || input.type !== type || (operand && !alike(output, operand.layout)))
      throw new Unfit("a tensor that lies in other words than this product takes", product.span);
    const tiling = tilingOf(product, view, output);
    const to = otherSide(input.side);
    const epilogue = epilogueOf(product, delays.alu, delays.aluEntry, operand?.side ?? input.side);
    const jobs = jobsOf(tiling, epilogue.interval, delays);
    const producer = producersOf(jobs, output);
    const most = Math.max(...jobs.flat().map(({ words }) => words[0]!.length));
    const spread = options.spread ?? (most <= longestTurns ? "turns" : "halves");
    const tensor = reserve(memory, to, spread, output, epilogue.type, copied, producer);
    if (!tensor) throw new Unfit(`a result of ${output.words} words, which memory doesn’t hold`);
    const number = this.count++;
    const rows = this.rows(product, bind, tiling, epilogue, number);
    const stage = new Stage(chip, { tiling, epilogue, input, operand, output: tensor, jobs, rows });
    const why = stage.emit();
    if (why !== undefined) throw new Unfit(why, product.span);
    for (const stored of stage.stored) this.weights(product, bind, item, tiling, stored, number);
    const real = product.gathered?.of ?? product;
    const { x, y, channels, columns } = real;
    const loads = stage.stored.map(({ words }) => words);
    const made = [0, 0, 0, 0];
    for (const plane of producer) made[plane]! += 1;
    this.reports.push({
      name: product.name,
      begins: stage.begins,
      ends: stage.ends,
      fed: stage.fed,
      vector: epilogue.interval * Math.max(...made),
      loaded: Math.max(0, ...loads),
      weights: 16 * loads.reduce((a, b) => a + b, 0),
      macs: batchOf(real) * y.outputs * x.outputs * y.taps * x.taps * channels * columns,
      pixels: [input.layout.pixels, real === product ? pixels : output.channels / columns],
    });
    // A gathered product's columns are pixels beside each other.
    return real === product ? tensor : { ...tensor, layout: outputLayout(real, output.channels / columns) };
  }

  /** Lets the host read a result; returns how its elements come from the words. */
  output(
    tensor: Resident,
  ): (
    words: (name: string) => readonly Beat[],
    give: (row: number, x: number, channel: number, value: number) => void,
  ) => void {
    const name = `out${this.count++}`;
    regionsFor(this.chip.builder, tensor, name, "output");
    this.taken.push({ name, tensor });
    return (words, give) => readBeats(tensor, words(name), give);
  }

  /** Gives a tensor's memory back, which nothing will read any more. */
  release({ side, bases, reserved, lastRead, ready }: Resident): void {
    const written = ready.reduce((a, b) => Math.max(a, b), -1);
    for (const [bank, words] of reserved.entries())
      this.chip.memory.release(side, bases[bank]!, words, Math.max(lastRead, written));
  }

  program(): Program {
    this.chip.memory.emit(this.chip.builder);
    return this.chip.builder.finish();
  }

  inputs(values: Values): Record<string, readonly Beat[]> {
    return Object.fromEntries(this.fillers.map(({ name, fill }) => [name, fill(values)]));
  }

  /** Rows of factors for both hemispheres' planes: a word for each part of the output. */
  private rows(
    product: Product,
    bind: Binding,
    { output }: Tiling,
    { feeds }: Epilogue,
    number: number,
  ): Readonly<Record<Side, readonly number[]>> {
    const { builder, memory } = this.chip;
    const found: Record<Side, number[]> = { W: [], E: [] };
    for (const planes of sides)
      for (const [index, { operand, place, stream }] of feeds.entries()) {
        if (place === undefined) {
          found[planes].push(-1);
          continue;
        }
        const at = rowPlace(planes, place);
        const address = memory.keep(at.side, at.slice, output.parts);
        if (address === undefined)
          throw new Unfit("more rows of factors than their slices hold", product.span);
        found[planes].push(address);
        const name = `row${number}.${planes}${index}`;
        for (let byte = 0; byte < widths[stream.type]; byte++)
          builder.input(name, memQueue(at.side, at.slice + byte), address, output.parts);
        this.fillers.push({
          name,
          fill: (values) => rowBeats(output, stream.type, columnValues(product, bind, operand.at, values)),
        });
      }
    return found;
  }

  private weights(
    product: Product,
    bind: Binding,
    item: number,
    tiling: Tiling,
    stored: StoredWeights,
    number: number,
  ): void {
    const { side, address, words } = stored;
    const name = `w${number}.${side}`;
    for (let slice = 0; slice < 16; slice++)
      this.chip.builder.input(name, memQueue(side, firstWeightSlice + slice), address, words);
    this.fillers.push({
      name,
      fill: (values) => weightBeats(product, item, tiling, stored, values(bind(product.weights.buffer))),
    });
  }
}

export const inputLayout = (product: Product, pixels: number): Layout =>
  layoutOf(
    batchOf(product) * product.y.size,
    product.x.size,
    product.channels,
    pixels,
    product.asked?.channels,
  );
export const outputLayout = (product: Product, pixels: number): Layout =>
  layoutOf(
    batchOf(product) * product.y.outputs,
    product.x.outputs,
    product.columns,
    pixels,
    product.asked?.columns,
  );

/** Whether tensors lie in the same words, whatever their rows are. */
const alike = (a: Layout, b: Layout): boolean =>
  a.channels === b.channels && a.pixels === b.pixels && a.words === b.words;

function producersOf(jobs: readonly (readonly Job[])[], { words }: Layout): Uint8Array {
  const found = new Uint8Array(words);
  for (const [side, own] of jobs.entries())
    for (const job of own)
      for (const [index, list] of job.words.entries())
        for (const word of list) found[word] = 2 * side + index;
  return found;
}

/** Cycles that a product takes about, with so many pixels in words of the input and the result. */
export function productCycles(product: Product, profile: Profile, input: number, output: number): number {
  const delays = delaysOf(profile);
  const { interval } = epilogueOf(product, delays.alu, delays.aluEntry, "W");
  const tiling = tilingOf(product, inputLayout(product, input), outputLayout(product, output));
  return costOfJobs(jobsOf(tiling, interval, delays), tiling, interval, delays);
}

/** The same for a product whose taps the host gathers; without end where it can't. */
export function gatheredCycles(product: Product, profile: Profile, output: number): number {
  if (output * product.columns > lanes || product.items > 1) return Infinity;
  return productCycles(gatheredProduct(product, output), profile, 1, 1);
}

/** The numbers of pixels in words of the input and the result that make a product shortest. */
export function bestPixels(
  product: Product,
  profile: Profile,
): { readonly input: number; readonly output: number; readonly cycles: number } {
  let best = { input: 1, output: 1, cycles: Infinity };
  const { x, channels, columns, asked } = product;
  for (const input of pixelChoices(x.size, channels, asked?.channels))
    for (const output of pixelChoices(x.outputs, columns, asked?.columns)) {
      const cycles = productCycles(product, profile, input, output);
      if (cycles < best.cycles) best = { input, output, cycles };
    }
  return best;
}
