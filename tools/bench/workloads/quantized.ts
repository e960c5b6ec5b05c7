// Integer products, and products with weights of 4 bits in blocks of 32 that share a scale. Integer results are exact,
// over the whole range of both operands.

import { permuted, randomInput, reshaped, type Inputs, type KernTask, type Workload } from "../workload.ts";

function matmulU8I8(n: number): Workload {
  return {
    name: `matmul u8×i8 ${n}³`,
    goal: [1, 2],
    operations: 2 * n ** 3,
    inputs: async () => ({
      a: await randomInput("u8", [n, n], { seed: 1, low: 0, high: 256 }),
      b: await randomInput("i8", [n, n], { seed: 2, low: -128, high: 128 }),
    }),
    output: { shape: [n, n] },
    reference:
      ({ a, b }) =>
      (at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        let sum = 0;
        for (let k = 0; k < n; k++) sum += Number(a!.data[i * n + k]) * Number(b!.data[j * n + k]);
        return sum;
      },
    tolerance: { relative: 0, absolute: 0 },
    kern: { source: { module: "quantized" }, kernel: "int8_matmul", args: { a: "a", b: "b" }, result: "c" },
    onnx: [
      {
        // Kern's weights have a row an output, ONNX's a row an input; these are packed when the session is made.
        inputs: ({ a, b }) => ({ a: a!, b: permuted(b!, [1, 0]) }),
        nodes: [{ op: "MatMulInteger", inputs: ["a", "b"], output: "c" }],
        result: "c",
      },
    ],
  };
}

function gemvInt8(n: number): Workload {
  const weights = ({ w }: Inputs) => permuted(w!, [1, 0]);
  return {
    name: `gemv int8 ${n}²`,
    goal: 4,
    operations: 2 * n * n,
    limit: { kind: "stream", read: n * n, written: 0 },
    inputs: async () => ({
      x: await randomInput("i8", [n], { seed: 3, low: -128, high: 128 }),
      w: await randomInput("i8", [n, n], { seed: 4, low: -128, high: 128 }),
    }),
    output: { shape: [n] },
    reference:
      ({ x, w }) =>
      (at) => {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += Number(x!.data[k]) * Number(w!.data[at * n + k]);
        return sum;
      },
    tolerance: { relative: 0, absolute: 0 },
    kern: { source: { module: "quantized" }, kernel: "int8_gemv", args: { a: "w", x: "x" }, result: "y" },
    onnx: [
      {
        inputs: (inputs) => ({ x: reshaped(inputs["x"]!, [1, n]), w: weights(inputs) }),
        nodes: [{ op: "MatMulInteger", inputs: ["x", "w"], output: "y" }],
        result: "y",
      },
      {
        // The same with x as u8 above a zero point, which some processors prefer.
        inputs: (inputs) => ({
          x: {
            dtype: "u8",
            shape: [1, n],
            data: Uint8Array.from(inputs["x"]!.data as Int8Array, (each) => each + 128),
          },
          w: weights(inputs),
        }),
        nodes: [
          {
            op: "MatMulInteger",
            inputs: ["x", "w", "zero"],
            output: "y",
            constants: { zero: { dtype: "u8", shape: [], data: new Uint8Array([128]) } },
          },
        ],
        result: "y",
      },
    ],
  };
}

const block = 32;

/** What one of int8 activations stands for. */
const step = 1 / 127;

/** Weight k of row i: (nibble - 8) times the scale of its block. */
function gemv4Bit(n: number, activations: "f32" | "int8", goal: number): Workload {
  const blocks = n / block;
  return {
    name: `gemv 4-bit ${n}², ${activations} activations`,
    goal,
    operations: 2 * n * n,
    limit: { kind: "stream", read: (n * n) / 2 + 4 * n * blocks, written: 0 },
    async inputs() {
      const q = await randomInput("i8", [n], { seed: 3, low: -127, high: 128 });
      return {
        q,
        x: { dtype: "f32", shape: [n], data: Float32Array.from(q.data as Int8Array, (each) => each * step) },
        w: await randomInput("u4", [n, n], { seed: 4, low: 0, high: 16 }),
        scales: await randomInput("f32", [n, blocks], { seed: 5, low: 0.01, high: 0.02 }),
      };
    },
    output: { shape: [n] },
    reference:
      ({ x, w, scales }) =>
      (at) => {
        let sum = 0;
        for (let k = 0; k < n; k++) {
          const byte = Number(w!.data[(at * n + k) >> 1]);
          const nibble = k % 2 ? byte >> 4 : byte & 15;
          sum +=
            Number(x!.data[k]) * (nibble - 8) * Number(scales!.data[at * blocks + Math.floor(k / block)]);
        }
        return sum;
      },
    // A peer that rounds activations to int8 block by block errs by a part in 254 of each.
    tolerance:
      activations === "f32" ? { relative: 1e-4, absolute: 2e-4 } : { relative: 2e-2, absolute: 5e-2 },
    kern: activations === "f32" ? kern4Bit(n) : kern4BitInt8(n),
    onnx: [
      {
        inputs: ({ x, w, scales }) => ({
          x: reshaped(x!, [1, n]),
          w: { dtype: "u8", shape: [n, blocks, block / 2], data: w!.data },
          scales: reshaped(scales!, [n * blocks]),
        }),
        nodes: [
          {
            op: "MatMulNBits",
            domain: "com.microsoft",
            inputs: ["x", "w", "scales"],
            output: "y",
            attributes: {
              K: n,
              N: n,
              bits: 4,
              block_size: block,
              accuracy_level: activations === "f32" ? 1 : 4,
            },
          },
        ],
        result: "y",
      },
    ],
  };
}

/** The packed weights as words, which hold the same bytes. */
function kern4Bit(n: number): KernTask {
  return {
    source: { module: "quantized" },
    kernel: "gemv_4bit",
    inputs: ({ x, w, scales }) => ({
      x: x!,
      w: { dtype: "i32", shape: [n, n / 8], data: new Int32Array(w!.data.buffer as ArrayBuffer) },
      scales: scales!,
    }),
    args: { w: "w", scale: "scales", x: "x" },
    result: "y",
  };
}

function kern4BitInt8(n: number): KernTask {
  return {
    source: { module: "quantized" },
    kernel: "gemv_4bit_int8",
    inputs: ({ q, w, scales }) => ({
      q: q!,
      w: { dtype: "i16", shape: [n, n / 4], data: new Int16Array(w!.data.buffer as ArrayBuffer) },
      scales: scales!,
    }),
    args: { w: "w", scale: "scales", x: "q", step },
    result: "y",
  };
}

export const quantized: readonly Workload[] = [
  matmulU8I8(512),
  gemvInt8(4096),
  gemv4Bit(4096, "f32", 11),
  gemv4Bit(4096, "int8", 20),
];
