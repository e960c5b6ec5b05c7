// A short account of a tensor for people: dtype, shape, range, and its first and last elements as NumPy shows them.

import { dtypeInfo } from "../../lang/dtypes.ts";
import { valuesOf, type Tensor, type Value } from "../../runtime/index.ts";

/** Rows or columns shown at either end of an axis that is cut. */
const edge = 3;
/** Tensors of no more elements are shown whole. */
const whole = 100;

export async function summarize(name: string, tensor: Tensor): Promise<string> {
  const values = await valuesOf(tensor);
  const head = `${name}: ${tensor.dtype} [${tensor.shape.join(", ")}]${statistics(values, tensor)}`;
  if (values.length === 0) return `${head}\n`;
  const cut = values.length > whole;
  const shown = shownIndices(tensor.shape, cut).map((at) => format(values[at]!));
  const width = Math.max(...shown.map((text) => text.length));
  return `${head}\n${block(values, tensor.shape, 0, 0, cut, width, "")}\n`;
}

function statistics(values: readonly Value[], { dtype }: Tensor): string {
  if (values.length === 0) return "  empty";
  if (dtype === "bool") return `  ${values.filter(Boolean).length} of ${values.length} true`;
  if (values.length === 1) return "";
  let min = values[0]!;
  let max = values[0]!;
  let sum = 0;
  let nan = 0;
  for (const value of values) {
    if (Number.isNaN(value)) nan++;
    if (value < min || Number.isNaN(min)) min = value;
    if (value > max || Number.isNaN(max)) max = value;
    if (!Number.isNaN(value)) sum += Number(value);
  }
  const mean = format(sum / (values.length - nan));
  const broken = nan > 0 && dtypeInfo(dtype).kind === "float" ? `  ${nan} NaN` : "";
  return `  min ${format(min)}  max ${format(max)}  mean ${mean}${broken}`;
}

/** Up to six significant digits, integers in full. */
export function format(value: Value): string {
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return Object.is(value, -0) ? "-0" : String(value);
  const short = value.toPrecision(6);
  return short.includes("e") ? short.replace(/\.?0+e/, "e") : short.replace(/\.?0+$/, "");
}

function positions(size: number, cut: boolean): (number | undefined)[] {
  const all = Array.from({ length: size }, (_, at) => at);
  return cut && size > 2 * edge ? [...all.slice(0, edge), undefined, ...all.slice(-edge)] : all;
}

function shownIndices(shape: readonly number[], cut: boolean): number[] {
  return shape.reduce<number[]>(
    (bases, size) =>
      bases.flatMap((base) =>
        positions(size, cut).flatMap((at) => (at === undefined ? [] : [base * size + at])),
      ),
    [0],
  );
}

function block(
  values: readonly Value[],
  shape: readonly number[],
  axis: number,
  base: number,
  cut: boolean,
  width: number,
  indent: string,
): string {
  if (axis === shape.length) return format(values[base]!);
  const size = shape[axis]!;
  const last = axis === shape.length - 1;
  const parts = positions(size, cut).map((at) => {
    if (at === undefined) return "...";
    const text = block(values, shape, axis + 1, base * size + at, cut, width, `${indent} `);
    return last ? text.padStart(width) : text;
  });
  const gap = "\n".repeat(Math.max(shape.length - axis - 1, 1));
  return `[${parts.join(last ? " " : `${gap}${indent} `)}]`;
}
