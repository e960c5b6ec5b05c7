// A language model writes the same tokens as in onnxruntime, and goes on writing when its weights are small integers: those that the
// interpreter writes.

import { afterAll, beforeAll, expect, test } from "vitest";
import { decoderModel, generate } from "../../testing/onnx/decoder.ts";
import { openReference } from "../../testing/onnx/reference.ts";
import { openDevice, type Device } from "../index.ts";
import { loadModel } from "../onnx/index.ts";
import { quantizeModel } from "./quantize.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const size = { layers: 2, width: 64, heads: 4, groups: 2, inner: 96, words: 160, places: 16 };
const prompt = [3, 141, 59];

test("a decoder with a cache of keys and values", { timeout: 300_000 }, async () => {
  const bytes = decoderModel(size);
  const count = 9;
  const written = async (model: Uint8Array) => {
    const loaded = await loadModel(model, { device });
    const tokens = await generate((inputs) => loaded.run(inputs), size, prompt, count);
    return { tokens, statistics: await loaded.statistics() };
  };
  const theirs = async (model: Uint8Array) => {
    const reference = await openReference(model);
    const tokens = await generate((inputs) => reference.run(inputs), size, prompt, count);
    await reference.close();
    return tokens;
  };
  const interp = await openDevice("interp");
  const interpreted = async (model: Uint8Array) => {
    const loaded = await loadModel(model, { device: interp });
    return generate((inputs) => loaded.run(inputs), size, prompt, count);
  };
  const plain = await written(bytes);
  expect(plain.tokens).toEqual(await theirs(bytes));
  expect(new Set(plain.tokens).size).toBeGreaterThan(3);
  const eight = quantizeModel(bytes, { activations: "dynamic" });
  const small = await written(eight.bytes);
  // Products by weights and the table of words: all run on integers or bytes.
  expect(eight.layers).toHaveLength(2 * 7 + 2);
  expect([...small.statistics.ways.values()].filter((way) => way === "integers")).toHaveLength(2 * 7 + 1);
  expect(small.tokens).toEqual(await theirs(eight.bytes));
  expect(small.tokens).toEqual(await interpreted(eight.bytes));
  const four = quantizeModel(bytes, { bits: 4, activations: "none" });
  const least = await written(four.bytes);
  expect([...least.statistics.ways.values()].filter((way) => way === "4-bit weights")).toHaveLength(
    2 * 7 + 1,
  );
  expect(least.tokens).toEqual(await theirs(four.bytes));
  expect(least.tokens).toEqual(await interpreted(four.bytes));
  interp.close();
  expect(least.statistics.weights).toBeLessThan(small.statistics.weights);
  expect(small.statistics.weights).toBeLessThan(0.5 * plain.statistics.weights);
});
