// Functions of each element, on a million of them.

import { randomInput, type Workload } from "../workload.ts";

const count = 1 << 20;
const stream = (read: number): Workload["limit"] => ({
  kind: "stream",
  read: 4 * read * count,
  written: 4 * count,
});

type Parts = Pick<Workload, "name" | "goal" | "kern" | "onnx" | "tfjs" | "jax" | "tolerance">;

/** A workload of one f32 tensor, y = f(x), with x between ±range. */
function unary(range: number, f: (x: number) => number, parts: Parts): Workload {
  return {
    limit: stream(1),
    inputs: async () => ({
      x: await randomInput("f32", [count], { seed: 1, low: -range, high: range }),
    }),
    output: { shape: [count] },
    reference:
      ({ x }) =>
      (at) =>
        f(Number(x!.data[at])),
    ...parts,
  };
}

/** The error function: Taylor's series near 0, else erfc's continued fraction. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 3) {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
    return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
  }
  let [term, total] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

const gelu = unary(6, (x) => (x / 2) * (1 + erf(x / Math.SQRT2)), {
  name: "gelu (erf), 1M",
  goal: 2.5,
  // Abramowitz and Stegun's 7.1.26, which peers use, errs by 1.5e-7 in erf.
  tolerance: { relative: 2e-5, absolute: 2e-6 },
  kern: { source: { module: "activations" }, kernel: "gelu", args: { x: "x" }, result: "y" },
  onnx: [{ nodes: [{ op: "Gelu", inputs: ["x"], output: "y" }], result: "y" }],
  tfjs: [
    {
      run: (tf, { x }) => tf.mul(tf.mul(x!, 0.5), tf.add(tf.erf(tf.mul(x!, Math.SQRT1_2)), 1)),
    },
  ],
  jax: [{ run: ({ nn }, { x }) => nn.gelu(x!, { approximate: false }) }],
});

const root = Math.sqrt(2 / Math.PI);
const geluTanh = unary(6, (x) => (x / 2) * (1 + Math.tanh(root * (x + 0.044715 * x ** 3))), {
  name: "gelu (tanh), 1M",
  goal: 1.35,
  tolerance: { relative: 2e-5, absolute: 2e-6 },
  kern: { source: { module: "activations" }, kernel: "gelu_tanh", args: { x: "x" }, result: "y" },
  onnx: [
    { nodes: [{ op: "Gelu", inputs: ["x"], output: "y", attributes: { approximate: "tanh" } }], result: "y" },
  ],
  tfjs: [
    {
      run: (tf, { x }) => {
        const cube = tf.mul(tf.mul(tf.square(x!), x!), 0.044715);
        return tf.mul(tf.mul(x!, 0.5), tf.add(tf.tanh(tf.mul(tf.add(x!, cube), root)), 1));
      },
    },
  ],
  jax: [{ run: ({ nn }, { x }) => nn.gelu(x!, { approximate: true }) }],
});

const exp = unary(10, Math.exp, {
  name: "exp, 1M",
  goal: 2,
  tolerance: { relative: 2e-6, absolute: 0 },
  kern: { source: { module: "elementwise" }, kernel: "exponential", args: { x: "x" }, result: "y" },
  onnx: [{ nodes: [{ op: "Exp", inputs: ["x"], output: "y" }], result: "y" }],
  tfjs: [{ run: (tf, { x }) => tf.exp(x!) }],
  jax: [{ run: ({ numpy }, { x }) => numpy.exp(x!) }],
});

const mulAddRelu: Workload = {
  name: "mul + add + relu, 1M",
  goal: 1.35,
  limit: stream(3),
  inputs: async () => ({
    x: await randomInput("f32", [count], { seed: 1 }),
    a: await randomInput("f32", [count], { seed: 2 }),
    b: await randomInput("f32", [count], { seed: 3 }),
  }),
  output: { shape: [count] },
  reference:
    ({ x, a, b }) =>
    (at) =>
      Math.max(Number(x!.data[at]) * Number(a!.data[at]) + Number(b!.data[at]), 0),
  tolerance: { relative: 1e-6, absolute: 2e-7 },
  kern: {
    source: { module: "elementwise" },
    kernel: "mul_add_relu",
    args: { a: "x", b: "a", c: "b" },
    result: "y",
  },
  onnx: [
    {
      nodes: [
        { op: "Mul", inputs: ["x", "a"], output: "product" },
        { op: "Add", inputs: ["product", "b"], output: "sum" },
        { op: "Relu", inputs: ["sum"], output: "y" },
      ],
      result: "y",
    },
  ],
  tfjs: [{ run: (tf, { x, a, b }) => tf.relu(tf.add(tf.mul(x!, a!), b!)) }],
  jax: [{ run: ({ nn }, { x, a, b }) => nn.relu(x!.mul(a!).add(b!)) }],
};

export const pointwise: readonly Workload[] = [gelu, geluTanh, exp, mulAddRelu];
