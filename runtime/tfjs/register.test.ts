// Kern's kernels on both backends, against the backend `cpu` as it comes, on shapes that leave remainders; what happens to calls that they
// decline, and to what was there before.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { beforeAll, expect, test } from "vitest";
import { openDevice } from "../index.ts";
import { registerKernels } from "./index.ts";

const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"));

beforeAll(() => setWasmPaths(join(folder, "wasm-out/")));

let seed = 1;
const random = (...shape: number[]): tf.Tensor => tf.randomUniform(shape, -2, 2, "float32", seed++);
const image = (...shape: [number, number, number, number]) => random(...shape) as tf.Tensor4D;

const cases: Readonly<Record<string, () => tf.Tensor | tf.Tensor[]>> = {
  products: () => [
    tf.matMul(random(5, 7), random(7, 3)),
    tf.matMul(random(2, 7, 5), random(2, 3, 7), true, true),
    tf.matMul(random(1, 37), random(37, 65)),
    tf.matMul(random(3, 0), random(0, 4)),
    tf.fused.matMul({
      a: random(9, 8) as tf.Tensor2D,
      b: random(8, 17) as tf.Tensor2D,
      bias: random(17),
      activation: "elu",
    }),
  ],
  convolutions: () => [
    tf.conv2d(image(2, 7, 6, 3), image(3, 2, 3, 9), [2, 1], "same"),
    tf.conv2d(image(1, 5, 5, 4), image(1, 1, 4, 5), 1, "valid"),
    tf.conv2d(image(1, 9, 8, 2), image(3, 3, 2, 5), 1, "same", "NHWC", [2, 2]),
    tf.depthwiseConv2d(image(1, 8, 7, 5), image(3, 3, 5, 1), 2, "same"),
    tf.depthwiseConv2d(image(1, 6, 6, 3), image(2, 3, 3, 2), 1, "valid"),
    tf.fused.conv2d({
      x: image(1, 6, 5, 3),
      filter: image(3, 3, 3, 10),
      strides: 1,
      pad: "same",
      bias: random(10),
      activation: "relu6",
    }),
  ],
  images: () => [
    tf.maxPool(image(1, 7, 7, 5), 3, 2, "same"),
    tf.avgPool(image(2, 5, 6, 3), [2, 3], 1, "same"),
    tf.image.resizeBilinear(image(1, 5, 4, 3), [7, 9]),
    tf.image.resizeBilinear(image(1, 5, 4, 3), [3, 8], true),
    tf.image.resizeBilinear(image(1, 5, 4, 17), [2, 6], false, true),
    tf.transpose(random(3, 4, 5, 2), [2, 0, 3, 1]),
  ],
  reductions: () => [
    tf.sum(random(5, 7, 3), [0, 2]),
    tf.mean(random(5, 67), 0, true),
    tf.max(random(3, 4, 5), 1),
    tf.min(random(17)),
    tf.prod(random(4, 5), 0),
    tf.argMax(random(6, 33), 1),
    tf.argMin(random(6, 33), 0),
    tf.all(tf.greater(random(4, 6), -1.5), 1),
    tf.any(tf.greater(random(4, 6), 1.5), 0),
    tf.softmax(random(3, 19)),
    tf.sum(tf.greater(random(30), 0)),
  ],
  elements: () => {
    const [a, b] = [random(3, 1, 5), random(4, 1)];
    return [
      tf.add(a, b),
      tf.sub(a, tf.scalar(2)),
      tf.atan2(a, b),
      tf.mod(a, b),
      tf.floorDiv(tf.cast(tf.mul(a, 9), "int32"), tf.cast(tf.mul(b, 4), "int32")),
      tf.maximum(a, b),
      tf.logicalAnd(tf.greater(a, 0), tf.less(b, 1)),
      tf.where(tf.greater(a, 0), a, tf.zerosLike(a)),
      tf.clipByValue(a, -Infinity, 0.5),
      tf.relu(random(0)),
      ...[tf.sigmoid, tf.tanh, tf.elu, tf.selu, tf.erf, tf.softplus, tf.round, tf.step].map((op) => op(a)),
      tf.isNaN(tf.div(a, tf.zerosLike(a))),
      tf.cast(a, "bool"),
      tf.cast(tf.greater(a, 0), "float32"),
    ];
  },
};

/** The results of a case, always on the same inputs. */
function results(name: string): { shape: number[]; dtype: string; data: number[] }[] {
  seed = 1;
  return tf.tidy(() =>
    [cases[name]!()].flat().map((each) => ({
      shape: each.shape,
      dtype: each.dtype,
      data: [...each.dataSync()],
    })),
  );
}

async function plain(name: string): Promise<ReturnType<typeof results>> {
  await tf.setBackend("cpu");
  return results(name);
}

function compare(name: string, expected: ReturnType<typeof results>): void {
  const found = results(name);
  expect(found.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
    expected.map(({ shape, dtype }) => ({ shape, dtype })),
  );
  expected.forEach(({ data }, at) =>
    data.forEach((value, n) => {
      const own = found[at]!.data[n]!;
      if (Number.isNaN(value)) expect(own).toBeNaN();
      else
        expect(Math.abs(own - value), `${name} ${at}[${n}]: ${own} instead of ${value}`).toBeLessThanOrEqual(
          1e-4 * Math.max(1, Math.abs(value)),
        );
    }),
  );
}

test.each(Object.keys(cases))("%s", async (name) => {
  const expected = await plain(name);
  for (const backend of ["cpu", "wasm"] as const) {
    await tf.setBackend(backend);
    await tf.ready();
    const registration = await registerKernels(tf, { backend });
    const before = tf.memory().numTensors;
    compare(name, expected);
    // The second time everything is compiled and planned.
    const { compiled } = registration;
    compare(name, expected);
    expect(registration.compiled).toBe(compiled);
    expect(compiled).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(before);
    registration.unregister();
  }
});

test("on the interpreter, for kernels that are named", async () => {
  const expected = await plain("convolutions");
  const device = await openDevice("interp");
  const registration = await registerKernels(tf, { backend: "cpu", device, kernels: ["Conv2D"] });
  compare("convolutions", expected);
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

test("devices that can’t do without waiting are refused", async () => {
  const device = await openDevice("tsp");
  await expect(registerKernels(tf, { backend: "cpu", device })).rejects.toMatchObject({ code: "K0729" });
  await expect(registerKernels(tf, { backend: "wasm", device })).rejects.toMatchObject({ code: "K0719" });
});
