// Models cut for onnxruntime-web in Chromium, on one GPUDevice: no tensor is copied between the two, by our count and by that of the
// page's own WebGPU calls.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noChromium, openBuiltPage, webgpuArguments, type BuiltPage } from "../../testing/chromium.ts";
import { watchedCopies } from "../../testing/page-copies.ts";
import {
  branchingModelBytes,
  cutKernels,
  cutModelBytes,
  passingModelBytes,
} from "../../testing/onnx/cut-model.ts";

const entry = `
import * as ort from "onnxruntime-web/webgpu";
import { compile } from "kernc";
import { openDevice, OpRegistry, tensor } from "kernc/runtime";
import { loadModel } from "kernc/onnx";
import { createSession } from "kernc/ort";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

${watchedCopies}

const device = await openDevice("webgpu");
const wasm = await openDevice("wasm");
const kernels = async (on) => {
  const registry = new OpRegistry();
  const { scale, split } = await on.load(await compile(${JSON.stringify(cutKernels)}, on.compileOptions));
  return registry.register(scale).register(split);
};

globalThis.kern = {
  async run(bytes, rows, outputs) {
    const model = Uint8Array.from(bytes);
    const registry = await kernels(device);
    const session = await createSession(model, { ort, device, registry, outputs });
    const x = Float32Array.from({ length: rows * 3 }, (_, at) => Math.sin(at * 7.3) * 3);
    // Held to the end: the buffer of a tensor that nobody holds goes to the next one.
    const held = await device.upload(tensor(x, [rows, 3]));
    const uploaded = device.place(held);
    const onGpu = () => ort.Tensor.fromGpuBuffer(uploaded.buffer, { dataType: "float32", dims: [rows, 3] });
    // The first run compiles shaders and puts weights on the GPU.
    await session.run({ x: onGpu() });
    moved.length = 0;
    const { y, z } = await session.run({ x: onGpu() });
    const during = [...moved];
    const reference = await loadModel(model, { device: wasm, registry: await kernels(wasm) });
    const wanted = await reference.run({ x: tensor(x, [rows, 3]) });
    const report = {
      parts: session.parts.map(({ on }) => on),
      handovers: session.handovers,
      during,
      locations: [y.location, z.location],
      given: [[...(await y.getData())], [...(await z.getData())]],
      wanted: [[...(await wanted.y.data())], [...(await wanted.z.data())]],
    };
    await session.release();
    held.dispose();
    return report;
  },
  async branches(bytes, rows, turns, names) {
    const model = Uint8Array.from(bytes);
    // It would warn of nodes that it leaves to the CPU.
    const options = { logSeverityLevel: 3 };
    const session = await createSession(model, { ort, device, registry: await kernels(device), options });
    const x = Float32Array.from({ length: rows * 2 }, (_, at) => Math.sin(at * 7.3) * 3);
    const count = BigInt64Array.of(BigInt(turns));
    const given = await session.run({ x: new ort.Tensor("float32", x, [rows, 2]), turns: new ort.Tensor("int64", count, []) });
    const reference = await loadModel(model, { device: wasm, registry: await kernels(wasm) });
    const wanted = await reference.run({ x: tensor(x, [rows, 2]), turns: tensor(count, []) });
    const report = { parts: session.parts.map(({ on }) => on), given: [], wanted: [] };
    for (const name of names) {
      report.given.push([...(await given[name].getData())]);
      report.wanted.push([...(await wanted[name].data())]);
    }
    await session.release();
    return report;
  },
};
document.documentElement.dataset.ready = "true";
`;

interface Report {
  readonly parts: string[];
  readonly handovers: object;
  readonly during: [name: string, bytes: number][];
  readonly locations: string[];
  readonly given: number[][];
  readonly wanted: number[][];
}

describe.skipIf(noChromium)("onnxruntime-web and kernels in a page", () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await openBuiltPage(entry, {
      arguments: webgpuArguments,
      alias: { "onnxruntime-web/webgpu": "node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs" },
    });
  }, 120_000);
  afterAll(() => built?.close());

  const run = (rows: number, outputs: string) =>
    built.page.evaluate(
      ([bytes, count, where]) =>
        (globalThis as unknown as { kern: { run(...args: unknown[]): Promise<Report> } }).kern.run(
          bytes,
          count,
          where,
        ),
      [[...cutModelBytes()], rows, outputs] as const,
    );

  test("tensors stay in their buffers, and results are right", { timeout: 120_000 }, async () => {
    for (const [rows, outputs] of [
      [300, "gpu-buffer"],
      [7, "cpu"],
    ] as const) {
      const { parts, handovers, during, locations, given, wanted } = await run(rows, outputs);
      expect(parts).toEqual(["onnxruntime", "kern", "onnxruntime", "kern", "onnxruntime"]);
      expect(handovers).toEqual({ toKern: 2, toOrt: 3, copies: 0, copiedBytes: 0 });
      expect(locations).toEqual([outputs, outputs]);
      if (outputs === "gpu-buffer") {
        // A tensor has 3,600 or 4,800 bytes; what is written are sizes and numbers for shaders.
        expect(during.filter(([name]) => name !== "writeBuffer")).toEqual([]);
        expect(Math.max(...during.map(([, bytes]) => bytes))).toBeLessThan(1024);
      } else expect(during.map(([name]) => name)).toContain("mapAsync");
      for (const [at, values] of given.entries())
        for (const [n, value] of values.entries()) expect(value).toBeCloseTo(wanted[at]![n]!, 4);
    }
    expect(built.errors).toEqual([]);
  });

  test("branches and loops around kernels", { timeout: 120_000 }, async () => {
    const [branching, passing] = [[...branchingModelBytes()], [...passingModelBytes()]];
    for (const [bytes, rows, turns, names] of [
      [branching, 3, 5, ["y", "sums", "same"]],
      [branching, 2, 0, ["y", "sums", "same"]],
      // Results that are what the graphs were given.
      [passing, 2, 4, ["q", "y", "z", "ps"]],
      [passing, 2, 0, ["q", "y", "z"]],
    ] as const) {
      const { parts, given, wanted } = await built.page.evaluate(
        (args) =>
          (
            globalThis as unknown as { kern: { branches(...args: unknown[]): Promise<Report> } }
          ).kern.branches(...args),
        [bytes, rows, turns, names] as const,
      );
      if (bytes === branching) expect(parts).toEqual(["onnxruntime", "control", "kern"]);
      for (const [at, values] of given.entries()) {
        expect(values).toHaveLength(wanted[at]!.length);
        for (const [n, value] of values.entries()) expect(value).toBeCloseTo(wanted[at]![n]!, 4);
      }
    }
    expect(built.errors).toEqual([]);
  });
});
