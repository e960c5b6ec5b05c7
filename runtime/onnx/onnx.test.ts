// Models through the public interface: what is refused, and what the planner does with control flow, shapes that are computed,
// ops of users, and calls at the same time.

import { afterAll, beforeAll, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { modelBytes, type ModelSpec } from "../../testing/onnx/models.ts";
import { openDevice, OpRegistry, tensor, valuesOf, type Device, type Tensor } from "../index.ts";
import { loadModel } from "./index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const load = (spec: ModelSpec, registry = new OpRegistry()) =>
  loadModel(modelBytes(spec), { device, registry });
const values = async (tensor_: Tensor | undefined) => (await valuesOf(tensor_!)).map(Number);
const i64 = (...elements: number[]) => tensor(BigInt64Array.from(elements.map(BigInt)), [elements.length]);

test("an input's dims bind by name and must agree", async () => {
  const model = await load({
    inputs: [
      ["a", "f32", "n"],
      ["b", "f32", "n"],
    ],
    outputs: [["y", "f32", "n"]],
    nodes: [{ op: "Add", inputs: ["a", "b"], outputs: ["y"] }],
  });
  expect(model.inputs.map(({ shape }) => shape)).toEqual([["n"], ["n"]]);
  const { y } = await model.run({ a: tensor([1, 2]), b: tensor([3, 4]) });
  expect(await values(y)).toEqual([4, 6]);
  await expect(model.run({ a: tensor([1, 2]), b: tensor([3]) })).rejects.toThrow(/K1006.*`b`/);
});

test("a shape that the model computes from data begins a new stage", async () => {
  const model = await load({
    inputs: [
      ["x", "f32", 2, 3],
      ["shape", "i64", 2],
    ],
    outputs: [["y", "f32", "a", "b"]],
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["r"] },
      { op: "Add", inputs: ["shape", "one"], outputs: ["s"] },
      { op: "Reshape", inputs: ["r", "s"], outputs: ["t"] },
      { op: "Neg", inputs: ["t"], outputs: ["y"] },
    ],
    constants: { one: i64(1) },
  });
  const x = tensor([1, -2, 3, -4, 5, -6], [2, 3]);
  for (const [rows, columns] of [
    [3, 2],
    [6, 1],
    [3, 2],
  ] as const) {
    const { y } = await model.run({ x, shape: i64(rows - 1, columns - 1) });
    expect(y!.shape).toEqual([rows, columns]);
    expect(await values(y)).toEqual([-1, -0, -3, -0, -5, -0]);
  }
});

test("a branch is taken by data, and sees the values around it", async () => {
  const branch = (op: string) => ({
    graph: {
      inputs: [],
      outputs: [["out", "f32", 2] as const],
      nodes: [{ op, inputs: ["x", "two"], outputs: ["out"] }],
    },
  });
  const model = await load({
    inputs: [
      ["x", "f32", 2],
      ["up", "bool"],
    ],
    outputs: [["y", "f32", 2]],
    nodes: [
      {
        op: "If",
        inputs: ["up"],
        outputs: ["z"],
        attributes: { then_branch: branch("Mul"), else_branch: branch("Div") },
      },
      { op: "Neg", inputs: ["z"], outputs: ["y"] },
    ],
    constants: { two: tensor([2]) },
  });
  const x = tensor([4, 6]);
  const up = (truth: number) => tensor(Uint8Array.of(truth), [], "bool");
  expect(await values((await model.run({ x, up: up(1) }))["y"])).toEqual([-8, -12]);
  expect(await values((await model.run({ x, up: up(0) }))["y"])).toEqual([-2, -3]);
});

test("a loop carries values, collects others, and stops on its condition", async () => {
  const model = await load({
    inputs: [["x", "f32", 2]],
    outputs: [
      ["last", "f32", 2],
      ["all", "f32", "n", 2],
    ],
    nodes: [
      {
        op: "Loop",
        inputs: ["limit", "", "x"],
        outputs: ["last", "all"],
        attributes: {
          body: {
            graph: {
              inputs: [
                ["turn", "i64"],
                ["going", "bool"],
                ["v", "f32", 2],
              ],
              outputs: [
                ["more", "bool"],
                ["w", "f32", 2],
                ["seen", "f32", 2],
              ],
              nodes: [
                { op: "Add", inputs: ["v", "x"], outputs: ["w"] },
                { op: "Less", inputs: ["turn", "stop"], outputs: ["more"] },
                { op: "Neg", inputs: ["w"], outputs: ["seen"] },
              ],
            },
          },
        },
      },
    ],
    constants: { limit: tensor(BigInt64Array.of(9n), []), stop: tensor(BigInt64Array.of(1n), []) },
  });
  const { last, all } = await model.run({ x: tensor([1, 10]) });
  expect(await values(last)).toEqual([3, 30]);
  expect(all!.shape).toEqual([2, 2]);
  expect(await values(all)).toEqual([-2, -20, -3, -30]);
  const once = await model.statistics();
  // A turn adds, compares and negates; its number, v, x and `stop` come in, and three results are read.
  expect([once.nodes, once.launches]).toEqual([3, 3]);
  expect([...once.loops]).toEqual([["Loop_0", { runs: 2, launches: 6, copies: 14 }]]);
  await model.run({ x: tensor([1, 10]) });
  expect((await model.statistics()).loops.get("Loop_0")).toEqual({ runs: 4, launches: 12, copies: 28 });
});

test("an op of a user runs as a node, and is missed by name when nobody registered it", async () => {
  const spec: ModelSpec = {
    inputs: [["x", "f32", 4]],
    outputs: [["y", "f32", 4]],
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["r"] },
      { op: "Twice", domain: "test", inputs: ["r"], outputs: ["t"] },
      { op: "Neg", inputs: ["t"], outputs: ["y"] },
    ],
    domains: { test: 1 },
  };
  const x = tensor([-1, 2, -3, 4]);
  const missing = await load(spec);
  await expect(missing.run({ x })).rejects.toThrow(/K1002.*`test::Twice`/);
  const source = `
@op("test::Twice")
kernel twice(a: Tensor[f32, N], out b: Tensor[f32, N]):
    for i in range(N):
        b[i] = 2 * a[i]
`;
  const { twice } = await device.load(await compile(source));
  const model = await load(spec, new OpRegistry().register(twice!));
  expect(await values((await model.run({ x }))["y"])).toEqual([-0, -4, -0, -8]);
});

test("a user’s kernel comes before the table’s row where it takes the node", async () => {
  const source = `
@op("ai.onnx::Relu")
kernel seven(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = 7
`;
  const { seven } = await device.load(await compile(source));
  const registry = new OpRegistry().register(seven!);
  const relu = (...shape: number[]): ModelSpec => ({
    inputs: [["x", "f32", ...shape]],
    outputs: [["y", "f32", ...shape]],
    nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
  });
  const x = tensor([-1, 2]);
  expect(await values((await (await load(relu(2), registry)).run({ x }))["y"])).toEqual([7, 7]);
  const rows = await load(relu(1, 2), registry);
  expect(await values((await rows.run({ x: x.reshape([1, 2]) }))["y"])).toEqual([0, 2]);
  const { left } = await rows.statistics();
  expect(left.get("Relu_0")).toMatch(/`x` is a tensor of f32 with 1 dimension, not of f32 with 2/);
});

test("what a node and its kernel disagree about is told, with what is near", async () => {
  const source = `
@op("test::Window")
kernel window[size: int = 3](x: Tensor[f32, N], factor: f32, out y: Tensor[f32, N - size + 1]) where size > 0 and N >= size:
    for i in range(N - size + 1):
        y[i] = sum(factor * x[i + j] for j in range(size))
`;
  const registry = new OpRegistry();
  for (const size of [3, 2]) {
    const { window } = await device.load(await compile(source, { set: { size } }));
    registry.register(window!);
    expect(() => registry.register(window!)).toThrow(/K0724/);
  }
  const result = async (op: string, attributes: NonNullable<ModelSpec["nodes"][0]["attributes"]>) => {
    const model = await load(
      {
        inputs: [["x", "f32", "n"]],
        outputs: [["y", "f32", "m"]],
        nodes: [{ op, domain: "test", inputs: ["x"], outputs: ["y"], attributes }],
        domains: { test: 1 },
      },
      registry,
    );
    return values((await model.run({ x: tensor([1, 2, 3]) }))["y"]);
  };
  expect(await result("Window", { factor: 2, size: 3 })).toEqual([12]);
  expect(await result("Window", { factor: 2, size: 2 })).toEqual([6, 10]);
  await expect(result("Window", { factor: 2, size: 4 })).rejects.toThrow(
    /compiled for `size` = 3.*{ set: { size: 4 } }/,
  );
  await expect(result("Window", { factor: "2" })).rejects.toThrow(/a number as `factor`.* is the text "2"/);
  await expect(result("Window", { size: 2 })).rejects.toThrow(/no number `factor` among its attributes/);
  await expect(result("Windw", {})).rejects.toThrow(/`test::Window` is registered, which is written nearly/);
});

test("an index out of range names the node, whenever it is found", async () => {
  const gather = { op: "Gather", name: "pick", inputs: ["x", "at"], outputs: ["y"] };
  const spec: ModelSpec = {
    inputs: [
      ["x", "f32", 3],
      ["at", "i64", 1],
    ],
    outputs: [["y", "f32", 1]],
    nodes: [gather],
  };
  const x = tensor([1, 2, 3]);
  const model = await load(spec);
  expect(await values((await model.run({ x, at: i64(2) }))["y"])).toEqual([3]);
  await expect(model.run({ x, at: i64(7) })).rejects.toThrow(/K0708[^]*while node `pick` was computed/);
  expect(await values((await model.run({ x, at: i64(-1) }))["y"])).toEqual([3]);
  const folded = await load({ ...spec, inputs: [], constants: { x, at: i64(7) } });
  await expect(folded.run({})).rejects.toThrow(/K0708[^]*while node `pick` was computed/);
});

test("arguments that are something else are named", async () => {
  const relu = modelBytes({
    inputs: [["x", "f32", 1]],
    outputs: [["y", "f32", 1]],
    nodes: [{ op: "Relu", inputs: ["x"], outputs: ["y"] }],
  });
  const text = (content: string) => new TextEncoder().encode(content);
  const refused: [unknown, object, RegExp][] = [
    [relu.buffer, { device }, /K0719.*given an ArrayBuffer/],
    [relu, { device: openDevice("interp") }, /K0719.*given a Promise/],
    [relu, { device, integers: "sometimes" }, /K0719: `integers`/],
    [relu, { device, fusion: "off" }, /K0719: `fusion`/],
    [text("<!DOCTYPE html><html>"), { device }, /K1001[^]*a page \(HTML\)/],
    [text("version https://git-lfs.github.com/spec/v1\noid sha256:1"), { device }, /K1001[^]*Git LFS/],
  ];
  for (const [bytes, options, why] of refused)
    await expect(loadModel(bytes as Uint8Array, options as { device: Device })).rejects.toThrow(why);
  const model = await loadModel(relu, { device });
  await expect(model.run(undefined as never)).rejects.toThrow(/K0719: `run`.*given nothing/);
  const gone = await device.upload(tensor([1]));
  gone.dispose();
  await expect(model.run({ x: gone })).rejects.toThrow(/K0713: the tensor given as `x`/);
  expect(() => new OpRegistry().register({} as never)).toThrow(/K0719: `register` takes a kernel/);
});

test("a user’s op may leave inputs out, or have any number of them", async () => {
  const source = `
@op("test::Affine")
kernel affine(x: Tensor[f32, N], a: Tensor[f32, N], b: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i] * a[i] + b[i]

@op("test::Affine", inputs=[0, 2])
kernel shifted(x: Tensor[f32, N], b: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = x[i] + b[i]

@op("test::Joined", fold=True)
kernel joined(a: Tensor[f32, M], b: Tensor[f32, N], out y: Tensor[f32, M + N]):
    for i in range(M):
        y[i] = a[i]
    for i in range(N):
        y[M + i] = b[i]
`;
  const registry = new OpRegistry();
  for (const kernel of Object.values(await device.load(await compile(source)))) registry.register(kernel);
  const spec = (affine: string[], joined: string[]): ModelSpec => ({
    inputs: [["x", "f32", 2]],
    outputs: [["y", "f32", "n"]],
    nodes: [
      { op: "Affine", domain: "test", inputs: affine, outputs: ["m"] },
      { op: "Joined", domain: "test", inputs: joined, outputs: ["j"] },
      { op: "Neg", inputs: ["j"], outputs: ["y"] },
    ],
    constants: { a: tensor([3, 5]), b: tensor([10, 20]) },
    domains: { test: 1 },
  });
  const x = tensor([1, 2]);
  const result = async (affine: string[], joined: string[]) =>
    values((await (await load(spec(affine, joined), registry)).run({ x }))["y"]);
  expect(await result(["x", "a", "b"], ["m", "x"])).toEqual([-13, -30, -1, -2]);
  expect(await result(["x", "", "b"], ["m", "x", "x", "b"])).toEqual([-11, -22, -1, -2, -1, -2, -10, -20]);
  await expect(result(["x", "a"], ["m", "x"])).rejects.toThrow(
    /`affine`: it takes 3 tensors, and the node has 2 inputs; `shifted`: it takes the inputs 0, 2/,
  );
  await expect(result(["", "a", "b"], ["m", "x"])).rejects.toThrow("`x` is left out");
  await expect(result(["x", "a", "b"], ["m"])).rejects.toThrow(
    "it takes 2 tensors or more, and the node has 1",
  );
});

test("calls at the same time wait for each other", async () => {
  const model = await load({
    inputs: [["x", "f32", "n"]],
    outputs: [["y", "f32", "n"]],
    nodes: [
      { op: "Exp", inputs: ["x"], outputs: ["e"] },
      { op: "CumSum", inputs: ["e", "axis"], outputs: ["y"] },
    ],
    constants: { axis: tensor(BigInt64Array.of(0n), []) },
  });
  const inputs = [1, 2, 3].map((count) => tensor(new Float32Array(count)));
  const results = await Promise.all(inputs.map((x) => model.run({ x })));
  for (const [at, { y }] of results.entries())
    expect(await values(y)).toEqual(Array.from({ length: at + 1 }, (_, n) => n + 1));
});

test("inputs with strides are read by later stages, and given back, as they are", async () => {
  const model = await load({
    inputs: [["x", "f32", 2, 3]],
    outputs: [
      ["y", "f32", "n", 3],
      ["x", "f32", 2, 3],
    ],
    nodes: [
      { op: "NonZero", inputs: ["x"], outputs: ["places"] },
      {
        op: "Split",
        inputs: ["places"],
        outputs: ["rows", "columns"],
        attributes: { num_outputs: 2, axis: 0 },
      },
      { op: "Squeeze", inputs: ["rows", "first"], outputs: ["r"] },
      { op: "Gather", inputs: ["x", "r"], outputs: ["y"] },
    ],
    constants: { first: i64(0) },
  });
  const turned = tensor([0, 1, 0, 0, 5, 0], [3, 2]).transpose();
  const { x, y } = await model.run({ x: turned });
  expect(await values(x)).toEqual([0, 0, 5, 1, 0, 0]);
  expect(await values(y)).toEqual([0, 0, 5, 1, 0, 0]);
  await expect(model.run({ x: turned, z: turned })).rejects.toThrow(
    /K1006: the model has no input `z`; it takes `x`/,
  );
});

test("what a file claims is checked before it is believed", async () => {
  const whole = modelBytes({
    inputs: [["x", "f32", 4]],
    outputs: [["y", "f32", 4]],
    nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
    constants: { w: tensor([1, 2, 3, 4]) },
  });
  for (let length = 0; length < whole.length; length++)
    await expect(loadModel(whole.subarray(0, length), { device })).rejects.toThrow(/K100\d/);
  const refusals: unknown[] = [];
  for (let at = 0; at < whole.length; at++) {
    const changed = whole.slice();
    changed[at]! ^= 0x55;
    // A changed byte may leave a model that works, fails with a code, or fails when it runs; nothing else.
    try {
      const model = await loadModel(changed, { device });
      await model.run({ x: tensor([1, 2, 3, 4]) });
    } catch (error) {
      refusals.push(error);
    }
  }
  for (const error of refusals) expect(String(error)).toMatch(/K\d{4}/);
  expect(refusals.length).toBeGreaterThan(20);
});

test("a loop of no turns collects tensors of no rows, of the dtype that its body declares", async () => {
  const model = await load({
    inputs: [
      ["x", "i32", 3],
      ["limit", "i64"],
    ],
    outputs: [
      ["last", "i32", 3],
      ["all", "i32", "n", 3],
    ],
    nodes: [
      {
        op: "Loop",
        inputs: ["limit", "", "x"],
        outputs: ["last", "all"],
        attributes: {
          body: {
            graph: {
              inputs: [
                ["turn", "i64"],
                ["going", "bool"],
                ["v", "i32", 3],
              ],
              outputs: [
                ["going", "bool"],
                ["w", "i32", 3],
                ["seen", "i32", "m"],
              ],
              nodes: [
                { op: "Add", inputs: ["v", "x"], outputs: ["w"] },
                { op: "Neg", inputs: ["w"], outputs: ["seen"] },
              ],
            },
          },
        },
      },
    ],
  });
  const x = tensor(Int32Array.of(1, 2, 3), [3]);
  const { last, all } = await model.run({ x, limit: tensor(BigInt64Array.of(0n), []) });
  expect(await values(last)).toEqual([1, 2, 3]);
  expect([all!.dtype, ...all!.shape]).toEqual(["i32", 0, 3]);
});

test("an epilogue never waits for another output of its own kernel", async () => {
  const model = await load({
    inputs: [["x", "f32", 2, 4]],
    outputs: [["y", "f32", 2, 4]],
    nodes: [
      { op: "LayerNormalization", inputs: ["x", "scale"], outputs: ["n", "mean"] },
      { op: "Mul", inputs: ["n", "mean"], outputs: ["y"] },
    ],
    constants: { scale: tensor([1, 1, 1, 1]) },
  });
  const { y } = await model.run({ x: tensor([0, 2, 4, 6, 1, 1, 1, 1], [2, 4]) });
  const step = 3 / Math.sqrt(5 + 1e-5);
  const want = [-3, -1, 1, 3, 0, 0, 0, 0].map((each) => each * step);
  (await values(y)).forEach((value, at) => expect(value).toBeCloseTo(want[at]!, 4));
});

test("what is computed of weights alone is there once, whatever shapes come in, and old plans go", async () => {
  const model = await load({
    inputs: [["x", "f32", "n", 3]],
    outputs: [["y", "f32", "n", 2]],
    nodes: [
      { op: "Transpose", inputs: ["w"], outputs: ["t"], attributes: { perm: [1, 0] } },
      { op: "MatMul", inputs: ["x", "t"], outputs: ["y"] },
    ],
    constants: { w: tensor([1, 2, 3, 4, 5, 6], [2, 3]) },
  });
  const run = async (rows: number) => {
    const { y } = await model.run({ x: tensor(new Float32Array(rows * 3).fill(1), [rows, 3]) });
    expect(await values(y)).toEqual(Array.from({ length: rows }, () => [6, 15]).flat());
    return model.statistics();
  };
  const { weights } = await run(1);
  expect(weights).toBe(24);
  for (let rows = 2; rows <= 40; rows++) expect((await run(rows)).weights).toBe(weights);
  // A launch a plan: those of the shapes that came first were given back, and are made anew.
  expect((await run(1)).launches).toBe(32);
});
