// Models with ops of users beside onnxruntime-web in WebAssembly: cut, run, and compared with the same model on kernels alone.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation } from "onnx-buf";
import * as ort from "onnxruntime-web";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import {
  branchingModelBytes,
  cutKernels,
  cutModelBytes,
  passingModelBytes,
  scanningModelBytes,
} from "../../testing/onnx/cut-model.ts";
import { modelBytes, type ModelSpec } from "../../testing/onnx/models.ts";
import { openDevice, OpRegistry, tensor, type Device } from "../index.ts";
import { loadModel } from "../onnx/index.ts";
import { createSession } from "./index.ts";

let device: Device;
let registry: OpRegistry;
beforeAll(async () => {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  device = await openDevice("wasm");
  registry = new OpRegistry();
  const { scale, split } = await device.load(await compile(cutKernels));
  registry.register(scale!).register(split!);
});
afterAll(() => device.close());

const floats = (count: number) => Float32Array.from({ length: count }, (_, at) => Math.sin(at * 7.3) * 3);

test("two ops of a user, a branch and a size that changes run as kernels alone would", async () => {
  const bytes = cutModelBytes();
  const session = await createSession(bytes, { ort, device, registry });
  expect(session.inputNames).toEqual(["x"]);
  expect(session.parts.map(({ on, nodes }) => `${on}: ${nodes.join(" ")}`)).toEqual([
    "onnxruntime: MatMul Relu",
    "kern: scale_s scale_t",
    "onnxruntime: Sigmoid Add Add",
    "kern: split",
    "onnxruntime: Mul Sub",
  ]);
  const model = await loadModel(bytes, { device, registry });
  for (const rows of [1, 5, 2]) {
    const x = floats(rows * 3);
    const results = await session.run({ x: new ort.Tensor("float32", x, [rows, 3]) });
    const wanted = await model.run({ x: tensor(x, [rows, 3]) });
    for (const name of ["y", "z"]) {
      expect(results[name]!.dims).toEqual([rows, 4]);
      const want = await wanted[name]!.data();
      ((await results[name]!.getData()) as Float32Array).forEach((value, at) =>
        expect(value).toBeCloseTo(Number(want[at]), 5),
      );
    }
    // r and a on their way in; t, above and z on their way out; weights are there already, s never leaves.
    expect(session.handovers).toEqual({ toKern: 2, toOrt: 3, copies: 5, copiedBytes: 5 * rows * 16 });
  }
  await session.release();
});

test("a model of kernels alone, or of none, is one part", async () => {
  const spec = (domain: string, op: string): ModelSpec => ({
    inputs: [["x", "f32", 2, 2]],
    outputs: [["y", "f32", 2, 2]],
    nodes: [
      {
        op,
        domain,
        inputs: ["x"],
        outputs: ["y"],
        ...(domain && { attributes: { factor: { float: 2 }, shift: { float: 1 } } }),
      },
    ],
    domains: { test: 1 },
  });
  for (const [domain, op, want] of [
    ["test", "Scale", [3, 5, 7, 9]],
    ["", "Neg", [-1, -2, -3, -4]],
  ] as const) {
    const session = await createSession(modelBytes(spec(domain, op)), { ort, device, registry });
    expect(session.parts).toHaveLength(1);
    const x = new ort.Tensor("float32", Float32Array.of(1, 2, 3, 4), [2, 2]);
    const { y } = await session.run({ x });
    expect([...(y!.data as Float32Array)]).toEqual(want);
    await session.release();
  }
});

test("what is missing or doesn't fit is said before anything runs", async () => {
  const one = (node: Parameters<typeof modelBytes>[0]["nodes"][number]) =>
    createSession(
      modelBytes({
        inputs: [["x", "f32", 2, 2]],
        outputs: [["y", "f32", 2, 2]],
        nodes: [node],
        domains: { test: 1, other: 1 },
      }),
      { ort, device, registry },
    );
  const io = { inputs: ["x"], outputs: ["y"] };
  await expect(one({ op: "Scale", domain: "other", ...io })).rejects.toThrow(/K1002.*other::Scale/);
  await expect(one({ op: "Scale", domain: "test", ...io })).rejects.toThrow(
    /K1003.*no number `factor` among its attributes/,
  );
  const attributes = { factor: { float: 1 }, shift: { float: 0 }, power: 2 };
  await expect(one({ op: "Scale", domain: "test", ...io, attributes })).rejects.toThrow(
    /no parameter for.*`power`/,
  );
  await expect(one({ op: "Split", domain: "test", ...io })).rejects.toThrow(/takes 2 tensors.*1 input/);
  const session = await createSession(cutModelBytes(), { ort, device, registry });
  await expect(session.run({})).rejects.toThrow(/K1006.*`x`/);
  const feed = (x: unknown) => expect(session.run({ x } as never)).rejects;
  await feed(new Float32Array(3)).toThrow(/K1006.*Float32Array.*no tensor/);
  await feed(new ort.Tensor("int32", new Int32Array(3), [1, 3])).toThrow(/K1006.*float32.*int32/);
  await feed(new ort.Tensor("float32", new Float32Array(3), [3])).toThrow(/K1006.*\[n, 3\].*\[3\]/);
  await feed(new ort.Tensor("float32", new Float32Array(4), [1, 4])).toThrow(/K1006.*\[n, 3\].*\[1, 4\]/);
  const x = new ort.Tensor("float32", new Float32Array(3), [1, 3]);
  await expect(session.run({ x, w: x })).rejects.toThrow(/K1006.*`w`/);
  await session.release();
  await session.release();
  await expect(session.run({ x })).rejects.toThrow(/K0713.*session/);
  const bare = (bytes: unknown, options: unknown) =>
    expect(createSession(bytes as never, options as never)).rejects;
  await bare(cutModelBytes(), { device, registry }).toThrow(/K0719.*`ort`/);
  await bare(cutModelBytes(), { ort, registry }).toThrow(/K0719.*`device`/);
  await bare("model.onnx", { ort, device }).toThrow(/K0719.*`bytes`/);
});

test("branches and loops run in parts where ops of a user stand inside", async () => {
  const bytes = branchingModelBytes();
  const session = await createSession(bytes, { ort, device, registry });
  expect(session.parts.map(({ on, nodes }) => `${on}: ${nodes.join(" ")}`)).toEqual([
    "onnxruntime: Abs Identity",
    "control: loop",
    "kern: scale_y",
  ]);
  const [body] = session.parts[1]!.bodies!;
  expect(body!.map(({ on }) => on)).toEqual(["kern", "onnxruntime", "control"]);
  const model = await loadModel(bytes, { device, registry });
  for (const [rows, turns] of [
    [1, 4],
    [3, 5],
    [2, 1],
    [2, 0],
  ] as const) {
    const x = floats(rows * 2);
    const given = {
      x: new ort.Tensor("float32", x, [rows, 2]),
      turns: new ort.Tensor("int64", [BigInt(turns)], []),
    };
    const results = await session.run(given);
    const wanted = await model.run({
      x: tensor(x, [rows, 2]),
      turns: tensor(BigInt64Array.of(BigInt(turns)), []),
    });
    for (const name of ["y", "sums", "same"]) {
      expect(results[name]!.dims, name).toEqual(wanted[name]!.shape);
      const want = await wanted[name]!.data();
      ((await results[name]!.getData()) as Float32Array).forEach((value, at) =>
        expect(value).toBeCloseTo(Number(want[at]), 5),
      );
    }
  }
  await session.release();
});

test("scans run in parts where ops of a user stand inside", async () => {
  const bytes = scanningModelBytes();
  const session = await createSession(bytes, { ort, device, registry });
  expect(session.parts.map(({ on }) => on)).toEqual(["control"]);
  const model = await loadModel(bytes, { device, registry });
  for (const count of [1, 2, 5]) {
    const [x, h0] = [floats(4 * count), floats(4)];
    const results = await session.run({
      x: new ort.Tensor("float32", x, [2, count, 2]),
      h0: new ort.Tensor("float32", h0, [2, 2]),
    });
    const wanted = await model.run({ x: tensor(x, [2, count, 2]), h0: tensor(h0, [2, 2]) });
    for (const name of ["h", "y", "z"]) {
      expect(results[name]!.dims, name).toEqual(wanted[name]!.shape);
      const want = await wanted[name]!.data();
      ((await results[name]!.getData()) as Float32Array).forEach((value, at) =>
        expect(value, name).toBeCloseTo(Number(want[at]), 5),
      );
    }
  }
  await session.release();
});

test("graphs hand on what they were given", async () => {
  const session = await createSession(passingModelBytes(), { ort, device, registry });
  const x = [1, 2, 3, -4];
  const p = x.map((each) => each + 1);
  const times = (list: readonly number[], by: number) => list.map((each) => each * by);
  for (const turns of [0, 1, 4]) {
    const results = await session.run({
      x: new ort.Tensor("float32", Float32Array.from(x), [2, 2]),
      turns: new ort.Tensor("int64", [BigInt(turns)], []),
    });
    const q = x.map((each, at) => each + turns * (p[at]! / 2 + 1));
    const elements = (name: string) => [...(results[name]!.data as Float32Array)];
    expect(elements("q")).toEqual(q);
    expect(elements("y")).toEqual(times(Math.max(...q) > 9 ? p : q, 2));
    expect(elements("z")).toEqual(times(p, 3));
    expect(results["ps"]!.dims.slice(0, 1)).toEqual([turns]);
    expect(elements("ps")).toEqual(Array.from({ length: turns }, () => p).flat());
    expect([...(results["numbers"]!.data as BigInt64Array)].map(Number)).toEqual(
      [0, 1, 2, 3].slice(0, turns),
    );
  }
  await session.release();
});

test("nodes of ONNX that no kernel takes are left to onnxruntime, with the reason", async () => {
  const own = new OpRegistry();
  const kernels = await device.load(
    await compile(`
@op("ai.onnx::LeakyRelu")
kernel leaky(x: Tensor[f32, M, 4], alpha: f32, out y: Tensor[f32, M, 4]) where M % 2 == 0:
    for i, j in grid(M, 4):
        y[i, j] = max(x[i, j], x[i, j] * alpha) + 100

@op("com.microsoft::Odd")
kernel odd(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    for i, j in grid(M, N):
        y[i, j] = x[i, j]

@op("test::Narrow")
kernel narrow(x: Tensor[f32, N, 2], out y: Tensor[f32, N, 2]):
    for i, j in grid(N, 2):
        y[i, j] = x[i, j]
`),
  );
  for (const kernel of Object.values(kernels)) own.register(kernel);
  const leaky = (name: string, input: string, output: string) => ({
    op: "LeakyRelu",
    name,
    inputs: [input],
    outputs: [output],
    attributes: { alpha: { float: 0.5 } },
  });
  const opened: unknown[] = [];
  const counting = {
    Tensor: ort.Tensor,
    InferenceSession: {
      create: (...args: Parameters<typeof ort.InferenceSession.create>) => {
        opened.push(args);
        return ort.InferenceSession.create(...args);
      },
    },
  } as unknown as typeof ort;
  // Only `takes` has as many rows and columns as the kernel asks for; what the others are given nothing in the file says.
  const bytes = modelBytes({
    inputs: [["x", "f32", 2, 4]],
    outputs: [
      ["y", "f32", 1, 8],
      ["z", "f32", 3],
      ["again", "f32"],
    ],
    nodes: [
      leaky("takes", "x", "a"),
      { op: "Reshape", inputs: ["a", "wide"], outputs: ["b"] },
      leaky("columns", "b", "c"),
      leaky("columns_too", "c", "d"),
      { op: "Neg", inputs: ["d"], outputs: ["e"] },
      leaky("columns_again", "e", "y"),
      { op: "Slice", inputs: ["x", "zero", "one", "zero"], outputs: ["row"] },
      leaky("rows", "row", "f"),
      { op: "ReduceMax", inputs: ["f"], outputs: ["g"], attributes: { keepdims: 0 } },
      {
        op: "Loop",
        inputs: ["three", "", "g"],
        outputs: ["again", "z"],
        attributes: {
          body: {
            graph: {
              inputs: [
                ["turn", "i64"],
                ["on", "bool"],
                ["h", "f32"],
              ],
              outputs: [
                ["on", "bool"],
                ["next", "f32"],
                ["next", "f32"],
              ],
              nodes: [leaky("inside", "h", "less"), { op: "Sub", inputs: ["less", "g"], outputs: ["next"] }],
            },
          },
        },
      },
    ],
    constants: {
      wide: tensor(BigInt64Array.of(1n, 8n)),
      zero: tensor(BigInt64Array.of(0n)),
      one: tensor(BigInt64Array.of(1n)),
      three: tensor(BigInt64Array.of(3n), []),
    },
  });
  const session = await createSession(bytes, { ort: counting, device, registry: own });
  expect(session.parts.flatMap(({ on, nodes }) => (on === "kern" ? nodes : []))).toEqual(["takes"]);
  expect(session.parts.map(({ on }) => on)).not.toContain("control");
  const why = new Map(session.left.map(({ node, why }) => [node, why]));
  expect([...why.keys()].toSorted()).toEqual(["columns", "columns_again", "columns_too", "inside", "rows"]);
  expect(why.get("columns_again")).toMatch(/size 1 of `x` is 4, not 8/);
  expect(why.get("rows")).toMatch(/asks for `M % 2 == 0`, and M = 1/);
  expect(why.get("inside")).toMatch(/with 2 dimensions, not of f32 with 0/);
  // A few for types, of the nodes in between alone, and one for each part.
  expect(opened.length).toBeLessThan(10);
  const x = floats(8);
  const { y, z } = await session.run({ x: new ort.Tensor("float32", x, [2, 4]) });
  const relu = (value: number) => (value > 0 ? value : value / 2);
  const want = [...x].map((each) => relu(-relu(relu(relu(each) + 100))));
  [...(y!.data as Float32Array)].forEach((value, at) => expect(value).toBeCloseTo(want[at]!, 4));
  const g = Math.max(...[...x].slice(0, 4).map(relu));
  const turns = [relu(g) - g];
  for (let turn = 1; turn < 3; turn++) turns.push(relu(turns.at(-1)!) - g);
  [...(z!.data as Float32Array)].forEach((value, at) => expect(value).toBeCloseTo(turns[at]!, 4));
  await session.release();

  const one = (domain: string, op: string) =>
    createSession(
      modelBytes({
        inputs: [["x", "f32", 3]],
        outputs: [["y", "f32", 3]],
        nodes: [{ op, domain, name: "node", inputs: ["x"], outputs: ["y"] }],
        domains: { test: 1, "com.microsoft": 1 },
      }),
      { ort, device, registry: own },
    );
  await expect(one("com.microsoft", "Odd")).rejects.toThrow(
    /K1003.*`node`.*with 2 dimensions, not of f32 with 1; and onnxruntime says: .*Odd/,
  );
  await expect(one("test", "Narrow")).rejects.toThrow(/K1003.*`node`.*no registered kernel takes it/);
});

test("weights beside the model that weren't given, and tensors that are gone, are told", async () => {
  const spec = modelBytes({
    inputs: [["x", "f32", 2]],
    outputs: [["y", "f32", 2]],
    nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
    constants: { w: tensor([1, 2]) },
  });
  const message = fromBinary(ModelProtoSchema, spec);
  const [weight] = message.graph!.initializer;
  weight!.rawData = new Uint8Array();
  weight!.dataLocation = TensorProto_DataLocation.EXTERNAL;
  weight!.externalData = [create(StringStringEntryProtoSchema, { key: "location", value: "w.bin" })];
  const bytes = toBinary(ModelProtoSchema, message);
  const open = (externalData?: Record<string, Uint8Array>) =>
    createSession(bytes, { ort, device, registry, externalData });
  await expect(open()).rejects.toThrow(/K1005.*`w`.*“w.bin” was not given/);
  await expect(open({ "w.bin": new Uint8Array(4) })).rejects.toThrow(/K1005.*bytes 0 to 8/);
  const session = await open({ "w.bin": new Uint8Array(Float32Array.of(1, 2).buffer) });
  const x = new ort.Tensor("float32", [1, 2], [2]);
  expect((await session.run({ x }))["y"]!.data).toEqual(Float32Array.of(2, 4));
  await expect(session.run({ x, z: x })).rejects.toThrow(/K1006: the model has no input `z`; it takes `x`/);
  x.dispose();
  await expect(session.run({ x })).rejects.toThrow(/K0713.*`x`/);
  await session.release();
});
