// Products and convolutions of small integers, exactly: what quantized models are made of. A zero point isn't subtracted from every
// element but from the sums: Σ (a - z) w = Σ a w - z Σ w, and Σ w is a constant. The sums are 32-bit integers; whatever is
// done to them, a scale, a bias, an activation and the next quantization, becomes the kernel's epilogue.

import { sizeOf } from "../../tensor/layout.ts";
import { valuesOf } from "../../tensor/values.ts";
import type { Integers, Value } from "../program.ts";
import { isVolume } from "./volumes.ts";
import {
  asImage,
  checkGroups,
  convolutionSettings,
  isPointwise,
  spatialShape,
  windowOf,
  type Pair,
  type Window,
} from "./window.ts";
import { byteProductsOf, convolutionPays, productPays } from "./integer-costs.ts";
import { rowSums, sumsOf } from "./byte-products.ts";
import type { NodeContext } from "./node.ts";

/** Whole numbers q - zero. */
export type Bytes = Pick<Integers, "q" | "zero">;

const isByte = ({ dtype }: Value): boolean => dtype === "i8" || dtype === "u8";
const isSingle = (value: Value | undefined): boolean => value === undefined || sizeOf(value.shape) === 1;

/** The sums of a [.., K] times w [K, N], or undefined where no kernel takes them: one zero point for all of a, one for a column of w. */
export async function byteProduct(node: NodeContext, a: Bytes, w: Bytes): Promise<Value | undefined> {
  const { b } = node;
  if (!isByte(a.q) || !isByte(w.q) || !isSingle(a.zero)) return undefined;
  if (a.q.shape.length < 2 || w.q.shape.length !== 2 || sizeOf(a.q.shape) * sizeOf(w.q.shape) === 0)
    return undefined;
  const [k, n] = w.q.shape as [number, number];
  if (a.q.shape.at(-1) !== k) return undefined;
  const m = sizeOf(a.q.shape) / k;
  const { q, zero } = await symmetric(node, w);
  const left = b.reshape(a.q, [m, k]);
  const right = b.transpose(q, [1, 0]);
  let result = sumsOf(node, left, right, a.zero);
  if (zero) {
    // Σ (a - y) (w - z) = Σ (a - y) w - z Σ (a - y)
    const ofRow = b.reshape(rowSums(node, left), [m, 1]);
    const own = a.zero ? b.map(`$0 - i32($1) * ${k}`, [ofRow, b.reshape(a.zero, [])]) : ofRow;
    result = b.map("$0 - i32($1) * $2", [result, b.reshape(zero, isSingle(zero) ? [] : [n]), own]);
  }
  node.note("integers");
  return b.reshape(result, [...a.q.shape.slice(0, -1), n]);
}

/** Weights as signed bytes, without their zero point where that makes it nothing. */
async function symmetric(node: NodeContext, { q, zero }: Bytes): Promise<Bytes> {
  if (!q.fixed || (zero && !zero.fixed)) return { q, zero };
  const { b } = node;
  const zeros = zero ? (await valuesOf(await node.known(zero))).map(Number) : [0];
  if (zeros.every((each) => each === 0)) return { q, zero: undefined };
  if (q.dtype === "i8") return { q, zero };
  const signed = b.map("i8(i32($0) - 128)", [q], { dtype: "i8" });
  const moved = b.map("i32($0) - 128", [zero!], { dtype: "i32" });
  return { q: signed, zero: zeros.every((each) => each === 128) ? undefined : moved };
}

/** The sums of the convolution that a node's attributes describe; undefined where no kernel takes them. */
export async function byteConvolution(node: NodeContext, image: Bytes, w: Bytes): Promise<Value | undefined> {
  const { b } = node;
  if (!isByte(image.q) || !isByte(w.q) || !isSingle(image.zero)) return undefined;
  if (sizeOf(image.q.shape) * sizeOf(w.q.shape) === 0 || isVolume(image.q)) return undefined;
  const group = node.int("group", 1);
  checkGroups(node, image.q, w.q.shape[1]! * group, group);
  const x = { q: asImage(node, image.q), zero: image.zero };
  const [batch, channels] = x.q.shape as [number, number];
  const [features, each, r, q] = asImage(node, w.q).shape as [number, number, number, number];
  const depthwise = group > 1 && each === 1 && features === group && channels === group;
  if (group > 1 && !depthwise) return undefined;
  const window = windowOf(node, image.q, [r, q]);
  const weights = await symmetric(node, { q: asImage(node, w.q), zero: w.zero });
  if (weights.zero) return undefined;
  const zero = x.zero ? b.reshape(x.zero, [1]) : b.literal(x.q.dtype, [0], [1]);
  node.note("integers");
  const shape = [batch, features, ...spatialShape(image.q, window.out)];
  if (!depthwise) return b.reshape(allChannels(node, x, zero, weights.q, window), shape);
  if (b.target === "wasm") return b.reshape(eachChannel(node, x.q, zero, weights.q, window, true), shape);
  const sums = b.reshape(eachChannel(node, x.q, zero, weights.q, window, false), shape);
  if (!x.zero) return sums;
  const ofWeights = b.reshape(rowSums(node, b.reshape(weights.q, [features, r * q])), [
    features,
    ...spatialShape(image.q, [1, 1]),
  ]);
  const shift = b.map("i32($0) * $1", [b.reshape(x.zero, []), ofWeights], { dtype: "i32" });
  return b.map("$0 - $1", [sums, shift]);
}

/**
 * What each window sees times weights: sums [batch, features, height, width]. They are computed channels last, as the next convolution
 * reads them: where nobody needs another order, no transposition is left between.
 */
function allChannels(node: NodeContext, x: Bytes, outside: Value, w: Value, window: Window): Value {
  const { b } = node;
  const [batch, channels] = x.q.shape as [number, number];
  const features = w.shape[0]!;
  const size = window.kernel[0] * window.kernel[1] * channels;
  const rows = b.last(x.q);
  const seen = isPointwise(window) ? rows : patches(node, rows, outside, window);
  const right = b.reshape(b.transpose(w, [0, 2, 3, 1]), [features, size]);
  const sums = sumsOf(node, b.reshape(seen, [sizeOf(seen.shape) / size, size]), right, x.zero);
  return b.first(b.reshape(sums, [batch, ...window.out, features]));
}

/** What each window of an image [batch, height, width, channels] sees, in a row. */
function patches({ b }: NodeContext, x: Value, zero: Value, window: Window): Value {
  const { set, where, places } = convolutionSettings(window);
  const [r, q] = window.kernel;
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const [y] = b.kernel(
    {
      name: "patches_of_bytes",
      inputs: [
        { name: "x", dims: ["N", "H", "W", "C"] },
        { name: "zero", dims: [1] },
      ],
      outputs: [{ name: "y", dims: ["N", ...places, r, q, "C"] }],
      scalars: [],
      where,
      body: [`patches[${[`A=${x.dtype}`, `P=${r}`, `Q=${q}`, ...set].join(", ")}](x, zero, y)`],
      uses: ["std.bytes.patches"],
    },
    [x, zero],
    [{ dtype: x.dtype, shape: [batch, ...window.out, r, q, channels] }],
  );
  return y!;
}

/** A window for each channel, on x without its zero point; `last` computes with channels last. */
function eachChannel(
  { b }: NodeContext,
  x: Value,
  zero: Value,
  w: Value,
  window: Window,
  last: boolean,
): Value {
  const { set, where, places } = convolutionSettings(window);
  const [r, q] = window.kernel;
  const [batch, channels] = x.shape as [number, number];
  const kernel = last ? "convolve_depthwise_last" : "convolve_depthwise";
  const order = <T>(first: T, channel: T, inner: readonly T[]): T[] =>
    last ? [first, ...inner, channel] : [first, channel, ...inner];
  const windows = b.reshape(w, [channels, r, q]);
  const [sums] = b.kernel(
    {
      name: "conv_channels_of_bytes",
      inputs: [
        { name: "x", dims: order("N", "C", ["H", "W"]) },
        { name: "zero", dims: [1] },
        { name: "w", dims: last ? [r, q, "C"] : ["C", r, q] },
      ],
      outputs: [{ name: "y", dims: order("N", "C", places) }],
      scalars: [],
      where,
      body: [`${kernel}[${[`A=${x.dtype}`, `B=${w.dtype}`, ...set].join(", ")}EPILOGUE](x, zero, w, y)`],
      uses: [`std.bytes.${kernel}`],
      hook: { indices: 4, converts: true },
    },
    [last ? b.last(x) : x, zero, last ? b.transpose(windows, [1, 2, 0]) : windows],
    [{ dtype: "i32", shape: order(batch, channels, window.out) }],
  );
  return last ? b.first(sums!) : sums!;
}

/** Whether it is left open what dequantized factors are multiplied as, and there are figures to choose by: those of one device. */
const chooses = ({ b }: NodeContext, w: Value): boolean =>
  b.integers === "faster" && b.target === "wasm" && w.fixed;

/** The product of two dequantized matrices by their integers, or undefined. */
export async function productOfIntegers(node: NodeContext, a: Value, w: Value): Promise<Value | undefined> {
  const [left, right] = [a.integers, w.integers];
  if (!left || !right || left.axis !== undefined || right.block !== undefined) return undefined;
  if (left.scale.dtype !== "f32" || right.scale.dtype !== "f32") return undefined;
  if (right.axis !== undefined && right.axis !== 1) return undefined;
  const [k, n] = w.shape.slice(-2) as [number, number];
  if (chooses(node, w) && !productPays(byteProductsOf(node.b.features), sizeOf(a.shape) / k, k, n))
    return undefined;
  const sums = await byteProduct(node, left, right);
  return sums && scaled(node, sums, left.scale, right.scale, []);
}

/** The convolution of dequantized images and weights by their integers, or undefined. */
export async function convolutionOfIntegers(
  node: NodeContext,
  x: Value,
  w: Value,
): Promise<Value | undefined> {
  const [image, weights] = [x.integers, w.integers];
  if (!image || !weights || image.axis !== undefined || weights.block !== undefined) return undefined;
  if (isVolume(x)) return undefined;
  if (image.scale.dtype !== "f32" || weights.scale.dtype !== "f32") return undefined;
  if (weights.axis !== undefined && weights.axis !== 0) return undefined;
  const [batch, channels] = x.shape as [number, number];
  const [features, each] = w.shape as [number, number];
  const kernel = asImage(node, w).shape.slice(2) as unknown as Pair;
  const depthwise = channels > 1 && each === 1 && features === channels;
  const sizes = [batch, channels, features] as const;
  if (
    chooses(node, w) &&
    !convolutionPays(byteProductsOf(node.b.features), windowOf(node, x, kernel), sizes, depthwise)
  )
    return undefined;
  const sums = await byteConvolution(node, image, weights);
  return sums && scaled(node, sums, image.scale, weights.scale, spatialShape(x, [1, 1]));
}

/**
 * What was quantized and dequantized, as floats alone: rounded and cut as the integers are, which fuses with the arithmetic around. The
 * value itself where it isn't known what was quantized.
 */
export function asFloats({ b }: NodeContext, value: Value): Value {
  const { integers } = value;
  const from = integers?.q.rounded;
  if (!from || from.scale !== integers.scale || from.zero !== integers.zero || sizeOf(from.scale.shape) > 1)
    return value;
  const [least, most] = integers.q.dtype === "u8" ? [0, 255] : [-128, 127];
  const shift = integers.zero ? b.cast(b.reshape(integers.zero, []), "f32") : b.scalar("f32", 0);
  // Numbers that are none become 0, as integers of them do.
  integers.floats ??= b.map(
    `(clamp(round($0 / $1) + $2, ${least}.0, ${most}.0) - $2) * $1`,
    [from.x, b.reshape(from.scale, []), shift],
    { dtype: "f32" },
  );
  return integers.floats;
}

/** Sums times both scales; the second may be one for each place of the axis before `behind`. */
function scaled(
  { b }: NodeContext,
  sums: Value,
  first: Value,
  second: Value,
  behind: readonly number[],
): Value {
  const factor = b.map("$0 * $1", [
    b.reshape(first, []),
    b.reshape(second, isSingle(second) ? [] : [sizeOf(second.shape), ...behind]),
  ]);
  return b.map("f32($0) * $1", [sums, factor], { dtype: "f32" });
}
