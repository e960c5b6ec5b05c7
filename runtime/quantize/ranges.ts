// What values a model's activations take, seen on samples: the model runs as it is, with the activations among its results. From
// all that was seen; by entropy: the range whose 8-bit image says most about the distribution, outliers cut (Migacz, "8-bit
// Inference with TensorRT", 2017); or by the mean squared error: rounding inside a range against what lies beyond it.

import type { Device } from "../device.ts";
import { modelError } from "../graph/error.ts";
import { loadModel, type Tensors } from "../onnx/model.ts";
import type { ExternalData } from "../onnx/tensors.ts";
import { withOutputs } from "./edit.ts";

/** The least and the largest value, 0 among them. */
export interface Range {
  readonly low: number;
  readonly high: number;
  /** The shape of the value on a sample, if it was seen. */
  readonly shape?: readonly number[];
}

export type Ranges = ReadonlyMap<string, Range>;

/** How ranges follow from what was seen. */
export type Method = "minmax" | "entropy" | "mse";

export interface CalibrationOptions {
  readonly device: Device;
  readonly method?: Method;
  readonly externalData?: ExternalData;
}

/** Bins of a histogram, of as many values as fill each with some. */
const bins = 2048;
/** Values to a bin at least, so that its count is more than chance. */
const filled = 16;
/** Levels between the least and the largest 8-bit number. */
const levels = 255;

/** Runs the model on samples and gives the range of each of the named values that had elements. Throws K1007 where one isn't finite. */
export async function rangesOf(
  bytes: Uint8Array,
  names: readonly string[],
  samples: readonly Tensors[],
  { device, method = "minmax", externalData }: CalibrationOptions,
): Promise<Ranges> {
  const model = await loadModel(withOutputs(bytes, names), { device, externalData });
  const seen = new Map<string, { low: number; high: number; shape: readonly number[] }>();
  await visit(async (name, data, shape) => {
    // A sample without elements shows nothing.
    if (data.length === 0) return;
    const range = seen.get(name) ?? { low: 0, high: 0, shape };
    seen.set(name, range);
    range.shape = shape;
    let finite = true;
    for (const x of data) {
      if (x < range.low) range.low = x;
      else if (x > range.high) range.high = x;
      else if (Number.isNaN(x)) finite = false;
    }
    if (!finite || !Number.isFinite(range.low - range.high))
      throw modelError("K1007", { why: `\`${name}\` isn’t finite on a sample, so that it has no range` });
  });
  if (method === "minmax") return seen;
  const histograms = new Map([...seen.keys()].map((name) => [name, new Float64Array(bins)]));
  await visit(async (name, data) => {
    if (data.length === 0) return;
    const { low, high } = seen.get(name)!;
    const histogram = histograms.get(name)!;
    if (high > low)
      for (const x of data)
        histogram[Math.min(bins - 1, Math.floor(((x - low) / (high - low)) * bins))]! += 1;
  });
  const rangeOf = method === "mse" ? leastError : leastDivergence;
  return new Map(
    [...seen].map(([name, range]) => [name, { ...range, ...rangeOf(histograms.get(name)!, range) }]),
  );

  async function visit(
    use: (name: string, data: Float32Array, shape: readonly number[]) => Promise<void>,
  ): Promise<void> {
    for (const sample of samples) {
      const results = await model.run(sample);
      for (const name of names) {
        const value = results[name] ?? sample[name];
        if (value?.dtype === "f32") await use(name, (await value.data()) as Float32Array, value.shape);
      }
    }
  }
}

/** Ranges to choose from: what was seen, cut at ever smaller magnitudes. */
function* cuts({ low, high }: Range): Generator<Range> {
  const peak = Math.max(-low, high);
  for (let part = 256; part >= 16; part--) {
    const most = (peak * part) / 256;
    yield { low: Math.max(low, -most), high: Math.min(high, most) };
  }
}

/** The value in the middle of a bin. */
const middle = (at: number, count: number, { low, high }: Range): number =>
  low + ((at + 0.5) * (high - low)) / count;

/**
 * What rounding to 8 bits adds up to, squared: a step's square over 12 for what lies in the range, the square of the distance for what
 * is cut. `histogram` counts values over the range `seen`.
 */
function errorOf(histogram: Float64Array, seen: Range, { low, high }: Range): number {
  const step = (high - low) / levels;
  return histogram.reduce((error, count, at) => {
    const x = middle(at, histogram.length, seen);
    const beyond = Math.max(x - high, low - x);
    return error + count * (beyond <= 0 ? (step * step) / 12 : beyond * beyond);
  }, 0);
}

/** The range whose squared error is least. */
export function leastError(histogram: Float64Array, seen: Range): Range {
  let best = { range: seen, error: Infinity };
  for (const range of cuts(seen)) {
    const error = errorOf(histogram, seen, range);
    if (error < best.error) best = { range, error };
  }
  return best.range;
}

/**
 * The range whose 8-bit image diverges least from what was seen (Kullback, Leibler). Divergence compares counts bin by bin and knows nothing
 * of distances, so that three things must be kept from it. The counts of a few values scattered over many bins are chance: bins
 * are joined until they hold enough, and where fewer than levels remain, all that was seen stays. A peak at zero, which rectifiers and gates
 * make, is much the same as zero within one level, whatever its shape: the bins that become zero count as one. And a few values
 * may carry what the others don't, however rare they are: a cut must not cost more in squares than it saves.
 */
export function leastDivergence(histogram: Float64Array, seen: Range): Range {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  let counts = histogram;
  while (counts.length > levels && counts.length * filled > total) counts = halved(counts);
  if (counts.length <= levels) return seen;
  const most = errorOf(histogram, seen, seen);
  let best = { range: seen, divergence: Infinity };
  for (const range of cuts(seen)) {
    if (errorOf(histogram, seen, range) > most) continue;
    const divergence = divergenceOf(counts, seen, range);
    if (divergence < best.divergence) best = { range, divergence };
  }
  return best.range;
}

const halved = (counts: Float64Array): Float64Array =>
  Float64Array.from({ length: counts.length / 2 }, (_, at) => counts[2 * at]! + counts[2 * at + 1]!);

/** Kullback and Leibler's divergence of what was seen, the last bins with all that lies beyond, from its image in 8-bit numbers. */
function divergenceOf(counts: Float64Array, seen: Range, { low, high }: Range): number {
  const step = (high - low) / levels;
  const levelOf = (at: number): number =>
    Math.round(Math.min(high, Math.max(low, middle(at, counts.length, seen))) / step);
  const inside = (at: number): boolean => {
    const x = middle(at, counts.length, seen);
    return x >= low && x <= high;
  };
  const total = counts.reduce((sum, count) => sum + count, 0);
  const kept = counts.reduce((sum, count, at) => sum + (inside(at) ? count : 0), 0);
  let divergence = 0;
  const add = (real: number, image: number) => {
    // What only the cut filled has no image: as good as lost.
    if (real > 0) divergence += (real / total) * Math.log(real / total / Math.max(image / kept, 1e-9));
  };
  for (let first = 0, end = 0; first < counts.length; first = end) {
    const level = levelOf(first);
    let [sum, image, taken, cut] = [0, 0, 0, 0];
    for (end = first; end < counts.length && levelOf(end) === level; end++) {
      const count = counts[end]!;
      sum += count;
      if (!inside(end)) cut += count;
      else if (count > 0) {
        image += count;
        taken++;
      }
    }
    if (level === 0) {
      add(sum, image);
      continue;
    }
    let beyond = cut;
    // What was cut counts in the bin at the border.
    const border = level > 0 ? -1 : 1;
    for (let n = 0; n < end - first; n++) {
      const at = border < 0 ? end - 1 - n : first + n;
      if (!inside(at)) continue;
      add(counts[at]! + beyond, counts[at]! > 0 ? image / taken : 0);
      beyond = 0;
    }
    add(beyond, 0);
  }
  return divergence;
}
