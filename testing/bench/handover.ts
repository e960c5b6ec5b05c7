// What it costs beside onnxruntime-web in WebAssembly that a tensor is copied on its way into a kernel and on its way out: a model whose
// middle node is a kernel against the same model on onnxruntime alone, in one process, taking turns.
// node scripts/bench.mjs testing/bench/handover.ts

import * as ort from "onnxruntime-web";
import { compile } from "../../compiler/index.ts";
import { openDevice, OpRegistry, tensor } from "../../runtime/index.ts";
import { createSession } from "../../runtime/ort/index.ts";
import { cutKernels } from "../onnx/cut-model.ts";
import { modelBytes, type NodeSpec } from "../onnx/models.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const rounds = 30;

const model = (middle: NodeSpec): Uint8Array =>
  modelBytes({
    inputs: [["x", "f32", "n", 256]],
    outputs: [["y", "f32", "n", 256]],
    nodes: [
      { op: "Relu", inputs: ["x"], outputs: ["a"] },
      middle,
      { op: "Relu", inputs: ["b"], outputs: ["y"] },
    ],
    constants: { half: tensor([0.5], []) },
    domains: { test: 1 },
  });
const attributes = { factor: { float: 0.5 }, shift: { float: 0 } };
const device = await openDevice("wasm");
const registry = new OpRegistry();
const { scale } = await device.load(await compile(cutKernels, device.compileOptions));
registry.register(scale!);
const cut = await createSession(
  model({ op: "Scale", domain: "test", inputs: ["a"], outputs: ["b"], attributes }),
  { ort, device, registry },
);
const whole = await ort.InferenceSession.create(model({ op: "Mul", inputs: ["a", "half"], outputs: ["b"] }), {
  executionProviders: ["wasm"],
});
for (const rows of [16, 256, 4096, 16384]) {
  const x = () => new ort.Tensor("float32", new Float32Array(rows * 256).fill(1), [rows, 256]);
  const lanes = [cut, whole].map((session) => ({ session, times: [] as number[] }));
  for (let round = 0; round < rounds + 3; round++)
    for (const { session, times } of round % 2 ? lanes.toReversed() : lanes) {
      const feeds = { x: x() };
      const start = performance.now();
      await session.run(feeds);
      if (round >= 3) times.push(performance.now() - start);
    }
  // The least: what disturbs a run only adds to it.
  const [ours, theirs] = lanes.map(({ times }) => Math.min(...times)) as [number, number];
  const { copies, copiedBytes } = cut.handovers;
  const size = `${((rows * 1024) / 2 ** 20).toFixed(2)} MiB`;
  const each = `${((ours - theirs) / (copiedBytes / 2 ** 20)).toFixed(2)} ms for each MiB of ${copies} copies`;
  console.log(`${size.padStart(10)}  cut ${ours.toFixed(3)} ms, whole ${theirs.toFixed(3)} ms: ${each}`);
}
await cut.release();
device.close();
