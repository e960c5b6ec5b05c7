// A model on a GPU gives what it gives on `wasm`: what a GPU has no types for runs beside it, memory is never shared by values that one shader
// sees, and among several devices time decides.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelBytes } from "../../testing/onnx/models.ts";
import { closeTestGpu, skipReason, testGpu } from "../../testing/webgpu.ts";
import { openDevice, tensor, valuesOf, type Device } from "../index.ts";
import { loadModel } from "../onnx/index.ts";
import { random } from "../random.ts";
import { planMemory } from "./memory.ts";
import { sitesOf, type Site } from "./sites.ts";
import type { Step, Value } from "./program.ts";

const gpu = await testGpu();
let wasm: Device;
beforeAll(async () => {
  wasm = await openDevice("wasm");
});
afterAll(async () => {
  wasm.close();
  await closeTestGpu();
});

/** A chain of maps over so many elements, each of the one before. */
function chain(sizes: readonly number[], dtype: "f32" | "i64" = "f32"): Step[] {
  const value = (id: number, size: number): Value => ({ id, dtype, shape: [size], fixed: false });
  const steps: Step[] = [];
  let last = value(0, sizes[0]!);
  sizes.forEach((size, at) => {
    const output = value(at + 1, size);
    const step: Step = {
      kind: "map",
      origin: String(at),
      inputs: [{ value: last }],
      ops: [],
      results: [0],
      outputs: [output],
    };
    output.step = step;
    steps.push(step);
    last = output;
  });
  return steps;
}

const site = (name: "wasm" | "webgpu"): Site =>
  ({ device: { name, features: [] as readonly string[] } }) as unknown as Site;

describe("placement", () => {
  const both = [site("webgpu"), site("wasm")];
  const names = (steps: readonly Step[], byTime: boolean) =>
    [...sitesOf(steps, both, byTime, new Map()).values()].map(({ device }) => device.name);

  test("small work stays where launching is cheap, large work goes where computing is", () => {
    expect(names(chain([10, 10, 10]), true)).toEqual(["wasm", "wasm", "wasm"]);
    expect(names(chain([1e8, 1e8, 1e8]), true)).toEqual(["webgpu", "webgpu", "webgpu"]);
  });

  test("without a choice by time, the first device that can", () => {
    expect(names(chain([10, 10]), false)).toEqual(["webgpu", "webgpu"]);
    expect(names(chain([10, 10], "i64"), false)).toEqual(["wasm", "wasm"]);
  });
});

test("memory apart: one value at a time in each block", () => {
  const steps = chain([100, 300, 200, 50]);
  const plan = planMemory(steps, new Set([steps.at(-1)!.outputs[0]!]), { apart: () => true });
  expect(plan.pools.length).toBeLessThan(steps.length);
  steps.forEach((step, at) => {
    const [own] = step.outputs;
    expect(plan.offsets.get(own!)).toBe(0);
    const before = steps[at - 1]?.outputs[0];
    if (before && !plan.inPlace.has(step)) expect(plan.poolOf.get(own!)).not.toBe(plan.poolOf.get(before));
  });
});

test("what a TSP refuses runs beside it, and what is copied is counted", async () => {
  const bytes = modelBytes({
    inputs: [["x", "f32", 3, 16]],
    outputs: [["y", "f32", 3, 2]],
    nodes: [
      { op: "Softmax", inputs: ["x"], outputs: ["a"] },
      { op: "TopK", inputs: ["a", "two"], outputs: ["b", ""] },
      { op: "MatMul", inputs: ["b", "w"], outputs: ["y"] },
    ],
    constants: { two: tensor(BigInt64Array.of(2n), [1]), w: random("f32", [2, 2], { seed: 2 }) },
  });
  const tsp = await openDevice("tsp");
  const x = random("f32", [3, 16], { seed: 1 });
  const model = await loadModel(bytes, { device: tsp });
  const [{ y: found }, { y: wanted }] = [
    await model.run({ x }),
    await (await loadModel(bytes, { device: wasm })).run({ x }),
  ];
  const want = await valuesOf(wanted!);
  (await valuesOf(found!)).forEach((value, at) => expect(Number(value)).toBeCloseTo(Number(want[at]), 5));
  expect(await model.statistics()).toMatchObject({ devices: { tsp: 2, wasm: 1 }, copies: 2 });
  // Where time decides nothing is simulated.
  const quick = await loadModel(bytes, { device: [tsp, wasm] });
  await quick.run({ x });
  expect((await quick.statistics()).devices).toEqual({ wasm: 3 });
  tsp.close();
});

describe.skipIf(typeof gpu === "string")(`on a GPU ${skipReason(gpu)}`, () => {
  const bytes = modelBytes({
    inputs: [
      ["x", "f32", 3, 17],
      ["n", "i64", 2],
    ],
    outputs: [
      ["y", "f32", 3, 5],
      ["m", "i64", 2],
    ],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
      { op: "Add", inputs: ["p", "b"], outputs: ["q"] },
      { op: "Add", inputs: ["n", "n"], outputs: ["m"] },
      { op: "Cast", inputs: ["m"], outputs: ["f"], attributes: { to: 1 } },
      { op: "ReduceSum", inputs: ["f"], outputs: ["s"] },
      { op: "Mul", inputs: ["q", "s"], outputs: ["y"] },
    ],
    constants: { w: random("f32", [17, 5], { seed: 1 }), b: random("f32", [5], { seed: 2 }) },
  });

  test("integers of 64 bits run beside it", { timeout: 120_000 }, async () => {
    const model = await loadModel(bytes, { device: gpu as Device });
    const plain = await loadModel(bytes, { device: wasm });
    for (const seed of [3, 4]) {
      const inputs = {
        x: random("f32", [3, 17], { seed }),
        n: tensor(BigInt64Array.of(BigInt(seed), 5n), [2]),
      };
      const [ours, theirs] = [await model.run(inputs), await plain.run(inputs)];
      expect(await valuesOf(ours["m"]!)).toEqual(await valuesOf(theirs["m"]!));
      const [a, b] = [await valuesOf(ours["y"]!), await valuesOf(theirs["y"]!)];
      b.forEach((value, at) => expect(Number(a[at])).toBeCloseTo(Number(value), 3));
    }
    const { devices, copies } = await model.statistics();
    expect(devices["webgpu"]).toBeGreaterThan(0);
    expect(devices["wasm"]).toBeGreaterThan(0);
    expect(copies).toBeGreaterThan(0);
  });

  test("indices of 64 bits are read on it", { timeout: 120_000 }, async () => {
    const words = modelBytes({
      inputs: [["n", "i64", 4]],
      outputs: [["y", "f32", 4, 6]],
      nodes: [
        { op: "Gather", inputs: ["table", "n"], outputs: ["rows"] },
        { op: "Softmax", inputs: ["rows"], outputs: ["y"] },
      ],
      constants: { table: random("f32", [7, 6], { seed: 1 }) },
    });
    const model = await loadModel(words, { device: gpu as Device });
    const plain = await loadModel(words, { device: wasm });
    const n = (...at: number[]) => ({ n: tensor(BigInt64Array.from(at.map(BigInt)), [4]) });
    const [ours, theirs] = [await model.run(n(6, 0, -1, 3)), await plain.run(n(6, 0, -1, 3))];
    const [a, b] = [await valuesOf(ours["y"]!), await valuesOf(theirs["y"]!)];
    b.forEach((value, at) => expect(Number(a[at])).toBeCloseTo(Number(value), 5));
    const wrong = await model.run(n(6, 0, 2 ** 32, 3)).then(
      ({ y }) => valuesOf(y!),
      (error: unknown) => error,
    );
    expect(String(wrong)).toMatch(/an index is out of range/);
    const { devices } = await model.statistics();
    expect(devices["wasm"] ?? 0).toBe(0);
  });
});
