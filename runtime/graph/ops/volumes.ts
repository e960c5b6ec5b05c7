// Windows over images of three axes, [batch, channels, depth, height, width], by what there is for two: places along the depth are
// taken apart before a convolution, or put together behind it.

import { contiguousStrides } from "../../tensor/layout.ts";
import type { GraphNode } from "../graph.ts";
import type { Value } from "../program.ts";
import type { NodeContext } from "./node.ts";
import { padded } from "./padding.ts";
import { windowOf } from "./window.ts";

export const isVolume = ({ shape }: Value): boolean => shape.length === 5;

/** Attributes with a number an axis, and what leaves an axis as it is. */
const anAxis = { kernel_shape: 1, strides: 1, dilations: 1, output_padding: 0, output_shape: undefined };

/**
 * The node, with the attributes of its window for some of the three axes alone; with a width, for images that have one more axis, of
 * that size, along which windows are of one place.
 */
function alongAxes(node: NodeContext, axes: readonly number[], width?: number): NodeContext {
  const attributes: Record<string, GraphNode["attributes"][string]> = { ...node.node.attributes };
  const chosen = (values: readonly number[], alone: number) => [
    ...axes.map((axis) => values[axis]!),
    ...(width === undefined ? [] : [alone]),
  ];
  const wrong = (name: string) => node.fail(`its attribute \`${name}\` doesn’t fit images of 3 dimensions`);
  for (const [name, alone] of Object.entries(anAxis)) {
    const given = node.ints(name);
    if (!given) continue;
    if (given.length !== 3 && name !== "output_shape") wrong(name);
    attributes[name] = chosen(given.slice(-3), alone ?? width ?? 1);
  }
  const pads = node.ints("pads");
  if (pads && pads.length !== 6) wrong("pads");
  if (pads) attributes["pads"] = [...chosen(pads.slice(0, 3), 0), ...chosen(pads.slice(3), 0)];
  return node.about(attributes);
}

/** A window over three axes, each of which it goes over by itself. */
export function windowOfVolume(
  node: NodeContext,
  x: Value,
): Readonly<Record<"kernel" | "stride" | "dilation" | "before" | "out", readonly number[]>> {
  const kernel = node.ints("kernel_shape") ?? [1, 1, 1];
  const lines = [0, 1, 2].map((axis) => {
    const line = { ...x, shape: [x.shape[0]!, x.shape[1]!, x.shape[axis + 2]!] };
    return windowOf(alongAxes(node, [axis]), line, [1, kernel[axis]!]);
  });
  const of = (name: "kernel" | "stride" | "dilation" | "before" | "out") =>
    lines.map((each) => each[name][1]);
  return {
    kernel: of("kernel"),
    stride: of("stride"),
    dilation: of("dilation"),
    before: of("before"),
    out: of("out"),
  };
}

/** Images of two axes, their rows the places along the depth: a window along the depth goes over them. */
export function overDepth(node: NodeContext, x: Value, pool: (part: NodeContext, x: Value) => Value): Value {
  const { b } = node;
  const [batch, channels, depth, height, width] = x.shape as [number, number, number, number, number];
  const flat = pool(alongAxes(node, [1, 2]), b.reshape(x, [batch, channels * depth, height, width]));
  const [high, wide] = flat.shape.slice(2) as [number, number];
  const deep = pool(
    alongAxes(node, [0], high * wide),
    b.reshape(flat, [batch, channels, depth, high * wide]),
  );
  return b.reshape(deep, [batch, channels, deep.shape[2]!, high, wide]);
}

/** A convolution: what a window covers along the depth are channels of images of two axes. */
export function convolveVolume(
  node: NodeContext,
  x: Value,
  w: Value,
  convolve: (part: NodeContext, x: Value, w: Value) => Value,
): Value {
  const { b } = node;
  const [batch, channels, depth, height, width] = x.shape as [number, number, number, number, number];
  const [features, each, taps, ...kernel] = w.shape as [number, number, number, number, number];
  const line = alongAxes(node, [0]);
  const { before, after, stride, dilation, out } = windowOf(
    line,
    b.reshape(x, [batch, channels * height * width, depth]),
    [1, taps],
  );
  const side = (count: number) => [0, 0, count, 0, 0];
  const long = padded(node, x, side(before[1]), side(after[1]), "constant", b.scalar(x.dtype, 0));
  const [perImage, perChannel, perPlace, ...inside] = contiguousStrides(long.shape) as number[];
  const unfolded = b.view(long, {
    shape: [batch, out[1], channels, taps, height, width],
    strides: [perImage!, perPlace! * stride[1], perChannel!, perPlace! * dilation[1], ...inside],
    offset: 0,
  });
  const images = b.reshape(unfolded, [batch * out[1], channels * taps, height, width]);
  const y = convolve(alongAxes(node, [1, 2]), images, b.reshape(w, [features, each * taps, ...kernel]));
  return b.transpose(b.reshape(y, [batch, out[1], features, ...y.shape.slice(2)]), [0, 2, 1, 3, 4]);
}

/** A transposed convolution: what a window leaves along the depth are features of images, which are then added up at their places. */
export function convolveVolumeTransposed(
  node: NodeContext,
  x: Value,
  w: Value,
  convolve: (part: NodeContext, x: Value, w: Value) => Value,
): Value {
  const { b } = node;
  const [batch, channels, depth, height, width] = x.shape as [number, number, number, number, number];
  const [, each, taps, ...kernel] = w.shape as [number, number, number, number, number];
  const images = b.reshape(b.transpose(x, [0, 2, 1, 3, 4]), [batch * depth, channels, height, width]);
  const parts = convolve(alongAxes(node, [1, 2]), images, b.reshape(w, [channels, each * taps, ...kernel]));
  const [high, wide] = parts.shape.slice(2) as [number, number];
  const features = parts.shape[1]! / taps;
  const byPlace = b.transpose(b.reshape(parts, [batch, depth, features, taps, high * wide]), [0, 2, 3, 1, 4]);
  // Tap k of the window is channel k: each goes to its own place.
  const eye = Array.from({ length: taps * taps }, (_, at) => Number(at % (taps + 1) === 0));
  const own = b.literal(x.dtype, eye, [taps, 1, taps, 1]);
  const rows = b.reshape(byPlace, [batch * features, taps, depth, high * wide]);
  const line = alongAxes(node, [0], high * wide);
  const y = convolve(line.about({ ...line.node.attributes, group: 1 }), rows, own);
  return b.reshape(y, [batch, features, y.shape[2]!, high, wide]);
}
