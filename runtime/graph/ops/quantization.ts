// Quantized tensors: numbers as small integers with a scale and a zero point, one for a tensor, for each place of an axis, or for
// each block along it.

import type { Dtype } from "../../../lang/dtypes.ts";
import { dtypeOf } from "../../onnx/tensors.ts";
import { contiguousStrides, sizeOf } from "../../tensor/layout.ts";
import { valuesOf } from "../../tensor/values.ts";
import { isFloating, saturated } from "../builder.ts";
import type { Value } from "../program.ts";
import { addBias, convolveNode } from "./convolution.ts";
import { gathering } from "./gathering.ts";
import { byteConvolution, byteProduct, type Bytes } from "./integers.ts";
import { product } from "./matmul.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** A scale or zero point so that it broadcasts against `x`. */
function along(node: NodeContext, x: Value, given: Value): Value {
  const { b } = node;
  if (sizeOf(given.shape) === 1 && given.shape.length <= 1) return b.reshape(given, []);
  const axis = node.axis(node.int("axis", 1), x.shape.length);
  const unfit = () =>
    node.fail(
      `scales of the shape [${given.shape.join(", ")}] don’t fit [${x.shape.join(", ")}], axis ${axis}`,
    );
  if (given.shape.length === 1 && given.shape[0] !== x.shape[axis]) unfit();
  if (given.shape.length === 1)
    return b.reshape(given, [given.shape[0]!, ...x.shape.slice(axis + 1).map(() => 1)]);
  // Blocks: each number serves `block` places of the axis.
  const block = node.int("block_size", 0) || Math.ceil(x.shape[axis]! / given.shape[axis]!);
  const fits = given.shape.every((dim, at) =>
    at === axis ? dim * block >= x.shape[at]! : dim === x.shape[at],
  );
  if (given.shape.length !== x.shape.length || !fits) unfit();
  const split = given.shape.flatMap((dim, at) => (at === axis ? [dim, 1] : [dim]));
  const spread = given.shape.flatMap((dim, at) => (at === axis ? [dim, block] : [dim]));
  const repeated = b.map("$0", [b.reshape(given, split)], { shape: spread });
  const long = given.shape.map((dim, at) => (at === axis ? dim * block : dim));
  const strides = long.map((_, at) => long.slice(at + 1).reduce((size, dim) => size * dim, 1));
  return b.view(b.reshape(repeated, long), { shape: x.shape, strides, offset: 0 });
}

/** Numbers as integers: divided, rounded half to even, shifted, and held to the range. */
export function quantized(
  node: NodeContext,
  x: Value,
  scale: Value,
  zero: Value | undefined,
  dtype: Dtype,
): Value {
  const { b } = node;
  const wide: Dtype = x.dtype === "i32" || !isFloating(x.dtype) ? "f32" : x.dtype === "f64" ? "f64" : "f32";
  const shifted = zero
    ? `round(${wide}($0) / ${wide}($1)) + ${wide}($2)`
    : `round(${wide}($0) / ${wide}($1))`;
  const inputs = [x, along(node, x, scale), ...(zero ? [along(node, x, zero)] : [])];
  // What is too large or too small becomes the nearest integer that there is, as conversions do.
  return b.map(saturated(shifted, dtype), inputs, { dtype });
}

const quantizeLinear: Build = async (node) => {
  const [x, scale] = [node.in(0), node.in(1)];
  const zero = node.inputs[2];
  const { integers } = x;
  // What was dequantized by the same numbers is there already.
  if (integers?.axis === undefined && integers && integers.q.dtype === (zero?.dtype ?? "u8"))
    if ((await equal(node, integers.scale, scale)) && (await equal(node, integers.zero, zero))) {
      node.note("nothing");
      return integers.q;
    }
  const named = node.int("output_dtype", 0);
  const dtype = zero?.dtype ?? (named === 0 ? "u8" : dtypeOf(named, "what a QuantizeLinear makes"));
  const q = quantized(node, x, scale, zero, dtype);
  if (x.dtype === "f32" && (dtype === "u8" || dtype === "i8") && !q.fixed) q.rounded = { x, scale, zero };
  return q;
};

/** Whether both are the same single number, known now. */
async function equal(node: NodeContext, a: Value | undefined, b: Value | undefined): Promise<boolean> {
  if (a === b) return true;
  if (!a?.fixed || !b?.fixed || a.dtype !== b.dtype) return false;
  const [first, second] = [await valuesOf(await node.known(a)), await valuesOf(await node.known(b))];
  return first.length === 1 && second.length === 1 && first[0] === second[0];
}

/** (q - zero) · scale, the difference in whole numbers. */
export function dequantized(node: NodeContext, q: Value, scale: Value, zero: Value | undefined): Value {
  const { dtype } = scale;
  const inputs = [q, along(node, q, scale), ...(zero ? [along(node, q, zero)] : [])];
  const difference = zero ? "i32($0) - i32($2)" : "i32($0)";
  const y = node.b.map(`$T(${difference}) * $1`, inputs, { dtype });
  y.integers = { q, scale, zero, ...axisOf(node, q, scale) };
  return y;
}

/** The axis that a scale belongs to, if it is more than one number, and how many places of it share one. */
function axisOf(node: NodeContext, q: Value, scale: Value): { axis: number | undefined; block?: number } {
  if (sizeOf(scale.shape) === 1) return { axis: undefined };
  const axis = node.axis(node.int("axis", 1), q.shape.length);
  const block = Math.ceil(q.shape[axis]! / scale.shape[scale.shape.length === 1 ? 0 : axis]!);
  return scale.shape.length === 1 ? { axis } : { axis, block };
}

const dequantizeLinear: Build = (node) => dequantized(node, node.in(0), node.in(1), node.inputs[2]);

/** Two numbers of four bits in each byte of the last axis, the lower first. */
function unpacked({ b }: NodeContext, x: Value): Value {
  const [rows, bytes] = [x.shape.slice(0, -1), x.shape.at(-1)!];
  const apart = b.map(
    "$0 >> 4 if $1 else $0 & 15",
    [b.reshape(x, [...rows, bytes, 1]), b.literal("bool", [false, true])],
    {
      shape: [...rows, bytes, 2],
    },
  );
  return b.reshape(apart, [...rows, 2 * bytes]);
}

/** Rows of a table that is quantized in blocks along its last axis: only those that are asked for become floats. */
const gatherRows: Build = async (node) => {
  const [table, indices, scales] = [node.in(0), node.in(1), node.in(2)];
  const last = table.shape.length - 1;
  const bits = node.int("bits", 4);
  if (node.axis(node.int("gather_axis", 0), last + 1) !== 0)
    node.fail("rows are supported along the first axis");
  if (node.axis(node.int("quantize_axis", 1), last + 1) !== last)
    node.fail("blocks are supported along the last axis");
  const { build } = gathering.find(({ op }) => op === "Gather")!;
  const rowsOf = async (from: Value): Promise<Value> =>
    (await build(node.about({ axis: 0 }, [from, indices]))) as Value;
  const packed = table.dtype === "u8" && bits === 4;
  const zeros = node.has(3) ? await rowsOf(node.in(3)) : undefined;
  const rows = await rowsOf(table);
  const own = node.about({ axis: -1, block_size: node.int("block_size", 128) });
  const scale = await rowsOf(scales);
  if (!packed) return dequantized(own, rows, scale, zeros);
  // Packed bytes have no sign of their own: they are about the middle where nothing else is said.
  const { b } = node;
  const blocks = scale.shape.at(-1)!;
  const middle = zeros
    ? b.view(unpacked(node, zeros), {
        shape: scale.shape,
        strides: contiguousStrides([...scale.shape.slice(0, -1), 2 * zeros.shape.at(-1)!]),
        offset: 0,
      })
    : b.map("$0", [b.literal("u8", [8], [])], { shape: [...scale.shape.slice(0, -1), blocks] });
  return dequantized(own, unpacked(node, rows), scale, middle);
};

/** A scale and zero point from the range of a tensor, 0 included. */
const dynamicQuantizeLinear: Build = (node) => dynamicallyQuantized(node, node.in(0));

export function dynamicallyQuantized(node: NodeContext, x: Value): [q: Value, scale: Value, zero: Value] {
  const { b } = node;
  const size = sizeOf(x.shape);
  const [q, scale, zero] = b.kernel(
    {
      name: "quantize_by_range",
      inputs: [{ name: "x", dims: ["N"] }],
      outputs: [
        { name: "q", dims: ["N"] },
        { name: "scale", dims: [1] },
        { name: "zero", dims: [1] },
      ],
      scalars: [],
      body: [
        "@vectorize",
        "let least = min(READ(x, i) for i in range(N))",
        "@vectorize",
        "let most = max(READ(x, i) for i in range(N))",
        "let low = min(least, f32(0))",
        "let high = max(most, f32(0))",
        "let step = (high - low) / f32(255) if high > low else f32(1)",
        "let middle = clamp(round(-low / step), f32(0), f32(255))",
        "scale[0] = step",
        "zero[0] = u8(middle)",
        "@parallel",
        "@vectorize",
        "for i in range(N):",
        "    q[i] = u8(clamp(round(READ(x, i) / step) + middle, f32(0), f32(255)))",
      ],
    },
    [b.reshape(x, [size])],
    [
      { dtype: "u8", shape: [size] },
      { dtype: "f32", shape: [1] },
      { dtype: "u8", shape: [1] },
    ],
  );
  return [b.reshape(q!, x.shape), b.reshape(scale!, []), b.reshape(zero!, [])];
}

/** Whole numbers without their zero point. A zero point of one axis belongs to `axis`. */
function centered({ b }: NodeContext, x: Value, zero: Value | undefined, axis: number): Value {
  const wide = b.cast(x, "i32");
  if (!zero) return wide;
  const count = zero.shape.reduce((size, dim) => size * dim, 1);
  const shape = count === 1 ? [] : x.shape.map((_, at) => (at === axis ? count : 1));
  return b.map("$0 - i32($1)", [wide, b.reshape(zero, shape)]);
}

/** Sums of products of whole numbers, a [.., M, K] and w [.., K, N] without their zero points: of a row, and of a column. */
export async function integerProduct(node: NodeContext, a: Bytes, w: Bytes): Promise<Value> {
  const sums = await byteProduct(node, a, w);
  if (sums) return sums;
  const left = centered(node, a.q, a.zero, a.q.shape.length - 2);
  return product(node, left, centered(node, w.q, w.zero, w.q.shape.length - 1));
}

const matmulInteger: Build = (node) =>
  integerProduct(node, { q: node.in(0), zero: node.inputs[2] }, { q: node.in(1), zero: node.inputs[3] });

/** Integers of a product or convolution as a quantized tensor again. */
function requantized(
  node: NodeContext,
  sum: Value,
  scales: readonly Value[],
  scale: Value,
  zero: Value,
): Value {
  const { b } = node;
  const [first, second] = scales as [Value, Value];
  const factor = b.map("$0 * $1 / $2", [first, second, b.reshape(scale, [])]);
  const { dtype } = zero;
  const number = "round(f32($0) * $1) + f32($2)";
  return b.map(saturated(number, dtype), [sum, factor, b.reshape(zero, [])], { dtype });
}

const qLinearMatmul: Build = async (node) => {
  const { b } = node;
  const sum = await integerProduct(
    node,
    { q: node.in(0), zero: node.in(2) },
    { q: node.in(3), zero: node.in(5) },
  );
  const perRow = (scale: Value) =>
    scale.shape.length === 1 && scale.shape[0]! > 1 ? b.reshape(scale, [scale.shape[0]!, 1]) : scale;
  return requantized(node, sum, [perRow(node.in(1)), node.in(4)], node.in(6), node.in(7));
};

const convInteger: Build = async (node) => {
  const [x, w] = [node.in(0), node.in(1)];
  const sums = await byteConvolution(node, { q: x, zero: node.inputs[2] }, { q: w, zero: node.inputs[3] });
  return (
    sums ?? convolveNode(node, centered(node, x, node.inputs[2], 1), centered(node, w, node.inputs[3], 0))
  );
};

const qLinearConv: Build = async (node) => {
  const { b } = node;
  const [x, w] = [node.in(0), node.in(3)];
  const plain =
    (await byteConvolution(node, { q: x, zero: node.in(2) }, { q: w, zero: node.in(5) })) ??
    convolveNode(node, centered(node, x, node.in(2), 1), centered(node, w, node.in(5), 0));
  const sum = node.has(8) ? addBias(node, plain, node.in(8)) : plain;
  const scale = node.in(4);
  const perChannel =
    scale.shape.length === 1 && scale.shape[0]! > 1
      ? b.reshape(scale, [scale.shape[0]!, ...x.shape.slice(2).map(() => 1)])
      : b.reshape(scale, []);
  return requantized(node, sum, [b.reshape(node.in(1), []), perChannel], node.in(6), node.in(7));
};

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const quantization: readonly OpRow[] = [
  row("QuantizeLinear", quantizeLinear),
  row("DequantizeLinear", dequantizeLinear),
  row("com.microsoft::QuantizeLinear", quantizeLinear),
  row("com.microsoft::DequantizeLinear", dequantizeLinear),
  row("com.microsoft::GatherBlockQuantized", gatherRows),
  row("DynamicQuantizeLinear", dynamicQuantizeLinear),
  row("MatMulInteger", matmulInteger),
  row("QLinearMatMul", qLinearMatmul),
  row("ConvInteger", convInteger),
  row("QLinearConv", qLinearConv),
];
