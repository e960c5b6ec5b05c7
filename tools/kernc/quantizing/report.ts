// What `kernc onnx quantize` prints: a line a layer, what was left and why, sizes, and what it costs.

import type { Quantized } from "../../../runtime/onnx/index.ts";
import type { Colors } from "../terminal.ts";
import type { Figures } from "./compare.ts";
import type { Request } from "./command.ts";

export function report(
  request: Pick<Request, "bytes" | "externalData">,
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
    figures ? decibel(figures.quality.get(output ?? "") ?? NaN) : "",
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
    `weights of ${made.layers.length} ${made.layers.length === 1 ? "node" : "nodes"}: ${ratio(before, after)}`,
    `of these multiply integers: ${made.layers.filter(({ floats }) => !floats).length}`,
    `the whole ${Object.keys(request.externalData).length > 0 ? "model, with weights beside it" : "file"}: ${ratio(bytesWith(request), made.bytes.byteLength)}`,
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

/** `2.81 MiB`, `640 B` */
export const sizeText = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(2)} MiB`;
};

/** Bytes of a model with what it keeps in files beside it. */
export const bytesWith = ({ bytes, externalData }: Pick<Request, "bytes" | "externalData">): number =>
  Object.values(externalData).reduce((total, each) => total + each.byteLength, bytes.byteLength);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1);
const ratio = (before: number, after: number): string =>
  `${kilobytes(before)} → ${kilobytes(after)} KiB, ${((100 * after) / before).toFixed(1)} %`;
export const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;
export const decibel = (value: number): string =>
  Number.isNaN(value) ? "–" : value === Infinity ? "exact" : `${value.toFixed(1)} dB`;
