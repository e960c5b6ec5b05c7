// ResNet-50 in 8 bits, one image, as one program of the simulated TSP: node scripts/bench.mjs testing/bench/tsp-resnet.ts.
// Prints cycles and images a second beside what is published, and layer by layer where the cycles go. With `--check` what
// leaves each block and the network is compared with what the WASM device gives, which is itself tested against the interpreter.

import { checkProgram } from "../../compiler/targets/tsp/assemble/index.ts";
import { lowerNetwork } from "../../compiler/targets/tsp/lower/product/network.ts";
import { groqchipCal } from "../../compiler/targets/tsp/machine/profile.ts";
import { reportOf } from "../../compiler/targets/tsp/report.ts";
import { simulate } from "../../compiler/targets/tsp/simulate/index.ts";
import { onWasm, resnet, resnet50 } from "../networks/resnet.ts";

const row = (...cells: readonly (string | number)[]): void => console.log(`| ${cells.join(" | ")} |`);
const whole = (value: number): string => Math.round(value).toLocaleString("en");
const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(1)} s`;

let from = performance.now();
const network = await resnet(resnet50);
console.log(`network: ${network.calls.length} calls, ${seconds(from)}`);
from = performance.now();
const blocks = network.calls.map(({ name }) => name).filter((name) => /\.c$|^mean$/.test(name));
const outputs = process.argv.includes("--check") ? [...blocks, network.output] : [network.output];
const lowered = lowerNetwork(network.calls, outputs, groqchipCal);
if ("why" in lowered) throw new Error(lowered.why);
console.log(`lowered: ${seconds(from)}`);
const { program, reports } = lowered;
from = performance.now();
const checked = checkProgram(program);
for (const { unit, cycle, what } of checked.faults.slice(0, 5))
  console.log(`fault: ${unit} in cycle ${cycle}: ${what}`);
console.log(`checked: ${seconds(from)}`);
from = performance.now();
const counted = simulate(program, { compute: false });
console.log(`simulated without values: ${seconds(from)}, ${counted.faults.length} faults`);

const cycles = checked.cycles;
console.log(`\nResNet-50, i8, batch 1 (TSP, simulated, ${groqchipCal.name}):\n`);
row("", "cycles", "images/s at 900 MHz");
row("---", "---", "---");
row("predicted", whole(cycles), whole(9e8 / cycles));
row("simulated", whole(counted.cycles), whole(9e8 / counted.cycles));
row("published", whole(44_118), whole(20_400));
const macs = reports.reduce((sum, report) => sum + report.macs, 0);
row("bound of four planes that are always full", whole(macs / 409_600), whole((9e8 * 409_600) / macs));

console.log(
  "\nLayers; a bound is what the busiest unit needs at least, and lost is what the layer takes beyond the last one's end:\n",
);
row(
  "layer",
  "pixels a word",
  "from",
  "to",
  "takes",
  "MXM full",
  "MXM fed",
  "weights",
  "VXM",
  "bound",
  "lost",
);
row("---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---");
let end = 0;
const sums = { takes: 0, full: 0, bound: 0, lost: 0 };
for (const { name, pixels, begins, ends, macs: own, fed, loaded, vector } of reports) {
  const takes = Math.max(0, ends - end);
  end = Math.max(end, ends);
  const full = own / 409_600;
  const bounds = { MXM: fed / 4, weights: loaded, VXM: vector };
  const [kind, bound] = Object.entries(bounds).reduce((a, b) => (b[1] > a[1] ? b : a));
  row(
    name,
    pixels.join(" → "),
    whole(begins),
    whole(ends),
    whole(takes),
    whole(full),
    whole(fed / 4),
    whole(loaded),
    whole(vector),
    kind,
    whole(takes - bound),
  );
  sums.takes += takes;
  sums.full += full;
  sums.bound += bound;
  sums.lost += takes - bound;
}
row(
  "all",
  "",
  "",
  "",
  whole(sums.takes),
  whole(sums.full),
  whole(reports.reduce((sum, { fed }) => sum + fed / 4, 0)),
  whole(reports.reduce((sum, { loaded }) => sum + loaded, 0)),
  whole(reports.reduce((sum, { vector }) => sum + vector, 0)),
  whole(sums.bound),
  whole(sums.lost),
);

console.log("\nUnits:\n");
row("unit", "busiest, cycles", "of all, %");
row("---", "---", "---");
for (const { name, busiest, done, width } of reportOf(program).uses)
  row(name, whole(busiest), ((100 * done) / width / cycles).toFixed(1));
const moved = (inputs: typeof program.inputs, prefix: string): number =>
  inputs.filter(({ name }) => name.startsWith(prefix)).reduce((sum, { words }) => sum + words, 0);
console.log(
  `\nThe host fills ${whole(moved(program.inputs, "w") * 320)} B of weights, ${whole(moved(program.inputs, "row") * 320)} B of rows of factors and ` +
    `${whole(moved(program.inputs, "in") * 320)} B of the image, copies included. Layout moves on the chip: none; words are copied for all planes as they are written.`,
);

if (process.argv.includes("--check")) {
  from = performance.now();
  const expected = await onWasm(network);
  console.log(`\nOn the WASM device: ${seconds(from)}`);
  from = performance.now();
  const simulated = simulate(program, { inputs: lowered.inputs((name) => network.given.get(name)!) });
  const results = lowered.results(simulated.output);
  console.log(`Simulated with values: ${seconds(from)}, ${simulated.faults.length} faults`);
  for (const name of outputs) {
    const wanted = expected.get(name)!;
    const found = results.get(name)!;
    const differ = found.reduce((sum, value, at) => sum + (value === wanted[at] ? 0 : 1), 0);
    console.log(`${name}: ${differ} of ${found.length} differ, ${new Set(found).size} different values`);
  }
}
