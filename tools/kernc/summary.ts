// A short account of a tensor for people: dtype, shape, range, and its first and last elements as NumPy shows them.

import { dtypeInfo } from "../../lang/dtypes.ts";
import type { Tensor, Value } from "../../runtime/index.ts";
import { valueAt } from "../../runtime/tensor/values.ts";

/** Rows or columns shown at either end of an axis that is cut. */
const edge = 3;
/** Tensors of no more elements are shown whole. */
const whole = 100;

export async function summarize(name: string, tensor: Tensor): Promise<string> {
  const data = await tensor.data();
  // Elements are read one by one: a list of them all may not fit where the tensor does.
  const read = (at: number): Value => valueAt(data, tensor.dtype, at);
  const head = `${name}: ${tensor.dtype} [${tensor.shape.join(", ")}]${statistics(read, tensor)}`;
  if (tensor.size === 0) return `${head}\n`;
  const cut = tensor.size > whole;
  const shown = shownIndices(tensor.shape, cut).map((at) => format(read(at)));
  const width = Math.max(...shown.map((text) => text.length));
  return `${head}\n${block(read, tensor.shape, 0, 0, cut, width, "")}\n`;
}

type Read = (at: number) => Value;

function statistics(read: Read, { dtype, size }: Tensor): string {
  if (size === 0) return "  empty";
  let min = read(0);
  let max = min;
  let sum = 0;
  let nan = 0;
  for (let at = 0; at < size; at++) {
    const value = read(at);
    if (Number.isNaN(value)) nan++;
    if (value < min || Number.isNaN(min)) min = value;
    if (value > max || Number.isNaN(max)) max = value;
    if (!Number.isNaN(value)) sum += Number(value);
  }
  if (dtype === "bool") return `  ${sum} of ${size} true`;
  if (size === 1) return "";
  const mean = format(sum / (size - nan));
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
  if (!cut || size <= 2 * edge) return Array.from({ length: size }, (_, at) => at);
  const ends = Array.from({ length: edge }, (_, at) => at);
  return [...ends, undefined, ...ends.map((at) => size - edge + at)];
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
  read: Read,
  shape: readonly number[],
  axis: number,
  base: number,
  cut: boolean,
  width: number,
  indent: string,
): string {
  if (axis === shape.length) return format(read(base));
  const size = shape[axis]!;
  const last = axis === shape.length - 1;
  const parts = positions(size, cut).map((at) => {
    if (at === undefined) return "...";
    const text = block(read, shape, axis + 1, base * size + at, cut, width, `${indent} `);
    return last ? text.padStart(width) : text;
  });
  const gap = "\n".repeat(Math.max(shape.length - axis - 1, 1));
  return `[${parts.join(last ? " " : `${gap}${indent} `)}]`;
}
