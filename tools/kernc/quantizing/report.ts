// What `kernc onnx quantize` prints: a line a layer, what was left and why, sizes, and what it costs.

import type { Quantized } from "../../../runtime/onnx/index.ts";
import type { Colors } from "../terminal.ts";
import type { Figures } from "./compare.ts";
import type { Request } from "./command.ts";

export function report(
  { bytes }: Pick<Request, "bytes">,
  made: Quantized,
  figures: Figures | undefined,
  colors: Colors,
): string {
  const rows = made.layers.map(({ node, op, shape, bits, before, after, quality, floats, output }) => [
    op,
    node,
    `[${shape.join(", ")}]`,
    `${bits} bits${floats ? "" : ", on integers"}`,
    `${kilobytes(before)} → ${kilobytes(after)}`,
    decibel(quality),
    figures ? decibel(figures.quality.get(output) ?? NaN) : "",
  ]);
  const head = ["", "node", "weights", "", "KiB", "weights", figures ? "result" : ""];
  const reasons = new Map<string, number>();
  for (const { op, why } of made.left) reasons.set(`${op}: ${why}`, (reasons.get(`${op}: ${why}`) ?? 0) + 1);
  const [before, after] = [
    sum(made.layers.map((each) => each.before)),
    sum(made.layers.map((each) => each.after)),
  ];
  return [
    ...aligned([head, ...rows]).map((line, at) => (at === 0 ? colors.dim(line) : line)),
    "",
    ...[...reasons].map(([why, count]) => `left as they are: ${count} × ${why}`),
    `weights of ${made.layers.length} nodes: ${ratio(before, after)}`,
    `${made.layers.filter(({ floats }) => !floats).length} of them multiply integers`,
    `the whole file: ${ratio(bytes.byteLength, made.bytes.byteLength)}`,
    ...(figures ? [`outputs: ${decibel(figures.outputs)} signal to noise`] : []),
    ...(figures?.accuracy
      ? [`right classes: ${percent(figures.accuracy.before)} before, ${percent(figures.accuracy.after)} now`]
      : []),
    "",
  ].join("\n");
}

/** Columns, the first two to the left. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((text, column) => (column < 2 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1);
const ratio = (before: number, after: number): string =>
  `${kilobytes(before)} → ${kilobytes(after)} KiB, ${((100 * after) / before).toFixed(1)} %`;
export const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;
export const decibel = (value: number): string =>
  Number.isNaN(value) ? "–" : value === Infinity ? "exact" : `${value.toFixed(1)} dB`;
