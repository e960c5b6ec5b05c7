// Windows that slide over the trailing axes of [batch, channels, …]: sizes, strides, dilations, paddings, and how many places there are.
// Images of one axis are images of height 1.

import type { Value } from "../program.ts";
import type { NodeContext } from "./node.ts";

/** Of two axes, the first of which has size 1 and stands for nothing where the image has only one. */
export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /** In front of each axis, and behind it. */
  readonly before: Pair;
  readonly after: Pair;
  /** Places of the window along each axis. */
  readonly out: Pair;
}

export type Pair = readonly [number, number];

/** The spatial axes of an image of one or two. */
export function imageSize(node: NodeContext, x: Value): Pair {
  const spatial = x.shape.slice(2);
  if (spatial.length === 1) return [1, spatial[0]!];
  if (spatial.length === 2) return [spatial[0]!, spatial[1]!];
  return node.fail(`images of ${spatial.length} dimensions are not supported, those of one and two are`);
}

/** [batch, channels, height, width], of an image of one axis too. */
export function asImage(node: NodeContext, x: Value): Value {
  const [height, width] = imageSize(node, x);
  return node.b.reshape(x, [x.shape[0]!, x.shape[1]!, height, width]);
}

/** The spatial part of a result's shape, of as many axes as the input's. */
export const spatialShape = (x: Value, [height, width]: Pair): number[] =>
  x.shape.length === 3 ? [width] : [height, width];

/** Numbers for each spatial axis, with `otherwise` for an axis that isn't there. */
export function pairOf(
  node: NodeContext,
  given: readonly number[] | undefined,
  otherwise: number,
  rank: number,
): Pair {
  if (!given) return [otherwise, otherwise];
  if (given.length !== rank) node.fail(`[${given.join(", ")}] doesn’t fit images of ${rank} dimensions`);
  return rank === 1 ? [otherwise, given[0]!] : [given[0]!, given[1]!];
}

/** Paddings as the attributes give them: `pads`, or `auto_pad`. `reach` is what a window covers. */
function paddings(
  node: NodeContext,
  size: Pair,
  stride: Pair,
  reach: Pair,
  rank: number,
): { before: Pair; after: Pair } {
  const mode = node.text("auto_pad", "NOTSET");
  if (mode === "SAME_UPPER" || mode === "SAME_LOWER") {
    const total = [0, 1].map((axis) => {
      const out = Math.ceil(size[axis]! / stride[axis]!);
      return Math.max((out - 1) * stride[axis]! + reach[axis]! - size[axis]!, 0);
    });
    const less = total.map((sum) => Math.floor(sum / 2));
    const more = total.map((sum) => Math.ceil(sum / 2));
    const [before, after] = mode === "SAME_UPPER" ? [less, more] : [more, less];
    return { before: [before[0]!, before[1]!], after: [after[0]!, after[1]!] };
  }
  const pads = mode === "VALID" ? undefined : node.ints("pads");
  if (!pads) return { before: [0, 0], after: [0, 0] };
  return {
    before: pairOf(node, pads.slice(0, rank), 0, rank),
    after: pairOf(node, pads.slice(rank), 0, rank),
  };
}

/** The window of a convolution or pooling. */
export function windowOf(node: NodeContext, x: Value, kernel: Pair): Window {
  const rank = x.shape.length - 2;
  const size = imageSize(node, x);
  const stride = pairOf(node, node.ints("strides"), 1, rank);
  const dilation = pairOf(node, node.ints("dilations"), 1, rank);
  const reach: Pair = [dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1];
  const { before, after } = paddings(node, size, stride, reach, rank);
  const places = (axis: 0 | 1): number => {
    const span = size[axis] + before[axis] + after[axis] - reach[axis];
    if (span < 0)
      node.fail(`a window of ${reach[axis]} doesn’t fit into ${size[axis] + before[axis] + after[axis]}`);
    if (!node.flag("ceil_mode")) return Math.floor(span / stride[axis]) + 1;
    const count = Math.ceil(span / stride[axis]) + 1;
    // A window that would begin in the padding behind the image is none.
    return (count - 1) * stride[axis] >= size[axis] + before[axis] ? count - 1 : count;
  };
  return { kernel, stride, dilation, before, after, out: [places(0), places(1)] };
}

/** A window as compile-time parameters of the library's kernels: those that aren't 1 or 0, and what the sizes must satisfy. */
export function convolutionSettings({ kernel, stride, dilation, before, after }: Window): {
  readonly set: readonly string[];
  readonly where: string;
  /** The sizes of the result, of `H` and `W`. */
  readonly places: readonly string[];
} {
  const settings = [
    ["SY", stride[0], 1],
    ["SX", stride[1], 1],
    ["LY", dilation[0], 1],
    ["LX", dilation[1], 1],
    ["PT", before[0], 0],
    ["PL", before[1], 0],
    ["PB", after[0], 0],
    ["PR", after[1], 0],
  ] as const;
  const set = settings
    .filter(([, value, otherwise]) => value !== otherwise)
    .map(([name, value]) => `${name}=${value}`);
  const reach = (axis: 0 | 1) => dilation[axis] * (kernel[axis] - 1);
  const places = (axis: 0 | 1, size: string) =>
    `(${size} + ${before[axis] + after[axis] - reach(axis) - 1}) // ${stride[axis]} + 1`;
  const fits = (axis: 0 | 1, size: string) => `${reach(axis) + 1} <= ${size} + ${before[axis] + after[axis]}`;
  return { set, where: `${fits(0, "H")}, ${fits(1, "W")}`, places: [places(0, "H"), places(1, "W")] };
}

/** Weights are for `channels` of an image in `group` groups. */
export function checkGroups(node: NodeContext, x: Value, channels: number, group: number): void {
  if (x.shape[1] !== channels || channels % group !== 0)
    node.fail(`its input has ${x.shape[1]} channels, and its weights are for ${channels} in ${group} groups`);
}

/** Windows of one pixel, side by side: a convolution with these is a matrix product for each image. */
export function isPointwise({ kernel, stride, before, after }: Window): boolean {
  const all = (pair: Pair, value: number) => pair.every((each) => each === value);
  return all(kernel, 1) && all(stride, 1) && all(before, 0) && all(after, 0);
}
