// A language model that writes: tokens a second and bytes of weights in f32, int8 and int4, beside onnxruntime-web, in one process, in
// turns of one token, so that each finds the caches as the others left them and a machine's load is the same for all. The weights are
// random; what counts is how they go by, and they are more than caches hold. node scripts/bench.mjs testing/bench/decoder.ts

import { openDevice } from "../../runtime/index.ts";
import { loadModel, quantizeModel } from "../../runtime/onnx/index.ts";
import { statisticsOf } from "../../tools/timing/statistics.ts";
import { decoderModel, generate, type DecoderSize, type Run } from "../onnx/decoder.ts";
import { openReference } from "../onnx/reference.ts";

const size: DecoderSize = {
  layers: 8,
  width: 768,
  heads: 12,
  groups: 4,
  inner: 2048,
  words: 16384,
  places: 64,
};
const prompt = [17, 4711, 42];
const count = 24;
const rounds = 3;

const bytes = decoderModel(size);
const models = new Map<string, Uint8Array>([
  ["f32", bytes],
  ["int8", quantizeModel(bytes, { activations: "dynamic" }).bytes],
  ["int4", quantizeModel(bytes, { bits: 4, activations: "none" }).bytes],
  ["int4, int8 activations", quantizeModel(bytes, { bits: 4, activations: "dynamic" }).bytes],
]);
const device = await openDevice("wasm");
const lanes: { name: string; run: Run; weights: () => Promise<number>; times: number[]; tokens: string }[] =
  [];
for (const [name, model] of models) {
  const own = await loadModel(model, { device });
  const weights = async () => (await own.statistics()).weights;
  lanes.push({ name, run: (inputs) => own.run(inputs), weights, times: [], tokens: "" });
  const reference = await openReference(model);
  lanes.push({
    name: `${name}, onnxruntime`,
    run: (inputs) => reference.run(inputs),
    weights: () => Promise.resolve(model.byteLength),
    times: [],
    tokens: "",
  });
}
let turns: Promise<unknown> = Promise.resolve();
/** One after another, in the order in which they ask. */
const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
  const done = turns.then(work);
  turns = done.catch(() => undefined);
  return done;
};
// The first round compiles and warms up, and isn't counted.
for (let round = 0; round <= rounds; round++)
  await Promise.all(
    lanes.map(async (lane) => {
      const timed: Run = (inputs) =>
        inTurn(async () => {
          const start = performance.now();
          const results = await lane.run(inputs);
          if (round > 0) lane.times.push(performance.now() - start);
          return results;
        });
      const tokens = await generate(timed, size, prompt, count);
      lane.tokens = tokens.join(" ");
    }),
  );
const base = statisticsOf(lanes[0]!.times).median;
console.log(
  `${size.layers} layers of ${size.width}, ${size.words} words, ${count} tokens after ${prompt.length}`,
);
for (const { name, times, weights, tokens } of lanes) {
  const { median } = statisticsOf(times);
  const figures = [
    `${(1000 / median).toFixed(1).padStart(7)} tokens/s`,
    `${(base / median).toFixed(2).padStart(6)} ×`,
    `${((await weights()) / 2 ** 20).toFixed(1).padStart(7)} MiB`,
    tokens === lanes[0]!.tokens ? "the tokens of f32" : "other tokens",
  ];
  console.log(`${name.padEnd(36)}${figures.join("  ")}`);
}
device.close();
