// Whether real models give on WebGPU what onnxruntime-web gives on WASM, to 1e-4 of elements above 1; of each model which launches ran where.
// On lavapipe the first run of a model compiles shaders for minutes, so this is a script and not a test.
// usage: eval "$(bash scripts/system.sh)"; node scripts/bench.mjs testing/bench/models-webgpu.ts [NAME…]

import * as ort from "onnxruntime-web";
import { openDevice } from "../../runtime/index.ts";
import { loadModel } from "../../runtime/onnx/index.ts";
import { inputsOf, modelFile, ortInputs, realModels } from "../onnx/real-models.ts";

/** Largest difference allowed, relative to elements above 1. */
const tolerance = 1e-4;

const names = process.argv.slice(3);
const { create, globals } = await import("webgpu");
Object.assign(globalThis, globals);
const device = await openDevice("webgpu", { gpu: create([]) });
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
let failed = 0;
for (const real of realModels) {
  if (names.length > 0 && !names.some((name) => real.name.includes(name))) continue;
  const bytes = modelFile(real);
  const inputs = inputsOf(real);
  const start = performance.now();
  const model = await loadModel(bytes, { device });
  const ours = await model.run(inputs);
  const seconds = (performance.now() - start) / 1000;
  const session = await ort.InferenceSession.create(new Uint8Array(bytes), { logSeverityLevel: 3 });
  const theirs = await session.run(await ortInputs(ort, inputs));
  let worst = 0;
  for (const [name, expected] of Object.entries(theirs)) {
    const [a, b] = [(await ours[name]!.data()) as Float32Array, expected.data as Float32Array];
    if (a.length !== b.length) worst = Infinity;
    // A difference that is no number is as bad as can be.
    b.forEach((value, at) => {
      const off = Math.abs(a[at]! - value) / Math.max(1, Math.abs(value));
      worst = off <= worst ? worst : Number.isNaN(off) ? Infinity : off;
    });
  }
  if (worst > tolerance) failed++;
  const { devices, copies } = await model.statistics();
  const where = Object.entries(devices).map(([name, count]) => `${count} launches on ${name}`);
  console.log(
    `${real.name.padEnd(19)} ${worst > tolerance ? "differs" : "agrees"}: off by ${worst.toExponential(1)}   ${where.join(", ")}, ${copies} copies   first run ${seconds.toFixed(1)} s`,
  );
  await session.release();
}
device.close();
process.exitCode = failed === 0 ? 0 : 1;
// Dawn's threads would keep the process alive.
process.exit();
