// Matrix products and convolutions, plain and fused: bias and activation are maps behind the kernel, which the graph compiler's
// fusion makes its epilogue.

import type { Tfjs } from "../types.ts";
import type { Value } from "../../graph/program.ts";
import { product } from "../../graph/ops/matmul.ts";
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

/** The window of a convolution or a pool as compile-time parameters of a kernel, without those that have their default. */
export function windowOf(
  node: TfNode,
  info: Omit<ConvInfo, "filterShape">,
): { set: string[]; out: readonly [number, number] } {
  const { padInfo, strideHeight: sy, strideWidth: sx, dilationHeight: ly, dilationWidth: lx } = info;
  const [height, width] = [ly * (info.filterHeight - 1) + 1, lx * (info.filterWidth - 1) + 1];
  // The padding behind an axis, where the one that was named wouldn't give as many places as were rounded to.
  const behind = (
    padding: number,
    before: number,
    size: number,
    reach: number,
    stride: number,
    out: number,
  ): number => {
    if (Math.floor((size + before + padding - reach) / stride) + 1 === out) return padding;
    return (out - 1) * stride + reach - size - before;
  };
  const bottom = behind(padInfo.bottom, padInfo.top, info.inHeight, height, sy, info.outHeight);
  const right = behind(padInfo.right, padInfo.left, info.inWidth, width, sx, info.outWidth);
  if (info.outHeight < 1 || info.outWidth < 1) node.decline("its window doesn’t fit");
  const settings = [
    ["SY", sy, 1],
    ["SX", sx, 1],
    ["LY", ly, 1],
    ["LX", lx, 1],
    ["PT", padInfo.top, 0],
    ["PL", padInfo.left, 0],
    ["PB", bottom, 0],
    ["PR", right, 0],
  ] as const;
  if (settings.some(([, value]) => !Number.isInteger(value)))
    node.decline("its strides or paddings are fractions");
  const set = settings
    .filter(([, value, plain]) => value !== plain)
    .map(([name, value]) => `${name}=${value}`);
  return { set, out: [info.outHeight, info.outWidth] };
}

/** The kernel's own expressions for the places of a window, and the condition under which there are any. */
export function placesOf(
  info: Omit<ConvInfo, "filterShape">,
  set: readonly string[],
): { dims: [string, string]; where: string } {
  const value = (name: string, otherwise: number): number => {
    const found = set.find((each) => each.startsWith(`${name}=`));
    return found ? Number(found.slice(name.length + 1)) : otherwise;
  };
  const axis = (size: string, stride: string, step: string, before: string, after: string, count: number) => {
    const reach = value(step, 1) * (count - 1);
    const padding = value(before, 0) + value(after, 0);
    return {
      places: `(${size} + ${padding - reach - 1}) // ${value(stride, 1)} + 1`,
      fits: `${reach + 1} <= ${size} + ${padding}`,
    };
  };
  const rows = axis("H", "SY", "LY", "PT", "PB", info.filterHeight);
  const columns = axis("W", "SX", "LX", "PL", "PR", info.filterWidth);
  return { dims: [rows.places, columns.places], where: `${rows.fits}, ${columns.fits}` };
}

/** Windows of one pixel, side by side: a matrix product over all pixels. */
const isProduct = ({ filterHeight, filterWidth }: ConvInfo, set: readonly string[]): boolean =>
  filterHeight === 1 && filterWidth === 1 && !set.some((each) => /^[SP]/.test(each));

/** A convolution of x [B, H, W, C] by w [R, Q, C, F]. */
function convolution(node: TfNode, x: Value, w: Value, info: ConvInfo): Value {
  const { b } = node;
  const { set, out } = windowOf(node, info);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [r, q, , features] = w.shape as [number, number, number, number];
  if (isProduct(info, set)) {
    const pixels = b.reshape(x, [batch * height * width, channels]);
    const y = product(node.context, pixels, b.reshape(w, [channels, features]));
    return b.reshape(y, [batch, height, width, features]);
  }
  const { dims, where } = placesOf(info, set);
  const [y] = b.kernel(
    {
      name: "conv_last",
      inputs: [
        { name: "x", dims: ["B", "H", "W", "C"] },
        // The window's size is a number, so that the loops over it are known.
        { name: "w", dims: [r, q, "C", "F"] },
      ],
      outputs: [{ name: "y", dims: ["B", ...dims, "F"] }],
      scalars: [],
      where,
      body: [`convolve_last[${[`T=${x.dtype}`, ...set].join(", ")}EPILOGUE](x, w, y)`],
      hook: { indices: 4 },
      uses: ["std.channels_last.convolve_last"],
    },
    [x, w],
    [{ dtype: x.dtype, shape: [batch, ...out, features] }],
  );
  return y!;
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
  const y = convolution(node, first ? b.transpose(given, [0, 2, 3, 1]) : given, w, info);
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
  const { set, out } = windowOf(node, info);
  const { dims, where } = placesOf(info, set);
  const [r, q, channels, multiplier] = w.shape as [number, number, number, number];
  const one = multiplier === 1;
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
      outputs: [{ name: "y", dims: ["B", ...dims, "C", ...(one ? [] : ["M"])] }],
      scalars: [],
      where,
      body: [`${kernel}[${parameters.join(", ")}EPILOGUE](x, w, y)`],
      hook: { indices: one ? 4 : 5 },
      uses: [`std.channels_last.${kernel}`],
    },
    [x, one ? b.reshape(w, [r, q, channels]) : w],
    [{ dtype: x.dtype, shape: [x.shape[0]!, ...out, channels, ...(one ? [] : [multiplier])] }],
  );
  return b.reshape(y!, [x.shape[0]!, ...out, channels * multiplier]);
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
