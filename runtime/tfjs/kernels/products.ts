// Matrix products and convolutions, plain and fused: bias and activation are maps behind the kernel, which the graph compiler's
// fusion makes its epilogue.

import type { Tfjs } from "../types.ts";
import type { Value } from "../../graph/program.ts";
import { sums, windows } from "../../graph/ops/channels-last.ts";
import { product } from "../../graph/ops/matmul.ts";
import { longWindow } from "../../graph/ops/narrow.ts";
import { convolutionSettings, isPointwise, type Pair, type Window } from "../../graph/ops/window.ts";
import { sizeOf } from "../../tensor/layout.ts";
import type { Build, KernelRow, TfNode } from "../node.ts";
import { apply, elu, relu, relu6, sigmoid, sloped } from "./elementwise.ts";

const turned = (node: TfNode, value: Value, turn: boolean): Value => {
  if (!turn) return value;
  const order = value.shape.map((_, axis) => axis);
  return node.b.transpose(value, [...order.slice(0, -2), order.at(-1)!, order.at(-2)!]);
};

const batchMatMul: Build = (node) => {
  const [a, b] = [node.in("a"), node.in("b")];
  if (a.dtype === "bool" || a.dtype !== b.dtype) node.decline("its operands aren’t numbers of one dtype");
  const inner = (value: Value, transposed: boolean) => value.shape.at(transposed ? -2 : -1);
  if (
    Math.min(a.shape.length, b.shape.length) < 2 ||
    inner(a, node.flag("transposeA")) !== inner(b, !node.flag("transposeB"))
  )
    node.decline("its operands don’t multiply");
  return product(
    node.context,
    turned(node, a, node.flag("transposeA")),
    turned(node, b, node.flag("transposeB")),
  );
};

type ConvInfo = ReturnType<Tfjs["backend_util"]["computeConv2DInfo"]>;

/** The window of a convolution or a pool, as TensorFlow.js computed it. */
export function windowOf(node: TfNode, info: Omit<ConvInfo, "filterShape">): Window {
  const { padInfo } = info;
  const kernel: Pair = [info.filterHeight, info.filterWidth];
  const stride: Pair = [info.strideHeight, info.strideWidth];
  const dilation: Pair = [info.dilationHeight, info.dilationWidth];
  const before: Pair = [padInfo.top, padInfo.left];
  const out: Pair = [info.outHeight, info.outWidth];
  // The padding behind an axis, where the one that was named wouldn't give as many places as were rounded to.
  const behind = (axis: 0 | 1, size: number, padding: number): number => {
    const room = size + before[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
    if (Math.floor((room + padding) / stride[axis]) + 1 === out[axis]) return padding;
    return (out[axis] - 1) * stride[axis] - room;
  };
  const after: Pair = [behind(0, info.inHeight, padInfo.bottom), behind(1, info.inWidth, padInfo.right)];
  if (out[0] < 1 || out[1] < 1) node.decline("its window doesn’t fit");
  if (![...stride, ...dilation, ...before, ...after].every(Number.isInteger))
    node.decline("its strides or paddings are fractions");
  return { kernel, stride, dilation, before, after, out };
}

/** A convolution of x [B, H, W, C] by w [R, Q, C, F]. */
function convolution(node: TfNode, x: Value, w: Value, window: Window): Value {
  if (!isPointwise(window)) return sums(node.context, x, w, window);
  const { b } = node;
  const [channels, features] = w.shape.slice(2) as [number, number];
  const images = x.shape.slice(0, -1);
  const y = product(
    node.context,
    b.reshape(x, [sizeOf(images), channels]),
    b.reshape(w, [channels, features]),
  );
  return b.reshape(y, [...images, features]);
}

/** Images with channels first are turned, and their results turned back. */
const conv2d: Build = (node) => {
  const { b } = node;
  const [given, w] = [node.in("x"), node.in("filter")];
  if (given.dtype === "bool" || given.dtype !== w.dtype)
    node.decline("its operands aren’t numbers of one dtype");
  const format = node.text("dataFormat", "NHWC");
  const info = node.shapes.computeConv2DInfo(
    given.shape as [number, number, number, number],
    w.shape as [number, number, number, number],
    node.raw("strides"),
    node.raw("dilations"),
    node.raw("pad"),
    node.raw("dimRoundingMode"),
    false,
    node.shapes.convertConv2DDataFormat(format as "NHWC"),
  );
  if (info.inChannels !== w.shape[2]) node.decline("it is a convolution in groups");
  const first = format === "NCHW";
  const y = convolution(node, first ? b.transpose(given, [0, 2, 3, 1]) : given, w, windowOf(node, info));
  return first ? b.transpose(y, [0, 3, 1, 2]) : y;
};

const depthwise: Build = (node) => {
  const { b } = node;
  const [x, w] = [node.in("x"), node.in("filter")];
  if (x.dtype === "bool" || x.dtype !== w.dtype) node.decline("its operands aren’t numbers of one dtype");
  const info = node.shapes.computeConv2DInfo(
    x.shape as [number, number, number, number],
    w.shape as [number, number, number, number],
    node.raw("strides"),
    node.raw<[number, number] | undefined>("dilations") ?? [1, 1],
    node.raw("pad"),
    node.raw("dimRoundingMode"),
    true,
  );
  const window = windowOf(node, info);
  const { set, where, places } = convolutionSettings(window);
  const [r, q, channels, multiplier] = w.shape as [number, number, number, number];
  const one = multiplier === 1;
  if (one && x.dtype === "f32" && r * q < longWindow)
    return windows(node.context, x, b.reshape(w, [r, q, channels]), window);
  const kernel = one ? "convolve_last_depthwise" : "convolve_last_multiplied";
  const tile = [32, 16, 8].find((size) => channels % size === 0) ?? 8;
  const parameters = [`T=${x.dtype}`, ...set, ...(one ? [`TC=${tile}`] : [])];
  const [y] = b.kernel(
    {
      name: one ? "conv_last_channels" : "conv_last_multiplied",
      inputs: [
        { name: "x", dims: ["B", "H", "W", "C"] },
        { name: "w", dims: one ? [r, q, "C"] : [r, q, "C", "M"] },
      ],
      outputs: [{ name: "y", dims: ["B", ...places, "C", ...(one ? [] : ["M"])] }],
      scalars: [],
      where,
      body: [`${kernel}[${parameters.join(", ")}EPILOGUE](x, w, y)`],
      hook: { indices: one ? 4 : 5 },
      uses: [`std.channels_last.${kernel}`],
    },
    [x, one ? b.reshape(w, [r, q, channels]) : w],
    [{ dtype: x.dtype, shape: [x.shape[0]!, ...window.out, channels, ...(one ? [] : [multiplier])] }],
  );
  return b.reshape(y!, [x.shape[0]!, ...window.out, channels * multiplier]);
};

/** What follows a fused kernel's product: a bias, then an activation. */
function finished(node: TfNode, y: Value): Value {
  const { b } = node;
  // Behind channels first, what there is one of for each channel stands before two axes.
  const beside = (value: Value): Value =>
    node.text("dataFormat") === "NCHW" && value.shape.length === 1 && value.shape[0] !== 1
      ? b.reshape(value, [value.shape[0]!, 1, 1])
      : value;
  const biased = node.has("bias") ? b.map("$0 + $1", [y, beside(node.in("bias"))], { shape: y.shape }) : y;
  const activation = node.text("activation", "linear");
  switch (activation) {
    case "linear":
      return biased;
    case "relu":
      return b.map(relu, [biased]);
    case "relu6":
      return b.map(relu6, [biased]);
    case "elu":
      return apply(node, elu, [biased]);
    case "sigmoid":
      return apply(node, sigmoid, [biased]);
    case "leakyrelu":
      return b.map(sloped, [biased, b.scalar(biased.dtype, node.number("leakyreluAlpha", 0.2))]);
    case "prelu":
      return b.map(sloped, [biased, beside(node.in("preluActivationWeights"))], { shape: biased.shape });
    default:
      return node.decline(`the activation ${activation} is new to it`);
  }
}

const fused =
  (build: Build): Build =>
  (node) =>
    finished(node, build(node) as Value);

const row = (kernel: string, build: Build): KernelRow => ({ kernel, build });

export const products: readonly KernelRow[] = [
  row("BatchMatMul", batchMatMul),
  row("_FusedMatMul", fused(batchMatMul)),
  row("Conv2D", conv2d),
  row("FusedConv2D", fused(conv2d)),
  row("DepthwiseConv2dNative", depthwise),
  row("FusedDepthwiseConv2D", fused(depthwise)),
];
