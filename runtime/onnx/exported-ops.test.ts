// Operators of `com.microsoft` that exporters and optimizers write, against onnxruntime: attention with caches, fused products and
// convolutions.

import { afterAll, beforeAll, expect, test } from "vitest";
import { nameOf, nodeApart, type Case } from "../../testing/onnx/single-nodes.ts";
import { openDevice, tensor, type Device, type Tensor } from "../index.ts";
import { random } from "../random.ts";

let seed = 900;
const f32 = (...shape: number[]): Tensor => random("f32", shape, { seed: seed++, low: -1, high: 1 });
const i32 = (...values: number[]): Tensor => tensor(Int32Array.from(values), [values.length]);
const own = { domain: "com.microsoft", version: 20 } as const;
const bytes = (dtype: "u8" | "i8", ...shape: number[]): Tensor =>
  random(dtype, shape, { seed: seed++, low: dtype === "i8" ? -128 : 0, high: dtype === "i8" ? 127 : 255 });
const three = ["f32", "f32", "f32"] as const;

/** 4 heads of 16, two of them for keys; `rows` new places behind `past`. */
function grouped(
  option: string,
  rows: number,
  past: number,
  more: Partial<Case> & { batch?: number; lengths?: number[]; room?: number } = {},
): Case {
  const { batch = 1, lengths, room = past, attributes, inputs, ...rest } = more;
  return {
    op: "GroupQueryAttention",
    option,
    ...own,
    rank: [3, 4, 4],
    attributes: { num_heads: 4, kv_num_heads: 2, ...attributes },
    inputs: {
      q: f32(batch, rows, 64),
      k: f32(batch, rows, 32),
      v: f32(batch, rows, 32),
      pastKeys: room > 0 ? f32(batch, 2, room, 16) : undefined,
      pastValues: room > 0 ? f32(batch, 2, room, 16) : undefined,
      lengths: i32(...(lengths ?? Array<number>(batch).fill(past + rows - 1))),
    },
    constants: { total: i32(past + rows).reshape([1]), ...inputs } as Record<string, Tensor>,
    outputs: three,
    ...rest,
  };
}

const [cosines, sines] = [f32(32, 8), f32(32, 8)];
const tables = { cosines, sines };
const x = f32(2, 5, 24);
const cases: readonly Case[] = [
  grouped("a prompt", 7, 0),
  grouped("a prompt of two", 6, 0, { batch: 2 }),
  grouped("one more", 1, 9),
  grouped("three more", 3, 5),
  grouped("one more of two, of different lengths", 1, 9, { batch: 2, lengths: [6, 9], room: 10 }),
  grouped("with room", 1, 4, { room: 12 }),
  grouped("turned", 1, 9, { attributes: { do_rotary: 1 }, inputs: tables }),
  grouped("a prompt, turned in pairs", 6, 0, {
    attributes: { do_rotary: 1, rotary_interleaved: 1 },
    inputs: tables,
  }),
  grouped("a window, a scale and a cap", 9, 0, {
    attributes: { local_window_size: 3, scale: { float: 0.5 }, softcap: { float: 2 } },
  }),
  grouped("one more with a window", 1, 9, { attributes: { local_window_size: 4 } }),
  {
    op: "GroupQueryAttention",
    option: "packed",
    ...own,
    attributes: { num_heads: 4, kv_num_heads: 2 },
    inputs: {
      packed: f32(1, 5, 64),
      k: undefined,
      v: undefined,
      a: undefined,
      b: undefined,
      lengths: i32(4),
    },
    constants: { total: i32(5) },
    rank: [3, 4, 4],
    outputs: three,
  },
  {
    op: "MultiHeadAttention",
    ...own,
    attributes: { num_heads: 3 },
    inputs: { x, k: f32(2, 7, 24), v: f32(2, 7, 24) },
  },
  {
    op: "MultiHeadAttention",
    option: "a bias, a mask of keys and one of scores",
    ...own,
    attributes: { num_heads: 3 },
    inputs: {
      x,
      k: f32(2, 4, 24),
      v: f32(2, 4, 24),
      bias: f32(72),
      mask: tensor(Int32Array.of(1, 1, 1, 0, 1, 0, 1, 1), [2, 4]),
      scores: f32(1, 3, 5, 4),
    },
  },
  {
    op: "MultiHeadAttention",
    option: "causal, to a cache",
    ...own,
    attributes: { num_heads: 3, unidirectional: 1, scale: { float: 0.3 } },
    inputs: {
      x,
      k: f32(2, 5, 24),
      v: f32(2, 5, 24),
      bias: undefined,
      mask: undefined,
      scores: undefined,
      pastKeys: f32(2, 3, 4, 8),
      pastValues: f32(2, 3, 4, 8),
    },
    rank: [3, 4, 4],
    outputs: three,
  },
  {
    op: "MultiHeadAttention",
    option: "lengths of samples, many queries",
    ...own,
    attributes: { num_heads: 2 },
    inputs: { x: f32(2, 9, 16), k: f32(2, 11, 16), v: f32(2, 11, 16), bias: f32(48), lengths: i32(4, 11) },
  },
  {
    op: "Attention",
    ...own,
    attributes: { num_heads: 3 },
    inputs: { x },
    constants: { w: f32(24, 72), bias: f32(72) },
  },
  {
    op: "Attention",
    option: "masked keys, many queries",
    ...own,
    attributes: { num_heads: 2, mask_filter_value: { float: -500 } },
    inputs: { x: f32(2, 9, 16) },
    constants: {
      w: f32(16, 48),
      bias: f32(48),
      mask: tensor(Int32Array.of(1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0), [2, 9]),
    },
  },
  {
    op: "Attention",
    option: "lengths, causal, keys and values wider apart",
    ...own,
    attributes: { num_heads: 2, unidirectional: 1, qkv_hidden_sizes: [16, 16, 24] },
    inputs: { x: f32(2, 5, 12) },
    constants: { w: f32(12, 56), bias: f32(56), lengths: i32(5, 3) },
  },
  {
    op: "Attention",
    option: "ends and beginnings",
    ...own,
    attributes: { num_heads: 2 },
    inputs: { x: f32(2, 5, 16) },
    constants: { w: f32(16, 48), bias: f32(48), ends: i32(5, 4, 0, 1) },
  },
  {
    op: "Attention",
    option: "a cache, and a mask for each query",
    ...own,
    attributes: { num_heads: 2, unidirectional: 1 },
    inputs: { x: f32(2, 3, 16) },
    constants: {
      w: f32(16, 48),
      bias: f32(48),
      mask: random("i32", [2, 3, 7], { seed: 5, low: 0, high: 1 }),
      past: f32(2, 2, 2, 4, 8),
    },
    rank: [3, 5],
    outputs: ["f32", "f32"],
  },
  {
    op: "Attention",
    option: "a bias of scores",
    ...own,
    attributes: { num_heads: 2, scale: { float: 0.2 } },
    inputs: {
      x: f32(2, 9, 16),
      w: f32(16, 48),
      bias: f32(48),
      mask: undefined,
      past: undefined,
      scores: f32(1, 2, 9, 9),
    },
  },
  {
    op: "QAttention",
    ...own,
    attributes: { num_heads: 2, unidirectional: 1 },
    inputs: { x: bytes("u8", 2, 5, 16) },
    constants: {
      w: bytes("i8", 16, 48),
      bias: f32(48),
      scale: tensor(Float32Array.of(0.01), []),
      scales: tensor(Float32Array.of(0.004), []),
      mask: i32(5, 3),
      zero: tensor(Uint8Array.of(117), []),
      zeroWeight: tensor(Int8Array.of(0), []),
    },
    outputs: ["f32"],
  },
  {
    op: "FusedGemm",
    ...own,
    attributes: {
      transB: 1,
      alpha: { float: 0.5 },
      activation: "LeakyRelu",
      activation_alpha: { float: 0.2 },
    },
    inputs: { a: f32(5, 7), b: f32(6, 7), c: f32(6) },
  },
  ...([undefined, "zero points"] as const).map((option): Case => ({
    op: "GatherBlockQuantized",
    option: option ?? "bytes of two numbers",
    ...own,
    attributes: { gather_axis: 0, quantize_axis: 1, block_size: 16, bits: 4 },
    inputs: {
      table: bytes("u8", 7, 24),
      at: tensor(BigInt64Array.of(3n, 0n, 6n, 3n), [2, 2]),
      scales: f32(7, 3),
    },
    constants: option ? { zeros: bytes("u8", 7, 2) } : {},
    rank: 3,
  })),
  {
    op: "EmbedLayerNormalization",
    ...own,
    inputs: {
      ids: tensor(Int32Array.of(3, 0, 4, 1, 1, 2), [2, 3]),
      segments: tensor(Int32Array.of(0, 0, 1, 1, 0, 1), [2, 3]),
      words: f32(5, 8),
      places: f32(4, 8),
      kinds: f32(2, 8),
      scale: f32(8),
      shift: f32(8),
      mask: tensor(Int32Array.of(1, 1, 0, 1, 0, 0), [2, 3]),
    },
    rank: [3, 1, 3],
    outputs: ["f32", "i32", "f32"],
  },
  {
    op: "EmbedLayerNormalization",
    option: "without segments, with places",
    ...own,
    attributes: { epsilon: { float: 0.01 } },
    inputs: {
      ids: tensor(Int32Array.of(3, 0, 4, 1, 1, 2), [2, 3]),
      segments: undefined,
      words: f32(5, 8),
      places: f32(4, 8),
      kinds: undefined,
      scale: f32(8),
      shift: f32(8),
      mask: undefined,
      at: tensor(Int32Array.of(3, 2, 1, 0, 1, 2), [2, 3]),
    },
    rank: [3, 1],
    outputs: ["f32", "i32"],
  },
  {
    op: "FusedMatMul",
    ...own,
    attributes: { alpha: { float: 0.5 }, transA: 1, transB: 1 },
    inputs: { a: f32(2, 6, 5), b: f32(2, 7, 6) },
  },
  {
    op: "FusedConv",
    ...own,
    attributes: { activation: "LeakyRelu", activation_params: { floats: [0.1] }, kernel_shape: [3, 3] },
    inputs: { x: f32(1, 3, 7, 8), w: f32(4, 3, 3, 3), bias: f32(4) },
  },
  {
    op: "FusedConv",
    option: "with a tensor that is added",
    ...own,
    attributes: { activation: "Relu", kernel_shape: [1, 1] },
    inputs: { x: f32(2, 3, 5, 6), w: f32(4, 3, 1, 1), bias: f32(4), z: f32(2, 4, 5, 6) },
  },
];

let device: Device;
beforeAll(async () => void (device = await openDevice("wasm")));
afterAll(() => device.close());

test.each(cases.map((each) => [nameOf(each), each] as const))("%s", async (_, each) => {
  expect(await nodeApart(device, each)).toBeLessThan(2e-5);
});
