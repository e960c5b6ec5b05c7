// Softmax and the normalizations over trailing axes, by kernels of the library on rows.

import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { around } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** A kernel of `std.normalization` over rows [M, N]. */
function onRows({ b }: NodeContext, x: Value, kernel: string): Value {
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
function alongLast({ b }: NodeContext, x: Value, axis: number, apply: (rows: Value) => Value): Value {
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
        `        y[i, j] = (READ(x, i, j) - middle) * factor * scale[j]${bias.length > 0 ? " + bias[j]" : ""}`,
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

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const normalization: readonly OpRow[] = [
  row("Softmax", softmaxWith("softmax")),
  row("LogSoftmax", softmaxWith("log_softmax")),
  row("Hardmax", hardmax),
  row("LayerNormalization", layerNormalization),
];
