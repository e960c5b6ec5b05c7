// Which layers are to multiply integers: those whose kernels are then faster, by what activations looked like on the samples. The others
// keep small integers for weights and take activations as they are, which costs neither time nor accuracy.

import type { NodeProto } from "onnx-buf";
import { convolutionPays, productPays, type ByteProducts } from "../graph/ops/integer-costs.ts";
import type { Pair, Window } from "../graph/ops/window.ts";
import { sizeOf } from "../tensor/layout.ts";
import { intsOf, textOf } from "./edit.ts";

/**
 * The engines that layers are placed for: those that multiply bytes in fours, for which more layers are faster. Where an engine has no such
 * products, the graph compiler takes the others as floats again.
 */
const placedFor: ByteProducts = "fours";

/** Whether a node, with weights of shape `w`, is faster on integers for activations of shape `x`. Yes where nothing is known of them. */
export function multipliesIntegers(
  node: NodeProto,
  w: readonly number[],
  x: readonly number[] | undefined,
): boolean {
  if (!x || sizeOf(x) === 0) return true;
  if (node.opType !== "Conv") {
    const k = x.at(-1)!;
    return productPays(placedFor, sizeOf(x) / k, k, sizeOf(w) / k);
  }
  const rank = x.length - 2;
  if (rank < 1 || rank > 2) return true;
  const [batch, channels] = x as readonly [number, number];
  const [features, each] = w as readonly [number, number];
  const sizes = [batch, channels, features] as const;
  return convolutionPays(
    placedFor,
    windowOf(node, w, x),
    sizes,
    channels > 1 && each === 1 && features === channels,
  );
}

/** Of two axes, the first of one place where the image has only one. */
function windowOf(node: NodeProto, w: readonly number[], x: readonly number[]): Window {
  const rank = x.length - 2;
  const pair = (given: readonly number[] | undefined, otherwise: number): Pair =>
    given?.length === 2 ? [given[0]!, given[1]!] : [otherwise, given?.[0] ?? otherwise];
  const kernel = pair(w.slice(2), 1);
  const size = pair(x.slice(2), 1);
  const stride = pair(intsOf(node, "strides"), 1);
  const dilation = pair(intsOf(node, "dilations"), 1);
  const pads = intsOf(node, "pads");
  const [before, after] = [pair(pads?.slice(0, rank), 0), pair(pads?.slice(rank), 0)];
  const same = textOf(node, "auto_pad").startsWith("SAME");
  const places = (axis: 0 | 1): number => {
    if (same) return Math.ceil(size[axis] / stride[axis]);
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    return Math.max(Math.floor((size[axis] + before[axis] + after[axis] - reach) / stride[axis]) + 1, 0);
  };
  return { kernel, stride, dilation, before, after, out: [places(0), places(1)] };
}
