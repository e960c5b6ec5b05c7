// Operators that ONNX's own tests for Debian don't have yet, or have in part, against onnxruntime: one node a model, its options in
// turn, on sizes that fit no tile.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelBytes, type AttributeSpec } from "../../testing/onnx/models.ts";
import { apart, nameOf, nodeApart, type Case } from "../../testing/onnx/single-nodes.ts";
import { openDevice, tensor, type Device, type Tensor } from "../index.ts";
import { random } from "../random.ts";
import { numberOf } from "./tensors.ts";

let seed = 1;
const f32 = (...shape: number[]): Tensor => random("f32", shape, { seed: seed++, low: -2, high: 2 });
const positions = (...values: number[]): Tensor =>
  tensor(BigInt64Array.from(values, BigInt), [1, values.length]);
const microsoft = { domain: "com.microsoft" };

const [q, k, v] = [f32(2, 4, 5, 8), f32(2, 2, 7, 8), f32(2, 2, 7, 6)];
const heads = { q, K: f32(2, 4, 7, 8), V: f32(2, 4, 7, 6) };
const attention: readonly Case[] = [
  { op: "Attention", inputs: heads },
  { op: "Attention", option: "causal", attributes: { is_causal: 1 }, inputs: heads },
  { op: "Attention", option: "grouped heads", inputs: { q, k, v } },
  { op: "Attention", option: "a float mask", inputs: { ...heads, mask: f32(5, 7) } },
  { op: "Attention", option: "a mask a head", inputs: { ...heads, mask: f32(2, 4, 5, 7) } },
  {
    op: "Attention",
    option: "a mask of bool",
    inputs: {
      ...heads,
      mask: tensor(
        Uint8Array.from({ length: 35 }, (_, at) => Number(at % 7 <= at % 4)),
        [5, 7],
        "bool",
      ),
    },
  },
  {
    op: "Attention",
    option: "a soft cap and a scale",
    attributes: { softcap: 1.5, scale: 0.7 },
    inputs: heads,
  },
  {
    op: "Attention",
    option: "a cache of keys and values",
    inputs: { ...heads, mask: undefined, pastKeys: f32(2, 4, 3, 8), pastValues: f32(2, 4, 3, 6) },
    outputs: ["f32", "f32", "f32"],
  },
  {
    op: "Attention",
    option: "heads side by side",
    attributes: { q_num_heads: 3, kv_num_heads: 3 },
    inputs: { q: f32(2, 5, 24), k: f32(2, 7, 24), v: f32(2, 7, 15) },
  },
];

const [cosines, sines] = [f32(11, 4), f32(11, 4)];
const rotary: readonly Case[] = [
  { op: "RotaryEmbedding", inputs: { x: f32(2, 3, 5, 8), cosines: f32(2, 5, 4), sines: f32(2, 5, 4) } },
  {
    op: "RotaryEmbedding",
    option: "pairs side by side, by positions",
    attributes: { interleaved: 1 },
    inputs: { x: f32(1, 3, 4, 8), cosines, sines, at: positions(0, 2, 1, 10) },
  },
  {
    op: "RotaryEmbedding",
    option: "of com.microsoft",
    ...microsoft,
    inputs: { x: f32(1, 3, 4, 8), at: positions(0, 2, 1, 10), cosines, sines },
  },
];

const volume = f32(2, 4, 5, 6, 7);
const volumes: readonly Case[] = [
  {
    op: "Conv",
    option: "of three axes, in groups",
    attributes: { group: 2, strides: [2, 1, 2], dilations: [2, 1, 1], pads: [1, 0, 1, 2, 1, 0] },
    inputs: { volume, w: f32(6, 2, 2, 3, 2), bias: f32(6) },
  },
  {
    op: "Conv",
    option: "of three axes, the same sizes",
    attributes: { auto_pad: "SAME_LOWER", strides: [2, 2, 1] },
    inputs: { volume, w: f32(3, 4, 2, 3, 3) },
  },
  {
    op: "ConvTranspose",
    option: "of three axes",
    attributes: { strides: [2, 1, 2], pads: [1, 0, 1, 0, 1, 0], output_padding: [1, 0, 1], group: 2 },
    inputs: { volume, w: f32(4, 3, 3, 2, 3), bias: f32(6) },
  },
  {
    op: "ConvTranspose",
    option: "of three axes, of a given shape",
    attributes: { strides: [2, 2, 2], output_shape: [9, 11, 13] },
    inputs: { volume, w: f32(4, 2, 2, 3, 2) },
  },
  {
    op: "MaxPool",
    option: "of three axes",
    attributes: {
      kernel_shape: [2, 3, 2],
      strides: [2, 2, 1],
      dilations: [1, 1, 2],
      ceil_mode: 1,
      pads: [1, 0, 1, 0, 1, 0],
    },
    inputs: { volume },
  },
  {
    op: "AveragePool",
    option: "of three axes, padding counted",
    attributes: {
      kernel_shape: [2, 3, 2],
      strides: [2, 2, 1],
      count_include_pad: 1,
      pads: [1, 0, 1, 0, 1, 0],
    },
    inputs: { volume },
  },
];

const lengths = tensor(Int32Array.of(4, 1), [2]);
const backwards: readonly Case[] = (
  [
    ["RNN", 1],
    ["GRU", 3],
    ["LSTM", 4],
  ] as const
).flatMap(([op, gates]) =>
  [undefined, lengths].map((each) => ({
    op,
    option: each ? "backwards, lengths of sequences" : "backwards",
    attributes: { hidden_size: 3, direction: "reverse" },
    inputs: {
      x: f32(4, 2, 5),
      w: f32(1, gates * 3, 5),
      r: f32(1, gates * 3, 3),
      bias: undefined,
      lengths: each,
    },
    outputs: [undefined, "f32"] as const,
  })),
);

const eps = { epsilon: 1e-3 };
const norms: readonly Case[] = [
  {
    op: "LayerNormalization",
    attributes: { axis: -1, ...eps },
    inputs: { x: f32(3, 5, 13), scale: f32(13), bias: f32(13) },
  },
  {
    op: "LayerNormalization",
    option: "two axes, no bias",
    attributes: { axis: 1 },
    inputs: { x: f32(3, 5, 13), scale: f32(5, 13) },
  },
  { op: "RMSNormalization", attributes: { axis: -1, ...eps }, inputs: { x: f32(3, 1, 17), scale: f32(17) } },
  {
    op: "GroupNormalization",
    version: 21,
    attributes: { num_groups: 3, ...eps },
    inputs: { x: f32(2, 6, 5, 7), scale: f32(6), bias: f32(6) },
  },
  {
    op: "SkipLayerNormalization",
    ...microsoft,
    attributes: eps,
    inputs: { x: f32(2, 3, 13), skip: f32(2, 3, 13), gamma: f32(13), beta: f32(13), bias: f32(13) },
  },
  {
    op: "SkipSimplifiedLayerNormalization",
    ...microsoft,
    attributes: eps,
    inputs: { x: f32(2, 3, 13), skip: f32(2, 3, 13), gamma: f32(13) },
  },
];

const units: readonly Case[] = [
  { op: "Gelu", inputs: { x: f32(131) } },
  { op: "Gelu", option: "by tanh", attributes: { approximate: "tanh" }, inputs: { x: f32(131) } },
  { op: "Swish", version: 24, attributes: { alpha: 1.5 }, inputs: { x: f32(131) } },
  { op: "HardSwish", inputs: { x: f32(131) } },
  { op: "Mish", inputs: { x: f32(131) } },
];

const grid = f32(2, 4, 3, 2);
const sampling: readonly Case[] = ["linear", "nearest", "cubic"].flatMap((mode) =>
  ["zeros", "border", "reflection"].map((padding_mode, at): Case => ({
    op: "GridSample",
    option: `${mode}, ${padding_mode}`,
    version: 20,
    attributes: { mode, padding_mode, align_corners: at % 2 },
    inputs: { x: f32(2, 3, 5, 7), grid },
  })),
);

const resized = (
  mode: string,
  attributes: Readonly<Record<string, AttributeSpec>>,
  scales: boolean,
): Case => ({
  op: "Resize",
  option: [mode, ...Object.values(attributes)].join(", "),
  version: 19,
  attributes: { mode, ...attributes },
  inputs: { x: f32(1, 2, 5, 7) },
  constants: {
    roi: tensor(new Float32Array(), [0]),
    ...(scales
      ? { scales: tensor(Float32Array.of(1, 1, 1.625, 0.625), [4]) }
      : { scales: tensor(new Float32Array(), [0]), sizes: tensor(BigInt64Array.of(1n, 2n, 9n, 4n), [4]) }),
  },
});
// By sizes where corners are aligned: of scales ONNX's tests and onnxruntime make different steps there.
const ways = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];
const resizing: readonly Case[] = [
  ...ways.flatMap((way) =>
    ["nearest", "linear", "cubic"].map((mode, at) =>
      resized(mode, { coordinate_transformation_mode: way }, at === 1 && way !== "align_corners"),
    ),
  ),
  ...["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"].map((nearest_mode) =>
    resized("nearest", { nearest_mode }, true),
  ),
  resized("cubic", { cubic_coeff_a: -0.5, exclude_outside: 1 }, true),
];

const fours = tensor(
  Uint8Array.from({ length: 3 * 2 * 16 }, (_, at) => (at * 37 + 11) % 256),
  [3, 2, 16],
);
const fourBits: readonly Case[] = [
  {
    op: "MatMulNBits",
    ...microsoft,
    attributes: { K: 64, N: 3, bits: 4, block_size: 32 },
    inputs: { x: f32(5, 64) },
    constants: { fours, scales: random("f32", [6], { seed: 90, low: 0.01, high: 0.1 }) },
  },
  {
    op: "MatMulNBits",
    option: "zero points",
    ...microsoft,
    attributes: { K: 64, N: 3, bits: 4, block_size: 32 },
    inputs: { x: f32(1, 64) },
    constants: {
      fours,
      scales: random("f32", [6], { seed: 91, low: 0.01, high: 0.1 }),
      zeros: tensor(Uint8Array.of(0x5a, 0x07, 0xf8), [3]),
    },
  },
];

const cases = [
  ...attention,
  ...rotary,
  ...volumes,
  ...backwards,
  ...norms,
  ...units,
  ...sampling,
  ...resizing,
  ...fourBits,
];
let device: Device;
beforeAll(async () => void (device = await openDevice("wasm")));
afterAll(() => device.close());

describe("results are onnxruntime's", () => {
  test.each(cases.map((each) => [nameOf(each), each] as const))("%s", async (_, each) => {
    expect(await nodeApart(device, each)).toBeLessThan(2e-5);
  });
});

describe("integers of four bits are onnxruntime's", () => {
  const columns = tensor(Float32Array.of(0.5, 0.21, 0.03), [3]);
  const blocks = random("f32", [2, 3], { seed: seed++, low: 0.1, high: 0.5 });
  const forms = [
    ["i4", "one scale", [3, 5], { scale: tensor(Float32Array.of(0.3), []) }, {}],
    ["u4", "a scale a column", [7, 3], { columns, zero: tensor(Uint8Array.of(0x83, 0x0f), [3], "u4") }, {}],
    ["i4", "a scale a block of three", [2, 7], { blocks }, { block_size: 3 }],
  ] as const;
  test.each(forms)("%s, %s", async (dtype, _, shape, constants, own) => {
    const names = Object.keys(constants);
    const attributes: Record<string, number> = { axis: 1, ...own };
    const named: Record<string, number> = "zero" in constants ? {} : { output_dtype: numberOf(dtype)! };
    const model = modelBytes({
      version: 21,
      inputs: [["x", "f32", ...shape]],
      outputs: [
        ["y", "f32", ...shape],
        ["integers", "i32", ...shape],
      ],
      nodes: [
        {
          op: "QuantizeLinear",
          inputs: ["x", ...names],
          outputs: ["q"],
          attributes: { ...attributes, ...named },
        },
        { op: "DequantizeLinear", inputs: ["q", ...names], outputs: ["y"], attributes },
        { op: "Cast", inputs: ["q"], outputs: ["integers"], attributes: { to: numberOf("i32")! } },
      ],
      constants,
    });
    const x = f32(...shape);
    for (const fusion of [true, false])
      expect(await apart(device, model, model, { x }, fusion)).toBeLessThan(1e-6);
  });
});
