// Broken models: each is refused with a code and the reason, at once, and before memory is taken for what it claims.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProtoSchema, type GraphProto, type ModelProto } from "onnx-buf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes, type GraphSpec, type NodeSpec, type PortSpec } from "../../testing/onnx/models.ts";
import { openDevice, OpRegistry, tensor, type Device, type Tensor } from "../index.ts";
import { externalFiles, loadModel } from "./index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
  // What every first model loads: the compiler.
  const x = tensor([1, 2, 3, 4]);
  await (await loadModel(whole, { device })).run({ x });
});
afterAll(() => device.close());

const whole = modelBytes({
  inputs: [["x", "f32", 4]],
  outputs: [["y", "f32", 4]],
  nodes: [
    { op: "Add", name: "sum", inputs: ["x", "w"], outputs: ["s"] },
    { op: "Relu", name: "positive", inputs: ["s"], outputs: ["y"] },
  ],
  constants: { w: tensor([1, 2, 3, 4]) },
});

function broken(change: (graph: GraphProto, model: ModelProto) => void): Uint8Array {
  const model = fromBinary(ModelProtoSchema, whole);
  change(model.graph!, model);
  return toBinary(ModelProtoSchema, model);
}

const external = (location: string, more: readonly { key: string; value: string }[] = []) =>
  broken((graph) => {
    graph.initializer[0] = create(TensorProtoSchema, {
      name: "w",
      dataType: 1,
      dims: [4n],
      dataLocation: 1,
      externalData: [{ key: "location", value: location }, ...more],
    });
  });

const cases: readonly (readonly [what: string, bytes: Uint8Array, says: RegExp])[] = [
  ["nothing", new Uint8Array(0), /K1001.*empty/],
  ["cut off", whole.subarray(0, whole.length >> 1), /K1001/],
  ["noise", Uint8Array.from({ length: 4096 }, (_, at) => (at * 97 + 13) % 251), /K1001/],
  ["two nodes in a circle", broken((graph) => (graph.node[0]!.input[1] = "y")), /K1004.*`(sum|positive)`/],
  ["a node that needs itself", broken((graph) => (graph.node[1]!.input[0] = "y")), /K1004.*`positive`/],
  ["a value that nothing defines", broken((graph) => (graph.node[0]!.input[1] = "gone")), /K1001.*`gone`/],
  ["a value defined twice", broken((graph) => (graph.node[1]!.output[0] = "s")), /K1001.*twice/],
  ["an output that nothing computes", broken((graph) => (graph.output[0]!.name = "z")), /K1001.*`z`/],
  ["shapes that don't fit", broken((graph) => (graph.initializer[0]!.dims = [2n, 2n])), /K1003.*`sum`/],
  ["weights that are too few", broken((graph) => (graph.initializer[0]!.dims = [5n])), /K1001.*16 bytes.*20/],
  ["2^40 elements", broken((graph) => (graph.initializer[0]!.dims = [2n ** 40n])), /K1001.*dimension/],
  [
    "2^40 elements by two axes",
    broken((graph) => (graph.initializer[0]!.dims = [2n ** 20n, 2n ** 20n])),
    /K1001.*bytes/,
  ],
  ["a negative size", broken((graph) => (graph.initializer[0]!.dims = [-4n])), /K1001.*dimension/],
  ["an unknown type", broken((graph) => (graph.initializer[0]!.dataType = 77)), /K1001.*type 77/],
  ["an unknown op", broken((graph) => (graph.node[1]!.opType = "Relax")), /K1002.*`Relax`/],
  ["an op of another domain", broken((graph) => (graph.node[1]!.domain = "acme")), /K1002.*`acme::Relu`/],
  ["a version from the future", broken((_, model) => (model.opsetImport[0]!.version = 99n)), /K1001.*99/],
  ["a file outside", external("../secrets.bin"), /K1005.*not a path inside/],
  ["a file outside, the other way", external("a\\..\\..\\secrets.bin"), /K1005.*not a path inside/],
  ["an absolute file", external("/etc/passwd"), /K1005.*not a path inside/],
  ["a file that isn't there", external("w.bin"), /K1005.*was not given/],
  ["a part beyond a file", external("here.bin", [{ key: "offset", value: "8" }]), /K1005.*8 to 24/],
  ["a part of 2^60 bytes", external("here.bin", [{ key: "length", value: String(2 ** 60) }]), /K1005/],
];

test("a file beside the model is found however its folder is written", async () => {
  const externalData = { "here.bin": new Uint8Array(16) };
  const model = await loadModel(external("./here.bin"), { device, externalData });
  await model.run({ x: tensor([1, 2, 3, 4]) });
});

test.each(cases)("%s", async (_, bytes, says) => {
  const before = process.memoryUsage().arrayBuffers;
  const externalData = { "here.bin": new Uint8Array(16), "../secrets.bin": new Uint8Array(16) };
  const run = async () => {
    const model = await loadModel(bytes, { device, externalData, registry: new OpRegistry() });
    await model.run({ x: tensor([1, 2, 3, 4]) });
  };
  await expect(run()).rejects.toThrow(says);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
});

const i64 = (...values: number[]) => tensor(BigInt64Array.from(values, BigInt), [values.length]);
const scalar = (value: number) => tensor(BigInt64Array.of(BigInt(value)), []);
const body = (inputs: readonly string[]): { readonly graph: GraphSpec } => ({
  graph: {
    inputs: inputs.map((name): PortSpec => [name, "f32", 4]),
    outputs: [["more", "bool"]],
    nodes: [{ op: "Identity", inputs: ["yes"], outputs: ["more"] }],
    constants: { yes: tensor(Uint8Array.of(1), [], "bool") },
  },
});

const nodes: readonly (readonly [
  what: string,
  node: NodeSpec,
  constants: Record<string, Tensor>,
  says: RegExp,
])[] = [
  [
    "a picture of 2^40 places",
    { op: "Resize", inputs: ["x", "", "", "size"], outputs: ["y"] },
    { size: i64(2 ** 40) },
    /K1003.*Resize.*1099511627776 elements/,
  ],
  [
    "numbers up to 2^40",
    { op: "Range", inputs: ["from", "to", "step"], outputs: ["y"] },
    { from: scalar(0), to: scalar(2 ** 40), step: scalar(1) },
    /K1003.*Range.*1099511627776 elements/,
  ],
  [
    "2^31 copies",
    { op: "Tile", inputs: ["x", "times"], outputs: ["y"] },
    { times: i64(2 ** 31) },
    /K1003.*Tile.*not below 2\^30/,
  ],
  [
    "a join of nothing",
    { op: "Concat", inputs: [""], outputs: ["y"], attributes: { axis: 0 } },
    {},
    /K1003.*Concat.*missing/,
  ],
  [
    "the opposite of a number",
    { op: "Not", name: "no", inputs: ["x"], outputs: ["y"] },
    {},
    /K1003: node `no`.*K0305/,
  ],
  [
    "more scales than places",
    { op: "DequantizeLinear", inputs: ["q", "scales"], outputs: ["y"], attributes: { axis: 0 } },
    { q: tensor(Uint8Array.of(1, 2, 3), [3]), scales: tensor([1, 2]) },
    /K1003.*scales of the shape \[2\]/,
  ],
  [
    "a body for other values",
    { op: "Loop", inputs: ["", "", "x"], outputs: ["y"], attributes: { body: body(["at", "going"]) } },
    {},
    /K1003.*body takes 2 values, and is given 3/,
  ],
  [
    "a body that gives too little",
    {
      op: "Scan",
      inputs: ["x"],
      outputs: ["y", "z"],
      attributes: { num_scan_inputs: 1, body: body(["each"]) },
    },
    {},
    /K1003.*body gives 1 results, and 2 are wanted/,
  ],
];

test.each(nodes)("a node: %s", async (_, node, constants, says) => {
  const bytes = modelBytes({
    inputs: [["x", "f32", 4]],
    outputs: [["y", "f32", "n"]],
    nodes: [node],
    constants,
  });
  const run = async () => (await loadModel(bytes, { device })).run({ x: tensor([1, 2, 3, 4]) });
  await expect(run()).rejects.toThrow(says);
});

test("files that lead out of the folder are not even asked for", () => {
  expect(externalFiles(external("../secrets.bin"))).toEqual([]);
  expect(externalFiles(external("part/w.bin"))).toEqual(["part/w.bin"]);
});

test("what is no model, and no device", async () => {
  const wrong = (bytes: unknown, options: unknown) =>
    loadModel(bytes as Uint8Array, options as { device: Device });
  await expect(wrong(undefined, { device })).rejects.toThrow("K0719: `loadModel` takes the bytes of a model");
  await expect(wrong(whole, undefined)).rejects.toThrow("K0719: `device` takes a device");
  await expect(wrong(whole, { device: "wasm" })).rejects.toThrow('was given "wasm"');
  await expect(device.upload(new Float32Array(2) as never)).rejects.toThrow("K0719: `upload` takes a tensor");
});
