// Outputs that stay on their device: the caches of a decoder go from run to run there, and what a caller holds never changes.

import { afterAll, beforeAll, expect, test } from "vitest";
import { cachesOf, decoderModel, generate } from "../../testing/onnx/decoder.ts";
import { modelBytes, type ModelSpec } from "../../testing/onnx/models.ts";
import { closeTestGpu, skipReason, testGpu } from "../../testing/webgpu.ts";
import { openDevice, OpRegistry, tensor, valuesOf, type Device, type Tensor } from "../index.ts";
import { random } from "../random.ts";
import { loadModel } from "./index.ts";

const gpu = await testGpu();
let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(async () => {
  device.close();
  await closeTestGpu();
});

const registry = new OpRegistry();
const values = async (given: Tensor | undefined) => [...(await valuesOf(given!))].map(Number);

test("a decoder writes the same tokens with its caches on the device", { timeout: 300_000 }, async () => {
  // Caches of 32 KiB, which are copied to where the last ones lay, and of 263 KiB, which are read where they are.
  for (const places of [256, 2100]) {
    const size = { layers: 1, width: 64, heads: 4, groups: 2, inner: 96, words: 160, places };
    const bytes = decoderModel(size);
    const prompt = [3, 141, 59];
    const plain = await loadModel(bytes, { device });
    const tokens = await generate((inputs) => plain.run(inputs), size, prompt, 6);
    const names = cachesOf(size);
    const model = await loadModel(bytes, { device, stay: names });
    const seen: number[] = [];
    const written = await generate(
      async (inputs) => {
        const past = inputs["past_k_0"]!;
        const before = (await past.data()).slice();
        const results = await model.run(inputs);
        expect((await past.data()).every((value, at) => value === before[at])).toBe(true);
        for (const name of names) expect(results[name]!.storage.device).toBe(device);
        expect(results["scores"]!.storage.device).toBeUndefined();
        seen.push((device as unknown as { memory: { bytes: Uint8Array } }).memory.bytes.length);
        return results;
      },
      size,
      prompt,
      6,
    );
    expect(written).toEqual(tokens);
    // What is disposed of is used again.
    expect(seen.at(-1)).toBe(seen[2]);
    await Promise.all([plain.close(), model.close()]);
  }
});

const spec: ModelSpec = {
  inputs: [
    ["x", "f32", "n", 3],
    ["past", "f32", "n", 3],
  ],
  outputs: [
    ["sum", "f32", "n", 3],
    ["same", "f32", "n", 3],
    ["fixed", "f32", 2],
    ["whether", "bool", "n", 3],
  ],
  nodes: [
    { op: "Add", inputs: ["x", "past"], outputs: ["sum"] },
    { op: "Identity", inputs: ["past"], outputs: ["same"] },
    { op: "Neg", inputs: ["c"], outputs: ["fixed"] },
    { op: "Less", inputs: ["x", "past"], outputs: ["whether"] },
  ],
  constants: { c: tensor([1, 2]) },
};
const stay = ["sum", "same", "fixed", "whether"];

async function keeps(own: Device): Promise<void> {
  const model = await loadModel(modelBytes(spec), { device: own, registry, stay });
  const x = random("f32", [2, 3], { seed: 1 });
  const added = await values(x);
  const run = (past: Tensor) =>
    model.run({ x: past.shape[0] === 2 ? x : random("f32", past.shape, { seed: 1 }), past });
  const first = await run(tensor([1, 2, 3, 4, 5, 6], [2, 3]));
  const sums = added.map((each, at) => Math.fround(each + at + 1));
  expect(await values(first["sum"])).toEqual(sums);
  // Back as it came: the next run reads the last one's result, and both stay what they are.
  const second = await run(first["sum"]!);
  const third = await run(second["sum"]!);
  expect(await values(first["sum"])).toEqual(sums);
  expect(await values(second["same"])).toEqual(sums);
  expect(await values(second["sum"])).toEqual(added.map((each, at) => Math.fround(each + sums[at]!)));
  expect(await values(third["same"])).toEqual(await values(second["sum"]));
  expect(await values(third["whether"])).toEqual(
    (await values(second["sum"])).map((each, at) => Number(added[at]! < each)),
  );
  expect(await values(third["fixed"])).toEqual([-1, -2]);
  expect(third["sum"]!.shape).toEqual([2, 3]);
  // A view of what a run gave, other sizes, and none.
  const turned = await run((await own.upload(tensor([1, 2, 3, 4, 5, 6], [3, 2]))).transpose());
  expect(await values(turned["same"])).toEqual([1, 3, 5, 2, 4, 6]);
  expect((await run(tensor(new Float32Array(0), [0, 3])))["sum"]!.shape).toEqual([0, 3]);
  // Results outlive the model, as long as their device is open.
  await model.close();
  expect(await values(first["sum"])).toEqual(sums);
  first["sum"]!.dispose();
}

test.each(["wasm", "interp"] as const)("what stays is the caller's, on %s", async (name) => {
  const own = await openDevice(name);
  await keeps(own);
  own.close();
});

test.skipIf(typeof gpu === "string")(
  `what stays is the caller's, on a GPU ${skipReason(gpu)}`,
  { timeout: 120_000 },
  () => keeps(gpu as Device),
);

test("what was disposed of, and what is no output, is refused", async () => {
  const model = await loadModel(modelBytes(spec), { device, registry, stay });
  const past = tensor([1, 2, 3], [1, 3]);
  const { sum } = await model.run({ x: past, past });
  sum!.dispose();
  await expect(model.run({ x: past, past: sum! })).rejects.toThrow(/K0713.*`past`/);
  const load = (given: unknown) =>
    expect(loadModel(modelBytes(spec), { device, stay: given as never })).rejects;
  await load(["sum", "sums"]).toThrow(/K0719.*`stay`.*`sum`, `same`/);
  await load("sum").toThrow(/K0719.*`stay`/);
});
