// Convolutions of images with short rows, and with long windows, where the library's convolution, whose vectors lie along rows, leaves
// lanes empty or walks the window element by element: with features in the lanes, or as a product of the weights and a
// matrix of what the window sees at each place.

import { isFloating } from "../builder.ts";
import type { Value } from "../program.ts";
import { concatenate } from "./layout.ts";
import { product } from "./matmul.ts";
import { productOfMirrored } from "./mirrored.ts";
import type { NodeContext } from "./node.ts";
import { convolutionSettings, type Window } from "./window.ts";

/** Elements of two vectors, which the kernels' tiles are wide. */
const lanes = 8;

/** Up to so many places of the window features stand in the lanes. */
const fewPlaces = 64;

/** Windows of so many elements are walked as rows of a matrix. */
export const longWindow = 64;

/** The convolution of images [B, C, H, W] with weights [F, C, R, Q] in another form; undefined where none is faster. */
export function convolveNarrow(node: NodeContext, x: Value, w: Value, window: Window): Value | undefined {
  const { kernel, out } = window;
  if (node.b.target !== "wasm" || !isFloating(w.dtype)) return undefined;
  const places = out[0] * out[1];
  const filled = (count: number) => count / (lanes * Math.ceil(count / lanes));
  const short = filled(out[1]) < 0.7 * filled(places) || places <= lanes;
  const long = kernel[0] * kernel[1] >= longWindow;
  if (short && !long && places <= fewPlaces && w.fixed) return byFeatures(node, x, w, window);
  return (short || long) && x.shape[0] === 1 ? asProduct(node, x, w, window) : undefined;
}

/** Weights are turned once for all. */
function byFeatures({ b }: NodeContext, x: Value, w: Value, window: Window): Value {
  const { set, where, places } = convolutionSettings(window);
  const [features, , r, q] = w.shape as [number, number, number, number];
  const [y] = b.kernel(
    {
      name: "conv_features",
      inputs: [
        { name: "x", dims: ["B", "C", "H", "W"] },
        { name: "w", dims: ["C", r, q, "F"] },
      ],
      outputs: [{ name: "y", dims: ["B", "F", ...places] }],
      scalars: [],
      where,
      body: [`convolve_features[${[`T=${x.dtype}`, ...set].join(", ")}EPILOGUE](x, w, y)`],
      hook: { indices: 4 },
      uses: ["std.convolve.convolve_features"],
    },
    [x, b.transpose(w, [1, 2, 3, 0])],
    [{ dtype: x.dtype, shape: [x.shape[0]!, features, ...window.out] }],
  );
  return y!;
}

/** A convolution of one image as a product. */
function asProduct(node: NodeContext, x: Value, w: Value, window: Window): Value {
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
  // The window's rows lie in the image as rows of the matrix: it is read where it is, and the weights are turned once for all.
  if (w.fixed && channels === 1 && !padded) {
    const view = { shape: [...out, channels, r, q], strides: [...step, ...tap], offset: 0 };
    const rows = b.reshape(b.view(x, view), [places, depth]);
    const parts = productOfMirrored(node, rows, matrix) ?? [product(node, rows, b.transpose(matrix, [1, 0]))];
    const images = parts.map((y) => b.reshape(b.transpose(y, [1, 0]), [1, y.shape[1]!, ...out]));
    return concatenate(node, images, 1);
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
