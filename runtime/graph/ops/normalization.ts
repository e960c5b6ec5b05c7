// Softmax and the normalizations over trailing axes, by kernels of the library on rows.

import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { around } from "./layout.ts";
import { reduce } from "./reduction.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** A kernel of `std.normalization` over rows [M, N]. */
export function onRows({ b }: NodeContext, x: Value, kernel: string): Value {
  const [y] = b.kernel(
    {
      name: `${kernel}_rows`,
      inputs: [{ name: "x", dims: ["M", "N"] }],
      outputs: [{ name: "y", dims: ["M", "N"] }],
      scalars: [],
      body: [`${kernel}(x, y)`],
      uses: [`std.normalization.${kernel}`],
    },
    [x],
    [{ dtype: x.dtype, shape: x.shape }],
  );
  return y!;
}

/** Up to version 12 the axis began a matrix's columns; since 13 it is the one axis that is normalized. */
function softmaxWith(kernel: string): Build {
  return (node) => {
    const { b } = node;
    const x = node.in(0);
    const rank = x.shape.length;
    if (node.version < 13) {
      const axis = node.axis(node.int("axis", 1), rank);
      const rows = b.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
      return b.reshape(onRows(node, rows, kernel), x.shape);
    }
    const axis = node.axis(node.int("axis", -1), rank);
    return alongLast(node, x, axis, (rows) => onRows(node, rows, kernel));
  };
}

/** Applies a function of rows along any axis, which moves last and back. */
export function alongLast({ b }: NodeContext, x: Value, axis: number, apply: (rows: Value) => Value): Value {
  const [before, count, after] = around(x.shape, axis);
  if (after === 1) return b.reshape(apply(b.reshape(x, [before, count])), x.shape);
  const turned = b.transpose(b.reshape(x, [before, count, after]), [0, 2, 1]);
  const rows = apply(b.reshape(turned, [before * after, count]));
  return b.reshape(b.transpose(b.reshape(rows, [before, after, count]), [0, 2, 1]), x.shape);
}

/** 1 at the largest element of each row, 0 elsewhere; the first of equals. */
const hardmax: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const hot = (rows: Value): Value => {
    const [y] = b.kernel(
      {
        name: "hardmax_rows",
        inputs: [{ name: "x", dims: ["M", "N"] }],
        outputs: [{ name: "y", dims: ["M", "N"] }],
        scalars: [],
        where: "N >= 1",
        body: [
          "@parallel",
          "for i in range(M):",
          "    let at = argmax(READ(x, i, j) for j in range(N))",
          "    for j in range(N):",
          `        y[i, j] = ${x.dtype}(1) if j == at else ${x.dtype}(0)`,
        ],
      },
      [rows],
      [{ dtype: x.dtype, shape: rows.shape }],
    );
    return y!;
  };
  if (node.version < 13) {
    const axis = node.axis(node.int("axis", 1), x.shape.length);
    return b.reshape(
      hot(b.reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))])),
      x.shape,
    );
  }
  return alongLast(node, x, node.axis(node.int("axis", -1), x.shape.length), hot);
};

/** Rows over the axes from `axis` on: normalized, scaled and shifted. Gives the mean and 1 / deviation too where wanted. */
const layerNormalization: Build = (node) => {
  const { b } = node;
  const [x, scale] = [node.in(0), node.in(1)];
  const { dtype } = x;
  const axis = node.axis(node.int("axis", -1), x.shape.length);
  const [rows, columns] = [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))];
  const stats = x.shape.map((dim, at) => (at < axis ? dim : 1));
  const bias = node.has(2) ? [b.reshape(node.in(2), [columns])] : [];
  const extra = node.wants(1) || node.wants(2);
  const [y, mean, deviation] = b.kernel(
    {
      name: "layer_norm_rows",
      inputs: [
        { name: "x", dims: ["M", "N"] },
        { name: "scale", dims: ["N"] },
        ...bias.map(() => ({ name: "bias", dims: ["N"] })),
      ],
      outputs: [
        { name: "y", dims: ["M", "N"] },
        ...(extra
          ? [
              { name: "center", dims: ["M"] },
              { name: "inverse", dims: ["M"] },
            ]
          : []),
      ],
      scalars: [{ name: "epsilon", dtype: "f32", value: node.float("epsilon", 1e-5) }],
      hook: { indices: 2 },
      body: [
        "@parallel",
        "for i in range(M):",
        "    @vectorize",
        `    let middle = mean(READ(x, i, j) for j in range(N))`,
        "    @vectorize",
        `    let spread = mean((READ(x, i, j) - middle) * (READ(x, i, j) - middle) for j in range(N))`,
        `    let factor = rsqrt(spread + ${dtype}(epsilon))`,
        "    @vectorize",
        "    for j in range(N):",
        `        let result = (READ(x, i, j) - middle) * factor * scale[j]${bias.length > 0 ? " + bias[j]" : ""}`,
        "        y[i, j] = POST(result, i, j)",
        ...(extra ? ["    center[i] = middle", "    inverse[i] = factor"] : []),
      ],
      uses: ["std.math.rsqrt"],
    },
    [b.reshape(x, [rows, columns]), b.reshape(scale, [columns]), ...bias],
    [
      { dtype, shape: [rows, columns] },
      ...(extra
        ? [
            { dtype, shape: [rows] },
            { dtype, shape: [rows] },
          ]
        : []),
    ],
  );
  return [b.reshape(y!, x.shape), mean && b.reshape(mean, stats), deviation && b.reshape(deviation, stats)];
};

/** Each channel of each image by itself, as a row: mean 0 and variance 1, then a scale and a shift for each channel. */
const instanceNormalization: Build = (node) => {
  const { b } = node;
  const [x, scale, shift] = [node.in(0), node.in(1), node.in(2)];
  const channel = (value: Value) => b.reshape(value, [value.shape[0]!, ...x.shape.slice(2).map(() => 1)]);
  const rows = sizeOf(x.shape.slice(0, 2));
  const normal = standardRows(
    node,
    b.reshape(x, [rows, sizeOf(x.shape.slice(2))]),
    node.float("epsilon", 1e-5),
  );
  return b.map("$0 * $1 + $2", [b.reshape(normal, x.shape), channel(scale), channel(shift)]);
};

/** Groups of channels of each image by themselves. */
const groupNormalization: Build = (node) => {
  const { b } = node;
  const [x, scale, shift] = [node.in(0), node.in(1), node.in(2)];
  const groups = node.int("num_groups", 1);
  const [batch, channels] = x.shape as [number, number];
  const rows = b.reshape(x, [batch * groups, sizeOf(x.shape) / (batch * groups)]);
  const normal = b.reshape(standardRows(node, rows, node.float("epsilon", 1e-5)), x.shape);
  // Up to version 20 there was a scale for each group.
  const spread = (value: Value): Value => {
    const each = channels / value.shape[0]!;
    const all = b.map("$0", [b.reshape(value, [value.shape[0]!, 1])], { shape: [value.shape[0]!, each] });
    return b.reshape(all, [channels, ...x.shape.slice(2).map(() => 1)]);
  };
  return b.map("$0 * $1 + $2", [normal, spread(scale), spread(shift)]);
};

/** Rows of mean 0 and variance 1; not `centered`, of mean square 1. */
function standardRows({ b }: NodeContext, x: Value, epsilon: number, centered = true): Value {
  const { dtype } = x;
  const element = centered ? "(READ(x, i, j) - middle)" : "READ(x, i, j)";
  const [y] = b.kernel(
    {
      name: centered ? "standard_rows" : "unit_rows",
      inputs: [{ name: "x", dims: ["M", "N"] }],
      outputs: [{ name: "y", dims: ["M", "N"] }],
      scalars: [{ name: "epsilon", dtype: "f32", value: epsilon }],
      hook: { indices: 2 },
      body: [
        "@parallel",
        "for i in range(M):",
        ...(centered ? ["    @vectorize", "    let middle = mean(READ(x, i, j) for j in range(N))"] : []),
        "    @vectorize",
        `    let spread = mean(${element} * ${element} for j in range(N))`,
        `    let factor = rsqrt(spread + ${dtype}(epsilon))`,
        "    @vectorize",
        "    for j in range(N):",
        `        let result = ${element} * factor`,
        "        y[i, j] = POST(result, i, j)",
      ],
      uses: ["std.math.rsqrt"],
    },
    [x],
    [{ dtype, shape: x.shape }],
  );
  return y!;
}

/** x / √(mean x² + ε) · scale over trailing axes. */
const rmsNormalization: Build = (node) => {
  const { b } = node;
  const [x, scale] = [node.in(0), node.in(1)];
  const { dtype } = x;
  const axis = node.axis(node.int("axis", -1), x.shape.length);
  const [rows, columns] = [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))];
  const [y] = b.kernel(
    {
      name: "rms_norm_rows",
      inputs: [
        { name: "x", dims: ["M", "N"] },
        { name: "scale", dims: ["N"] },
      ],
      outputs: [{ name: "y", dims: ["M", "N"] }],
      scalars: [{ name: "epsilon", dtype: "f32", value: node.float("epsilon", 1e-5) }],
      hook: { indices: 2 },
      body: [
        "@parallel",
        "for i in range(M):",
        "    @vectorize",
        "    let spread = mean(READ(x, i, j) * READ(x, i, j) for j in range(N))",
        `    let factor = rsqrt(spread + ${dtype}(epsilon))`,
        "    @vectorize",
        "    for j in range(N):",
        "        let result = READ(x, i, j) * factor * scale[j]",
        "        y[i, j] = POST(result, i, j)",
      ],
      uses: ["std.math.rsqrt"],
    },
    [
      b.reshape(x, [rows, columns]),
      b.reshape(b.map("$0", [scale], { shape: x.shape.slice(axis) }), [columns]),
    ],
    [{ dtype, shape: [rows, columns] }],
  );
  return b.reshape(y!, x.shape);
};

/** What rewrites make of a normalization that is written out: rows over the axes from `axis` on, not scaled. */
const plainRows =
  (centered: boolean): Build =>
  (node) => {
    const { b } = node;
    const x = node.in(0);
    const columns = sizeOf(x.shape.slice(node.axis(node.int("axis", -1), x.shape.length)));
    const rows = b.reshape(x, [columns === 0 ? 0 : sizeOf(x.shape) / columns, columns]);
    return b.reshape(standardRows(node, rows, node.float("epsilon", 1e-5), centered), x.shape);
  };

/** Of all pixels of a channel, over all images: mean 0 and variance 1. */
const meanVarianceNormalization: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const axes = new Set((node.ints("axes") ?? [0, 2, 3]).map((axis) => node.axis(axis, x.shape.length)));
  const reduced = x.shape.map((_, axis) => axes.has(axis));
  const shape = x.shape.map((dim, axis) => (axes.has(axis) ? 1 : dim));
  const mean = reduce(node, x, { reduced, shape }, { combine: "sum", result: "$ / n" });
  const centered = b.map("$0 - $1", [x, mean]);
  const square = b.map("$0 * $0", [centered]);
  const variance = reduce(node, square, { reduced, shape }, { combine: "sum", result: "$ / n" });
  return b.map("$0 / (sqrt($1) + $2)", [centered, variance, b.scalar(x.dtype, 1e-9)], {
    uses: ["std.math.sqrt"],
  });
};

/** Each element by the squares of its neighbours in other channels. */
const localResponse: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const size = node.int("size", 1);
  const [batch, channels] = x.shape as [number, number];
  const image = [batch, channels, sizeOf(x.shape.slice(2))];
  const [y] = b.kernel(
    {
      name: "local_response",
      inputs: [{ name: "x", dims: ["B", "C", "D"] }],
      outputs: [{ name: "y", dims: ["B", "C", "D"] }],
      scalars: [
        { name: "factor", dtype: x.dtype, value: node.float("alpha", 1e-4) / size },
        { name: "beta", dtype: x.dtype, value: node.float("beta", 0.75) },
        { name: "bias", dtype: x.dtype, value: node.float("bias", 1) },
      ],
      body: [
        "@parallel(b, c)",
        "for b, c in grid(B, C):",
        "    @vectorize",
        "    for i in range(D):",
        `        let total = sum(x.get(b, c + n - ${Math.floor((size - 1) / 2)}, i, default=0) * x.get(b, c + n - ${Math.floor((size - 1) / 2)}, i, default=0) for n in range(${size}))`,
        "        y[b, c, i] = x[b, c, i] / pow(bias + factor * total, beta)",
      ],
      uses: ["std.math.pow"],
    },
    [b.reshape(x, image)],
    [{ dtype: x.dtype, shape: image }],
  );
  return b.reshape(y!, x.shape);
};

/** Along one axis, to norm 1. */
const lpNormalization: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const axis = node.axis(node.int("axis", -1), x.shape.length);
  const reduced = x.shape.map((_, at) => at === axis);
  const shape = x.shape.map((dim, at) => (at === axis ? 1 : dim));
  const norm =
    node.int("p", 2) === 1
      ? reduce(node, x, { reduced, shape }, { combine: "sum", term: "abs($)" })
      : b.map("sqrt($0)", [reduce(node, b.map("$0 * $0", [x]), { reduced, shape }, { combine: "sum" })], {
          uses: ["std.math.sqrt"],
        });
  return b.map("$0 / $1", [x, norm]);
};

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const normalization: readonly OpRow[] = [
  row("Softmax", softmaxWith("softmax")),
  row("LogSoftmax", softmaxWith("log_softmax")),
  row("Hardmax", hardmax),
  row("LayerNormalization", layerNormalization),
  row("InstanceNormalization", instanceNormalization),
  row("GroupNormalization", groupNormalization),
  row("RMSNormalization", rmsNormalization),
  row("MeanVarianceNormalization", meanVarianceNormalization),
  row("LpNormalization", lpNormalization),
  row("LRN", localResponse),
  row("kern.graph::StandardRows", plainRows(true)),
  row("kern.graph::UnitRows", plainRows(false)),
];
