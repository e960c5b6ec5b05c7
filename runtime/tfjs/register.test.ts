// Kern's kernels on both backends, against the backend `cpu` as it comes, on shapes that leave remainders; what happens to calls that they
// decline, and to what was there before.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { beforeAll, expect, test } from "vitest";
import { compareOps, opCases, plainResults } from "../../testing/tfjs/ops.ts";
import { openWasmDevice } from "../devices/wasm/device.ts";
import { openDevice } from "../index.ts";
import { registerKernels, type RegisterOptions } from "./index.ts";

const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"));

beforeAll(() => setWasmPaths(join(folder, "wasm-out/")));

test.each(Object.keys(opCases))("%s", { timeout: 300_000 }, async (name) => {
  const expected = await plainResults(name);
  for (const backend of ["cpu", "wasm"] as const) {
    await tf.setBackend(backend);
    await tf.ready();
    const registration = await registerKernels(tf, { backend });
    const before = tf.memory().numTensors;
    await compareOps(name, expected);
    // The second time everything is compiled and planned.
    const { compiled } = registration;
    await compareOps(name, expected);
    expect(registration.compiled).toBe(compiled);
    expect(compiled).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(before);
    registration.unregister();
  }
});

test("on the interpreter, for kernels that are named", async () => {
  const expected = await plainResults("convolutions");
  const device = await openDevice("interp");
  const registration = await registerKernels(tf, { backend: "cpu", device, kernels: ["Conv2D"] });
  await compareOps("convolutions", expected);
  expect(registration.kernels).toEqual(["Conv2D"]);
  expect(registration.calls()["Conv2D"]!.kern).toBe(3);
  registration.unregister();
});

test("what Kern declines is done as before, and counted; afterwards everything is", async () => {
  await tf.setBackend("cpu");
  const original = tf.getKernel("Add", "cpu");
  const registration = await registerKernels(tf, { backend: "cpu" });
  const sum = tf.add(tf.complex([1], [2]), tf.complex([3], [4]));
  expect([...(await sum.data())]).toEqual([4, 6]);
  expect(registration.calls()["Add"]).toEqual({ kern: 0, declined: { "Add: a is of complex64": 1 } });
  registration.unregister();
  expect(tf.getKernel("Add", "cpu")).toBe(original);
});

test("a thousand calls leave nothing behind", async () => {
  await tf.setBackend("cpu");
  const device = await openWasmDevice();
  const registration = await registerKernels(tf, { backend: "cpu", device });
  const [x, w] = [tf.ones([5, 7]), tf.ones([7, 3])];
  // Two kernels, with what lies between them.
  const call = () => tf.tidy(() => void tf.softmax(tf.matMul(x, w)));
  for (let n = 0; n < 3; n++) call();
  const before = [tf.memory().numTensors, device.memory.used];
  for (let n = 0; n < 1000; n++) call();
  expect([tf.memory().numTensors, device.memory.used]).toEqual(before);
  expect(registration.calls()["Softmax"]!.kern).toBe(1003);
  registration.unregister();
});

test("kernels and backends that aren’t there are refused", async () => {
  const refused = (options: object) => expect(registerKernels(tf, options as RegisterOptions)).rejects;
  await refused({ backend: "cpu", kernels: ["Conv2d"] }).toThrow(/K0719.*`Conv2d`/);
  await refused({ backend: "webgl" }).toThrow(/K0719.*`webgl`/);
  await expect(registerKernels(tf, undefined as never)).rejects.toThrow(/K0719.*`backend`.*given nothing/);
});

test("devices that can’t do without waiting are refused", async () => {
  const device = await openDevice("tsp");
  await expect(registerKernels(tf, { backend: "cpu", device })).rejects.toMatchObject({ code: "K0729" });
  await expect(registerKernels(tf, { backend: "wasm", device })).rejects.toMatchObject({ code: "K0719" });
});
