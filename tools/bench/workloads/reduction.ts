// Sums over an axis of a matrix, and its transpose: little arithmetic, much memory.

import { randomInput, type Workload } from "../workload.ts";

const size = 1024;
const matrix = async () => ({ x: await randomInput("f32", [size, size], { seed: 1 }) });

function sum(axis: 0 | 1, goal: number): Workload {
  return {
    name: `sum over axis ${axis}, ${size}²`,
    goal,
    limit: { kind: "stream", read: 4 * size * size, written: 0 },
    inputs: matrix,
    output: { shape: [size] },
    reference:
      ({ x }) =>
      (at) => {
        let total = 0;
        for (let n = 0; n < size; n++) total += Number(x!.data[axis === 0 ? n * size + at : at * size + n]);
        return total;
      },
    tolerance: { relative: 1e-5, absolute: 1e-4 },
    kern: {
      source: { module: "reduction" },
      kernel: axis === 0 ? "sum_columns" : "sum_rows",
      args: { x: "x" },
      result: "y",
    },
    onnx: [
      {
        nodes: [
          {
            op: "ReduceSum",
            inputs: ["x", "axes"],
            output: "y",
            attributes: { keepdims: 0 },
            constants: { axes: { dtype: "i64", shape: [1], data: new BigInt64Array([BigInt(axis)]) } },
          },
        ],
        result: "y",
      },
    ],
    tfjs: [{ run: (tf, { x }) => tf.sum(x!, axis) }],
    jax: [{ run: ({ numpy }, { x }) => numpy.sum(x!, axis) }],
  };
}

const transpose: Workload = {
  name: `transpose ${size}²`,
  goal: 1.5,
  limit: { kind: "stream", read: 4 * size * size, written: 4 * size * size },
  inputs: matrix,
  output: { shape: [size, size] },
  reference:
    ({ x }) =>
    (at) =>
      Number(x!.data[(at % size) * size + Math.floor(at / size)]),
  tolerance: { relative: 0, absolute: 0 },
  kern: { source: { module: "layout" }, kernel: "transpose", args: { x: "x" }, result: "y" },
  onnx: [
    {
      nodes: [{ op: "Transpose", inputs: ["x"], output: "y", attributes: { perm: [1, 0] } }],
      result: "y",
    },
  ],
  tfjs: [{ run: (tf, { x }) => tf.transpose(x!) }],
  // A transpose alone is a view in jax-js; adding nothing makes it write one.
  jax: [{ run: ({ numpy }, { x }) => numpy.transpose(x!).add(0) }],
};

export const reductions: readonly Workload[] = [sum(0, 1.4), sum(1, 1), transpose];
