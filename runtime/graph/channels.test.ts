// Images that go from operator to operator with their channels last: the same numbers as node by node, and no copies in between.

import { afterAll, beforeAll, expect, test } from "vitest";
import { modelBytes, type ModelSpec, type NodeSpec } from "../../testing/onnx/models.ts";
import { openDevice, OpRegistry, valuesOf, tensor, type Device, type Tensor } from "../index.ts";
import { random } from "../random.ts";
import { loadModel } from "../onnx/index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

/** Nodes and weights of a network, built one by one. */
class Network {
  readonly nodes: NodeSpec[] = [];
  readonly constants: Record<string, Tensor> = {};

  weights(...shape: number[]): string {
    const name = `c${Object.keys(this.constants).length}`;
    this.constants[name] = random("f32", shape, { seed: this.nodes.length + 3, low: -0.5, high: 0.5 });
    return name;
  }

  add(op: string, inputs: string[], attributes: NodeSpec["attributes"] = {}, name = ""): string {
    const output = name || `v${this.nodes.length}`;
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }
}

async function compare(spec: ModelSpec, inputs: Record<string, Tensor>, tolerance: number) {
  const registry = new OpRegistry();
  const fused = await loadModel(modelBytes(spec), { device, registry });
  const plain = await loadModel(modelBytes(spec), { device, registry, fusion: false });
  const [ours, theirs] = [await fused.run(inputs), await plain.run(inputs)];
  for (const [name] of spec.outputs) {
    expect(ours[name]!.shape).toEqual(theirs[name]!.shape);
    const [a, b] = [await valuesOf(ours[name]!), await valuesOf(theirs[name]!)];
    a.forEach((value, at) => {
      const expected = Number(b[at]);
      expect(Math.abs(Number(value) - expected)).toBeLessThan(tolerance * Math.max(1, Math.abs(expected)));
    });
  }
  const [plan] = await fused.plans();
  return plan!.steps.map((step) => (step.kind === "kernel" ? step.code.name : step.kind));
}

test("a network of convolutions makes no copies between them", { timeout: 120_000 }, async () => {
  const net = new Network();
  // [2, 3, 9, 11] → [2, 16, 9, 11], by windows that sum two channels too many for products.
  const first = net.add("Conv", ["x", net.weights(16, 3, 3, 3), net.weights(16)], { pads: [1, 1, 1, 1] });
  const a = net.add("Relu", [first]);
  const each = net.add("Conv", [a, net.weights(16, 1, 5, 5)], { group: 16, pads: [2, 2, 2, 2] });
  const gate = net.add("GlobalAveragePool", [each]);
  const few = net.add("Conv", [gate, net.weights(2, 16, 1, 1), net.weights(2)]);
  const open = net.add("HardSigmoid", [net.add("Conv", [few, net.weights(16, 2, 1, 1)])]);
  const gated = net.add("Mul", [each, open]);
  const point = net.add("Conv", [gated, net.weights(16, 16, 1, 1), net.weights(16)]);
  const sum = net.add("Add", [point, a]);
  // Products in place of windows: both axes, and each by itself, with and without borders.
  const both = net.add("Relu", [
    net.add("Conv", [sum, net.weights(32, 16, 3, 3), net.weights(32)], { pads: [1, 0, 1, 1] }),
  ]);
  const across = net.add("Conv", [both, net.weights(32, 32, 1, 3)], { pads: [0, 1, 0, 1] });
  const down = net.add("Conv", [across, net.weights(32, 32, 3, 1)]);
  // [2, 32, 7, 10] → [2, 32, 4, 10]
  const half = net.add("Conv", [down, net.weights(32, 1, 3, 3)], {
    group: 32,
    strides: [2, 1],
    pads: [1, 1, 1, 1],
  });
  const top = net.add("MaxPool", [half], { kernel_shape: [2, 2] });
  const mean = net.add("AveragePool", [half], { kernel_shape: [2, 2] });
  const joined = net.add("Concat", [top, mean], { axis: 1 });
  net.constants["scales"] = tensor(Float32Array.of(1, 1, 2, 3), [4]);
  const grown = net.add("Resize", [joined, "", "scales"], { mode: "nearest" });
  net.add(
    "Sigmoid",
    [net.add("ConvTranspose", [grown, net.weights(64, 3, 2, 2)], { strides: [2, 2] })],
    {},
    "y",
  );
  net.add("Flatten", [down], {}, "flat");
  const spec: ModelSpec = {
    version: 13,
    inputs: [["x", "f32", 2, 3, 9, 11]],
    outputs: [
      ["y", "f32", 2, 3, 12, 54],
      ["flat", "f32", 2, 2240],
    ],
    nodes: net.nodes,
    constants: net.constants,
  };
  const steps = await compare(spec, { x: random("f32", [2, 3, 9, 11], { seed: 5 }) }, 1e-4);
  expect(steps.filter((name) => name === "conv_products")).toHaveLength(3);
  expect(steps.filter((name) => name === "conv_channels_last")).toHaveLength(2);
  // Maps: the input brought into the order, the gate, the last activation, and results brought back into the model's order.
  expect(steps.filter((name) => name === "map")).toHaveLength(5);
});
