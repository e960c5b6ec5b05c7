// Products of dense f32 matrices, and of a matrix and a vector.

import { randomInput, type Inputs, type Workload } from "../workload.ts";

function matmul(n: number, goal: number): Workload {
  return {
    name: `matmul ${n}³`,
    goal,
    operations: 2 * n ** 3,
    limit: { kind: "muladd", flops: 2 * n ** 3 },
    inputs: async () => ({
      a: await randomInput("f32", [n, n], { seed: 1 }),
      b: await randomInput("f32", [n, n], { seed: 2 }),
    }),
    output: { shape: [n, n] },
    reference:
      ({ a, b }) =>
      (at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        let sum = 0;
        for (let k = 0; k < n; k++) sum += Number(a!.data[i * n + k]) * Number(b!.data[k * n + j]);
        return sum;
      },
    tolerance: { relative: 1e-5, absolute: 4e-6 * Math.sqrt(n) },
    kern: { source: { module: "linalg" }, kernel: "matmul", args: { a: "a", b: "b" }, result: "c" },
    onnx: [{ nodes: [{ op: "MatMul", inputs: ["a", "b"], output: "c" }], result: "c" }],
    tfjs: [{ run: (tf, { a, b }) => tf.matMul(a!, b!) }],
    jax: [{ run: ({ numpy }, { a, b }) => numpy.matmul(a!, b!) }],
  };
}

function gemv(n: number): Workload {
  const transposed = ({ x, w }: Inputs): Inputs => {
    const data = new Float32Array(n * n);
    for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) data[k * n + i] = Number(w!.data[i * n + k]);
    return { x: { ...x!, shape: [1, n] }, w: { ...w!, data } };
  };
  const row = ({ x, w }: Inputs): Inputs => ({ x: { ...x!, shape: [1, n] }, w: w! });
  const column = ({ x, w }: Inputs): Inputs => ({ x: { ...x!, shape: [n, 1] }, w: w! });
  return {
    name: `gemv ${n}²`,
    goal: 1,
    operations: 2 * n * n,
    limit: { kind: "stream", read: 4 * n * n, written: 0 },
    inputs: async () => ({
      x: await randomInput("f32", [n], { seed: 3 }),
      w: await randomInput("f32", [n, n], { seed: 4 }),
    }),
    output: { shape: [n] },
    reference:
      ({ x, w }) =>
      (at) => {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += Number(x!.data[k]) * Number(w!.data[at * n + k]);
        return sum;
      },
    tolerance: { relative: 1e-5, absolute: 4e-6 * Math.sqrt(n) },
    kern: { source: { module: "linalg" }, kernel: "gemv", args: { a: "w", x: "x" }, result: "y" },
    onnx: [
      { inputs: transposed, nodes: [{ op: "MatMul", inputs: ["x", "w"], output: "y" }], result: "y" },
      {
        inputs: row,
        nodes: [{ op: "Gemm", inputs: ["x", "w"], output: "y", attributes: { transB: 1 } }],
        result: "y",
      },
      { inputs: column, nodes: [{ op: "MatMul", inputs: ["w", "x"], output: "y" }], result: "y" },
    ],
    tfjs: [
      { inputs: transposed, run: (tf, { x, w }) => tf.matMul(x!, w!) },
      { inputs: row, run: (tf, { x, w }) => tf.matMul(x!, w!, false, true) },
      { inputs: column, run: (tf, { x, w }) => tf.matMul(w!, x!) },
    ],
    jax: [{ run: ({ numpy }, { x, w }) => numpy.matmul(w!, x!) }],
  };
}

export const matmuls: readonly Workload[] = [
  matmul(64, 1.25),
  matmul(128, 1.25),
  matmul(256, 1.2),
  matmul(512, 1.2),
  matmul(1024, 1.2),
  gemv(4096),
];
