// Windows and spectra against onnxruntime: pooling by norms, images of three axes, windows that are bent or added up, Fourier transforms of
// lengths that are prime, small and products.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nameOf, nodeApart, type Case } from "../../testing/onnx/single-nodes.ts";
import { openDevice, tensor, valuesOf, type Device, type Tensor } from "../index.ts";
import { modelBytes } from "../../testing/onnx/models.ts";
import { random } from "../random.ts";
import { loadModel } from "./index.ts";

let seed = 500;
const f32 = (...shape: number[]): Tensor => random("f32", shape, { seed: seed++, low: -2, high: 2 });
const list = (...values: number[]): Tensor => tensor(BigInt64Array.from(values, BigInt), [values.length]);
const number = (value: number): Tensor => tensor(BigInt64Array.of(BigInt(value)), []);

const pooling: readonly Case[] = [
  { op: "LpPool", attributes: { kernel_shape: [2, 3] }, inputs: { x: f32(2, 3, 5, 7) } },
  {
    op: "LpPool",
    option: "p of 1, padded",
    attributes: { kernel_shape: [3, 3], p: 1, pads: [1, 0, 1, 2], strides: [2, 1] },
    inputs: { x: f32(1, 3, 6, 7) },
  },
  {
    op: "LpPool",
    option: "p of 3, one axis",
    version: 18,
    attributes: { kernel_shape: [3], p: 3, dilations: [2], strides: [2] },
    inputs: { x: f32(2, 2, 11) },
  },
  {
    op: "LpPool",
    option: "three axes",
    attributes: { kernel_shape: [2, 3, 2], strides: [1, 2, 2], auto_pad: "SAME_UPPER" },
    inputs: { x: f32(1, 2, 4, 5, 6) },
  },
  { op: "GlobalLpPool", version: 21, attributes: { p: 3 }, inputs: { x: f32(2, 3, 5, 7) } },
  {
    op: "MaxPool",
    option: "of three axes, with places",
    attributes: { kernel_shape: [2, 3, 2], strides: [2, 1, 2], pads: [1, 1, 0, 0, 1, 1] },
    inputs: { x: f32(2, 2, 5, 6, 7) },
    outputs: ["f32", "i64"],
  },
  {
    op: "MaxPool",
    option: "of three axes, with dilated places in column-major order",
    attributes: { kernel_shape: [2, 2, 2], dilations: [1, 2, 2], storage_order: 1 },
    inputs: { x: f32(1, 2, 3, 4, 5) },
    outputs: ["f32", "i64"],
  },
];

const columns: readonly Case[] = [
  {
    op: "Col2Im",
    rank: 4,
    version: 18,
    inputs: { x: f32(2, 12, 20) },
    constants: { image: list(5, 7), block: list(2, 3) },
  },
  {
    op: "Col2Im",
    rank: 4,
    option: "padded, every other place, dilated",
    version: 18,
    attributes: { pads: [1, 2, 1, 0], strides: [2, 1], dilations: [1, 2] },
    inputs: { x: f32(1, 8, 21) },
    constants: { image: list(5, 7), block: list(2, 2) },
  },
];

const spectra: readonly Case[] = [1, 7, 30, 96, 67].flatMap((length): Case[] => [
  {
    op: "DFT",
    option: `real, ${length}`,
    version: 17,
    attributes: { axis: 1 },
    inputs: { x: f32(2, length, 1) },
  },
  {
    op: "DFT",
    option: `half, ${length}`,
    version: 17,
    attributes: { axis: 1, onesided: 1 },
    inputs: { x: f32(2, length, 1) },
  },
  {
    op: "DFT",
    option: `complex and back, ${length}`,
    version: 17,
    attributes: { axis: 2, inverse: 1 },
    inputs: { x: f32(1, 3, length, 2) },
  },
]);

const more: readonly Case[] = [
  {
    op: "DFT",
    option: "longer",
    version: 17,
    inputs: { x: f32(1, 10, 1) },
    constants: { length: number(16) },
  },
  {
    op: "DFT",
    option: "shorter",
    version: 17,
    inputs: { x: f32(1, 10, 2) },
    constants: { length: number(6) },
  },
  {
    op: "DFT",
    option: "of version 20",
    version: 20,
    inputs: { x: f32(2, 12, 3, 1) },
    constants: { length: number(12), axis: number(1) },
  },
  {
    op: "STFT",
    rank: 4,
    version: 17,
    inputs: { x: f32(2, 100, 1) },
    constants: { step: number(13), window: f32(32) },
  },
  {
    op: "STFT",
    rank: 4,
    option: "whole spectra, without a window",
    version: 17,
    attributes: { onesided: 0 },
    inputs: { x: f32(1, 90, 1) },
    constants: { step: number(20), window: tensor(new Float32Array(48).fill(1), [48]), length: number(48) },
  },
];

let device: Device;
beforeAll(async () => void (device = await openDevice("wasm")));
afterAll(() => device.close());

describe("results are onnxruntime's", () => {
  const cases = [...pooling, ...columns, ...spectra, ...more];
  test.each(cases.map((each) => [nameOf(each), each] as const))("%s", async (_, each) => {
    expect(await nodeApart(device, each)).toBeLessThan(2e-5);
  });
});

/** One element of a deformable convolution, by its definition (torchvision's, which ONNX took over). */
function bent(
  [x, w, offset, mask]: readonly [number[], number[], number[], number[]],
  [height, width, high, wide]: readonly [number, number, number, number],
  [f, i, j]: readonly [number, number, number],
): number {
  const at = (c: number, u: number, v: number) =>
    u < 0 || v < 0 || u >= height || v >= width ? 0 : x[(c * height + u) * width + v]!;
  let total = 0;
  for (let each = 0; each < 2; each++)
    for (let tap = 0; tap < 6; tap++) {
      // Two groups of two channels in and out, and an own field of offsets for each pair of channels.
      const [r, q] = [Math.floor(tap / 3), tap % 3];
      const group = Math.floor(f / 2);
      const place = (part: number) => (((group * 6 + tap) * 2 + part) * high + i) * wide + j;
      const u = i * 2 - 1 + r + offset[place(0)]!;
      const v = j + q - 1 + offset[place(1)]!;
      const [top, left] = [Math.floor(u), Math.floor(v)];
      let sample = 0;
      for (const [a, b] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const)
        sample +=
          at(group * 2 + each, top + a, left + b) *
          (1 - Math.abs(u - top - a)) *
          (1 - Math.abs(v - left - b));
      total += sample * mask[((group * 6 + tap) * high + i) * wide + j]! * w[(f * 2 + each) * 6 + tap]!;
    }
  return total;
}

test("a deformable convolution is what its definition says", async () => {
  const [height, width] = [5, 6];
  const [high, wide] = [3, 6];
  const inputs = {
    x: f32(1, 4, height, width),
    w: f32(4, 2, 2, 3),
    offset: f32(1, 2 * 6 * 2, high, wide),
    bias: f32(4),
    mask: f32(1, 2 * 6, high, wide),
  };
  const bytes = modelBytes({
    version: 19,
    inputs: Object.entries(inputs).map(([name, { shape }]) => [name, "f32", ...shape]),
    outputs: [["y", "f32", 1, 4, high, wide]],
    nodes: [
      {
        op: "DeformConv",
        inputs: Object.keys(inputs),
        outputs: ["y"],
        attributes: { group: 2, offset_group: 2, strides: [2, 1], pads: [1, 1, 1, 1] },
      },
    ],
  });
  const { y } = await (await loadModel(bytes, { device })).run(inputs);
  const numbers = async (value: Tensor) => (await valuesOf(value)).map(Number);
  const [x, w, offset, bias, mask] = await Promise.all(Object.values(inputs).map(numbers));
  const found = await numbers(y!);
  for (let f = 0; f < 4; f++)
    for (let i = 0; i < high; i++)
      for (let j = 0; j < wide; j++) {
        const want = bent([x!, w!, offset!, mask!], [height, width, high, wide], [f, i, j]) + bias![f]!;
        expect(found[(f * high + i) * wide + j]!).toBeCloseTo(want, 3);
      }
});
