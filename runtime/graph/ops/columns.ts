// Convolutions as products: a matrix of what the window sees at each place, times the weights. Pays where the library's convolution, whose
// vectors lie along rows of the image, leaves most lanes empty or walks a long window element by element.

import { isFloating } from "../builder.ts";
import type { Value } from "../program.ts";
import { product } from "./matmul.ts";
import type { NodeContext } from "./node.ts";
import { convolutionSettings, type Window } from "./window.ts";

/** Elements of two vectors, which the kernels' tiles are wide. */
const lanes = 8;

/** Up to so many places of the window the product is turned, so that features stand in the lanes. */
const fewPlaces = 24;

/** Whether a convolution without groups is faster as a product. Convolutions of several images share one matrix of weights as they are. */
export function paysAsProduct({ b }: NodeContext, x: Value, w: Value, { kernel, out }: Window): boolean {
  if (b.target !== "wasm" || x.shape[0] !== 1 || !isFloating(w.dtype)) return false;
  const places = out[0] * out[1];
  const filled = (count: number) => count / (lanes * Math.ceil(count / lanes));
  return kernel[0] * kernel[1] >= 64 || places <= fewPlaces || filled(out[1]) < 0.7 * filled(places);
}

/** A convolution of one image [1, C, H, W] with weights [F, C, R, Q]. */
export function asProduct(node: NodeContext, x: Value, w: Value, window: Window): Value {
  const { b } = node;
  const { stride, dilation, before, after, out } = window;
  const [features, channels, r, q] = w.shape as [number, number, number, number];
  const [depth, places] = [channels * r * q, out[0] * out[1]];
  const [height, width] = x.shape.slice(2) as [number, number];
  const matrix = b.reshape(w, [features, depth]);
  const step = [stride[0] * width, stride[1]];
  const tap = [height * width, dilation[0] * width, dilation[1]];
  const padded = [...before, ...after].some((each) => each !== 0);
  const seen = padded ? b.reshape(columns(node, x, w, window), [depth, places]) : undefined;
  // The weights are turned once for all, the image is read where it lies if the window's rows are rows of the matrix.
  if (w.fixed && (places <= fewPlaces || (channels === 1 && !padded))) {
    const view = { shape: [...out, channels, r, q], strides: [...step, ...tap], offset: 0 };
    const rows = seen ? b.transpose(seen, [1, 0]) : b.reshape(b.view(x, view), [places, depth]);
    const y = product(node, rows, b.transpose(matrix, [1, 0]));
    return b.reshape(b.transpose(y, [1, 0]), [1, features, ...out]);
  }
  const view = { shape: [channels, r, q, ...out], strides: [...tap, ...step], offset: 0 };
  const y = product(node, matrix, seen ?? b.reshape(b.view(x, view), [depth, places]));
  return b.reshape(y, [1, features, ...out]);
}

/** [C, R, Q, height, width]: what each element of the window sees of the image and its border, at each place. */
function columns({ b }: NodeContext, x: Value, w: Value, window: Window): Value {
  const { stride, dilation, before, out } = window;
  const [, channels, r, q] = w.shape as [number, number, number, number];
  const { where, places } = convolutionSettings(window);
  const [height, width] = places as [string, string];
  const at = (axis: 0 | 1, index: string, tap: string) =>
    `${index} * ${stride[axis]} + ${tap} * ${dilation[axis]} - ${before[axis]}`;
  const [y] = b.kernel(
    {
      name: "columns",
      inputs: [{ name: "x", dims: ["C", "H", "W"] }],
      outputs: [{ name: "y", dims: ["C", r, q, height, width] }],
      scalars: [],
      where,
      body: [
        "@parallel(c)",
        `for c, r, q, i in grid(C, ${r}, ${q}, ${height}):`,
        "    @vectorize",
        `    for j in range(${width}):`,
        `        y[c, r, q, i, j] = x.get(c, ${at(0, "i", "r")}, ${at(1, "j", "q")}, default=0)`,
      ],
    },
    [b.reshape(x, x.shape.slice(1))],
    [{ dtype: x.dtype, shape: [channels, r, q, ...out] }],
  );
  return y!;
}
