// Convolutions of images whose channels lie together. Lanes are channels or features, so that short rows and borders leave none of them
// empty, products read weights that were turned once, and a window of its own for each channel reads whole vectors at every place.

import { isFloating } from "../builder.ts";
import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { product } from "./matmul.ts";
import { longWindow } from "./narrow.ts";
import type { NodeContext } from "./node.ts";
import { convolutionSettings, isPointwise, type Window } from "./window.ts";

/** Places that share what is read of the weights. */
const tile = 4;

/**
 * The convolution of images [batch, channels, height, width] with constant weights [features, channels / group, r, q], computed and handed
 * on with the channels last; undefined where another way is better.
 */
export function convolveLast(
  node: NodeContext,
  x: Value,
  w: Value,
  window: Window,
  group: number,
): Value | undefined {
  const { b } = node;
  const [features, each, r, q] = w.shape as [number, number, number, number];
  if (!b.reorders || b.target !== "wasm" || !isFloating(w.dtype) || !w.fixed) return undefined;
  const depthwise = group > 1 && each === 1 && features === group;
  // A window that slides over one row of numbers is a product with a view of them.
  if ((group > 1 && !depthwise) || r * q >= longWindow) return undefined;
  if (!x.last && sizeOf(window.out) < tile) return undefined;
  const image = b.last(x);
  if (depthwise)
    return b.first(windows(node, image, b.transpose(b.reshape(w, [features, r, q]), [1, 2, 0]), window));
  if (isPointwise(window)) {
    const pixels = b.reshape(image, [sizeOf(image.shape) / each, each]);
    const y = product(node, pixels, b.transpose(b.reshape(w, [features, each]), [1, 0]));
    return b.first(b.reshape(y, [...image.shape.slice(0, -1), features]));
  }
  const turned = b.transpose(w, [2, 3, 1, 0]);
  const blocks = blocksOf(window, each, features);
  return b.first(blocks ? products(node, image, turned, window, blocks) : sums(node, image, turned, window));
}

/** Places that a window of three along an axis, or of one, is moved over at once where products take its place. */
type Blocks = readonly [number, number];

/** Nanoseconds: of a multiplication and addition in a product and in a convolution, and of an element that is brought into another form. */
const time = { product: 0.045, convolution: 0.053, form: 0.6 } as const;

/** Nanoseconds that an image takes, by arithmetic: in the faster of the two ways. */
export function convolutionTime(window: Window, channels: number, features: number): number {
  const blocks = blocksOf(window, channels, features);
  return blocks ? blockTime(window, channels, features, blocks) : directTime(window, channels, features);
}

function directTime({ out, kernel }: Window, channels: number, features: number): number {
  // The last places of a row take as long as a whole tile.
  const places = out[0] * Math.ceil(out[1] / tile) * tile;
  return places * kernel[0] * kernel[1] * channels * features * time.convolution;
}

function blockTime({ out }: Window, channels: number, features: number, [rows, columns]: Blocks): number {
  const count = Math.ceil(out[0] / rows) * Math.ceil(out[1] / columns);
  const terms = (rows === 4 ? 6 : 1) * (columns === 4 ? 6 : 1);
  return count * terms * (channels * features * time.product + (channels + features) * time.form);
}

/** Whether fewer products with sums around them take less time than the convolution itself, by arithmetic. */
function blocksOf(window: Window, channels: number, features: number): Blocks | undefined {
  const { kernel, stride, dilation } = window;
  const fits = kernel.every((each) => each === 1 || each === 3) && kernel.includes(3);
  if (!fits || [...stride, ...dilation].some((each) => each !== 1)) return undefined;
  // Lanes beyond the last feature would be finished one by one.
  if (channels % 4 !== 0 || features % 4 !== 0) return undefined;
  const [rows, columns] = kernel.map((each) => (each === 3 ? 4 : 1)) as [number, number];
  const fewer = blockTime(window, channels, features, [rows, columns]);
  return fewer < directTime(window, channels, features) ? [rows, columns] : undefined;
}

/** Blocks that are worth a pass over the weights. */
const together = 16;

/** A convolution with a window of three along one axis or both by products of sums, see `std.winograd`. */
function products({ b }: NodeContext, x: Value, w: Value, window: Window, [rows, columns]: Blocks): Value {
  const { out } = window;
  const [r, q, channels, features] = w.shape as [number, number, number, number];
  const terms = (rows === 4 ? 6 : 1) * (columns === 4 ? 6 : 1);
  const [factors] = b.kernel(
    {
      name: "window_factors",
      inputs: [{ name: "w", dims: [r, q, "C", "F"] }],
      outputs: [{ name: "u", dims: [terms, "C", "F"] }],
      scalars: [],
      body: [`winograd_weights[T=${w.dtype}, R=${r}, Q=${q}](w, u)`],
      uses: ["std.winograd.winograd_weights"],
    },
    [w],
    [{ dtype: w.dtype, shape: [terms, channels, features] }],
  );
  const across = Math.ceil(out[1] / columns);
  const deep = Math.ceil(out[0] / rows);
  // Two kernels, and not one for every height of an image.
  const strip = across < together && Math.ceil(deep / tile) * tile <= 1.5 * deep ? tile : 1;
  const { set, where, places } = convolutionSettings(window);
  const pads = set.filter((each) => each.startsWith("P"));
  const given = [`T=${x.dtype}`, `MY=${rows}`, `MX=${columns}`, `ROWS=${strip}`, ...pads].join(", ");
  const [y] = b.kernel(
    {
      name: "conv_products",
      inputs: [
        { name: "x", dims: ["B", "H", "W", "C"] },
        { name: "u", dims: [terms, "C", "F"] },
      ],
      outputs: [{ name: "y", dims: ["B", ...places, "F"] }],
      scalars: [],
      where: `${where}, H <= 65536, W <= 65536`,
      body: [`winograd[${given}EPILOGUE](x, u, y)`],
      hook: { indices: 4 },
      uses: ["std.winograd.winograd"],
    },
    [x, factors!],
    [{ dtype: x.dtype, shape: [x.shape[0]!, ...out, features] }],
  );
  return y!;
}

/** A window [r, q] for each channel alone: images [batch, height, width, channels] by w [r, q, channels]. */
export function windows({ b }: NodeContext, x: Value, w: Value, window: Window): Value {
  const { set, where, places } = convolutionSettings(window);
  const [r, q, channels] = w.shape as [number, number, number];
  const given = [`T=${x.dtype}`, `R=${r}`, `Q=${q}`, ...set].join(", ");
  const [y] = b.kernel(
    {
      name: "conv_channels_last",
      inputs: [
        { name: "x", dims: ["B", "H", "W", channels] },
        { name: "w", dims: [r, q, channels] },
      ],
      outputs: [{ name: "y", dims: ["B", ...places, channels] }],
      scalars: [],
      where,
      body: [`convolve_last_windows[${given}EPILOGUE](x, w, y)`],
      hook: { indices: 4, converts: true },
      uses: ["std.channels_last.convolve_last_windows"],
    },
    [x, w],
    [{ dtype: x.dtype, shape: [x.shape[0]!, ...window.out, channels] }],
  );
  return y!;
}

/** Windows [r, q, channels] for each feature: images [batch, height, width, channels] by w [r, q, channels, features]. */
export function sums({ b }: NodeContext, x: Value, w: Value, window: Window): Value {
  const { set, where, places } = convolutionSettings(window);
  const [r, q, , features] = w.shape as [number, number, number, number];
  const [y] = b.kernel(
    {
      name: "conv_last",
      inputs: [
        { name: "x", dims: ["B", "H", "W", "C"] },
        { name: "w", dims: [r, q, "C", "F"] },
      ],
      outputs: [{ name: "y", dims: ["B", ...places, "F"] }],
      scalars: [],
      where,
      body: [`convolve_last[${[`T=${x.dtype}`, ...set].join(", ")}EPILOGUE](x, w, y)`],
      hook: { indices: 4 },
      uses: ["std.channels_last.convolve_last"],
    },
    [x, w],
    [{ dtype: x.dtype, shape: [x.shape[0]!, ...window.out, features] }],
  );
  return y!;
}
