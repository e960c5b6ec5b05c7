// Convolutions of images whose channels lie together. Lanes are channels or features, so that short rows and borders leave none of them
// empty, products read weights that were turned once, and a window of its own for each channel reads whole vectors at every place.

import { isFloating } from "../builder.ts";
import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { product } from "./matmul.ts";
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
  if ((group > 1 && !depthwise) || sizeOf(window.out) < tile) return undefined;
  const image = b.last(x);
  if (depthwise)
    return b.first(windows(node, image, b.transpose(b.reshape(w, [features, r, q]), [1, 2, 0]), window));
  if (isPointwise(window)) {
    const pixels = b.reshape(image, [sizeOf(image.shape) / each, each]);
    const y = product(node, pixels, b.transpose(b.reshape(w, [features, each]), [1, 0]));
    return b.first(b.reshape(y, [...image.shape.slice(0, -1), features]));
  }
  return b.first(sums(node, image, b.transpose(w, [2, 3, 1, 0]), window));
}

/** A window [r, q] for each channel alone. */
function windows({ b }: NodeContext, x: Value, w: Value, window: Window): Value {
  const { set, where, places } = convolutionSettings(window);
  const [r, q, channels] = w.shape as [number, number, number];
  const given = [`T=${x.dtype}`, `R=${r}`, `Q=${q}`, ...set].join(", ");
  const [y] = b.kernel(
    {
      name: "conv_channels_last",
      inputs: [
        { name: "x", dims: ["B", "H", "W", "C"] },
        { name: "w", dims: [r, q, "C"] },
      ],
      outputs: [{ name: "y", dims: ["B", ...places, "C"] }],
      scalars: [],
      where,
      body: [`convolve_last_windows[${given}EPILOGUE](x, w, y)`],
      hook: { indices: 4 },
      uses: ["std.channels_last.convolve_last_windows"],
    },
    [x, w],
    [{ dtype: x.dtype, shape: [x.shape[0]!, ...window.out, channels] }],
  );
  return y!;
}

/** Windows [r, q, channels] for each feature. */
function sums({ b }: NodeContext, x: Value, w: Value, window: Window): Value {
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
