// A user's kernels as ops of TensorFlow.js: what they give, their gradients, in a graph model, and what is refused.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { loadGraphModel, registerOp } from "@tensorflow/tfjs-converter";
import { beforeAll, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { openDevice } from "../index.ts";
import { registerOps } from "./index.ts";

const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"));
beforeAll(() => setWasmPaths(join(folder, "wasm-out/")));

const source = `
@op("user::ScaledSquare")
kernel scaled_square[T: Number](x: Tensor[T, *S], s: T, out y: Tensor[T, *S]):
    for i in grid(*S):
        y[*i] = x[*i] * x[*i] * s

kernel scaled_square_gradient(x: Tensor[f32, *S], s: f32, d_y: Tensor[f32, *S], out d_x: Tensor[f32, *S]):
    for i in grid(*S):
        d_x[*i] = 2 * x[*i] * s * d_y[*i]

@op("user::Parts")
kernel parts(x: Tensor[f32, N], flip: bool, out whole: Tensor[i32, N], out rest: Tensor[f32, N], out up: Tensor[bool, N]):
    for i in range(N):
        let v = -x[i] if flip else x[i]
        whole[i] = i32(floor(v))
        rest[i] = v - floor(v)
        up[i] = v > 0
`;
const gradients = { scaled_square: "scaled_square_gradient" };

test.each(["cpu", "wasm"] as const)(
  "ops on %s, of whatever dtype and rank, with a gradient",
  async (backend) => {
    await tf.setBackend(backend);
    await tf.ready();
    const ops = await registerOps(tf, await compile(source), { backend, gradients });
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const square = (x: tf.Tensor) => ops["scaled_square"]!({ x }, { s: 3 })["y"]!;
      const x = tf.tensor2d([1, -2, 3, 0.5, 0, 7], [2, 3]);
      const y = square(x);
      expect([y.shape, y.dtype, [...y.dataSync()]]).toEqual([[2, 3], "float32", [3, 12, 27, 0.75, 0, 147]]);
      expect([...square(tf.tensor1d([2, -3], "int32")).dataSync()]).toEqual([12, 27]);
      expect(square(tf.zeros([0, 4])).shape).toEqual([0, 4]);
      const slope = tf.grad((each: tf.Tensor) => tf.sum(square(tf.transpose(each))) as tf.Scalar);
      // Of what comes before and behind, TensorFlow.js's own gradients.
      tf.registerGradient({
        kernelName: "Sum",
        inputsToSave: ["x"],
        gradFunc: (dy, [given]) => ({ x: () => tf.mul(tf.onesLike(given!), dy as tf.Tensor) }),
      });
      tf.registerGradient({
        kernelName: "Transpose",
        gradFunc: (dy) => ({ x: () => tf.transpose(dy as tf.Tensor) }),
      });
      expect([...slope(x).dataSync()]).toEqual([6, -12, 18, 3, 0, 42]);
      const { whole, rest, up } = ops["parts"]!({ x: tf.tensor1d([1.5, -0.25]) }, { flip: true });
      expect([whole!.dtype, rest!.dtype, up!.dtype]).toEqual(["int32", "float32", "bool"]);
      expect([...whole!.dataSync(), ...rest!.dataSync(), ...up!.dataSync()]).toEqual([
        -2, 0, 0.5, 0.25, 0, 1,
      ]);
      expect(() => ops["scaled_square"]!({ x })).toThrow(/`s`/);
      expect(() => ops["parts"]!({ x }, { flip: false })).toThrow(/ranks differ/);
    });
    expect(tf.memory().numTensors).toBe(before);
  },
);

const products = `
@op("user::ByRow")
kernel by_row(a: Tensor[f32, M, N], b: Tensor[f32, N], out y: Tensor[f32, M, N]):
    for i, j in grid(M, N):
        y[i, j] = a[i, j] * b[j]

kernel by_row_gradient(a: Tensor[f32, M, N], b: Tensor[f32, N], d_y: Tensor[f32, M, N], out d_a: Tensor[f32, M, N], out d_b: Tensor[f32, N]):
    for i, j in grid(M, N):
        d_a[i, j] = d_y[i, j] * b[j]
    for j in range(N):
        d_b[j] = sum(d_y[i, j] * a[i, j] for i in range(M))
`;

test("gradients of several inputs; arguments that don’t fit", async () => {
  await tf.setBackend("cpu");
  const { by_row: byRow } = await registerOps(tf, await compile(products), {
    backend: "cpu",
    gradients: { by_row: "by_row_gradient" },
  });
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const [a, b] = [tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]), tf.tensor1d([1, -2, 3])];
    const slopes = tf.grads((x: tf.Tensor, y: tf.Tensor) => byRow!({ a: x, b: y })["y"]!)([a, b]);
    expect(slopes.map((each) => [...each.dataSync()])).toEqual([
      [1, -2, 3, 1, -2, 3],
      [5, 7, 9],
    ]);
    const gone = tf.tensor1d([1, 2, 3]);
    gone.dispose();
    expect(() => byRow!({ a, b, c: b })).toThrow(/K0703.*`c`/);
    expect(() => byRow!({ a, b }, { b: 1 })).toThrow(/K0701.*a tensor, in the first object, as `b`/);
    expect(() => byRow!(undefined as never)).toThrow(
      /K0719: `by_row` takes an object of tensors.*given nothing/,
    );
    expect(() => byRow!({ a, b: [1, 2, 3] as never })).toThrow(/K0701.*TensorFlow/);
    expect(() => byRow!({ a, b: gone })).toThrow(/K0713.*`b`/);
    expect(() => byRow!({ a, b: tf.tensor1d(["1", "2", "3"]) })).toThrow(/K0701.*string/);
    expect(() => byRow!({ a })).toThrow(/K0702.*`b`/);
  });
  expect(tf.memory().numTensors).toBe(before);
});

test("in a graph model, on the interpreter", async () => {
  await tf.setBackend("cpu");
  const device = await openDevice("interp");
  const compiled = await compile(source, device.compileOptions);
  await registerOps(tf, compiled, { backend: "cpu", device, registerOp });
  const model = await loadGraphModel(
    tf.io.fromMemory({
      modelTopology: {
        node: [
          { name: "x", op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" } } },
          { name: "y", op: "ScaledSquare", input: ["x"], attr: { s: { f: 2 } } },
          { name: "z", op: "Neg", input: ["y"], attr: { T: { type: "DT_FLOAT" } } },
        ],
        versions: { producer: 1 },
      },
      format: "graph-model",
      weightSpecs: [],
      weightData: new ArrayBuffer(0),
    }),
  );
  const z = model.execute(tf.tensor([1, 2, 3])) as tf.Tensor;
  expect([...z.dataSync()]).toEqual([-2, -8, -18]);
});

test("what TensorFlow.js can’t have is refused", async () => {
  const refused = async (text: string, options: object = {}) =>
    expect(registerOps(tf, await compile(text), { backend: "cpu", ...options })).rejects;
  const half = `@op("user::A")\nkernel a(x: Tensor[f32, N], out y: Tensor[f16, N]):\n    for i in range(N):\n        y[i] = f16(x[i])\n`;
  await (
    await refused(half)
  ).toMatchObject({ code: "K0724", message: expect.stringContaining("f16") as string });
  const mutates = `@op("user::A")\nkernel a(mut x: Tensor[f32, N]):\n    for i in range(N):\n        x[i] = 0\n`;
  const option = (name: string) => ({ code: "K0719", message: expect.stringContaining(name) as string });
  await (await refused(source, { backend: "webgl" })).toMatchObject(option("`backend`"));
  await expect(registerOps(tf, await compile(source), undefined as never)).rejects.toMatchObject(
    option("`backend`"),
  );
  await expect(registerOps({} as never, await compile(source), { backend: "cpu" })).rejects.toMatchObject(
    option("`tf`"),
  );
  await (await refused(mutates)).toMatchObject({ code: "K0724" });
  await (await refused(source, { gradients: { parts: "none" } })).toMatchObject({ code: "K0724" });
  await (
    await refused(source, { gradients: { parts: "scaled_square_gradient" } })
  ).toMatchObject({ message: expect.stringContaining("`d_y`") as string });
});
