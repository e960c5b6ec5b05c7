// A model with small integers for weights, as another ONNX file that any runtime reads: between QuantizeLinear and DequantizeLinear where
// ranges of activations are known, by MatMulInteger and ConvInteger where they are measured while the model runs, by MatMulNBits for
// weights of four bits.

import type { GraphProto, NodeProto, TensorProto } from "onnx-buf";
import { dtypeInfo } from "../../lang/dtypes.ts";
import { modelError } from "../graph/error.ts";
import { normalDomain } from "../onnx/import.ts";
import { dtypeOfNumber, type ExternalData } from "../onnx/tensors.ts";
import type { WhenIntegers } from "../graph/builder.ts";
import { ModelEdit } from "./edit.ts";
import { layers, type Activations, type LayerContext } from "./layers.ts";
import { foldNormalizations } from "./normalizations.ts";
import { raise } from "./raise.ts";
import type { Ranges } from "./ranges.ts";
import { floatsOf } from "./weights.ts";

export interface QuantizeOptions {
  /** Bits of a weight; 8 if nothing is said. 4 is for matrix products: convolutions stay as they are. */
  readonly bits?: 4 | 8;
  /** `static` needs `ranges`; `none` quantizes weights alone. */
  readonly activations: Activations;
  /** From `rangesOf`, of the values that `activationsOf` names. */
  readonly ranges?: Ranges;
  /**
   * `faster`, if nothing is said: with known ranges, only layers that are faster by it take quantized activations, by the shapes that samples
   * had; the others have quantized weights alone. The figures are those of one core with WASM SIMD. `always` quantizes all activations.
   */
  readonly integers?: WhenIntegers;
  /** Numbers of a 4-bit weight that share a scale: 16, 32, 64 or 128; 32 if nothing is said. */
  readonly block?: number;
  /** Names of nodes to leave as they are; of those inside of others the paths, as in `Quantized`. */
  readonly keep?: ReadonlySet<string>;
  readonly externalData?: ExternalData;
}

/** A node whose weights were quantized. */
export interface QuantizedLayer {
  /** Its name; inside of a branch or loop its path, `loop/body/node`: with the names of the node around and of its attribute. */
  readonly node: string;
  readonly op: string;
  readonly shape: readonly number[];
  readonly bits: 4 | 8;
  /** Bytes of the weights before and after, scales included. */
  readonly before: number;
  readonly after: number;
  /** Signal to noise of the weights, in decibels. */
  readonly quality: number;
  /** Whether it multiplies floats: its activations are taken as they are. */
  readonly floats: boolean;
  /** The value that the node computes, under the same name in both models; of nodes inside of others none, since no run shows it. */
  readonly output?: string;
}

export interface Quantized {
  readonly bytes: Uint8Array;
  readonly layers: readonly QuantizedLayer[];
  /** Nodes that have weights and were left as they are. */
  readonly left: readonly { readonly node: string; readonly op: string; readonly why: string }[];
}

/** Names of the values whose ranges static quantization needs. */
export function activationsOf(
  bytes: Uint8Array,
  { keep = new Set(), externalData }: Pick<QuantizeOptions, "keep" | "externalData"> = {},
): string[] {
  const edit = new ModelEdit(bytes, externalData);
  const names = edit.graph.node.flatMap((node) => {
    const row = layerOf(node);
    const weights =
      row?.weight === 1 && !keep.has(node.name) ? edit.constant(node.input[1] ?? "") : undefined;
    return weights?.dtype === "f32" ? [node.input[0]!] : [];
  });
  return [...new Set(names)];
}

const layerOf = (node: NodeProto): (typeof layers)[string] | undefined =>
  normalDomain(node.domain) === "" ? layers[node.opType] : undefined;

/** Quantizes a model. Throws K1007 if nothing of it can be. */
export function quantizeModel(bytes: Uint8Array, options: QuantizeOptions): Quantized {
  const { bits = 8, activations, ranges = new Map(), block = 32, keep = new Set(), externalData } = options;
  const { integers = "faster" } = options;
  const edit = new ModelEdit(bytes, externalData);
  if (activations !== "none") raise(edit);
  const done: QuantizedLayer[] = [];
  const left: { node: string; op: string; why: string }[] = [];
  const quantizeNode = (node: NodeProto, path: string, context: LayerContext): readonly NodeProto[] => {
    const { opType: op } = node;
    const name = `${path}${node.name}`;
    const leave = (why: string): readonly NodeProto[] => {
      left.push({ node: name, op, why });
      return [node];
    };
    if (normalDomain(node.domain) === "" && withGraphs.has(op)) {
      if (keep.has(name)) return leave("it is to be kept");
      for (const { name: attribute, g } of node.attribute)
        if (g) quantizeGraph(context.edit.inside(g, op === "If"), `${name}/${attribute}/`, context.quantized);
      return [node];
    }
    const row = layerOf(node);
    const weights = row && context.edit.constant(node.input[row.weight] ?? "");
    if (!row || weights?.dtype !== "f32") {
      const why = whyLeft(context.edit, node, row?.weight);
      return why === undefined ? [node] : leave(why);
    }
    if (keep.has(name)) return leave("it is to be kept");
    if (!floatsOf(weights).every(Number.isFinite)) return leave("its weights are not all finite");
    const made = row.build(node, weights, context);
    if ("why" in made) return leave(made.why);
    done.push({
      node: name,
      op,
      shape: weights.shape,
      bits: made.bits,
      before: 4 * weights.size,
      after: made.bytes,
      quality: made.weights.quality,
      floats: made.floats ?? activations === "none",
      output: path === "" ? node.output[0] : undefined,
    });
    return made.nodes;
  };
  const quantizeGraph = (
    within: ModelEdit,
    path: string,
    known: ReadonlyMap<string, readonly string[]>,
  ): readonly NodeProto[] => {
    // What a graph around has quantized by now is there for those inside; the other way round it isn't.
    const context = {
      edit: within,
      activations,
      ranges,
      integers,
      block: bits === 4 ? block : 0,
      quantized: new Map(known),
      inside: path !== "",
    };
    const nodes = foldNormalizations(within).flatMap((node) => quantizeNode(node, path, context));
    within.replace(nodes);
    return nodes;
  };
  const nodes = quantizeGraph(edit, "", new Map());
  if (done.length === 0) {
    const before = nodes.find(({ opType }) => quantizedAlready.test(opType));
    const [first] = left;
    const reasons = [
      ...(before ? [`it is quantized already (${before.opType} \`${before.name}\`)`] : []),
      ...(first ? [`${first.op} \`${first.node}\` is left, since ${first.why}`] : []),
    ];
    throw modelError("K1007", { why: reasons.join(", and ") || "no node has weights of f32" });
  }
  return { bytes: edit.bytes(), layers: done, left };
}

/** Operators whose graphs are quantized as well. */
const withGraphs: ReadonlySet<string> = new Set(["If", "Loop", "Scan"]);

/** Operators of models that were quantized before. */
const quantizedAlready = /^(?:DequantizeLinear|MatMulNBits|QLinear.*|.*Integer|DynamicQuantizeMatMul)$/;

/** Whether a graph inside a node has weights of its own. */
const hasWeights = ({ initializer, node }: GraphProto): boolean =>
  initializer.some(isLarge) ||
  node.some(({ attribute }) => attribute.some(({ g, t }) => (g && hasWeights(g)) || (t && isLarge(t))));

const isLarge = ({ dataType, dims }: TensorProto): boolean => {
  const dtype = dtypeOfNumber(dataType);
  return (
    dtype !== undefined &&
    dtypeInfo(dtype).kind === "float" &&
    dims.reduce((size, dim) => size * Number(dim), 1) >= fewElements
  );
};

/** Fewer elements than this are no weights whose bytes count. */
const fewElements = 1024;

/** Why a node's weights aren't quantized, if it has any; `weight` is the input where they stand, if the operator has a quantized form. */
function whyLeft(edit: ModelEdit, node: NodeProto, weight: number | undefined): string | undefined {
  if (edit.passesOn(node) || quantizedAlready.test(node.opType)) return undefined;
  if (node.attribute.some(({ g }) => g && hasWeights(g))) return "it has weights inside a graph of its own";
  if (weight !== undefined) {
    const name = node.input[weight] ?? "";
    if (edit.isReplaceable(name))
      return `a caller may replace its weights, since \`${name}\` is an input, too`;
  }
  for (const name of node.input) {
    const value = edit.constant(name);
    if (!value || value.size < fewElements || dtypeInfo(value.dtype).kind !== "float") continue;
    if (value.dtype !== "f32") return `its weights are ${value.dtype}`;
    return weight === undefined ? "it has no quantized form" : "its weights stand where activations do";
  }
  return undefined;
}
