// The nodes that have quantized forms: what each becomes, for activations whose ranges are known, for those that are measured when
// they are there, and for weights of four bits. A row takes a node apart and gives the nodes in its place, or says why it is left.

import type { NodeProto } from "onnx-buf";
import { sizeOf } from "../tensor/layout.ts";
import { numberOf } from "../onnx/tensors.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";
import { floatOf, intOf, type ModelEdit } from "./edit.ts";
import type { WhenIntegers } from "../graph/builder.ts";
import { multipliesIntegers } from "./placement.ts";
import type { Range, Ranges } from "./ranges.ts";
import { eightBits, floatsOf, fourBits, roundToEven, transposed, type QuantizedWeights } from "./weights.ts";

/** How activations are quantized: by ranges from calibration, when they are there, or not at all. */
export type Activations = "static" | "dynamic" | "none";

export interface LayerContext {
  readonly edit: ModelEdit;
  readonly activations: Activations;
  readonly ranges: Ranges;
  /** Whether all layers multiply integers, or those that are faster by it; the others have small weights alone. */
  readonly integers: WhenIntegers;
  /** Numbers of a 4-bit weight that share a scale; 0 for weights of eight bits. */
  readonly block: number;
  /** Quantized activations by the name of the value. */
  readonly quantized: Map<string, readonly string[]>;
  /** In a branch or the body of a loop, where samples show no activations: with `static`, weights alone are quantized. */
  readonly inside: boolean;
}

/** Nodes in place of one, and the weights that they hold. */
export interface Made {
  readonly nodes: readonly NodeProto[];
  readonly weights: QuantizedWeights;
  readonly bits: 4 | 8;
  /** Bytes of what the weights became. */
  readonly bytes: number;
  /** Activations are taken as they are, since that is faster. */
  readonly floats?: boolean;
}

/** Why a node is left as it is. */
export interface Refusal {
  readonly why: string;
}

export type Layer = (node: NodeProto, weights: Tensor, context: LayerContext) => Made | Refusal;

const bytesFor = ({ q, scale, halves }: QuantizedWeights): number => q.size + (halves ? 2 : 4) * scale.size;

/** Where weights and activations stand in products and convolutions. */
export const layers: Readonly<Record<string, { readonly weight: number; readonly build: Layer }>> = {
  Conv: { weight: 1, build: convolution },
  MatMul: { weight: 1, build: product },
  Gemm: { weight: 1, build: product },
  Gather: { weight: 0, build: table },
};

/** Whether a node with known ranges is faster on floats. */
const keepsFloats = (node: NodeProto, w: Tensor, { integers, ranges, inside }: LayerContext): boolean =>
  inside || (integers === "faster" && !multipliesIntegers(node, w.shape, ranges.get(node.input[0]!)?.shape));

function convolution(node: NodeProto, w: Tensor, context: LayerContext): Made | Refusal {
  const { edit, activations, block } = context;
  if (block > 0) return { why: "weights of four bits are for matrix products" };
  if (activations === "none") return { why: "a convolution’s activations are quantized too" };
  const weights = eightBits(w, 0, activations === "static");
  const [x, , bias = ""] = node.input as [string, string, string?];
  const made = { weights, bits: 8 as const, bytes: bytesFor(weights) };
  if (activations === "static") {
    const [weightNodes, weight] = dequantizedWeights(node, weights, 0, context);
    if (keepsFloats(node, w, context)) {
      const plain = edit.rewired(node, [x, weight, ...(bias === "" ? [] : [bias])]);
      return { ...made, floats: true, nodes: [...weightNodes, plain] };
    }
    const before = activation(x, context);
    if ("why" in before) return before;
    const [biasNodes, sum] = dequantizedBias(bias, before.scale, weights.scale, context);
    const inputs = [before.name, weight, ...(sum === "" ? [] : [sum])];
    return { ...made, nodes: [...before.nodes, ...weightNodes, ...biasNodes, edit.rewired(node, inputs)] };
  }
  if (edit.version < 11)
    return { why: "operators of version 11 are needed to quantize while the model runs" };
  const { nodes, names } = measured(x, context);
  const [q, scale, zero] = names;
  const sums = edit.rewired(node, [
    q!,
    edit.weight(`${node.input[1]}_quantized`, weights.q, node.input[1]),
    zero!,
  ]);
  sums.opType = "ConvInteger";
  const own = tensor(floatsOf(weights.scale), [w.shape[0]!, ...w.shape.slice(2).map(() => 1)]);
  const scaled = scaledSums(node, sums, scale!, own, bias === "" ? node.output[0]! : undefined, context);
  if (bias === "") return { ...made, nodes: [...nodes, ...scaled.nodes] };
  // A bias is one number a channel, which broadcasting needs axes behind.
  const shape = edit.weight(
    `${node.name}_bias_shape`,
    shapeTensor([1, w.shape[0]!, ...w.shape.slice(2).map(() => 1)]),
  );
  const shaped = edit.fresh(`${bias}_channels`);
  return {
    ...made,
    nodes: [
      ...nodes,
      ...scaled.nodes,
      edit.node("Reshape", `${node.name}_bias`, [bias, shape], [shaped]),
      edit.node("Add", `${node.name}_sum`, [scaled.name, shaped], [node.output[0]!]),
    ],
  };
}

/** MatMul, and Gemm whose left operand isn't transposed. */
function product(node: NodeProto, w: Tensor, context: LayerContext): Made | Refusal {
  const { edit, activations, block } = context;
  const gemm = node.opType === "Gemm";
  if (w.shape.length !== 2) return { why: "its weights are not a matrix" };
  if (gemm && intOf(node, "transA", 0) !== 0) return { why: "its activations are transposed" };
  const turned = gemm && intOf(node, "transB", 0) !== 0;
  const [x, , bias = ""] = node.input as [string, string, string?];
  if (activations === "static" && block === 0) {
    const axis = turned ? 0 : 1;
    const weights = eightBits(w, axis);
    const floats = keepsFloats(node, w, context);
    const before = floats ? { nodes: [], name: x } : activation(x, context);
    if ("why" in before) return before;
    const [weightNodes, weight] = dequantizedWeights(node, weights, axis, context);
    const inputs = [before.name, weight, ...(bias === "" ? [] : [bias])];
    const nodes = [...before.nodes, ...weightNodes, edit.rewired(node, inputs)];
    return { nodes, weights, bits: 8, floats, bytes: bytesFor(weights) };
  }
  const [alpha, beta] = gemm ? [floatOf(node, "alpha", 1), floatOf(node, "beta", 1)] : [1, 1];
  const given = turned ? transposed(w) : w;
  const matrix = alpha === 1 ? given : times(given, alpha);
  const [k, n] = matrix.shape as [number, number];
  const plain = bias === "" ? node.output[0]! : edit.fresh(`${node.output[0]}_product`);
  const rest: NodeProto[] = [];
  if (bias !== "") {
    const factor = beta === 1 ? "" : edit.weight(`${node.name}_beta`, tensor(Float32Array.of(beta), []));
    const addend = factor === "" ? bias : edit.fresh(`${bias}_scaled`);
    if (factor !== "") rest.push(edit.node("Mul", `${node.name}_scaled_bias`, [bias, factor], [addend]));
    rest.push(edit.node("Add", `${node.name}_bias`, [plain, addend], [node.output[0]!]));
  }
  if (block > 0) {
    const weights = fourBits(matrix, block);
    const inputs = [
      x,
      edit.weight(`${node.input[1]}_4bit`, weights.q, node.input[1]),
      edit.weight(`${node.input[1]}_scales`, weights.scale, node.input[1]),
    ];
    // Level 4 lets the activations be rounded to eight bits, which is what dynamic means; 0 leaves it to who runs the model.
    const level = activations === "dynamic" ? 4 : 0;
    const attributes = { K: k, N: n, bits: 4, block_size: block, accuracy_level: level };
    const made = edit.node("MatMulNBits", node.name, inputs, [plain], attributes, "com.microsoft");
    return { nodes: [made, ...rest], weights, bits: 4, bytes: bytesFor(weights) };
  }
  const weights = eightBits(matrix, 1);
  const around = activations === "none" ? undefined : node.input[1];
  const q = edit.weight(`${node.input[1]}_quantized`, weights.q, around);
  const bytes = bytesFor(weights);
  if (activations === "none") {
    const [weightNodes, weight] = dequantizedWeights(node, weights, 1, context, q);
    const made = edit.node("MatMul", node.name, [x, weight], [plain]);
    return { nodes: [...weightNodes, made, ...rest], weights, bits: 8, bytes };
  }
  if (edit.version < 11) {
    const scale = edit.weight(`${node.input[1]}_scale`, weights.scale, node.input[1]);
    const made = edit.node("DynamicQuantizeMatMul", node.name, [x, q, scale], [plain], {}, "com.microsoft");
    return { nodes: [made, ...rest], weights, bits: 8, bytes };
  }
  const { nodes, names } = measured(x, context);
  const [activations8, scale, zero] = names;
  const sums = edit.node(
    "MatMulInteger",
    node.name,
    [activations8!, q, zero!],
    [edit.fresh(`${node.output[0]}_sums`)],
  );
  const scaled = scaledSums(node, sums, scale!, weights.scale, plain, context);
  return { nodes: [...nodes, ...scaled.nodes, ...rest], weights, bits: 8, bytes };
}

/** A table of rows that are looked up: each row has a scale, which is looked up too. */
function table(node: NodeProto, w: Tensor, { edit }: LayerContext): Made | Refusal {
  if (w.shape.length !== 2 || intOf(node, "axis", 0) !== 0)
    return { why: "it doesn’t look up rows of a table" };
  if (sizeOf(w.shape) < 4096) return { why: "its table is small" };
  const weights = eightBits(w, 0);
  const [data, places] = node.input as [string, string];
  const [rows, wide, scales] = ["rows", "wide", "scales"].map((what) =>
    edit.fresh(`${node.output[0]}_${what}`),
  );
  const column = tensor(floatsOf(weights.scale), [w.shape[0]!, 1]);
  return {
    weights,
    bits: 8,
    bytes: bytesFor(weights),
    nodes: [
      edit.node("Gather", node.name, [edit.weight(`${data}_quantized`, weights.q, data), places], [rows!]),
      edit.node("Cast", `${node.name}_cast`, [rows!], [wide!], { to: 1 }),
      edit.node(
        "Gather",
        `${node.name}_scales`,
        [edit.weight(`${data}_scale`, column, data), places],
        [scales!],
      ),
      edit.node("Mul", `${node.name}_scaled`, [wide!, scales!], [node.output[0]!]),
    ],
  };
}

// ---- activations -------------------------------------------------------------------------------------------

/** An activation quantized by its range and dequantized again: nodes, the first time, and the result's name. */
function activation(
  x: string,
  { edit, ranges, quantized }: LayerContext,
): { readonly nodes: readonly NodeProto[]; readonly name: string; readonly scale: number } | Refusal {
  const range = ranges.get(x);
  if (!range) return { why: `nothing is known of the range of \`${x}\`` };
  if (!(range.high > range.low))
    return { why: `\`${x}\` is zero in all samples, which says nothing of its range` };
  const { scale, zero } = stepsOf(range);
  const known = quantized.get(x);
  if (known) return { nodes: [], name: known[0]!, scale };
  const numbers = [
    edit.weight(`${x}_scale`, tensor(Float32Array.of(scale), [])),
    edit.weight(`${x}_zero`, tensor(Uint8Array.of(zero), [])),
  ];
  const [q, name] = [edit.fresh(`${x}_quantized`), edit.fresh(`${x}_dequantized`)];
  quantized.set(x, [name]);
  const domain = quantizingDomain(edit);
  const nodes = [
    edit.node("QuantizeLinear", `${x}_QuantizeLinear`, [x, ...numbers], [q], {}, domain),
    edit.node("DequantizeLinear", `${x}_DequantizeLinear`, [q, ...numbers], [name], {}, domain),
  ];
  return { nodes, name, scale };
}

/** 256 steps over a range, 0 among them. */
export function stepsOf({ low, high }: Range): { scale: number; zero: number } {
  const scale = Math.fround((high - low) / 255);
  if (!(scale > 0)) return { scale: 1, zero: 0 };
  return { scale, zero: Math.max(0, Math.min(255, roundToEven(-low / scale))) };
}

/** An activation quantized by its range when it is there: q, scale, zero point. */
function measured(
  x: string,
  { edit, quantized }: LayerContext,
): { readonly nodes: readonly NodeProto[]; readonly names: readonly string[] } {
  const known = quantized.get(x);
  if (known) return { nodes: [], names: known };
  const names = ["quantized", "scale", "zero"].map((what) => edit.fresh(`${x}_${what}`));
  quantized.set(x, names);
  return { nodes: [edit.node("DynamicQuantizeLinear", `${x}_DynamicQuantizeLinear`, [x], names)], names };
}

/** The sums that a node makes, as numbers: times the scales of activations and weights. */
function scaledSums(
  node: NodeProto,
  sums: NodeProto,
  scale: string,
  own: Tensor,
  target: string | undefined,
  { edit }: LayerContext,
): { readonly nodes: readonly NodeProto[]; readonly name: string } {
  const [whole, real, factor] = ["sums", "real", "factor"].map((what) =>
    edit.fresh(`${node.output[0]}_${what}`),
  );
  sums.output = [whole!];
  const name = target ?? edit.fresh(`${node.output[0]}_scaled`);
  const weight = edit.weight(`${node.input[1]}_scale`, own, node.input[1]);
  const nodes = [
    sums,
    edit.node("Cast", `${node.name}_cast`, [whole!], [real!], { to: 1 }),
    edit.node("Mul", `${node.name}_factor`, [scale, weight], [factor!]),
    edit.node("Mul", `${node.name}_scaled`, [real!, factor!], [name]),
  ];
  return { nodes, name };
}

// ---- weights -----------------------------------------------------------------------------------------------

/** ONNX's own operators have scales along an axis since version 13; those of `com.microsoft` always had. */
const quantizingDomain = ({ version }: ModelEdit): string => (version >= 13 ? "" : "com.microsoft");

/** Weights beside the node that dequantizes them: onnxruntime 1.30 opens no model that has them in a graph around. */
function dequantizedWeights(
  node: NodeProto,
  { q, scale, halves }: QuantizedWeights,
  axis: number,
  { edit }: LayerContext,
  known?: string,
): [NodeProto[], string] {
  const base = node.input[1]!;
  const steps = edit.weight(`${base}_scale`, halves ?? scale);
  const inputs = [known ?? edit.weight(`${base}_quantized`, q), halves ? edit.fresh(`${base}_wide`) : steps];
  const domain = quantizingDomain(edit);
  // That domain's operator always takes a zero point.
  if (domain !== "")
    inputs.push(edit.weight(`${base}_zero`, tensor(new Int8Array(scale.size), [scale.size])));
  const name = edit.fresh(`${base}_dequantized`);
  const made = edit.node("DequantizeLinear", `${base}_DequantizeLinear`, inputs, [name], { axis }, domain);
  if (!halves) return [[made], name];
  const widened = edit.node("Cast", `${base}_wide`, [steps], [inputs[1]!], { to: numberOf("f32")! });
  return [[widened, made], name];
}

/** A bias in steps of what it is added to; as it is where that would overflow. */
function dequantizedBias(
  name: string,
  first: number,
  second: Tensor,
  { edit }: LayerContext,
): [NodeProto[], string] {
  const bias = name === "" ? undefined : edit.constant(name);
  if (!bias || bias.dtype !== "f32") return [[], name];
  const scales = Float32Array.from(floatsOf(second), (scale) => scale * first);
  const steps = Array.from(floatsOf(bias), (x, at) => roundToEven(x / scales[at]!));
  if (steps.some((step) => !(Math.abs(step) < 2 ** 30))) return [[], name];
  const domain = quantizingDomain(edit);
  const inputs = [
    edit.weight(`${name}_quantized`, tensor(Int32Array.from(steps), [steps.length])),
    edit.weight(`${name}_scale`, tensor(scales, [steps.length])),
  ];
  if (domain !== "")
    inputs.push(edit.weight(`${name}_zero`, tensor(new Int32Array(steps.length), [steps.length])));
  const made = edit.fresh(`${name}_dequantized`);
  return [
    [edit.node("DequantizeLinear", `${name}_DequantizeLinear`, inputs, [made], { axis: 0 }, domain)],
    made,
  ];
}

const times = (w: Tensor, factor: number): Tensor =>
  tensor(
    floatsOf(w).map((x) => x * factor),
    [...w.shape],
  );

const shapeTensor = (shape: readonly number[]): Tensor =>
  tensor(BigInt64Array.from(shape.map(BigInt)), [shape.length]);
