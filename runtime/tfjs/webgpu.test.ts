// Kern's kernels on the backend `webgpu`, against the backend `cpu` as it comes, on the buffers of its tensors.

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { afterAll, describe, expect, test } from "vitest";
import { create, globals } from "webgpu";
import { compile } from "../../compiler/index.ts";
import { cubes } from "../../testing/tfjs/cubes.ts";
import { compareOps, opCases, plainResults } from "../../testing/tfjs/ops.ts";
import { closeTestGpu, skipReason, testGpu } from "../../testing/webgpu.ts";
import { registerKernels, registerOps } from "./index.ts";

const gpu = await testGpu();
await closeTestGpu();

describe.skipIf(typeof gpu === "string")(
  `the backend webgpu ${skipReason(gpu)}`,
  { timeout: 300_000 },
  async () => {
    if (typeof gpu === "string") return;
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, "navigator", { value: { gpu: create([]) }, configurable: true });
    await import("@tensorflow/tfjs-backend-webgpu");
    afterAll(() => tf.removeBackend("webgpu"));

    test.each(Object.keys(opCases))("%s", async (name) => {
      const expected = await plainResults(name);
      expect(await tf.setBackend("webgpu")).toBe(true);
      const registration = await registerKernels(tf, { backend: "webgpu" });
      const before = tf.memory().numTensors;
      await compareOps(name, expected);
      await compareOps(name, expected);
      expect(tf.memory().numTensors).toBe(before);
      expect(registration.compiled).toBeGreaterThan(0);
      const reasons = Object.values(registration.calls()).flatMap(({ declined }) => Object.keys(declined));
      expect(reasons.filter((why) => !/casts to what it has|has no f64/.test(why))).toEqual([]);
      registration.unregister();
    });

    // The backend's own kernel binds a buffer of 0 bytes here, which WebGPU refuses together with all commands around it.
    test("a product over no elements leaves the commands around it valid", async () => {
      await tf.setBackend("webgpu");
      const { device } = tf.backend() as unknown as { device: GPUDevice };
      const errors: string[] = [];
      const note = (event: Event) => errors.push((event as GPUUncapturedErrorEvent).error.message);
      device.addEventListener("uncapturederror", note);
      const registration = await registerKernels(tf, { backend: "webgpu" });
      const before = tf.matMul(tf.tensor2d([1, 2], [1, 2]), tf.tensor2d([3, 4], [2, 1]));
      const product = tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 3]));
      expect([...(await product.data())]).toEqual([0, 0, 0, 0, 0, 0]);
      expect([...(await before.data())]).toEqual([11]);
      await device.queue.onSubmittedWorkDone();
      expect(errors).toEqual([]);
      expect(registration.calls()["BatchMatMul"]!.kern).toBe(2);
      device.removeEventListener("uncapturederror", note);
      registration.unregister();
    });

    test("ops of users, with a gradient; none that has to be waited for", async () => {
      await tf.setBackend("webgpu");
      const compiled = await compile(cubes, { target: "wgsl" });
      const { cubed } = await registerOps(tf, compiled, {
        backend: "webgpu",
        gradients: { cubed: "cubed_gradient" },
      });
      const x = tf.tensor2d([1, -2, 0.5, 3, 0, -1], [2, 3]);
      const y = cubed!({ x })["y"]!;
      expect([y.shape, [...(await y.data())]]).toEqual([
        [2, 3],
        [1, -8, 0.125, 27, 0, -1],
      ]);
      const slope = tf.grad((each: tf.Tensor) => cubed!({ x: each })["y"]!);
      expect([...(await slope(x, tf.mul(x, 1)).data())]).toEqual([3, -24, 0.375, 81, 0, -3]);
      const checked = `@op("user::A")\nkernel a(x: Tensor[f32, N], k: i32, out y: Tensor[f32, N]):\n    assert k > 0\n    for i in range(N):\n        y[i] = x[i]\n`;
      const ops = await registerOps(tf, await compile(checked, { target: "wgsl" }), { backend: "webgpu" });
      expect(() => ops["a"]!({ x: tf.tensor1d([1]) }, { k: 1 })).toThrow(/K0729/);
    });
  },
);
