// Convolutions, by the library's kernels. Bias and what follows become the kernel's epilogue.

import { sizeOf } from "../../tensor/layout.ts";
import { reduce } from "./reduction.ts";
import type { Value } from "../program.ts";

import { convolveLast } from "./channels-last.ts";
import { elementwise } from "./elementwise.ts";
import { asFloats, convolutionOfIntegers } from "./integers.ts";
import { convolveNarrow } from "./narrow.ts";
import { product } from "./matmul.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";
import { convolveVolume, convolveVolumeTransposed, isVolume } from "./volumes.ts";
import {
  asImage,
  checkGroups,
  convolutionSettings,
  imageSize,
  isPointwise,
  pairOf,
  spatialShape,
  windowOf,
  type Pair,
  type Window,
} from "./window.ts";

const conv: Build = async (node) => {
  const y =
    (await convolutionOfIntegers(node, node.in(0), node.in(1))) ??
    convolveNode(node, asFloats(node, node.in(0)), node.in(1));
  return node.has(2) ? addBias(node, y, node.in(2)) : y;
};

/** The convolution that a node's attributes describe, without a bias. */
export function convolveNode(node: NodeContext, x: Value, w: Value): Value {
  const { b } = node;
  const group = node.int("group", 1);
  checkGroups(node, x, w.shape[1]! * group, group);
  if (isVolume(x)) return convolveVolume(node, x, w, convolveNode);
  const [image, weights] = [asImage(node, x), asImage(node, w)];
  const window = windowOf(node, x, weights.shape.slice(2) as unknown as Pair);
  const y =
    convolveLast(node, image, weights, window, group) ??
    (group === 1 && isPointwise(window)
      ? pointwise(node, image, weights)
      : ((group === 1 ? convolveNarrow(node, image, weights, window) : undefined) ??
        convolve(node, image, weights, window, group)));
  return b.reshape(y, [x.shape[0]!, w.shape[0]!, ...spatialShape(x, window.out)]);
}

function pointwise(node: NodeContext, x: Value, w: Value): Value {
  const { b } = node;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const features = w.shape[0]!;
  const weights = b.reshape(w, [features, channels]);
  // One pixel an image: the images of a batch are the rows.
  if (w.fixed && height * width === 1)
    return product(node, b.reshape(x, [batch, channels]), b.transpose(weights, [1, 0]));
  const pixels = b.reshape(x, [...(batch === 1 ? [] : [batch]), channels, height * width]);
  return product(node, weights, pixels);
}

/** y[:, c] + bias[c] */
export function addBias({ b }: NodeContext, y: Value, bias: Value): Value {
  return b.map("$0 + $1", [y, b.reshape(bias, [bias.shape[0]!, ...y.shape.slice(2).map(() => 1)])]);
}

/** A convolution of images [B, C, H, W] with weights [F, C / group, R, Q]. */
function convolve({ b }: NodeContext, x: Value, w: Value, window: Window, group: number): Value {
  const { out } = window;
  const { dtype } = x;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [features, each, r, q] = w.shape as [number, number, number, number];
  const { set, where, places } = convolutionSettings(window);
  // A window for each channel alone has a kernel of its own.
  const depthwise = group > 1 && each === 1 && features === group;
  const grouped = group > 1 && !depthwise;
  const kernel = depthwise ? "convolve_depthwise" : grouped ? "convolve_grouped" : "convolve";
  const groups = grouped ? ["G"] : [];
  const [y] = b.kernel(
    {
      name: depthwise ? "conv_channels" : grouped ? "conv_groups" : "conv",
      inputs: [
        { name: "x", dims: ["B", ...groups, "C", "H", "W"] },
        // The window's size is a number, so that the loops over it are unrolled.
        { name: "w", dims: depthwise ? ["C", r, q] : [...groups, "F", "C", r, q] },
      ],
      outputs: [{ name: "y", dims: ["B", ...groups, depthwise ? "C" : "F", ...places] }],
      scalars: [],
      where,
      body: [`${kernel}[${[`T=${dtype}`, ...set].join(", ")}EPILOGUE](x, w, y)`],
      hook: { indices: grouped ? 5 : 4 },
      uses: [`std.convolve.${kernel}`],
    },
    grouped
      ? [
          b.reshape(x, [batch, group, channels / group, height, width]),
          b.reshape(w, [group, features / group, each, r, q]),
        ]
      : [x, depthwise ? b.reshape(w, [features, r, q]) : w],
    [{ dtype, shape: [batch, ...(grouped ? [group, features / group] : [features]), ...out] }],
  );
  return y!;
}

/** A transposed convolution whose windows lie side by side: a product, and its columns put in place. */
function blocks(node: NodeContext, x: Value, w: Value): Value {
  const { b } = node;
  const batch = x.shape[0]!;
  const [channels, features, r, q] = w.shape as [number, number, number, number];
  const [height, width] = imageSize(node, x);
  if (x.last && w.fixed && x.shape.length === 4) {
    const weights = b.reshape(b.transpose(w, [0, 2, 3, 1]), [channels, r * q * features]);
    const parts = product(node, b.reshape(x.last, [batch * height * width, channels]), weights);
    const cells = b.transpose(b.reshape(parts, [batch, height, width, r, q, features]), [0, 1, 3, 2, 4, 5]);
    return b.first(b.reshape(cells, [batch, height * r, width * q, features]));
  }
  const left = b.transpose(b.reshape(w, [channels, features * r * q]), [1, 0]);
  const pixels = b.reshape(x, [...(batch === 1 ? [] : [batch]), channels, height * width]);
  const parts = b.reshape(product(node, left, pixels), [batch, features, r, q, height, width]);
  return b.reshape(b.transpose(parts, [0, 1, 4, 2, 5, 3]), [batch, features, height * r, width * q]);
}

const convTranspose: Build = (node) => {
  const y = transposed(node, node.in(0), node.in(1));
  return node.has(2) ? addBias(node, y, node.in(2)) : y;
};

/** The transposed convolution that a node's attributes describe, without a bias. */
function transposed(node: NodeContext, x: Value, w: Value): Value {
  const { b } = node;
  const { dtype } = x;
  const group = node.int("group", 1);
  checkGroups(node, x, w.shape[0]!, group);
  if (isVolume(x)) return convolveVolumeTransposed(node, x, w, transposed);
  const rank = x.shape.length - 2;
  const size = imageSize(node, x);
  const weights = asImage(node, w);
  const [channels, each, r, q] = weights.shape as [number, number, number, number];
  const stride = pairOf(node, node.ints("strides"), 1, rank);
  const dilation = pairOf(node, node.ints("dilations"), 1, rank);
  const extra = pairOf(node, node.ints("output_padding"), 0, rank);
  const full = ([0, 1] as const).map(
    (axis) => stride[axis] * (size[axis] - 1) + extra[axis] + ((axis === 0 ? r : q) - 1) * dilation[axis] + 1,
  ) as unknown as Pair;
  const asked = node.ints("output_shape");
  const mode = node.text("auto_pad", "NOTSET");
  let before: Pair = [0, 0];
  let out: Pair;
  if (asked || mode.startsWith("SAME")) {
    out = asked ? pairOf(node, asked.slice(-rank), 1, rank) : [size[0] * stride[0], size[1] * stride[1]];
    const front = ([0, 1] as const).map((axis) => {
      const total = Math.max(full[axis] - out[axis], 0);
      return mode === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2);
    });
    before = [front[0]!, front[1]!];
    if (rank === 1) before = [0, before[1]];
  } else {
    const pads = node.ints("pads") ?? [];
    before = pairOf(node, pads.length > 0 ? pads.slice(0, rank) : undefined, 0, rank);
    const after = pairOf(node, pads.length > 0 ? pads.slice(rank) : undefined, 0, rank);
    out = [full[0] - before[0] - after[0], full[1] - before[1] - after[1]];
  }
  if (
    stride[0] === r &&
    stride[1] === q &&
    full[0] === out[0] &&
    full[1] === out[1] &&
    extra[0] + extra[1] === 0 &&
    dilation[0] * dilation[1] === 1 &&
    group === 1
  )
    return b.reshape(blocks(node, x, weights), [x.shape[0]!, each, ...spatialShape(x, out)]);
  const set = [`T=${dtype}`, `SY=${stride[0]}`, `SX=${stride[1]}`, `LY=${dilation[0]}`, `LX=${dilation[1]}`];
  const [y] = b.kernel(
    {
      name: "conv_transposed",
      inputs: [
        { name: "x", dims: ["B", "G", "C", "H", "W"] },
        { name: "w", dims: ["G", "C", "F", "R", "Q"] },
      ],
      outputs: [{ name: "y", dims: ["B", "G", "F", "height", "width"] }],
      scalars: [
        { name: "top", dtype: "i32", value: before[0] },
        { name: "left", dtype: "i32", value: before[1] },
        { name: "height", dtype: "i32", value: out[0] },
        { name: "width", dtype: "i32", value: out[1] },
      ],
      where:
        "0 <= top, 0 <= left, 0 <= height, 0 <= width, top <= 65536, left <= 65536, height <= 16777216, width <= 16777216, R <= 1024, Q <= 1024",
      body: [`transposed[${set.join(", ")}EPILOGUE](x, w, top, left, height, width, y)`],
      hook: { indices: 5 },
      uses: ["std.convolve.transposed"],
    },
    [
      b.reshape(x, [x.shape[0]!, group, channels / group, ...size]),
      b.reshape(weights, [group, channels / group, each, r, q]),
    ],
    [{ dtype, shape: [x.shape[0]!, group, each, ...out] }],
  );
  return b.reshape(y!, [x.shape[0]!, each * group, ...spatialShape(x, out)]);
}

/** (x - mean) / √(variance + ε) · scale + shift, each a number a channel: a multiplication and an addition, which fuse. */
const batchNormalization: Build = (node) => {
  const { b } = node;
  const x = node.in(0);
  const [scale, shift, oldMean, oldVariance] = [1, 2, 3, 4].map((at) => node.in(at)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const training = node.flag("training_mode");
  const [mean, variance] = training ? momentsOf(node, x) : [oldMean, oldVariance];
  const epsilon = b.scalar(variance.dtype, node.float("epsilon", 1e-5));
  const factor = b.map("$0 / sqrt($1 + $2)", [scale, variance, epsilon], { uses: ["std.math.sqrt"] });
  const offset = b.map("$0 - $1 * $2", [shift, mean, factor]);
  const channel = (value: Value) => b.reshape(value, [value.shape[0]!, ...x.shape.slice(2).map(() => 1)]);
  const y = b.map("$0 * $1 + $2", [x, channel(factor), channel(offset)]);
  if (!training) return y;
  const momentum = node.float("momentum", 0.9);
  const moved = (old: Value, now: Value) =>
    b.map("$0 * $1 + $2 * $3", [old, b.scalar(old.dtype, momentum), now, b.scalar(old.dtype, 1 - momentum)]);
  return [y, moved(oldMean, mean), moved(oldVariance, variance)];
};

/** Mean and variance of each channel. */
function momentsOf(node: NodeContext, x: Value): [Value, Value] {
  const { b } = node;
  const channels = x.shape[1]!;
  const axes = { reduced: x.shape.map((_, axis) => axis !== 1), shape: [channels] };
  const count = b.scalar(x.dtype, sizeOf(x.shape) / Math.max(channels, 1));
  const mean = b.map("$0 / $1", [reduce(node, x, axes, { combine: "sum" }), count]);
  const spread = b.map("$0 - $1", [x, b.reshape(mean, [channels, ...x.shape.slice(2).map(() => 1)])]);
  return [mean, b.map("$0 / $1", [reduce(node, spread, axes, { combine: "sum", term: "$ * $" }), count])];
}

/** Activations of fused convolutions: what the attributes of the operator are called that their parameters are, in order. */
const activations: Readonly<Record<string, readonly string[]>> = {
  Relu: [],
  Tanh: [],
  Sigmoid: [],
  LeakyRelu: ["alpha"],
  Clip: ["min", "max"],
  HardSigmoid: ["alpha", "beta"],
};

/** A convolution with a bias, a tensor that is added, and an activation. */
const fusedConv: Build = async (node) => {
  const plain = (await conv(node)) as Value;
  const y = node.has(3) ? node.b.map("$0 + $1", [plain, node.in(3)]) : plain;
  const name = node.text("activation", "");
  if (name === "") return y;
  const names = activations[name] ?? node.fail(`I know no activation \`${name}\``);
  const numbers = (node.node.attributes["activation_params"] ?? []) as readonly number[];
  if (numbers.length < names.length)
    node.fail(`${name} has ${names.length} parameters, and ${numbers.length} are given`);
  const attributes = Object.fromEntries(names.map((each, at) => [each, numbers[at]!]));
  return elementwise.find(({ op }) => op === name)!.build(node.about(attributes, [y]));
};

export const convolutions: readonly OpRow[] = [
  { op: "com.microsoft::FusedConv", since: 1, build: fusedConv },
  { op: "Conv", since: 1, build: conv },
  { op: "ConvTranspose", since: 1, build: convTranspose },
  { op: "BatchNormalization", since: 7, build: batchNormalization },
];
