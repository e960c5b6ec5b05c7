// What the simulated TSP reproduces of what is published about the real one, and how fast the simulator is:
// node scripts/bench.mjs testing/bench/tsp.ts. All figures are simulated; the profile stands in each row.

import { checkProgram } from "../../compiler/targets/tsp/assemble/index.ts";
import { chipsMatmul } from "../../compiler/targets/tsp/lower/chips.ts";
import { matmul, type MatmulShape } from "../../compiler/targets/tsp/lower/matmul.ts";
import {
  constantNames,
  groqchipCal,
  ideal,
  type ConstantName,
  type Profile,
} from "../../compiler/targets/tsp/machine/profile.ts";
import { vectorAdd } from "../../compiler/targets/tsp/machine/vector-add.ts";
import { simulate, simulateChips, type SimulateOptions } from "../../compiler/targets/tsp/simulate/index.ts";

const row = (...cells: readonly (string | number)[]): void => console.log(`| ${cells.join(" | ")} |`);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

console.log("Constants, in cycles of tile 0:\n");
row("constant", "groqchip-cal", "ideal", "source of groqchip-cal");
row("---", "---", "---", "---");
for (const name of Object.keys(constantNames) as ConstantName[])
  row(
    name,
    groqchipCal.constants[name].value,
    ideal.constants[name].value,
    groqchipCal.constants[name].source,
  );

function product(profile: Profile, shape: MatmulShape, options: SimulateOptions = {}) {
  const made = matmul(profile, shape);
  if (typeof made === "string") throw new Error(made);
  const result = simulate(made.program, { compute: false, ...options });
  if (result.faults.length > 0) throw new Error(JSON.stringify(result.faults[0]));
  return { ...result, program: made.program };
}

/** The most operations that 100 consecutive cycles with activations have, a cycle. */
function steady(shape: MatmulShape, operations: number): number {
  const fed = new Map<number, number>();
  product(groqchipCal, shape, {
    trace: (_, cycle, { op }) => {
      if (op === "abc") fed.set(cycle, (fed.get(cycle) ?? 0) + operations);
    },
  });
  const counts = [...fed].toSorted(([a], [b]) => a - b).map(([, count]) => count);
  return Math.max(
    ...counts.slice(99).map((_, at) => counts.slice(at, at + 100).reduce((a, b) => a + b) / 100),
  );
}

console.log("\nPublished figures:\n");
row("published", "profile", "simulated");
row("---", "---", "---");
row(
  "820 TOPS int8 at 1 GHz",
  "groqchip-cal",
  `${steady({ type: "i8", m: 800, k: 320, n: 320 }, 2 * 320 * 320)} operations a cycle`,
);
row(
  "205 TFLOPS f16 at 1 GHz",
  "groqchip-cal",
  `${steady({ type: "f16", m: 400, k: 160, n: 320 }, 2 * 160 * 320)} operations a cycle`,
);
let installed = Infinity;
product(
  groqchipCal,
  { type: "i8", m: 8, k: 320, n: 320 },
  {
    trace: (_, cycle, { op }) => {
      if (op === "abc") installed = Math.min(installed, cycle);
    },
  },
);
row(
  "409,600 weights installed in < 40 cycles",
  "groqchip-cal",
  `${installed} cycles at tile 0, ${installed + 19} at the last`,
);
for (const slice of [0, 20, 43]) {
  const at = { side: "E", slice } as const;
  const add = vectorAdd(groqchipCal, { x: at, y: { side: "W", slice: 0 }, z: at, rows: 1 });
  row(
    `vector add, slice ${slice}: ${12 + 2 * Math.floor(slice / 4)}`,
    "groqchip-cal",
    `${simulate(add).cycles} cycles`,
  );
}
for (const [m, k, n, bar] of [
  [1024, 1280, 1280, 0.9],
  [2304, 4096, 2048, 0.85],
] as const) {
  const { cycles } = product(groqchipCal, { type: "i8", m, k, n });
  row(
    `int8 ${m}×${k}×${n}: ${percent(bar)} of the peak`,
    "groqchip-cal",
    `${percent((m * k * n) / 409_600 / cycles)}, ${cycles} cycles`,
  );
}
for (const [n, model] of [
  [1376, 0.847],
  [2048, 0.9],
  [3500, 0.979],
] as const)
  for (const profile of [groqchipCal, ideal]) {
    const { cycles } = product(profile, { type: "f16", m: 2304, k: 4096, n });
    row(
      `f16 [2304×4096]×[4096×${n}]: ideal model ${percent(model)}`,
      profile.name,
      percent((2304 * 4096 * n) / 102_400 / cycles),
    );
  }

console.log("\nint8 1024×1280×10240 over a line of chips, A on the first (groqchip-cal):\n");
row("chips", "predicted cycles", "simulated cycles", "times as fast as one");
row("---", "---", "---", "---");
let alone = 0;
for (const chips of [1, 2, 4, 8]) {
  const made = chipsMatmul(groqchipCal, { type: "i8", m: 1024, k: 1280, n: 10_240 }, chips);
  if (typeof made === "string") throw new Error(made);
  const results = simulateChips(made.programs, made.cables, [], { compute: false });
  for (const { faults } of results) if (faults.length > 0) throw new Error(JSON.stringify(faults[0]));
  const predicted = Math.max(...made.programs.map((program) => checkProgram(program).cycles));
  const simulated = Math.max(...results.map(({ cycles }) => cycles));
  alone ||= simulated;
  row(chips, predicted, simulated, (alone / simulated).toFixed(2));
}

console.log("\nSimulator:\n");
row("program", "issued instructions", "millions a second of processor time", "predicted = simulated");
row("---", "---", "---", "---");
const programs = {
  "int8 addition of 4000 rows": vectorAdd(groqchipCal, {
    x: { side: "W", slice: 2 },
    y: { side: "E", slice: 7 },
    z: { side: "E", slice: 30 },
    rows: 4000,
  }),
  "int8 product, cycles only": product(groqchipCal, { type: "i8", m: 1024, k: 1280, n: 1280 }).program,
};
for (const [name, program] of Object.entries(programs)) {
  const options = { compute: !name.includes("only") };
  for (let warm = 0; warm < 3; warm++) simulate(program, options);
  const before = process.cpuUsage();
  const { issued, cycles } = simulate(program, options);
  const { user, system } = process.cpuUsage(before);
  row(name, issued, (issued / (user + system)).toFixed(2), String(checkProgram(program).cycles === cycles));
}
