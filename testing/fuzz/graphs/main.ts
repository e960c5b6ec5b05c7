// node scripts/bench.mjs testing/fuzz/graphs/main.ts [--count 300] [--seed 1] [--gpu] [--show]
// Random ONNX models on onnxruntime-web and on Kern. A seed always makes the same model; --show prints it.

import { parseArgs } from "node:util";
import { openDevice } from "../../../runtime/index.ts";
import { judge, type Verdict } from "./judge.ts";
import { modelOf } from "./models.ts";

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    count: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    gpu: { type: "boolean", default: false },
    show: { type: "boolean", default: false },
  },
});
const [first, count] = [Number(values.seed), Number(values.count)];
const devices = [await openDevice("wasm")];
if (values.gpu) devices.push(await openDevice("webgpu"));

const tally = new Map<Verdict["kind"], number>();
const reasons = new Map<string, number[]>();
for (let seed = first; seed < first + count; seed++) {
  if (values.show) console.log(shown(seed));
  const verdict = await judge(seed, devices);
  tally.set(verdict.kind, (tally.get(verdict.kind) ?? 0) + 1);
  if (verdict.kind === "agrees") continue;
  if (verdict.kind !== "untried") console.log(`seed ${seed} ${verdict.kind}: ${verdict.why}`);
  else {
    const why = verdict.why.slice(0, 160).replaceAll(/\d+/g, "#");
    reasons.set(why, [...(reasons.get(why) ?? []), seed]);
  }
}
for (const [why, seeds] of [...reasons].toSorted(([, a], [, b]) => b.length - a.length))
  console.log(`${seeds.length} untried (seed ${seeds[0]}): ${why}`);
console.log([...tally].map(([kind, times]) => `${times} ${kind}`).join(", "));
for (const device of devices) device.close();
process.exit((tally.get("differs") ?? 0) + (tally.get("refused") ?? 0) === 0 ? 0 : 1);

/** A model in the notation of papers: what becomes of what. */
function shown(seed: number): string {
  const { spec } = modelOf(seed);
  const of = (value: unknown) =>
    JSON.stringify(value, (key, each: unknown) => (key === "storage" ? undefined : each));
  return [
    `seed ${seed}, operators of version ${spec.version}`,
    ...spec.inputs.map((port) => `  ${port.join(" ")}`),
    ...Object.entries(spec.constants ?? {}).map(
      ([name, { dtype, shape }]) => `  ${name} = ${dtype} [${shape.join(", ")}]`,
    ),
    ...spec.nodes.map(
      ({ op, inputs, outputs, attributes }) =>
        `  ${outputs.join(", ")} = ${op}(${inputs.join(", ")}) ${of(attributes) ?? ""}`,
    ),
    `  → ${spec.outputs.map(([name]) => name).join(", ")}`,
  ].join("\n");
}
