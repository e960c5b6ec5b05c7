// Whole runs of real models against onnxruntime-web, one thread each, in one process, interleaved, by medians; kernels launched against
// nodes of the model, fused against unfused, memory planned against its sum, and what the first run costs.
// usage: node scripts/bench.mjs testing/bench/models.ts [NAME…] [--profile] [--rounds=N]

import * as ort from "onnxruntime-web";
import { loadModel, type Model } from "../../runtime/onnx/index.ts";
import { openDevice, type Device, type Tensor } from "../../runtime/index.ts";
import { inputsOf, modelFile, ortInputs, realModels, type RealModel } from "../onnx/real-models.ts";

const options = process.argv.slice(3);
const names = options.filter((each) => !each.startsWith("--"));
const rounds = Number(options.find((each) => each.startsWith("--rounds="))?.slice(9) ?? 41);
/** Milliseconds that all three go in turn before they are timed, and at least while they are. */
const warming = 800;
const profile = options.includes("--profile");

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1]!;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Largest difference, relative to elements above 1. */
async function difference(
  ours: Readonly<Record<string, Tensor>>,
  theirs: Readonly<Record<string, ort.Tensor>>,
): Promise<number> {
  let worst = 0;
  for (const [name, expected] of Object.entries(theirs)) {
    const [a, b] = [(await ours[name]!.data()) as Float32Array, expected.data as Float32Array];
    if (a.length !== b.length) return Infinity;
    b.forEach((value, at) => {
      worst = Math.max(worst, Math.abs(a[at]! - value) / Math.max(1, Math.abs(value)));
    });
  }
  return worst;
}

async function profileOf(model: Model, inputs: Record<string, Tensor>): Promise<void> {
  const steps = new Map<string, { count: number; time: number }>();
  for (let n = 0; n < 5; n++) {
    await model.run(inputs, (step, milliseconds) => {
      const output = step.outputs[0]!.shape.join("×");
      const name =
        step.kind === "map"
          ? `map of ${step.ops.length} → ${output}`
          : step.kind === "kernel"
            ? `${step.code.name} → ${output}`
            : "call";
      const known = steps.get(name) ?? { count: 0, time: 0 };
      if (n > 0) steps.set(name, { count: known.count + 1 / 4, time: known.time + milliseconds / 4 });
    });
  }
  for (const [name, { count, time }] of [...steps].toSorted(([, a], [, b]) => b.time - a.time).slice(0, 14))
    console.log(`      ${time.toFixed(3).padStart(9)} ms  ${name} × ${count}`);
}

async function measure(real: RealModel, device: Device): Promise<void> {
  const bytes = modelFile(real);
  const inputs = inputsOf(real);
  const start = performance.now();
  const model = await loadModel(bytes, { device });
  const first = await model.run(inputs);
  const cold = performance.now() - start;
  const session = await ort.InferenceSession.create(new Uint8Array(bytes), { logSeverityLevel: 3 });
  const feeds = await ortInputs(ort, inputs);
  const expected = await session.run(feeds);
  const off = await difference(first, expected);
  const unfused = await loadModel(bytes, { device, fusion: false });
  await unfused.run(inputs);
  const runs = {
    ours: () => model.run(inputs),
    theirs: () => session.run(feeds),
    plain: () => unfused.run(inputs),
  };
  const times = { ours: [] as number[], theirs: [] as number[], plain: [] as number[] };
  const begun = performance.now();
  // Engines compile code that runs often once more: what is timed before says little. Small models run often.
  for (let round = 0; round < 10 || performance.now() - begun < warming; round++)
    for (const run of Object.values(runs)) await run();
  const measuring = performance.now();
  for (let round = 0; round < rounds || performance.now() - measuring < warming; round++)
    for (const [name, run] of Object.entries(runs)) times[name as keyof typeof times].push(await timed(run));
  const { launches, kernels, arena, intermediates, nodes } = await model.statistics();
  const [ours, theirs, plain] = [median(times.ours), median(times.theirs), median(times.plain)];
  console.log(
    [
      real.name.padEnd(19),
      `kern ${ours.toFixed(3).padStart(8)} ms  ort ${theirs.toFixed(3).padStart(8)} ms  ort/kern ${(theirs / ours).toFixed(2)}`,
      `unfused/fused ${(plain / ours).toFixed(2)}`,
      `${launches} launches of ${kernels} kernels for ${nodes} nodes (${(launches / nodes).toFixed(2)})`,
      `arena ${((100 * arena) / intermediates).toFixed(0)} %`,
      `first run ${(cold / 1000).toFixed(2)} s`,
      `off by ${off.toExponential(1)}`,
    ].join("   "),
  );
  if (profile) await profileOf(model, inputs);
  await session.release();
}

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const device = await openDevice("wasm");
for (const real of realModels)
  if (names.length === 0 || names.some((name) => real.name.includes(name))) await measure(real, device);
device.close();
