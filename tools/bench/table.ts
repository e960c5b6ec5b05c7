// Rows as text: times with their spread, the ratio to the fastest peer, the part of the limit.

import { spreadOf, type Statistics } from "../timing/statistics.ts";
import { verdict, type Row } from "./row.ts";

const columns = ["kern", "onnxruntime-web", "tfjs-wasm", "jax-js", "limit"] as const;
const widths = { workload: 38, time: 17 };

export function tableHead(): string {
  const heads = columns.map((name) => (name === "limit" ? "engine’s limit" : name).padStart(widths.time));
  return `${"ms, median ± spread".padEnd(widths.workload)}${heads.join("")}   ratio  by best    goal  of limit  \n`;
}

export function tableRow(row: Row): string {
  const cells = columns.map((name) => cell(row.times[name]).padStart(widths.time));
  const ratio = row.ratio === undefined ? "—" : row.ratio.toFixed(2);
  const bests = row.ratioOfBests === undefined ? "—" : row.ratioOfBests.toFixed(2);
  const part = row.ofLimit === undefined ? "—" : `${Math.round(row.ofLimit * 100)} %`;
  return `${row.workload.padEnd(widths.workload)}${cells.join("")}${ratio.padStart(8)}${bests.padStart(9)}${row.goal.toFixed(2).padStart(8)}${part.padStart(10)}  ${verdict(row)}\n${row.notes.map((note) => `    ${note}\n`).join("")}`;
}

function cell(time: Statistics | undefined): string {
  if (!time) return "—";
  const { median } = time;
  const digits = median < 0.1 ? 4 : median < 10 ? 3 : 1;
  return `${median.toFixed(digits)} ±${String(Math.round(spreadOf(time) * 100)).padStart(2)} %`;
}

/** A last line: how many rows reach their goal, and the geometric mean against the peers. */
export function summary(rows: readonly Row[]): string {
  const measured = rows.filter(({ ratio }) => ratio !== undefined);
  if (measured.length === 0) return "no row has both Kern and a peer\n";
  const met = measured.filter(({ ratio, goal }) => ratio! >= goal).length;
  const behind = measured.filter(({ ratio }) => ratio! < 1).length;
  const mean = Math.exp(measured.reduce((sum, { ratio }) => sum + Math.log(ratio!), 0) / measured.length);
  return `${met} of ${measured.length} rows reach their goal, ${behind} are behind the fastest peer; ${rows.length - measured.length} not measured. Geometric mean of the ratios: ${mean.toFixed(2)}\n`;
}
