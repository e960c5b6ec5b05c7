// Random legal kernels on the simulated TSP, as many as asked for: those that don't agree with the interpreter, and how many were
// refused for what. node scripts/bench.mjs testing/bench/tsp-kernels.ts --seed 1 --count 1000

import { parseArgs } from "node:util";
import { randomKernel } from "../tsp/kernels.ts";
import { outcomeOf } from "../tsp/outcome.ts";

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { seed: { type: "string", default: "1" }, count: { type: "string", default: "1000" } },
});
const first = Number(values.seed);
const tally = new Map<string, number>();
for (let seed = first; seed < first + Number(values.count); seed++) {
  const kernel = randomKernel(seed);
  const say = (what: string): void =>
    console.log(`seed ${seed}: ${what}\n${kernel.text}${JSON.stringify(kernel.dims)}\n`);
  let kind = "crashes";
  try {
    const outcome = await outcomeOf(kernel, seed);
    kind = outcome.kind === "refused" ? `refused: ${outcome.why.replaceAll(/\d+/g, "#")}` : outcome.kind;
    if (outcome.kind === "wrong") say(outcome.what);
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  tally.set(kind, (tally.get(kind) ?? 0) + 1);
}
for (const [kind, times] of [...tally].toSorted(([, a], [, b]) => b - a)) console.log(`${times}  ${kind}`);
