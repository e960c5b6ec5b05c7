// Models that people use give what onnxruntime-web gives, on inputs of other sizes too, and are run by fewer kernels in less memory than they
// have nodes and intermediates.

import * as ort from "onnxruntime-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inputsOf, modelFile, ortInputs, realModels } from "../../testing/onnx/real-models.ts";
import { openCache, openDevice, type CompileCache, type Device, type Tensor } from "../index.ts";
import { loadModel } from "./index.ts";

let device: Device;
let cache: CompileCache;
beforeAll(async () => {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  device = await openDevice("wasm");
  // Models have kernels in common.
  cache = await openCache({ limit: 1024 });
});
afterAll(() => device.close());

/** The largest difference, relative to elements above 1. */
async function difference(ours: Tensor, theirs: ort.Tensor): Promise<number> {
  const [a, b] = [(await ours.data()) as Float32Array, theirs.data as Float32Array];
  expect([...ours.shape]).toEqual([...theirs.dims]);
  return b.reduce(
    (worst, value, at) => Math.max(worst, Math.abs(a[at]! - value) / Math.max(1, Math.abs(value))),
    0,
  );
}

/** Version 6 has the graph of version 5, with other weights. */
const tested = realModels.filter(({ name }) => name !== "silero v6");

describe("as onnxruntime-web", () => {
  for (const real of tested)
    test(real.name, { timeout: 180_000 }, async () => {
      const bytes = modelFile(real);
      const model = await loadModel(bytes, { device, cache });
      const session = await ort.InferenceSession.create(new Uint8Array(bytes), { logSeverityLevel: 3 });
      for (const seed of [1, 20]) {
        const inputs = inputsOf(real, seed);
        const [ours, theirs] = [await model.run(inputs), await session.run(await ortInputs(ort, inputs))];
        for (const [name, expected] of Object.entries(theirs))
          expect(await difference(ours[name]!, expected)).toBeLessThan(1e-4);
      }
      await session.release();
      const { launches, nodes, arena, intermediates } = await model.statistics();
      if (!real.heavy) return;
      expect(launches).toBeLessThanOrEqual(nodes / 2);
      expect(arena).toBeLessThanOrEqual(0.4 * intermediates);
    });
});
