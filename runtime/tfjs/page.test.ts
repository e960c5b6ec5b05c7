// Kern's kernels in TensorFlow.js on the backend `webgpu` in Chromium, as the browser's own WebGPU has it: on the GPU buffers of the
// tensors, against the backend `cpu` of the same page, and a user's op with its gradient. No element is moved but by `data()`.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noChromium, openBuiltPage, webgpuArguments, type BuiltPage } from "../../testing/chromium.ts";
import { watchedCopies } from "../../testing/page-copies.ts";
import { cubes } from "../../testing/tfjs/cubes.ts";

const entry = `
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgpu";
import { compile } from "kernc";
import { registerKernels, registerOps } from "kernc/tfjs";

${watchedCopies}

const numbers = (length, by) => Float32Array.from({ length }, (_, at) => Math.sin(at * by) * 2);
// Tensors of the page: the first run on a backend brings them there.
await tf.setBackend("cpu");
const x = tf.tensor4d(numbers(9 * 7 * 3, 1.3), [1, 9, 7, 3]);
const filter = tf.tensor4d(numbers(3 * 3 * 3 * 5, 0.7), [3, 3, 3, 5]);
const weights = tf.tensor2d(numbers(60 * 11, 0.3), [60, 11]);
const network = () =>
  tf.tidy(() => {
    const pooled = tf.maxPool(tf.relu(tf.conv2d(x, filter, 2, "same")), 2, 1, "valid");
    return tf.softmax(tf.matMul(tf.reshape(pooled, [1, -1]), weights));
  });

globalThis.kern = {
  async run(cubes) {
    const wanted = [...(await network().data())];
    if (!(await tf.setBackend("webgpu"))) return { refused: true };
    const registration = await registerKernels(tf, { backend: "webgpu" });
    // The first run compiles shaders.
    await network().data();
    moved.length = 0;
    const result = network();
    // What is written are sizes for shaders.
    const during = moved.map(([name]) => name).filter((name) => name !== "writeBuffer");
    const given = [...(await result.data())];
    const { cubed } = await registerOps(tf, await compile(cubes, { target: "wgsl" }), {
      backend: "webgpu",
      gradients: { cubed: "cubed_gradient" },
    });
    const x = tf.tensor1d([1, -2, 0.5]);
    return {
      wanted,
      given,
      during,
      calls: registration.calls(),
      cube: [...(await cubed({ x }).y.data())],
      gradient: [...(await tf.grad((x) => cubed({ x }).y)(x).data())],
    };
  },
};
document.documentElement.dataset.ready = "true";
`;

interface Report {
  readonly refused?: boolean;
  readonly wanted: number[];
  readonly given: number[];
  readonly during: string[];
  readonly calls: Readonly<Record<string, { kern: number; declined: object }>>;
  readonly cube: number[];
  readonly gradient: number[];
}

describe.skipIf(noChromium)("TensorFlow.js on webgpu in a page", () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await openBuiltPage(entry, {
      arguments: webgpuArguments,
      alias: { "@tensorflow": "node_modules/@tensorflow" },
    });
  }, 120_000);
  afterAll(() => built?.close());

  test("kernels agree on the tensors' own buffers", { timeout: 120_000 }, async () => {
    const report = await built.page.evaluate(
      (source) =>
        (globalThis as unknown as { kern: { run(source: string): Promise<Report> } }).kern.run(source),
      cubes,
    );
    expect(report.refused).toBeUndefined();
    expect(report.given).toHaveLength(report.wanted.length);
    report.given.forEach((value, at) => expect(value).toBeCloseTo(report.wanted[at]!, 4));
    expect(report.during).toEqual([]);
    for (const name of ["Conv2D", "Relu", "MaxPool", "BatchMatMul", "Softmax"])
      expect(report.calls[name]?.kern, name).toBeGreaterThan(0);
    expect(report.cube).toEqual([1, -8, 0.125]);
    expect(report.gradient).toEqual([3, 12, 0.75]);
    expect(built.errors).toEqual([]);
  });
});
