// Weights as small integers. Of eight bits: one scale for each place of an axis, the largest magnitude being 127. Of four bits: one for each
// block along the rows of the transposed matrix, as `com.microsoft::MatMulNBits` has them; the number of largest magnitude becomes
// -8, so that all sixteen steps are used.

import { contiguousStrides, sizeOf } from "../tensor/layout.ts";
import { HostStorage } from "../tensor/storage.ts";
import { narrowBits, roundNarrow } from "../tensor/narrow.ts";
import { tensor, Tensor } from "../tensor/tensor.ts";

/** Integers, scales, and how far they are from the weights. */
export interface QuantizedWeights {
  readonly q: Tensor;
  readonly scale: Tensor;
  /** The scales once more in half the bytes, where these are exactly them. */
  readonly halves?: Tensor;
  /** Signal to noise in decibels; Infinity where nothing is lost. */
  readonly quality: number;
}

/** The elements of a weight, in row-major order. */
export function floatsOf({ storage, offset, size }: Tensor): Float32Array {
  const { bytes } = storage as HostStorage;
  const whole = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  return whole.subarray(offset, offset + size);
}

/** 10 log₁₀ (Σ x² / Σ (x - y)²) */
export function decibels(signal: number, noise: number): number {
  if (noise === 0) return Infinity;
  return signal === 0 ? -Infinity : 10 * Math.log10(signal / noise);
}

/** Fewer numbers to a scale than this, and the scales are a part of the bytes that counts. */
const shortRow = 64;
/** So many scales save more bytes than a node that widens them takes. */
const manyScales = 64;

/** Whether halves have all their digits for a number. */
const isNormalHalf = (x: number): boolean => x >= 2 ** -14 && x <= 65504;

/** q[…, i, …] = round(w / scale[i]) along `axis`. With `short`, many scales of short rows are rounded to halves before. */
export function eightBits(w: Tensor, axis: number, short = false): QuantizedWeights {
  const values = floatsOf(w);
  const count = w.shape[axis]!;
  const behind = sizeOf(w.shape.slice(axis + 1));
  const place = (at: number) => Math.floor(at / behind) % count;
  const peaks = new Float64Array(count);
  values.forEach((x, at) => (peaks[place(at)] = Math.max(peaks[place(at)]!, Math.abs(x))));
  const scales = Float32Array.from(peaks, (peak) => (peak > 0 ? peak / 127 : 1));
  const rounded =
    short && values.length < shortRow * count && count >= manyScales && scales.every(isNormalHalf);
  if (rounded) scales.forEach((scale, at) => (scales[at] = roundNarrow(scale, "f16")));
  const q = new Int8Array(values.length);
  let [signal, noise] = [0, 0];
  values.forEach((x, at) => {
    const scale = scales[place(at)]!;
    q[at] = Math.max(-127, Math.min(127, roundToEven(x / scale)));
    signal += x * x;
    noise += (x - q[at] * scale) ** 2;
  });
  return {
    q: tensor(q, [...w.shape]),
    scale: tensor(scales, [count]),
    halves: rounded
      ? tensor(
          Uint16Array.from(scales, (scale) => narrowBits(scale, "f16")),
          [count],
          "f16",
        )
      : undefined,
    quality: decibels(signal, noise),
  };
}

/** w [K, N] as N rows of blocks: q [N, blocks, block / 2] two to a byte, the first lower; scales [N · blocks]. */
export function fourBits(w: Tensor, block: number): QuantizedWeights {
  const values = floatsOf(w);
  const [k, n] = w.shape as [number, number];
  const blocks = Math.ceil(k / block);
  const bytes = new Uint8Array((n * blocks * block) / 2);
  const scales = new Float32Array(n * blocks);
  let [signal, noise] = [0, 0];
  for (let row = 0; row < n; row++)
    for (let b = 0; b < blocks; b++) {
      const at = row * blocks + b;
      const inside = Math.min(block, k - b * block);
      let peak = 0;
      for (let i = 0; i < inside; i++) {
        const x = values[(b * block + i) * n + row]!;
        if (Math.abs(x) > Math.abs(peak)) peak = x;
      }
      const scale = Math.fround(peak === 0 ? 1 : peak / -8);
      scales[at] = scale;
      for (let i = 0; i < block; i++) {
        const x = i < inside ? values[(b * block + i) * n + row]! : 0;
        const q = Math.max(0, Math.min(15, roundToEven(x / scale) + 8));
        bytes[(at * block + i) >> 1]! |= i % 2 === 0 ? q : q << 4;
        signal += x * x;
        noise += (x - (q - 8) * scale) ** 2;
      }
    }
  return {
    q: tensor(bytes, [n, blocks, block / 2]),
    scale: tensor(scales, [n * blocks]),
    quality: decibels(signal, noise),
  };
}

/** A matrix with its axes exchanged. */
export function transposed(w: Tensor): Tensor {
  const values = floatsOf(w);
  const [rows, columns] = w.shape as [number, number];
  const made = new Float32Array(values.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) made[j * rows + i] = values[i * columns + j]!;
  const shape = [columns, rows];
  return new Tensor(new HostStorage(new Uint8Array(made.buffer)), "f32", {
    shape,
    strides: contiguousStrides(shape),
    offset: 0,
  });
}

/** As ONNX rounds: halves to the even number. */
export function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
