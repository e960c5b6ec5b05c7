// Whether quantized factors are multiplied as integers or as the floats that they stand for: by what the kernels take on one core, fitted
// to their times in real models. Integers make two or four times as many products in a step, but end in more arithmetic for each result, copy
// what a window sees, and know no short cut through sums for windows of three. Which is faster depends on sizes alone.

import { sizeOf } from "../../tensor/layout.ts";
import { convolutionTime } from "./channels-last.ts";
import { isPointwise, type Window } from "./window.ts";

/** Nanoseconds: of a product, of a result with what is done to it, of a weight that is copied into a panel. */
const float = { product: 0.041, result: 0.55, weight: 0.5 } as const;
/** How an engine multiplies bytes: in pairs, widened to 16 bits, or in fours as they are. */
export type ByteProducts = "pairs" | "fours";
/** The same; of an element of a row that is quantized and widened; of a place in a window that is copied. */
const integer = {
  pairs: { product: 0.0235, result: 1.2, element: 0.8, place: 10 },
  fours: { product: 0.0102, result: 0.6, element: 0.7, place: 10 },
} as const;

/** So few rows go by as they lie in memory, where bytes are a quarter of floats. */
const few = 1;
/** So many weights take longer to read than their row to quantize. */
const many = 65_536;

/**
 * What an engine multiplies with signed bytes in fours, exactly: bytes of this kind. Undefined where its dot product isn't exact for all of
 * them, or it has none.
 */
export function foursOf(features: readonly string[]): "u8" | "i8" | undefined {
  if (features.includes("relaxed-dot-u8")) return "u8";
  return features.includes("relaxed-dot-i8") ? "i8" : undefined;
}

export const byteProductsOf = (features: readonly string[]): ByteProducts =>
  foursOf(features) ? "fours" : "pairs";

const padded = (count: number, to: number): number => Math.ceil(count / to) * to;

/** Of [m, k] by [k, n], with `places` of windows copied before. */
function integerTime(by: ByteProducts, m: number, k: number, n: number, places = 0): number {
  const { product, result, element, place } = integer[by];
  const products = padded(m, 4) * padded(k, 8) * padded(n, 8);
  return products * product + m * n * result + m * k * element + places * place;
}

const floatTime = (m: number, k: number, n: number): number =>
  padded(m, 4) * k * padded(n, 8) * float.product + m * n * float.result + k * n * float.weight;

/** Whether an [m, k] by [k, n] product is faster on integers. */
export function productPays(by: ByteProducts, m: number, k: number, n: number): boolean {
  if (m <= few) return k * n >= many;
  return integerTime(by, m, k, n) < floatTime(m, k, n);
}

/** Whether a convolution of `batch` images is faster on integers; `depthwise` has a window for each channel alone. */
export function convolutionPays(
  by: ByteProducts,
  window: Window,
  [batch, channels, features]: readonly [number, number, number],
  depthwise: boolean,
): boolean {
  // Widening and requantizing a channel's few sums takes longer than computing them.
  if (depthwise) return false;
  const taps = sizeOf(window.kernel);
  const places = batch * sizeOf(window.out);
  if (places <= few) return taps * channels * features >= many;
  const pointwise = isPointwise(window);
  const floats = pointwise
    ? floatTime(places, channels, features)
    : batch * convolutionTime(window, channels, features) + places * features * float.result;
  return integerTime(by, places, taps * channels, features, pointwise ? 0 : places * taps) < floats;
}
