// A batch normalization behind a convolution is a scale and a shift of each channel: they go into the weights and the bias before these are
// quantized, since what comes between would keep engines from computing in integers.

import type { NodeProto } from "onnx-buf";
import { tensor } from "../tensor/tensor.ts";
import { floatOf, type ModelEdit } from "./edit.ts";
import { floatsOf } from "./weights.ts";

/** The nodes without normalizations that go into the convolution before them. */
export function foldNormalizations(edit: ModelEdit): NodeProto[] {
  const nodes = [...edit.graph.node];
  const readers = new Map<string, number>();
  const used = [
    ...nodes.flatMap(({ input }) => input),
    ...edit.usedInside,
    ...edit.graph.output.map(({ name }) => name),
  ];
  for (const name of used) readers.set(name, (readers.get(name) ?? 0) + 1);
  const convolutions = new Map(
    nodes.filter(({ opType }) => opType === "Conv").map((node) => [node.output[0]!, node]),
  );
  return nodes.flatMap((node) => {
    const conv = node.opType === "BatchNormalization" ? convolutions.get(node.input[0]!) : undefined;
    if (!conv || readers.get(node.input[0]!) !== 1 || node.output.slice(1).some((name) => name !== ""))
      return [node];
    return fold(edit, conv, node) ? [] : [node];
  });
}

/** Puts a normalization into a convolution, in place; false where it can't be. */
function fold(edit: ModelEdit, conv: NodeProto, normalization: NodeProto): boolean {
  const [scale, shift, mean, variance] = normalization.input.slice(1).map((name) => edit.constant(name));
  const [, weightName, biasName = ""] = conv.input as [string, string, string?];
  const weights = edit.constant(weightName);
  const bias = biasName === "" ? undefined : edit.constant(biasName);
  const all = [scale, shift, mean, variance, weights];
  if (all.some((each) => each?.dtype !== "f32") || (biasName !== "" && bias?.dtype !== "f32")) return false;
  const [s, t, m, v] = [scale!, shift!, mean!, variance!].map(floatsOf) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const epsilon = floatOf(normalization, "epsilon", 1e-5);
  const factors = s.map((x, at) => x / Math.sqrt(v[at]! + epsilon));
  const behind = weights!.size / weights!.shape[0]!;
  const scaled = floatsOf(weights!).map((x, at) => x * factors[Math.floor(at / behind)]!);
  const before = bias ? floatsOf(bias) : new Float32Array(factors.length);
  const sums = before.map((x, at) => (x - m[at]!) * factors[at]! + t[at]!);
  conv.input = [
    conv.input[0]!,
    edit.weight(`${weightName}_normalized`, tensor(scaled, [...weights!.shape])),
    edit.weight(`${weightName}_shift`, tensor(sums, [sums.length])),
  ];
  conv.output = [normalization.output[0]!];
  return true;
}
