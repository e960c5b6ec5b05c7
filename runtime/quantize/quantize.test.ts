// Models quantized in each way: small, valid, near what they were, and the same to onnxruntime.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelBytes, type ModelSpec } from "../../testing/onnx/models.ts";
import { openReference } from "../../testing/onnx/reference.ts";
import { openDevice, tensor, type Device, type Tensor } from "../index.ts";
import { loadModel } from "../onnx/index.ts";
import { random } from "../random.ts";
import { activationsOf, quantizeModel, type QuantizeOptions } from "./quantize.ts";
import { leastDivergence, leastError, rangesOf } from "./ranges.ts";
import { decibels, eightBits, fourBits, floatsOf } from "./weights.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const floats = (shape: number[], seed: number, scale = 1): Tensor =>
  random("f32", shape, { seed, low: -scale, high: scale });

/** A small network of images, and one of words: every kind of layer. */
function network(version: number): ModelSpec {
  // Bounds are attributes before version 11.
  const old = version < 11;
  const bounds = { min: { float: 0 }, max: { float: 6 } };
  return {
    version,
    inputs: [
      ["x", "f32", "n", 3, 9, 8],
      ["words", "i64", "n", 4],
    ],
    outputs: [
      ["scores", "f32", "n", 10],
      ["states", "f32", "n", 4, 24],
    ],
    nodes: [
      { op: "Conv", name: "first", inputs: ["x", "w1"], outputs: ["a"], attributes: { pads: [1, 1, 1, 1] } },
      { op: "BatchNormalization", inputs: ["a", "s", "t", "m", "v"], outputs: ["b"] },
      {
        op: "Clip",
        inputs: old ? ["b"] : ["b", "low", "high"],
        outputs: ["c"],
        attributes: old ? bounds : {},
      },
      {
        op: "Conv",
        name: "each",
        inputs: ["c", "w2", "b2"],
        outputs: ["d"],
        attributes: { pads: [1, 1, 1, 1], group: 8 },
      },
      { op: "Conv", name: "last", inputs: ["d", "w3", "b3"], outputs: ["e"] },
      { op: "GlobalAveragePool", inputs: ["e"], outputs: ["f"] },
      { op: "Flatten", inputs: ["f"], outputs: ["g"] },
      { op: "Gemm", name: "head", inputs: ["g", "w4", "b4"], outputs: ["scores"], attributes: { transB: 1 } },
      { op: "Gather", name: "words", inputs: ["embeddings", "words"], outputs: ["h"] },
      { op: "MatMul", name: "mix", inputs: ["h", "w5"], outputs: ["i"] },
      { op: "Tanh", inputs: ["i"], outputs: ["states"] },
    ],
    constants: {
      w1: floats([8, 3, 3, 3], 1),
      s: random("f32", [8], { seed: 2, low: 0.5, high: 2 }),
      t: floats([8], 3),
      m: floats([8], 4),
      v: random("f32", [8], { seed: 5, low: 0.5, high: 2 }),
      ...(old ? {} : { low: tensor(Float32Array.of(0), []), high: tensor(Float32Array.of(6), []) }),
      w2: floats([8, 1, 3, 3], 6),
      b2: floats([8], 7),
      w3: floats([12, 8, 1, 1], 8),
      b3: floats([12], 9),
      w4: floats([10, 12], 10),
      b4: floats([10], 11),
      embeddings: floats([150, 64], 12),
      w5: floats([64, 24], 13, 0.2),
    },
  };
}

const sample = (seed: number): Record<string, Tensor> => ({
  x: floats([2, 3, 9, 8], seed),
  words: tensor(
    BigInt64Array.from({ length: 8 }, (_, at) => BigInt((at * 37 + seed) % 150)),
    [2, 4],
  ),
});

async function quality(given: Tensor, want: Tensor): Promise<number> {
  expect(given.shape).toEqual(want.shape);
  const [a, b] = [(await given.data()) as Float32Array, (await want.data()) as Float32Array];
  const signal = b.reduce((sum, x) => sum + x * x, 0);
  return decibels(
    signal,
    a.reduce((sum, x, at) => sum + (x - b[at]!) ** 2, 0),
  );
}

const ways: readonly [
  name: string,
  version: number,
  options: QuantizeOptions,
  layers: number,
  least: number,
][] = [
  ["static, int8", 18, { activations: "static", integers: "always" }, 6, 28],
  ["static, int8, before version 13", 11, { activations: "static", integers: "always" }, 6, 28],
  ["static, int8, on integers where it is faster", 18, { activations: "static" }, 6, 28],
  ["dynamic, int8", 18, { activations: "dynamic" }, 6, 28],
  ["dynamic, int8, before version 11", 9, { activations: "dynamic" }, 6, 28],
  ["int4", 18, { bits: 4, activations: "none", block: 64 }, 3, 15],
  ["int4 with int8 activations", 18, { bits: 4, activations: "dynamic" }, 3, 15],
];

describe("a quantized model is near, and the same to onnxruntime", () => {
  /** Ranges on two samples, and the results of the model as it is on a third. */
  const original = async () => {
    const bytes = modelBytes(network(18));
    const names = activationsOf(bytes);
    expect(names).toEqual(["x", "c", "d", "g", "h"]);
    const ranges = await rangesOf(bytes, names, [sample(1), sample(2)], { device });
    return { ranges, plain: await (await loadModel(bytes, { device })).run(sample(3)) };
  };
  let seen: ReturnType<typeof original>;
  beforeAll(() => (seen = original()), 300_000);

  test.each(ways)("%s", { timeout: 300_000 }, async (_, version, options, layers, least) => {
    const bytes = modelBytes(network(version));
    const { ranges, plain } = await seen;
    const made = quantizeModel(bytes, { ...options, ranges });
    expect(made.layers).toHaveLength(layers);
    expect(made.layers.length + made.left.length).toBe(6);
    const inputs = sample(3);
    const { integers } = options;
    const small = await (await loadModel(made.bytes, { device, integers })).run(inputs);
    const reference = await openReference(made.bytes);
    const theirs = await reference.run(inputs);
    await reference.close();
    for (const name of ["scores", "states"]) {
      expect(await quality(small[name]!, plain[name]!), name).toBeGreaterThan(least);
      // A step more or less where a number lies between two: far below what the quantization itself costs.
      expect(await quality(small[name]!, theirs[name]!), `${name}, onnxruntime`).toBeGreaterThan(least + 8);
    }
  });
});

test(
  "one row by weights of four bits, its own numbers as they are or in bytes",
  { timeout: 300_000 },
  async () => {
    const bytes = modelBytes({
      inputs: [["x", "f32", 1, 96]],
      outputs: [["y", "f32", 1, 131]],
      nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
      constants: { w: floats([96, 131], 21) },
    });
    const x = floats([1, 96], 22);
    const results = [];
    for (const activations of ["none", "dynamic"] as const) {
      const model = await loadModel(quantizeModel(bytes, { bits: 4, activations }).bytes, { device });
      results.push((await model.run({ x }))["y"]!);
      expect([...(await model.statistics()).ways.values()]).toEqual(["4-bit weights"]);
    }
    const reference = await openReference(quantizeModel(bytes, { bits: 4, activations: "none" }).bytes);
    expect(await quality(results[0]!, (await reference.run({ x }))["y"]!)).toBeGreaterThan(80);
    await reference.close();
    expect(await quality(results[1]!, results[0]!)).toBeGreaterThan(35);
  },
);

test("many scales of short windows are halves, in onnxruntime too", { timeout: 300_000 }, async () => {
  const bytes = modelBytes({
    inputs: [["x", "f32", 1, 64, 5, 4]],
    outputs: [["y", "f32", 1, 64, 3, 2]],
    nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: { group: 64 } }],
    constants: { w: floats([64, 1, 3, 3], 31, 0.2) },
  });
  const x = floats([1, 64, 5, 4], 32);
  const plain = await (await loadModel(bytes, { device })).run({ x });
  for (const integers of ["faster", "always"] as const) {
    const ranges = new Map([["x", { low: -1, high: 1, shape: x.shape }]]);
    const made = quantizeModel(bytes, { activations: "static", ranges, integers });
    expect(made.layers[0]!.after).toBe(64 * 9 + 64 * 2);
    const [y] = Object.values(await (await loadModel(made.bytes, { device, integers })).run({ x }));
    const reference = await openReference(made.bytes);
    expect(await quality(y!, plain["y"]!)).toBeGreaterThan(40);
    expect(await quality(y!, (await reference.run({ x }))["y"]!)).toBeGreaterThan(70);
    await reference.close();
  }
  // Halves have too few digits for numbers so small.
  const { halves } = eightBits(floats([64, 1, 3, 3], 33, 1e-4), 0, true);
  expect(halves).toBeUndefined();
});

test("layers that are slower on integers take activations as they are", () => {
  const spec: ModelSpec = {
    inputs: [["x", "f32", 1, 128, 20, 20]],
    outputs: [["z", "f32", 1, 8, 20, 20]],
    nodes: [
      { op: "Conv", name: "wide", inputs: ["x", "v"], outputs: ["y"] },
      { op: "Conv", name: "narrow", inputs: ["y", "w"], outputs: ["z"] },
    ],
    constants: { v: floats([128, 128, 1, 1], 1), w: floats([8, 128, 1, 1], 2) },
  };
  const range = { low: -1, high: 1, shape: [1, 128, 20, 20] };
  const chosen = (known: typeof range | { low: number; high: number }) =>
    quantizeModel(modelBytes(spec), {
      activations: "static",
      ranges: new Map([
        ["x", known],
        ["y", known],
      ]),
    }).layers.map(({ floats: kept }) => kept);
  expect(chosen(range)).toEqual([false, true]);
  // One pixel: few products, and weights that are read once.
  expect(chosen({ ...range, shape: [1, 128, 1, 1] })).toEqual([true, true]);
  // Nothing is known of the shapes.
  expect(chosen({ low: -1, high: 1 })).toEqual([false, false]);
});

test("weights that nodes pass on, and products that are scaled, in a file of an early version", async () => {
  const weights = { e: floats([24, 16], 41), r: floats([160], 42), b: floats([10], 43) };
  const spec: ModelSpec = {
    version: 11,
    inputs: [
      ["x", "f32", 3, 16],
      ...Object.entries(weights).map(([name, w]) => [name, "f32", ...w.shape] as const),
    ],
    outputs: [["y", "f32", 3, 10]],
    nodes: [
      { op: "Identity", inputs: ["e"], outputs: ["same"] },
      { op: "Transpose", inputs: ["same"], outputs: ["t"] },
      { op: "MatMul", inputs: ["x", "t"], outputs: ["h"] },
      { op: "MatMul", inputs: ["h", "e"], outputs: ["i"] },
      { op: "Reshape", inputs: ["r", "sizes"], outputs: ["g"] },
      {
        op: "Gemm",
        inputs: ["i", "g", "b"],
        outputs: ["y"],
        attributes: { transB: 1, alpha: 0.5, beta: { float: 2 } },
      },
    ],
    constants: { ...weights, sizes: tensor(BigInt64Array.of(-1n, 16n), [2]) },
  };
  const message = fromBinary(ModelProtoSchema, modelBytes(spec));
  message.irVersion = 3n;
  const bytes = toBinary(ModelProtoSchema, message);
  const x = floats([3, 16], 44);
  const plain = await (await loadModel(bytes, { device })).run({ x });
  const ranges = await rangesOf(bytes, activationsOf(bytes), [{ x }], { device });
  const options: QuantizeOptions[] = [
    { activations: "static", ranges, integers: "always" },
    { activations: "dynamic" },
    { activations: "none", bits: 4 },
  ];
  for (const each of options) {
    const made = quantizeModel(bytes, each);
    expect([made.layers.length, made.left.length]).toEqual([3, 0]);
    const graph = fromBinary(ModelProtoSchema, made.bytes).graph!;
    expect(graph.input.map(({ name }) => name)).toEqual(["x"]);
    expect(graph.node.map(({ opType }) => opType)).not.toContain("Transpose");
    const { y } = await (await loadModel(made.bytes, { device })).run({ x });
    const reference = await openReference(made.bytes);
    expect(await quality(y!, plain["y"]!)).toBeGreaterThan(each.bits === 4 ? 15 : 32);
    expect(await quality(y!, (await reference.run({ x }))["y"]!)).toBeGreaterThan(80);
    await reference.close();
  }
});

test("what can't be quantized is left, and why is told", async () => {
  const spec = (w: Tensor, more: Partial<ModelSpec> = {}): Uint8Array =>
    modelBytes({
      inputs: [["x", "f32", 1, 32]],
      outputs: [["y", "f32", 1, 32]],
      nodes: [{ op: "MatMul", name: "mix", inputs: ["x", "w"], outputs: ["y"] }],
      constants: { w },
      ...more,
    });
  const w = floats([32, 32], 51);
  const dynamic = { activations: "dynamic" } as const;
  const open = spec(w, {
    inputs: [
      ["x", "f32", 1, 32],
      ["w", "f32", 32, 32],
    ],
  });
  expect(() => quantizeModel(open, dynamic)).toThrow(/`mix` is left, since a caller may replace its weights/);
  const wild = spec(tensor(new Float32Array(1024).fill(NaN, 7, 8), [32, 32]));
  expect(() => quantizeModel(wild, dynamic)).toThrow(/not all finite/);
  const bytes = spec(w);
  const small = quantizeModel(bytes, dynamic).bytes;
  expect(() => quantizeModel(small, dynamic)).toThrow(/quantized already \(MatMulInteger/);
  const ranges = (x: Tensor) => rangesOf(bytes, ["x"], [{ x }], { device });
  await expect(ranges(tensor(new Float32Array(32).fill(NaN, 3, 4), [1, 32]))).rejects.toThrow(
    /`x` isn’t finite/,
  );
  const zeros = await ranges(tensor(new Float32Array(32), [1, 32]));
  const always = { activations: "static", integers: "always" } as const;
  expect(() => quantizeModel(bytes, { ...always, ranges: zeros })).toThrow(/`x` is zero in all samples/);
  const both: ModelSpec["nodes"] = [
    { op: "MatMul", inputs: ["x", "w"], outputs: ["h"] },
    { op: "MatMul", inputs: ["w", "t"], outputs: ["y"] },
    { op: "Transpose", inputs: ["h"], outputs: ["t"] },
  ];
  const { left } = quantizeModel(spec(w, { nodes: both }), dynamic);
  expect(left.map(({ why }) => why)).toEqual(["its weights stand where activations do"]);
});

test("nodes to be kept are, and nothing to do is told", () => {
  const bytes = modelBytes(network(18));
  const keep = new Set(["first", "each", "last", "words", "mix"]);
  const { layers, left } = quantizeModel(bytes, { activations: "dynamic", keep });
  expect(layers.map(({ node }) => node)).toEqual(["head"]);
  expect(left).toHaveLength(5);
  expect(() => quantizeModel(bytes, { activations: "static", keep: new Set(["words"]) })).toThrow(
    /K1007.*range of `x`/,
  );
  expect(() => quantizeModel(bytes.subarray(0, 99), { activations: "dynamic" })).toThrow(/K1001/);
});

test("weights are rounded to the nearest step, and a channel of zeros stays one", async () => {
  const w = tensor(Float32Array.of(1.27, -0.005, 0.015, 0, 0, 0), [2, 3]);
  const { q, scale } = eightBits(w, 0);
  expect([...(await q.data())]).toEqual([127, 0, 2, 0, 0, 0]);
  expect(floatsOf(scale)[1]).toBe(1);
  const four = fourBits(tensor(Float32Array.of(-8, 7, 3.5, 2.5), [4, 1]), 16);
  expect([...(await four.q.data())].slice(0, 2).map(Number)).toEqual([0xf0, 0xac]);
  expect([...(await four.scale.data())]).toEqual([1]);
});

const both = { low: -1, high: 1 };
const half = { low: 0, high: 1 };

test("entropy cuts what is far out and rare, and keeps a flat distribution whole", () => {
  expect(leastDivergence(new Float64Array(2048).fill(50), both)).toEqual(both);
  expect(leastDivergence(new Float64Array(2048), half)).toEqual(half);
  const steep = Float64Array.from({ length: 2048 }, (_, at) => Math.round(1e5 * Math.exp(-at / 60)));
  steep[2047] = 1;
  expect(leastDivergence(steep, half).high).toBeLessThan(0.6);
});

test("entropy keeps what a peak at zero doesn't say, and ranges of a few values", () => {
  // Behind a gate: nearly all is nearly zero, and the little that isn't matters.
  const gate = new Float64Array(2048).fill(30, 8);
  gate.set([4e6, 1e6, 4e5, 2e5, 1e5, 5e4, 2e4, 1e4]);
  expect(leastDivergence(gate, half).high).toBeGreaterThan(0.9);
  // A vector of a hundred numbers, half of them zero.
  const few = new Float64Array(2048);
  few[0] = 50;
  for (let at = 40; at < 2048; at += 40) few[at] = 1;
  expect(leastDivergence(few, half)).toEqual(half);
});

test("the least squared error cuts what is rare and far out, and keeps a flat distribution whole", () => {
  // Less than a step may go.
  expect(leastError(new Float64Array(2048).fill(5), both).high).toBeGreaterThan(0.99);
  const peak = new Float64Array(2048).fill(1e6, 0, 256);
  peak[2047] = 1;
  expect(leastError(peak, half).high).toBeLessThan(0.5);
  // Rounding to 255 steps costs less than one value that is nowhere near.
  peak[2047] = 1e6;
  expect(leastError(peak, half).high).toBeGreaterThan(0.99);
});
