// Elements put elsewhere: joined, padded, turned round or spread over an image; batch normalization.

import { concatenate, reversed } from "../../graph/ops/layout.ts";
import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../../graph/program.ts";
import type { Build, KernelRow, TfNode } from "../node.ts";

const axisOf = (node: TfNode, rank: number): number => {
  const axis = node.number("axis", 0);
  return axis < 0 ? axis + rank : axis;
};

/** What is empty adds nothing. */
const concat: Build = (node) => {
  const values = node.all();
  const [first] = values;
  if (!first || values.some(({ dtype }) => dtype !== first.dtype)) return node.decline("its dtypes differ");
  const axis = axisOf(node, first.shape.length);
  const some = values.filter(({ shape }) => sizeOf(shape) > 0);
  if (some.length === 0) return node.decline("there is nothing to join");
  if (sizeOf(first.shape.slice(0, axis)) === 1) node.decline("its tensors are copied whole");
  return concatenate(node.context, some, axis);
};

/** Blocks of channels become blocks of pixels. */
const depthToSpace: Build = (node) => {
  const { b } = node;
  const x = node.in("x");
  if (node.text("dataFormat", "NHWC") !== "NHWC") node.decline("its channels aren’t last");
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const size = node.number("blockSize");
  const depth = channels / (size * size);
  const blocks = b.reshape(x, [batch, height, width, size, size, depth]);
  return b.reshape(b.transpose(blocks, [0, 1, 3, 2, 4, 5]), [batch, height * size, width * size, depth]);
};

const reverse: Build = (node) => {
  const x = node.in("x");
  const rank = x.shape.length;
  const valid = (axis: number): boolean => Number.isInteger(axis) && -rank <= axis && axis < rank;
  if (!(node.numbers("dims") ?? []).every(valid)) node.decline("its axes aren’t those of its tensor");
  const axes = node.axes("dims", rank);
  return axes.reduce((value, turned, axis) => (turned ? reversed(node.context, value, axis) : value), x);
};

/** With a number. Axes in a row that nothing is added to are one. */
const pad: Build = (node) => {
  const { b } = node;
  const given = node.in("x");
  const x = node.numeric(given);
  const paddings = node.raw<readonly (readonly [number, number])[]>("paddings");
  const shape = x.shape.map((size, axis) => size + paddings[axis]![0] + paddings[axis]![1]);
  const runs: { size: number; before: number; after: number }[] = [];
  x.shape.forEach((size, axis) => {
    const [before, after] = paddings[axis]!;
    const last = runs.at(-1);
    if (before + after === 0 && last && last.before + last.after === 0) last.size *= size;
    else runs.push({ size, before, after });
  });
  if (runs.every(({ before, after }) => before + after === 0)) return given;
  const names = runs.map((_, at) => `i${at}`).join(", ");
  const padded = runs.map(({ before, after }) => before + after > 0);
  const sizes = runs.map((_, at) => (padded[at] ? `n${at}` : `D${at}`));
  const places = runs.map((_, at) => (padded[at] ? `i${at} - p${at}` : `i${at}`));
  const dims = runs.map((_, at) => `D${at}`);
  const outer = runs.slice(1).map((_, at) => `i${at}`);
  const last = `i${outer.length}`;
  const checks = outer.flatMap((_, at) =>
    padded[at] ? [`0 <= ${places[at]} and ${places[at]} < D${at}`] : [],
  );
  const inside = checks.length > 0 ? checks : ["True"];
  const [y] = b.kernel(
    {
      name: "pad_with_number",
      inputs: [{ name: "x", dims }],
      outputs: [{ name: "y", dims: sizes }],
      scalars: [
        { name: "fill", dtype: x.dtype, value: node.number("constantValue", 0) },
        ...runs.flatMap(({ size, before, after }, at) =>
          padded[at]
            ? [
                { name: `n${at}`, dtype: "i32" as const, value: size + before + after },
                { name: `p${at}`, dtype: "i32" as const, value: before },
              ]
            : [],
        ),
      ],
      where: runs
        .flatMap((_, at) =>
          padded[at] ? [`0 <= n${at}, 0 <= p${at}, n${at} <= 1073741823, p${at} <= 536870911`] : [],
        )
        .join(", "),
      // Rows that are all fill need no look at each of their elements; on a GPU each element is an invocation's.
      body:
        runs.length === 1 || b.target !== "wasm"
          ? [
              "@parallel",
              `for ${names} in grid(${sizes.join(", ")}):`,
              `    y[${names}] = x.get(${places.join(", ")}, default=fill)`,
            ]
          : [
              "@parallel",
              `for ${outer.join(", ")} in grid(${sizes.slice(0, -1).join(", ")}):`,
              `    if ${inside.join(" and ")}:`,
              "        @vectorize(width=16)",
              `        for ${last} in range(${sizes.at(-1)}):`,
              `            y[${names}] = ${padded.at(-1) ? `x.get(${places.join(", ")}, default=fill)` : `x[${places.join(", ")}]`}`,
              "    else:",
              "        @vectorize(width=16)",
              `        for ${last} in range(${sizes.at(-1)}):`,
              `            y[${names}] = fill`,
            ],
    },
    [
      b.reshape(
        x,
        runs.map(({ size }) => size),
      ),
    ],
    [{ dtype: x.dtype, shape: runs.map(({ size, before, after }) => size + before + after) }],
  );
  return b.cast(b.reshape(y!, shape), given.dtype);
};

/** Places are computed with as many digits as TensorFlow.js has for them: one further is another pixel. */
const resizeNearest: Build = (node) => {
  const { b } = node;
  const x = node.in("images");
  const [height, width] = node.numbers("size") as [number, number];
  const [batch, rows, columns, channels] = x.shape as [number, number, number, number];
  if (rows === 0 || columns === 0) node.decline("there are no pixels");
  const corners = node.flag("alignCorners");
  const ratio = (size: number, out: number): number =>
    corners && out > 1 ? (size - 1) / (out - 1) : size / out;
  const few = channels <= 4;
  const depth = few ? channels : "C";
  const [y] = b.kernel(
    {
      name: "resize_nearest_last",
      inputs: [{ name: "x", dims: ["B", "H", "W", depth] }],
      outputs: [{ name: "y", dims: ["B", "height", "width", depth] }],
      scalars: [
        { name: "height", dtype: "i32", value: height },
        { name: "width", dtype: "i32", value: width },
        { name: "rows", dtype: "f64", value: ratio(rows, height) },
        { name: "columns", dtype: "f64", value: ratio(columns, width) },
        { name: "shift", dtype: "f64", value: node.flag("halfPixelCenters") ? 0.5 : 0 },
        { name: "round_up", dtype: "f64", value: corners ? 0.5 : 0 },
      ],
      where: "H >= 1, W >= 1, 0 <= height, 0 <= width, height <= 16777216, width <= 16777216",
      body: [
        "@parallel(b, i)",
        "for b, i, j in grid(B, height, width):",
        "    let row = clamp(i32(floor((f64(i) + shift) * rows + round_up)), 0, H - 1)",
        "    let column = clamp(i32(floor((f64(j) + shift) * columns + round_up)), 0, W - 1)",
        ...(few ? [] : ["    @vectorize"]),
        `    for c in range(${depth}):`,
        "        y[b, i, j, c] = x[b, row, column, c]",
      ],
    },
    [x],
    [{ dtype: x.dtype, shape: [batch, height, width, channels] }],
  );
  return y!;
};

/** What there is one of for each channel stands beside the last axis. */
const batchNorm: Build = (node) => {
  const { b } = node;
  const x = node.in("x");
  if (x.dtype !== "f32") node.decline(`it is of ${x.dtype}`);
  const scalar = (value: number): Value => b.scalar("f32", value);
  const [scale, offset] = [
    node.has("scale") ? node.in("scale") : scalar(1),
    node.has("offset") ? node.in("offset") : scalar(0),
  ];
  const epsilon = scalar(node.number("varianceEpsilon", 0.001));
  return b.map(
    "$4 + ($0 - $1) * ($3 / sqrt($2 + $5))",
    [x, node.in("mean"), node.in("variance"), scale, offset, epsilon],
    { shape: x.shape, uses: ["std.math.sqrt"] },
  );
};

const row = (kernel: string, build: Build): KernelRow => ({ kernel, build });

export const layouts: readonly KernelRow[] = [
  row("Concat", concat),
  row("DepthToSpace", depthToSpace),
  row("FusedBatchNorm", batchNorm),
  row("PadV2", pad),
  row("ResizeNearestNeighbor", resizeNearest),
  row("Reverse", reverse),
];
