// The benchmark's command line: which workloads, how long, and where the figures go.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chart } from "./chart.ts";
import { describeIdleness, describeMachine, probeIdleness } from "./machine.ts";
import { efforts } from "./measure.ts";
import { measureRow, type Row } from "./row.ts";
import { summary, tableHead, tableRow } from "./table.ts";
import { workloads } from "./workloads/index.ts";

const usage = `node bench.mjs [OPTIONS]

Measures Kern's kernels beside onnxruntime-web, TensorFlow.js, jax-js and the engine's limits.

  --only TEXT      Workloads whose name contains TEXT; may be given several times
  --without NAME   Leave out a column: kern, onnxruntime-web, tfjs-wasm, jax-js, limit
  --quick          Few runs: a first impression
  --json FILE      Write everything measured
  --svg FILE       Draw it
  --list           Names of the workloads
`;

export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string", multiple: true },
      without: { type: "string", multiple: true },
      quick: { type: "boolean" },
      json: { type: "string" },
      svg: { type: "string" },
      list: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  const say = (text: string) => void process.stdout.write(text);
  if (values.help) return (say(usage), 0);
  if (values.list) return (say(workloads.map(({ name }) => `${name}\n`).join("")), 0);
  const wanted = workloads.filter(({ name }) => values.only?.some((text) => name.includes(text)) ?? true);
  if (wanted.length === 0) {
    process.stderr.write(`no workload has ${values.only?.join(" or ")} in its name; --list shows them\n`);
    return 2;
  }
  const machine = describeMachine();
  say(
    `${machine.processor}, ${machine.cores} cores, ${machine.memory}; Node ${machine.node}, V8 ${machine.v8}, `,
  );
  say(`${machine.relaxedSimd ? "with" : "without"} relaxed SIMD; one thread\n`);
  say(
    `${Object.entries(machine.peers)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}\n`,
  );
  const before = await probeIdleness();
  say(`before: ${describeIdleness(before)}\n\n${tableHead()}`);
  const setup = {
    effort: values.quick ? efforts.quick : efforts.full,
    relaxedSimd: machine.relaxedSimd,
    without: new Set(values.without),
  };
  const rows: Row[] = [];
  for (const workload of wanted) {
    rows.push(await measureRow(workload, setup));
    say(tableRow(rows.at(-1)!));
  }
  const after = await probeIdleness();
  say(`\n${summary(rows)}after: ${describeIdleness(after)}\n`);
  const date = new Date().toISOString().slice(0, 10);
  if (values.json) {
    const report = {
      format: 1,
      date,
      quick: Boolean(values.quick),
      machine,
      idleness: { before, after },
      rows,
    };
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  }
  if (values.svg)
    writeFileSync(values.svg, chart({ machine, rows, date, remark: values.quick ? "few runs" : undefined }));
  return 0;
}
