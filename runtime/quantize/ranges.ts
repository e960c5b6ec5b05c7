// What values a model's activations take, seen on samples: the model runs as it is, with the activations among its results. From
// all that was seen; by entropy: the range whose 8-bit image says most about the distribution, outliers cut (Migacz, "8-bit
// Inference with TensorRT", 2017); or by the mean squared error: rounding inside a range against what lies beyond it.

import type { Device } from "../device.ts";
import { badModel } from "../graph/error.ts";
import { loadModel, type Tensors } from "../onnx/model.ts";
import type { ExternalData } from "../onnx/tensors.ts";
import { withOutputs } from "./edit.ts";

/** The least and the largest value, 0 among them. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export type Ranges = ReadonlyMap<string, Range>;

/** How ranges follow from what was seen. */
export type Method = "minmax" | "entropy" | "mse";

export interface CalibrationOptions {
  readonly device: Device;
  readonly method?: Method;
  readonly externalData?: ExternalData;
}

/** Bins of the histogram of magnitudes. */
const bins = 2048;
/** Steps that an 8-bit number has on one side of 0. */
const steps = 128;

/** Runs the model on samples and gives the range of each of the named values. */
export async function rangesOf(
  bytes: Uint8Array,
  names: readonly string[],
  samples: readonly Tensors[],
  { device, method = "minmax", externalData }: CalibrationOptions,
): Promise<Ranges> {
  const model = await loadModel(withOutputs(bytes, names), { device, externalData });
  const seen = new Map(names.map((name) => [name, { low: 0, high: 0 }]));
  await visit(async (name, data) => {
    const range = seen.get(name)!;
    for (const x of data) {
      if (x < range.low) range.low = x;
      if (x > range.high) range.high = x;
    }
    if (!Number.isFinite(range.low - range.high))
      throw badModel(`its value \`${name}\` isn’t finite on a sample, so that it has no range`);
  });
  if (method === "minmax") return seen;
  const histograms = new Map(names.map((name) => [name, new Float64Array(bins)]));
  await visit(async (name, data) => {
    const { low, high } = seen.get(name)!;
    const peak = Math.max(-low, high);
    const histogram = histograms.get(name)!;
    if (peak > 0)
      for (const x of data) histogram[Math.min(bins - 1, Math.floor((Math.abs(x) / peak) * bins))]! += 1;
  });
  return new Map(
    names.map((name) => {
      const { low, high } = seen.get(name)!;
      const histogram = histograms.get(name)!;
      const cut = method === "mse" ? leastError(histogram, { low, high }) : bestCut(histogram);
      const most = (Math.max(-low, high) * cut) / bins;
      return [name, { low: Math.max(low, -most), high: Math.min(high, most) }];
    }),
  );

  async function visit(use: (name: string, data: Float32Array) => Promise<void>): Promise<void> {
    for (const sample of samples) {
      const results = await model.run(sample);
      for (const name of names) {
        const value = results[name] ?? sample[name];
        if (value?.dtype === "f32") await use(name, (await value.data()) as Float32Array);
      }
    }
  }
}

/** After how many bins of magnitudes to cut, so that the quantized distribution diverges least from the real one. */
export function bestCut(histogram: Float64Array): number {
  let best = { cut: histogram.length, divergence: Infinity };
  let beyond = histogram.reduce((sum, count) => sum + count, 0);
  if (beyond === 0) return histogram.length;
  let done = 0;
  for (let cut = steps; cut <= histogram.length; cut += 8) {
    for (; done < cut; done++) beyond -= histogram[done]!;
    const divergence = divergenceAt(histogram, cut, beyond);
    if (divergence < best.divergence) best = { cut, divergence };
  }
  return best.cut;
}

/**
 * After how many bins of magnitudes to cut, so that the squared error is least: a step's square over 12 for what is rounded, and the
 * square of the distance for what is cut.
 */
export function leastError(histogram: Float64Array, { low, high }: Range): number {
  const width = Math.max(-low, high) / histogram.length;
  let best = { cut: histogram.length, error: Infinity };
  for (let cut = histogram.length; cut >= steps; cut -= 8) {
    const step = (Math.min(high, cut * width) - Math.max(low, -cut * width)) / 255;
    let error = 0;
    for (const [at, count] of histogram.entries())
      error += count * (at < cut ? (step * step) / 12 : ((at + 0.5 - cut) * width) ** 2);
    if (error < best.error) best = { cut, error };
  }
  return best.cut;
}

/** Kullback and Leibler's divergence of `cut` bins, the last with all that lies beyond, from their image in a few steps. */
function divergenceAt(histogram: Float64Array, cut: number, beyond: number): number {
  const real = histogram.slice(0, cut);
  const image = new Float64Array(cut);
  for (let step = 0; step < steps; step++) {
    const [first, last] = [Math.floor((step * cut) / steps), Math.floor(((step + 1) * cut) / steps)];
    let [sum, filled] = [0, 0];
    for (let at = first; at < last; at++) {
      sum += real[at]!;
      if (real[at]! > 0) filled++;
    }
    for (let at = first; at < last; at++) if (real[at]! > 0) image[at] = sum / filled;
  }
  real[cut - 1]! += beyond;
  const totals = [real, image].map((each) => each.reduce((sum, count) => sum + count, 0)) as [number, number];
  let divergence = 0;
  for (let at = 0; at < cut; at++) {
    if (real[at] === 0) continue;
    const p = real[at]! / totals[0];
    // A bin that only the cut filled has no image: as good as lost.
    const q = image[at] === 0 ? 1e-9 : image[at]! / totals[1];
    divergence += p * Math.log(p / q);
  }
  return divergence;
}
