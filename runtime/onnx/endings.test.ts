// How models and runs end: memory is given back, and a loop of a model may go on for ever, but not against its caller's will.

import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes } from "../../testing/onnx/models.ts";
import { openDevice, tensor, type Device } from "../index.ts";
import { loadModel } from "./index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

test("a closed model has given its memory back, and says that it is closed", async () => {
  const { memory } = device as unknown as { memory: { used: number } };
  const bytes = modelBytes({
    inputs: [["x", "f32", "n", 300]],
    outputs: [["y", "f32", "n", 7]],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
      { op: "Softmax", inputs: ["p"], outputs: ["y"] },
    ],
    constants: { w: tensor(new Float32Array(2100).fill(0.5), [300, 7]) },
  });
  const rows = (count: number) => ({ x: tensor(new Float32Array(count * 300), [count, 300]) });
  // What kernels work in stays with the device.
  const first = await loadModel(bytes, { device });
  await first.run(rows(3));
  await first.close();
  const before = memory.used;
  const model = await loadModel(bytes, { device });
  for (const count of [1, 3]) await model.run(rows(count));
  expect(memory.used).toBeGreaterThan(before + 2100 * 4);
  const last = model.run(rows(1));
  await Promise.all([model.close(), model.close()]);
  expect((await last)["y"]!.shape).toEqual([1, 7]);
  expect(memory.used).toBe(before);
  await expect(model.run(rows(1))).rejects.toThrow(/K0713.*the model/);
});

test("constants that a plan made for itself go with the plan", async () => {
  const { memory } = device as unknown as { memory: { used: number } };
  // The frames of each length are products with cosines and sines that are made for it.
  const model = await loadModel(
    modelBytes({
      inputs: [["x", "f32", 1, "n", 1]],
      outputs: [["y", "f32", 1, "n", "m", 2]],
      nodes: [{ op: "DFT", inputs: ["x"], outputs: ["y"], attributes: { axis: 1, onesided: 1 } }],
      constants: {},
    }),
    { device },
  );
  const used: number[] = [];
  const runs = async (from: number, to: number) => {
    for (let n = from; n < to; n++) await model.run({ x: tensor(new Float32Array(n), [1, n, 1]) });
    used.push(memory.used);
  };
  await runs(100, 140);
  await runs(60, 100);
  await runs(100, 140);
  expect(used[1]).toBeLessThan(used[0]!);
  expect(used[2]).toBeLessThan(used[0]! * 1.1);
  await model.close();
});

test("a loop that never ends lets others work, and ends when it is told to", async () => {
  const model = await loadModel(
    modelBytes({
      inputs: [["x", "f32", 1]],
      outputs: [["y", "f32", 1]],
      nodes: [
        {
          op: "Loop",
          inputs: ["", "on", "x"],
          outputs: ["y"],
          attributes: {
            body: {
              graph: {
                inputs: [
                  ["turn", "i64"],
                  ["going", "bool"],
                  ["v", "f32", 1],
                ],
                outputs: [
                  ["more", "bool"],
                  ["w", "f32", 1],
                ],
                nodes: [
                  { op: "Identity", inputs: ["going"], outputs: ["more"] },
                  { op: "Neg", inputs: ["v"], outputs: ["w"] },
                ],
              },
            },
          },
        },
      ],
      constants: { on: tensor(Uint8Array.of(1), [], "bool") },
    }),
    { device },
  );
  const stop = new AbortController();
  const run = model.run({ x: tensor([1]) }, undefined, stop.signal);
  // A timer only comes if the loop lets it.
  setTimeout(() => stop.abort(new Error("enough")), 0);
  await expect(run).rejects.toThrow("enough");
  await expect(model.run({ x: tensor([1]) }, undefined, stop.signal)).rejects.toThrow("enough");
});
