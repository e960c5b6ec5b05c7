// Normalisation along rows.

import { randomInput, type Workload } from "../workload.ts";

function softmax(rows: number, columns: number): Workload {
  return {
    name: `softmax ${rows}×${columns}`,
    goal: 1.1,
    limit: { kind: "stream", read: 4 * rows * columns, written: 4 * rows * columns },
    inputs: async () => ({ x: await randomInput("f32", [rows, columns], { seed: 1, low: -8, high: 8 }) }),
    output: { shape: [rows, columns] },
    reference:
      ({ x }) =>
      (at) => {
        const begin = at - (at % columns);
        const row = x!.data.slice(begin, begin + columns);
        let peak = -Infinity;
        for (const value of row) peak = Math.max(peak, Number(value));
        let total = 0;
        for (const value of row) total += Math.exp(Number(value) - peak);
        return Math.exp(Number(x!.data[at]) - peak) / total;
      },
    tolerance: { relative: 1e-5, absolute: 1e-9 },
    kern: { source: { module: "normalization" }, kernel: "softmax", args: { x: "x" }, result: "y" },
    onnx: [{ nodes: [{ op: "Softmax", inputs: ["x"], output: "y", attributes: { axis: -1 } }], result: "y" }],
    tfjs: [{ run: (tf, { x }) => tf.softmax(x!) }],
    jax: [{ run: ({ nn }, { x }) => nn.softmax(x!, -1) }],
  };
}

const epsilon = 1e-5;

function layerNorm(rows: number, columns: number): Workload {
  return {
    name: `layer norm ${rows}×${columns}`,
    goal: 7.5,
    limit: { kind: "stream", read: 4 * rows * columns, written: 4 * rows * columns },
    inputs: async () => ({
      x: await randomInput("f32", [rows, columns], { seed: 1 }),
      gamma: await randomInput("f32", [columns], { seed: 2 }),
      beta: await randomInput("f32", [columns], { seed: 3 }),
    }),
    output: { shape: [rows, columns] },
    reference:
      ({ x, gamma, beta }) =>
      (at) => {
        const begin = at - (at % columns);
        let [sum, squares] = [0, 0];
        for (let j = begin; j < begin + columns; j++) sum += Number(x!.data[j]);
        const centre = sum / columns;
        for (let j = begin; j < begin + columns; j++) squares += (Number(x!.data[j]) - centre) ** 2;
        const scale = 1 / Math.sqrt(squares / columns + epsilon);
        const j = at % columns;
        return (Number(x!.data[at]) - centre) * scale * Number(gamma!.data[j]) + Number(beta!.data[j]);
      },
    tolerance: { relative: 1e-5, absolute: 1e-5 },
    kern: {
      source: { module: "normalization" },
      kernel: "layer_norm",
      args: { x: "x", gamma: "gamma", beta: "beta", epsilon },
      result: "y",
    },
    onnx: [
      {
        nodes: [
          {
            op: "LayerNormalization",
            inputs: ["x", "gamma", "beta"],
            output: "y",
            attributes: { axis: -1, epsilon: { float: epsilon } },
          },
        ],
        result: "y",
      },
    ],
    tfjs: [
      {
        run: (tf, { x, gamma, beta }) => {
          const centred = tf.sub(x!, tf.mean(x!, -1, true));
          const variance = tf.mean(tf.square(centred), -1, true);
          const scale = tf.rsqrt(tf.add(variance, epsilon));
          return tf.add(tf.mul(tf.mul(centred, scale), gamma!), beta!);
        },
      },
    ],
    jax: [
      {
        run: ({ nn }, { x, gamma, beta }) => nn.standardize(x!, -1, { epsilon }).mul(gamma!).add(beta!),
      },
    ],
  };
}

export const normalizations: readonly Workload[] = [softmax(1024, 1024), layerNorm(1024, 768)];
