// Pooling: the largest element, or the mean, under a window. What lies outside an image doesn't count, or counts as zero.

import type { Dtype } from "../../../lang/dtypes.ts";
import { sizeOf } from "../../tensor/layout.ts";
import { reduce, type Reducer } from "./reduction.ts";
import type { Build, NodeContext, OpRow, Outputs } from "./node.ts";
import { dequantized } from "./quantization.ts";
import type { ScalarSlot, Value } from "../program.ts";
import { padded } from "./padding.ts";
import { isVolume, overDepth, windowOfVolume } from "./volumes.ts";
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
  uses: readonly string[] = [],
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
      uses,
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
    const largest = (part: NodeContext, image: Value) => maxPoolOf(part, image) as Value;
    return node.wants(1) ? maxOfVolume(node, x) : overDepth(node, x, largest);
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

/** The largest elements of images of three axes, and where they lie. */
function maxOfVolume(node: NodeContext, x: Value): Value[] {
  const { kernel, stride, dilation, before, out } = windowOfVolume(node, x);
  const axes = ["D", "H", "W"];
  const places = ["d", "i", "j"].map(
    (index, axis) => `${index} * ${stride[axis]} + t${axis} * ${dilation[axis]} - low${axis}`,
  );
  const sizes = out.map((_, axis) => `n${axis}`);
  const inside = axes.map((size, axis) => `0 <= at${axis} and at${axis} < ${size}`).join(" and ");
  const least = lowest[x.dtype] ?? "-3.4028234663852886e38";
  // In row-major order, or with the first of the three axes as the fastest.
  const order = node.flag("storage_order") ? [2, 1, 0] : [0, 1, 2];
  const place = order.reduce(
    (sum, axis) => `(${sum}) * i64(${axes[axis]}) + i64(at${axis})`,
    "i64(b) * i64(C) + i64(c)",
  );
  const shape = [x.shape[0]!, x.shape[1]!, ...out];
  return node.b.kernel(
    {
      name: "max_pool_volume",
      inputs: [{ name: "x", dims: ["B", "C", ...axes] }],
      outputs: ["y", "where_from"].map((name) => ({ name, dims: ["B", "C", ...sizes] })),
      scalars: out.flatMap((size, axis) => [
        { name: `n${axis}`, dtype: "i32" as const, value: size },
        { name: `low${axis}`, dtype: "i32" as const, value: before[axis]! },
      ]),
      where: out
        .map((_, axis) => `0 <= n${axis}, n${axis} <= 16777216, 0 <= low${axis}, low${axis} <= 65536`)
        .join(", "),
      body: [
        "@parallel(b, c)",
        `for b, c, d, i, j in grid(B, C, ${sizes.join(", ")}):`,
        `    var best = ${x.dtype}(${least})`,
        "    var place = i64(-1)",
        `    for t0, t1, t2 in grid(${kernel.join(", ")}):`,
        ...places.map((text, axis) => `        let at${axis} = ${text}`),
        `        let value = x.get(b, c, at0, at1, at2, default=${least})`,
        `        let better = ${inside} and (value > best or place < i64(0))`,
        "        best = value if better else best",
        `        place = ${place} if better else place`,
        "    y[b, c, d, i, j] = best",
        "    where_from[b, c, d, i, j] = place",
      ],
    },
    [x],
    [
      { dtype: x.dtype, shape },
      { dtype: "i64", shape },
    ],
  );
}

/** The p-norm of what a window sees, (Σ |x|ᵖ)^(1/p): p places along one axis and then the others give the same. */
const normPool: Build = (node) => normPoolOf(node, node.in(0));

function normPoolOf(node: NodeContext, x: Value): Value {
  if (isVolume(x)) return overDepth(node, x, normPoolOf);
  const { term, root, uses } = normOf(node, x.dtype);
  const window = windowOf(node, x, pairOf(node, node.ints("kernel_shape"), 1, x.shape.length - 2));
  const lines = ({ row, column, taps, pixel, y }: Under) => [
    `let total = sum(${term.replaceAll("$", pixel(row, column, 0))} ${taps})`,
    `${y} = ${root.replaceAll("$", "total")}`,
  ];
  const y = pool(node, asImage(node, x), window, "norm_pool_window", x.dtype, lines, uses);
  return node.b.reshape(y, [x.shape[0]!, x.shape[1]!, ...spatialShape(x, window.out)]);
}

/** |$|ᵖ and the root of a sum of these, by the attribute p, which is 2 if nothing is said. */
function normOf(node: NodeContext, dtype: Dtype): { term: string; root: string; uses: string[] } {
  const p = node.float("p", 2);
  if (!(p >= 1)) node.fail(`its p is ${p}, and a norm has one of at least 1`);
  if (p === 1) return { term: "abs($)", root: "$", uses: [] };
  if (p === 2) return { term: "$ * $", root: "sqrt($)", uses: ["std.math.sqrt"] };
  const power = `${dtype}(${p})`;
  return { term: `pow(abs($), ${power})`, root: `pow($, 1 / ${power})`, uses: ["std.math.pow"] };
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

/** What a mean over all places is. */
export const mean: Reducer = { combine: "sum", result: "$ / n" };

/** Over all spatial axes. */
export function globalPool(node: NodeContext, x: Value, reducer: Reducer): Value {
  const reduced = x.shape.map((_, axis) => axis >= 2);
  const shape = x.shape.map((dim, axis) => (axis < 2 ? dim : 1));
  if (sizeOf(x.shape.slice(2)) === 0) node.fail("its images are empty");
  return reduce(node, x, { reduced, shape }, reducer);
}

/** Each element back to the place that it came from, and zero elsewhere. */
const maxUnpool: Build = async (node) => {
  const { b } = node;
  const [x, places] = [node.in(0), node.in(1)];
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
  const inner = b.reshape(y!, shape);
  if (!node.has(2)) return inner;
  // Places are those of the result that the window says, which lies at the front of the one that is asked for.
  const behind = (await node.numbers(2)).map((dim, axis) => dim - shape[axis]!);
  if (behind.length !== shape.length || behind.some((count) => count < 0))
    node.fail(`the shape that is asked for doesn’t hold [${shape.join(", ")}]`);
  return padded(
    node,
    inner,
    shape.map(() => 0),
    behind,
    "constant",
    b.scalar(x.dtype, 0),
  );
};

export const pooling: readonly OpRow[] = [
  { op: "MaxUnpool", since: 9, build: maxUnpool },
  { op: "MaxPool", since: 1, build: maxPool },
  { op: "AveragePool", since: 1, build: averagePool },
  { op: "GlobalAveragePool", since: 1, build: (node) => globalPool(node, node.in(0), mean) },
  { op: "GlobalMaxPool", since: 1, build: (node) => globalPool(node, node.in(0), { combine: "max" }) },
  { op: "LpPool", since: 2, build: normPool },
  {
    op: "GlobalLpPool",
    since: 2,
    build: (node) => {
      const { term, root, uses } = normOf(node, node.in(0).dtype);
      return globalPool(node, node.in(0), { combine: "sum", term, result: root, uses });
    },
  },
];
