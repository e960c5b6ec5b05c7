// Operators of `com.microsoft` that take and give quantized tensors. Products run on integers; the others are what they do to numbers,
// between a dequantization and a quantization that fuse with it.

import type { Value } from "../program.ts";
import { concatenate } from "./layout.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";
import { normalization } from "./normalization.ts";
import { averagePoolOf, globalPool, mean } from "./pooling.ts";
import { dequantized, dynamicallyQuantized, integerProduct, quantized } from "./quantization.ts";

/** The numbers of the quantized input at `at`, its scale and its zero point behind it. */
const real = (node: NodeContext, at: number): Value =>
  dequantized(node, node.in(at), node.in(at + 1), node.inputs[at + 2]);

/** Numbers with the scale at `at`, and the zero point behind it, which says the dtype too. */
function rounded(node: NodeContext, x: Value, at: number): Value {
  const zero = node.inputs[at + 1];
  return quantized(node, x, node.in(at), zero, zero?.dtype ?? node.in(0).dtype);
}

const binary =
  (text: string): Build =>
  (node) =>
    rounded(node, node.b.map(text, [real(node, 0), real(node, 3)]), 6);

const unary =
  (of: (node: NodeContext, x: Value) => Value): Build =>
  (node) =>
    rounded(node, of(node, real(node, 0)), 3);

const sigmoid = unary(({ b }, x) => b.map("sigmoid($0)", [x], { uses: ["std.math.sigmoid"] }));

const leakyRelu = unary((node, x) =>
  node.b.map("$0 if $0 >= $T(0) else $0 * $1", [x, node.b.scalar(x.dtype, node.float("alpha", 0.01))]),
);

/** As the version of ONNX's operator has it that the node names. */
const softmax: Build = async (node) => {
  const { build } = normalization.find(({ op }) => op === "Softmax")!;
  const y = await build(node.about(node.node.attributes, [real(node, 0)], node.int("opset", 13)));
  return rounded(node, y as Value, 3);
};

/** One of two tensors by truth values. */
const where: Build = (node) =>
  rounded(
    node,
    node.b.map("$1 if $0 else $2", [node.in(0), real(node, 1), real(node, 4)], { dtype: "f32" }),
    7,
  );

/** Pools of images whose channels come second, or last. */
const pooled = (of: (node: NodeContext, x: Value) => Value): Build =>
  unary((node, x) => {
    if (!node.flag("channels_last")) return of(node, x);
    const axes = x.shape.map((_, axis) => axis);
    const rank = axes.length;
    const y = of(node, node.b.transpose(x, [0, rank - 1, ...axes.slice(1, -1)]));
    return node.b.transpose(y, [0, ...axes.slice(2), 1]);
  });

const concat: Build = (node) => {
  const parts: Value[] = [];
  for (let at = 2; at < node.inputs.length; at += 3) parts.push(real(node, at));
  if (parts.length === 0) node.fail("it has nothing to join");
  const zero = node.in(1);
  return quantized(
    node,
    concatenate(node, parts, node.axis(node.int("axis", 0), parts[0]!.shape.length)),
    node.in(0),
    zero,
    zero.dtype,
  );
};

/** Sums times the scales of both factors; that of weights may be one for each column. */
export const scaledSums = ({ b }: NodeContext, sums: Value, first: Value, second: Value): Value =>
  b.map("f32($0) * $1", [sums, b.map("$0 * $1", [b.reshape(first, []), second])], { dtype: "f32" });

/** α A' B' + C, C in steps of both scales' product; floats where no scale of the result is given. */
const gemm: Build = async (node) => {
  const { b } = node;
  const turned = (at: number, flag: string) =>
    node.flag(flag) ? b.transpose(node.in(at), [1, 0]) : node.in(at);
  const products = await integerProduct(
    node,
    { q: turned(0, "transA"), zero: node.in(2) },
    { q: turned(3, "transB"), zero: node.in(5) },
  );
  const sums = node.has(6) ? b.map("$0 + $1", [products, node.in(6)]) : products;
  const alpha = node.float("alpha", 1);
  const plain = scaledSums(node, sums, node.in(1), node.in(4));
  const y = alpha === 1 ? plain : b.map("$0 * $1", [plain, b.scalar("f32", alpha)]);
  return node.has(7) ? rounded(node, y, 7) : y;
};

const withBias = ({ b, inputs }: NodeContext, y: Value, at: number): Value => {
  const bias = inputs[at];
  return bias ? b.map("$0 + $1", [y, bias]) : y;
};

const productToFloat: Build = async (node) => {
  const sums = await integerProduct(
    node,
    { q: node.in(0), zero: node.inputs[4] },
    { q: node.in(1), zero: node.inputs[5] },
  );
  return withBias(node, scaledSums(node, sums, node.in(2), node.in(3)), 6);
};

const dynamicProduct: Build = async (node) => {
  const [q, scale, zero] = dynamicallyQuantized(node, node.in(0));
  const sums = await integerProduct(node, { q, zero }, { q: node.in(1), zero: node.inputs[3] });
  return withBias(node, scaledSums(node, sums, scale, node.in(2)), 4);
};

const row = (op: string, build: Build): OpRow => ({ op: `com.microsoft::${op}`, since: 1, build });

export const quantizedOps: readonly OpRow[] = [
  row("QLinearAdd", binary("$0 + $1")),
  row("QLinearMul", binary("$0 * $1")),
  row("QLinearSigmoid", sigmoid),
  row("QLinearLeakyRelu", leakyRelu),
  row("QLinearAveragePool", pooled(averagePoolOf)),
  row(
    "QLinearGlobalAveragePool",
    pooled((node, x) => globalPool(node, x, mean)),
  ),
  row("QLinearConcat", concat),
  row("QLinearSoftmax", softmax),
  row("QLinearWhere", where),
  row("QGemm", gemm),
  row("MatMulIntegerToFloat", productToFloat),
  row("DynamicQuantizeMatMul", dynamicProduct),
];
