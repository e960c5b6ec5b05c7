// Weights inside of branches and of the bodies of loops: quantized where they stand, named by their paths, near what they were, and the same
// to onnxruntime.

import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type GraphProto } from "onnx-buf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes, type NodeSpec, type PortSpec } from "../../testing/onnx/models.ts";
import { openReference } from "../../testing/onnx/reference.ts";
import { openDevice, tensor, type Device, type Tensor } from "../index.ts";
import { loadModel } from "../onnx/index.ts";
import { random } from "../random.ts";
import { activationsOf, quantizeModel, type QuantizeOptions } from "./quantize.ts";
import { rangesOf } from "./ranges.ts";
import { decibels } from "./weights.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const width = 64;
const port = (name: string, rows = 2): PortSpec => [name, "f32", rows, width];
const floats = (shape: number[], seed: number): Tensor =>
  random("f32", shape, { seed, low: -0.2, high: 0.2 });
const mix = (x: string, w: string, y: string, name = ""): NodeSpec => ({
  op: "MatMul",
  name,
  inputs: [x, w],
  outputs: [y],
});

/**
 * h = x w; both branches of an If multiply it by `shared`, and one by a matrix of its own; a Loop goes on with a matrix around it, and
 * inside it a branch with that of the Loop; a Scan has a convolution with a normalization behind it.
 */
const model = (): Uint8Array =>
  modelBytes({
    inputs: [port("x"), ["first", "bool"]],
    outputs: [port("y"), port("z")],
    nodes: [
      mix("x", "w", "h", "front"),
      {
        op: "If",
        name: "if",
        inputs: ["first"],
        outputs: ["a"],
        attributes: {
          then_branch: {
            graph: { inputs: [], outputs: [port("t")], nodes: [mix("h", "shared", "t", "fc")] },
          },
          else_branch: {
            graph: {
              inputs: [],
              outputs: [port("e")],
              nodes: [mix("h", "shared", "d", "fc"), mix("d", "own", "e")],
              constants: { own: floats([width, width], 3) },
            },
          },
        },
      },
      {
        op: "Loop",
        name: "loop",
        inputs: ["turns", "", "a"],
        outputs: ["y"],
        attributes: {
          body: {
            graph: {
              inputs: [["turn", "i64"], ["on", "bool"], port("v")],
              outputs: [["on", "bool"], port("n")],
              nodes: [
                { op: "Tanh", inputs: ["v"], outputs: ["s"] },
                mix("s", "around", "m", "step"),
                {
                  op: "If",
                  name: "again",
                  inputs: ["first"],
                  outputs: ["n"],
                  attributes: {
                    then_branch: {
                      graph: { inputs: [], outputs: [port("k")], nodes: [mix("m", "inner", "k", "more")] },
                    },
                    else_branch: {
                      graph: { inputs: [], outputs: [port("l")], nodes: [mix("m", "inner", "l", "more")] },
                    },
                  },
                },
              ],
              constants: { inner: floats([width, width], 4) },
            },
          },
        },
      },
      {
        op: "Scan",
        name: "scan",
        inputs: ["x"],
        outputs: ["z"],
        attributes: {
          num_scan_inputs: 1,
          body: {
            graph: {
              inputs: [["row", "f32", width]],
              outputs: [["out", "f32", width]],
              nodes: [
                { op: "Reshape", inputs: ["row", "image"], outputs: ["i"] },
                { op: "Conv", name: "conv", inputs: ["i", "c"], outputs: ["j"] },
                { op: "BatchNormalization", inputs: ["j", "g", "b", "b", "g"], outputs: ["q"] },
                { op: "Reshape", inputs: ["q", "flat"], outputs: ["out"] },
              ],
              constants: { c: floats([16, 16, 1, 1], 5) },
            },
          },
        },
      },
    ],
    constants: {
      w: floats([width, width], 1),
      shared: floats([width, width], 2),
      around: floats([width, width], 6),
      turns: tensor(BigInt64Array.of(3n), []),
      image: tensor(BigInt64Array.of(1n, 16n, 2n, 2n)),
      flat: tensor(BigInt64Array.of(BigInt(width))),
      g: random("f32", [16], { seed: 7, low: 0.5, high: 2 }),
      b: floats([16], 8),
    },
  });

const nodes = [
  "front",
  "if/then_branch/fc",
  "if/else_branch/fc",
  "if/else_branch/MatMul_1",
  "loop/body/step",
  "loop/body/again/then_branch/more",
  "loop/body/again/else_branch/more",
  "scan/body/conv",
];

const initializers = (graph: GraphProto): number =>
  graph.initializer.length +
  graph.node
    .flatMap(({ attribute }) => attribute.flatMap(({ g }) => (g ? [g] : [])))
    .reduce((sum, inner) => sum + initializers(inner), 0);

const far = async (given: Tensor, want: Tensor): Promise<number> => {
  expect(given.shape).toEqual(want.shape);
  const [a, b] = [(await given.data()) as Float32Array, (await want.data()) as Float32Array];
  const noise = a.reduce((sum, x, at) => sum + (x - b[at]!) ** 2, 0);
  return decibels(
    b.reduce((sum, x) => sum + x * x, 0),
    noise,
  );
};

test.each<[string, QuantizeOptions, readonly string[], number]>([
  ["dynamic", { activations: "dynamic" }, nodes, 30],
  ["static", { activations: "static", integers: "always" }, nodes, 30],
  ["four bits", { activations: "none", bits: 4 }, nodes.filter((name) => !name.endsWith("conv")), 12],
])("weights inside of branches and loops, %s", { timeout: 300_000 }, async (_, options, done, least) => {
  const bytes = model();
  const x = random("f32", [2, width], { seed: 11, low: -1, high: 1 });
  const first = (on: boolean) => tensor(Uint8Array.of(Number(on)), [], "bool");
  const isStatic = options.activations === "static";
  const names = activationsOf(bytes);
  expect(names).toEqual(["x"]);
  const ranges = await rangesOf(bytes, names, [{ x, first: first(true) }], { device });
  const made = quantizeModel(bytes, { ...options, ranges });
  expect(made.layers.map(({ node }) => node)).toEqual(done);
  expect(made.layers.map(({ output }) => output)).toEqual(["h", ...done.slice(1).map(() => undefined)]);
  if (isStatic)
    expect(made.layers.map(({ floats: kept }) => kept)).toEqual([false, ...done.slice(1).map(() => true)]);
  expect(made.left.map(({ node }) => node)).toEqual(nodes.filter((name) => !done.includes(name)));
  // What both branches read is there once, unless it is dequantized where it is read, and what nobody reads any more isn't.
  const graph = fromBinary(ModelProtoSchema, made.bytes).graph!;
  const matrices = graph.initializer.map(({ name }) => name);
  expect(matrices.filter((name) => /^shared_(quantized|4bit)/.test(name))).toHaveLength(isStatic ? 0 : 1);
  expect(matrices).not.toContain("shared");
  expect(matrices).not.toContain("around");
  expect(initializers(graph)).toBeLessThan(28);
  expect(made.bytes.length).toBeLessThan((options.bits === 4 ? 0.27 : 0.4) * bytes.length);
  const [before, after] = [await loadModel(bytes, { device }), await loadModel(made.bytes, { device })];
  const reference = await openReference(made.bytes);
  for (const on of [true, false]) {
    const inputs = { x, first: first(on) };
    const [plain, small] = [await before.run(inputs), await after.run(inputs)];
    const theirs = await reference.run(inputs);
    for (const name of ["y", "z"]) {
      expect(await far(small[name]!, plain[name]!), name).toBeGreaterThan(least);
      expect(await far(small[name]!, theirs[name]!), `${name}, onnxruntime`).toBeGreaterThan(least + 8);
    }
  }
  await reference.close();
});

test("nodes inside of others are kept by their paths, and whole branches by their names", () => {
  const kept = (...keep: string[]) =>
    quantizeModel(model(), { activations: "dynamic", keep: new Set(keep) }).layers.map(({ node }) => node);
  expect(kept("if/else_branch/fc", "scan/body/conv")).toEqual(
    nodes.filter((name) => name !== "if/else_branch/fc" && name !== "scan/body/conv"),
  );
  expect(kept("loop", "fc")).toEqual(nodes.filter((name) => !name.startsWith("loop/")));
});
