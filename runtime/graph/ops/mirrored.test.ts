// Products of weights that are their own mirror images take half the terms, and weights that only nearly are take all of them.

import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes } from "../../../testing/onnx/models.ts";
import { openDevice, tensor, type Device, type Tensor } from "../../index.ts";
import { loadModel } from "../../onnx/index.ts";
import { random } from "../../random.ts";
import { mirrorOf } from "./mirrored.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

/** Cosines of `count` frequencies, and then sines, over windows of `k` places; `shift` 0.5 puts the mirror between two places. */
function spectrum(count: number, k: number, shift: number, kinds: readonly ("cos" | "sin")[]): Float32Array {
  const rows = kinds.flatMap((kind) =>
    Array.from({ length: count }, (_, f) =>
      Array.from({ length: k }, (__, n) => Math[kind]((2 * Math.PI * f * (n + shift)) / k)),
    ),
  );
  return new Float32Array(rows.flat());
}

test("weights mirror about a place, or between two, evenly and oddly", () => {
  const [k, count] = [64, 33];
  expect(mirrorOf(spectrum(count, k, 0, ["cos", "sin"]), 2 * count, k)).toEqual({
    start: 1,
    runs: [
      { parity: "even", rows: count },
      { parity: "odd", rows: count },
    ],
  });
  expect(mirrorOf(spectrum(count, k, 0.5, ["cos"]), count, k)).toEqual({
    start: 0,
    runs: [{ parity: "even", rows: count }],
  });
  expect(mirrorOf(spectrum(count, k, 0, ["sin", "cos"]), 2 * count, k)?.runs[0]).toEqual({
    parity: "odd",
    rows: count,
  });
  // Three kinds in turn, one weight that differs, and numbers that aren't any.
  expect(mirrorOf(spectrum(count, k, 0, ["cos", "sin", "cos"]), 3 * count, k)).toBeUndefined();
  const bent = spectrum(count, k, 0, ["cos"]);
  bent[5 * k + 3]! += 1e-6;
  expect(mirrorOf(bent, count, k)).toBeUndefined();
  bent[5 * k + 3] = NaN;
  expect(mirrorOf(bent, count, k)).toBeUndefined();
  bent[5 * k + 3] = bent[5 * k + k - 3] = Infinity;
  expect(mirrorOf(bent, count, k)).toBeUndefined();
});

/** Frames of a signal by constant windows, and magnitudes of the first half of the features and the second. */
async function run(
  weights: Float32Array,
  k: number,
  length: number,
  fusion: boolean,
): Promise<[Float32Array, number]> {
  const features = weights.length / k;
  const half = features / 2;
  const places = Math.floor((length - k) / 16) + 1;
  const integers = (list: readonly number[]): Tensor =>
    tensor(BigInt64Array.from(list.map(BigInt)), [list.length]);
  const model = await loadModel(
    modelBytes({
      inputs: [["x", "f32", 1, 1, length]],
      outputs: [["y", "f32", 1, half, places]],
      constants: {
        w: tensor(weights, [features, 1, k]),
        zero: integers([0]),
        middle: integers([half]),
        end: integers([features]),
        axis: integers([1]),
      },
      nodes: [
        { op: "Conv", inputs: ["x", "w"], outputs: ["s"], attributes: { strides: [16] } },
        { op: "Slice", inputs: ["s", "zero", "middle", "axis"], outputs: ["re"] },
        { op: "Slice", inputs: ["s", "middle", "end", "axis"], outputs: ["im"] },
        { op: "Mul", inputs: ["re", "re"], outputs: ["rr"] },
        { op: "Mul", inputs: ["im", "im"], outputs: ["ii"] },
        { op: "Add", inputs: ["rr", "ii"], outputs: ["y"] },
      ],
    }),
    { device, fusion },
  );
  const { y } = await model.run({ x: random("f32", [1, 1, length], { seed: 5 }) });
  const { launches } = await model.statistics();
  return [(await y!.data()) as Float32Array, launches];
}

test.each([
  ["a place without a partner, a middle", spectrum(33, 64, 0, ["cos", "sin"]), 64],
  ["mirrored between two places", spectrum(33, 64, 0.5, ["cos", "sin"]), 64],
  ["an odd window", spectrum(20, 65, 0, ["cos", "sin"]), 65],
  ["a first place that is zero", spectrum(16, 80, 0, ["sin", "sin"]), 80],
  ["no mirror", random("f32", [16, 64], { seed: 3 }).dataSync() as Float32Array, 64],
] as const)("as the plain convolution: %s", async (_, weights, k) => {
  for (const places of [1, 3, 5, 27]) {
    const length = k + 16 * (places - 1);
    const [expected] = await run(weights, k, length, false);
    const [fused, launches] = await run(weights, k, length, true);
    expect(fused.length).toBe(expected.length);
    fused.forEach((value, at) => expect(Math.abs(value - expected[at]!)).toBeLessThan(1e-5 * k));
    expect(launches).toBeLessThanOrEqual(2);
  }
});
