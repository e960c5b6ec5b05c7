// Pooling: the largest element, or the mean, under a window. What lies outside an image doesn't count, or counts as zero.

import type { Dtype } from "../../../lang/dtypes.ts";
import { sizeOf } from "../../tensor/layout.ts";
import { reduce } from "./reduction.ts";
import type { Build, NodeContext, OpRow, Outputs } from "./node.ts";
import { dequantized } from "./quantization.ts";
import type { ScalarSlot, Value } from "../program.ts";
import { isVolume, overDepth } from "./volumes.ts";
import { asImage, pairOf, spatialShape, windowOf, type Window } from "./window.ts";

/** What a pooling kernel knows of its result's places besides the sizes of the image. */
function scalarsOf({ out, before }: Window): ScalarSlot[] {
  return [
    { name: "height", dtype: "i32", value: out[0] },
    { name: "width", dtype: "i32", value: out[1] },
    { name: "top", dtype: "i32", value: before[0] },
    { name: "left", dtype: "i32", value: before[1] },
  ];
}

const bounds =
  "0 <= height, 0 <= width, 0 <= top, 0 <= left, height <= 16777216, width <= 16777216, top <= 65536, left <= 65536";

/** What the lines of a pooling kernel are written with: `r` and `q` go over the window. */
interface Under {
  readonly row: string;
  readonly column: string;
  readonly taps: string;
  /** The element of the image at a row and a column, or what stands for one outside. */
  readonly pixel: (row: string, column: string, outside: string | number) => string;
  /** The element of the result. */
  readonly y: string;
}

/** A kernel that goes over the places of the window, with the image's channels where they lie. */
function pool(
  node: NodeContext,
  image: Value,
  window: Window,
  name: string,
  result: Dtype,
  lines: (under: Under) => string[],
): Value {
  const { kernel, stride, dilation, out } = window;
  const [batch, channels] = image.shape as [number, number];
  const { last } = image;
  const order = <T>(channel: T, places: readonly T[]): T[] =>
    last ? [...places, channel] : [channel, ...places];
  const subscripts = (...places: readonly string[]) => ["b", ...order("c", places)].join(", ");
  const under: Under = {
    row: `i * ${stride[0]} + r * ${dilation[0]} - top`,
    column: `j * ${stride[1]} + q * ${dilation[1]} - left`,
    taps: `for r in range(${kernel[0]}) for q in range(${kernel[1]})`,
    pixel: (row, column, outside) => `x.get(${subscripts(row, column)}, default=${outside})`,
    y: `y[${subscripts("i", "j")}]`,
  };
  const [y] = node.b.kernel(
    {
      name: last ? `${name}_last` : name,
      inputs: [{ name: "x", dims: ["B", ...order("C", ["H", "W"])] }],
      outputs: [{ name: "y", dims: ["B", ...order("C", ["height", "width"])] }],
      scalars: scalarsOf(window),
      where: bounds,
      body: [
        ...(last
          ? [
              "@parallel(b, i)",
              "for b, i, j in grid(B, height, width):",
              "    @vectorize",
              "    for c in range(C):",
            ]
          : [
              "@parallel(b, c)",
              "for b, c, i in grid(B, C, height):",
              "    @vectorize",
              "    for j in range(width):",
            ]),
        ...lines(under).map((line) => `        ${line}`),
      ],
    },
    [last ?? image],
    [{ dtype: result, shape: [batch, ...order(channels, out)] }],
  );
  return last ? node.b.first(y!) : y!;
}

/** The number under which nothing lies. */
const lowest: Partial<Record<Dtype, string>> = { i8: "-128", u8: "0", f16: "-65504" };

const maxPool: Build = (node) => {
  const { integers } = node.in(0);
  // The largest number is that of the largest integer.
  if (integers && integers.axis === undefined && !node.wants(1)) {
    node.note("integers");
    return dequantized(node, maxPoolOf(node, integers.q) as Value, integers.scale, integers.zero);
  }
  return maxPoolOf(node, node.in(0));
};

function maxPoolOf(node: NodeContext, x: Value): Outputs {
  if (isVolume(x)) {
    if (node.wants(1)) node.fail("the places in images of 3 dimensions are not supported");
    return overDepth(node, x, (part, image) => maxPoolOf(part, image) as Value);
  }
  const image = asImage(node, x);
  const window = windowOf(node, x, pairOf(node, node.ints("kernel_shape"), 1, x.shape.length - 2));
  const least = lowest[x.dtype] ?? "-3.4028234663852886e38";
  const shape = [x.shape[0]!, x.shape[1]!, ...spatialShape(x, window.out)];
  const y = pool(
    node,
    image,
    window,
    "max_pool_window",
    x.dtype,
    ({ row, column, taps, pixel, y: target }) => [`${target} = max(${pixel(row, column, least)} ${taps})`],
  );
  const result = node.b.reshape(y, shape);
  if (!node.wants(1)) return result;
  return [result, node.b.reshape(placesOf(node, image, window, least), shape)];
}

/** Where each largest element lies in the whole input, in row-major order or, of each image, in column-major order. */
function placesOf(node: NodeContext, image: Value, window: Window, least: string): Value {
  const columns = node.flag("storage_order");
  return pool(node, image, window, "max_pool_places", "i64", ({ row, column, pixel, y }) => [
    `var best = ${image.dtype}(${least})`,
    "var place = i64(-1)",
    `for r in range(${window.kernel[0]}):`,
    `    for q in range(${window.kernel[1]}):`,
    `        let at_row = ${row}`,
    `        let at_column = ${column}`,
    `        let inside = 0 <= at_row and at_row < H and 0 <= at_column and at_column < W`,
    `        let value = ${pixel("at_row", "at_column", least)}`,
    `        let better = inside and (value > best or place < i64(0))`,
    "        best = value if better else best",
    `        place = (i64(b) * i64(C) + i64(c)) * i64(H) * i64(W) + i64(at_${columns ? "column" : "row"}) * i64(${columns ? "H" : "W"}) + i64(at_${columns ? "row" : "column"}) if better else place`,
    `${y} = place`,
  ]);
}

const averagePool: Build = (node) => averagePoolOf(node, node.in(0));

export function averagePoolOf(node: NodeContext, x: Value): Value {
  if (isVolume(x)) return overDepth(node, x, averagePoolOf);
  const image = asImage(node, x);
  const window = windowOf(node, x, pairOf(node, node.ints("kernel_shape"), 1, x.shape.length - 2));
  const { kernel, after, dilation, stride } = window;
  const all = node.flag("count_include_pad");
  // Taps count that lie in the image, or in its declared padding where that is asked for.
  const [below, right] = all ? [`H + ${after[0]}`, `W + ${after[1]}`] : ["H", "W"];
  const [above, before] = all ? ["top", "left"] : ["0", "0"];
  const taps = (axis: 0 | 1, start: string, low: string, high: string) =>
    `sum(1 for n in range(${kernel[axis]}) if ${start} + n * ${dilation[axis]} >= ${low === "0" ? "0" : `0 - ${low}`} and ${start} + n * ${dilation[axis]} < ${high})`;
  const y = pool(node, image, window, "average_pool_window", x.dtype, (at) => [
    `let total = sum(${at.pixel(at.row, at.column, 0)} ${at.taps})`,
    `let rows = ${taps(0, `i * ${stride[0]} - top`, above, below)}`,
    `let columns = ${taps(1, `j * ${stride[1]} - left`, before, right)}`,
    `${at.y} = total / ${x.dtype}(rows * columns)`,
  ]);
  return node.b.reshape(y, [x.shape[0]!, x.shape[1]!, ...spatialShape(x, window.out)]);
}

/** Over all spatial axes. */
export function globalPool(node: NodeContext, x: Value, combine: "sum" | "max", result?: string): Value {
  const reduced = x.shape.map((_, axis) => axis >= 2);
  const shape = x.shape.map((dim, axis) => (axis < 2 ? dim : 1));
  if (sizeOf(x.shape.slice(2)) === 0) node.fail("its images are empty");
  return reduce(node, x, { reduced, shape }, { combine, result });
}

/** Each element back to the place that it came from, and zero elsewhere. */
const maxUnpool: Build = (node) => {
  const { b } = node;
  const [x, places] = [node.in(0), node.in(1)];
  if (node.has(2)) node.fail("a shape of the result that is given isn’t supported");
  const sizes = x.shape.slice(2);
  const kernel = node.ints("kernel_shape") ?? node.fail("its attribute `kernel_shape` is missing");
  const strides = node.ints("strides") ?? sizes.map(() => 1);
  const pads = node.ints("pads") ?? sizes.flatMap(() => [0, 0]);
  const out = sizes.map(
    (size, axis) => (size - 1) * strides[axis]! + kernel[axis]! - pads[axis]! - pads[axis + sizes.length]!,
  );
  const shape = [...x.shape.slice(0, 2), ...out];
  const [y] = b.kernel(
    {
      name: "unpooled",
      inputs: [
        { name: "x", dims: ["N"] },
        { name: "places", dims: ["N"] },
      ],
      outputs: [{ name: "y", dims: ["count"] }],
      scalars: [{ name: "count", dtype: "i32", value: sizeOf(shape) }],
      where: "count >= 1",
      body: [
        "for i in range(count):",
        `    y[i] = ${x.dtype}(0)`,
        "for n in range(N):",
        '    assert i64(0) <= places[n] and places[n] < i64(count), "a place is out of range"',
        "    y[clamp(index(places[n]), 0, count - 1)] = x[n]",
      ],
    },
    [b.reshape(x, [sizeOf(x.shape)]), b.reshape(places, [sizeOf(x.shape)])],
    [{ dtype: x.dtype, shape: [sizeOf(shape)] }],
  );
  return b.reshape(y!, shape);
};

export const pooling: readonly OpRow[] = [
  { op: "MaxUnpool", since: 9, build: maxUnpool },
  { op: "MaxPool", since: 1, build: maxPool },
  { op: "AveragePool", since: 1, build: averagePool },
  { op: "GlobalAveragePool", since: 1, build: (node) => globalPool(node, node.in(0), "sum", "$ / n") },
  { op: "GlobalMaxPool", since: 1, build: (node) => globalPool(node, node.in(0), "max") },
];
