// Whole runs of real models in f32 and with small integers, in one process, interleaved, by lower quartiles; bytes of weights against f32's,
// and with --profile how long each step takes. Ranges come from a few random inputs: how fast integers are doesn't depend on them.
// usage: node scripts/bench.mjs testing/bench/quantized-models.ts [NAME…] [--profile] [--rounds=N] [--dynamic] [--always]

import { openDevice, type Device, type Tensor } from "../../runtime/index.ts";
import { loadModel, type Model } from "../../runtime/onnx/index.ts";
import { activationsOf, quantizeModel } from "../../runtime/quantize/quantize.ts";
import { rangesOf } from "../../runtime/quantize/ranges.ts";
import { inputsOf, modelFile, realModels, type RealModel } from "../onnx/real-models.ts";

const options = process.argv.slice(3);
const names = options.filter((each) => !each.startsWith("--"));
const rounds = Number(options.find((each) => each.startsWith("--rounds="))?.slice(9) ?? 31);

/** What a run takes when little else runs. */
const typical = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 2]!;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Milliseconds by what a step does, as a rule. */
async function profileOf(model: Model, inputs: Record<string, Tensor>, shown: number): Promise<void> {
  const steps = new Map<string, { name: string; times: number[] }>();
  for (let n = 0; n < 25; n++) {
    let at = 0;
    await model.run(inputs, (step, milliseconds) => {
      const shapes = step.inputs.map(({ value, view }) => (view ?? value).shape.join("×")).slice(0, 2);
      const what =
        step.kind === "map" ? `map of ${step.ops.length}` : step.kind === "kernel" ? step.code.name : "call";
      const [output] = step.outputs;
      const name = `${what.padEnd(24)} ${shapes.join(" ")} → ${output!.dtype} ${output!.shape.join("×")}  ${step.origin}`;
      const known = steps.get(String(at)) ?? { name, times: [] };
      known.times.push(milliseconds);
      steps.set(String(at++), known);
    });
  }
  const rows = [...steps.values()].map(({ name, times }) => ({ name, time: typical(times) }));
  console.log(`      ${rows.reduce((sum, { time }) => sum + time, 0).toFixed(3)} ms in ${rows.length} steps`);
  for (const { name, time } of rows.toSorted((a, b) => b.time - a.time).slice(0, shown))
    console.log(`      ${time.toFixed(3).padStart(9)} ms  ${name}`);
}

async function measure(real: RealModel, device: Device): Promise<void> {
  const bytes = modelFile(real);
  const inputs = inputsOf(real);
  const dynamic = options.includes("--dynamic");
  const integers = options.includes("--always") ? "always" : "faster";
  const names = activationsOf(bytes);
  const ranges = dynamic
    ? undefined
    : await rangesOf(bytes, names, [inputsOf(real, 7), inputsOf(real, 8)], { device });
  const made = quantizeModel(bytes, { activations: dynamic ? "dynamic" : "static", ranges, integers });
  const plain = await loadModel(bytes, { device });
  const small = await loadModel(made.bytes, { device, integers });
  const times = { plain: [] as number[], small: [] as number[] };
  for (let round = 0; round < rounds + 10; round++) {
    const a = await timed(() => plain.run(inputs));
    const b = await timed(() => small.run(inputs));
    if (round < 10) continue;
    times.plain.push(a);
    times.small.push(b);
  }
  const [a, b] = [typical(times.plain), typical(times.small)];
  const sum = (key: "before" | "after") => made.layers.reduce((total, layer) => total + layer[key], 0);
  console.log(
    [
      real.name.padEnd(19),
      `f32 ${a.toFixed(3).padStart(8)} ms  int8 ${b.toFixed(3).padStart(8)} ms  f32/int8 ${(a / b).toFixed(2)}`,
      `${made.layers.filter(({ floats }) => !floats).length} of ${made.layers.length} layers on integers`,
      `weights ${(sum("after") / sum("before")).toFixed(4)}  file ${(made.bytes.length / bytes.length).toFixed(4)}`,
    ].join("   "),
  );
  if (!options.includes("--profile")) return;
  await profileOf(plain, inputs, 40);
  await profileOf(small, inputs, 60);
}

const device = await openDevice("wasm");
for (const real of realModels)
  if (names.length === 0 ? real.heavy : names.some((name) => real.name.includes(name)))
    await measure(real, device);
device.close();
