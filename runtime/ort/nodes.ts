// The nodes of a part that kernels of ours carry out: chosen when the model is loaded, by dtypes and ranks as far as these are known
// then, and called with the tensors of a run.

import type { NodeProto } from "onnx-buf";
import { badModel, modelError } from "../graph/error.ts";
import type { Kernel } from "../device.ts";
import { attributesOf, normalDomain } from "../onnx/import.ts";
import { dtypeOfNumber } from "../onnx/tensors.ts";
import { nodeCall, type InputDescription, type NodeCall } from "../ops/node-call.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { textOf, type CutModel, type Part } from "./cut.ts";
import { release, type Handed, type Handover } from "./handover.ts";
import type { ValueType } from "./part.ts";

/** Operator sets that onnxruntime knows; in any other, an op is a kernel of ours or missing. */
const known = /^(|ai\.onnx\.ml|ai\.onnx\.(preview\.)?training|com\.microsoft(\..*)?|com\.ms\..*)$/;

export const isKnownThere = ({ domain }: NodeProto): boolean => known.test(normalDomain(domain));

/** Nodes that no registered kernel takes, and why. Onnxruntime carries them out. */
export type LeftNodes = Map<NodeProto, string>;

/** A node, and the kernel that carries it out. */
export interface KernNode {
  readonly node: NodeProto;
  readonly call: NodeCall;
  /** Values that only other nodes of this part read, and that none reads after this node. */
  readonly inside: readonly string[];
}

/**
 * Chooses a kernel for each node of a part, and notes what its results are. What no kernel takes is put to `left` where onnxruntime may know
 * the operator, and the part has to be cut anew: there is no result then.
 */
export function nodesOf(
  part: Part,
  { weights }: CutModel,
  kernelsOf: (node: NodeProto) => readonly Kernel[],
  types: Map<string, ValueType>,
  left: LeftNodes,
): KernNode[] | undefined {
  const describe = (name: string): InputDescription | undefined => {
    const weight = weights.get(name);
    const dtype = weight ? dtypeOfNumber(weight.dataType) : types.get(name)?.dtype;
    return dtype && { dtype, shape: weight ? weight.dims.map(Number) : types.get(name)!.shape };
  };
  const calls = new Map<NodeProto, NodeCall>();
  // Of what these nodes give the types are known when onnxruntime was asked.
  const later = new Set<string>();
  for (const node of part.nodes) {
    const call = node.input.some((name) => later.has(name)) ? undefined : callFor(node, kernelsOf, describe);
    if (typeof call === "string") left.set(node, call);
    if (call === undefined || typeof call === "string") {
      for (const name of node.output) later.add(name);
      continue;
    }
    for (const [at, name] of node.output.entries()) {
      const { dtype, shape } = call.results[at]!;
      const sizes = shape.map((size) => (typeof size === "number" ? size : undefined));
      if (!types.has(name)) types.set(name, { dtype, shape: sizes });
    }
    calls.set(node, call);
  }
  if (later.size > 0) return undefined;
  const kept = new Set([...part.outputs, ...part.inputs, ...weights.keys()]);
  return part.nodes.map((node, at) => {
    const later = new Set(part.nodes.slice(at + 1).flatMap(({ input }) => input));
    const inside = [...new Set([...node.input, ...node.output])].filter(
      (name) => name !== "" && !kept.has(name) && !later.has(name),
    );
    return { node, call: calls.get(node)!, inside };
  });
}

/** How a kernel carries a node out, or why none does that onnxruntime may do instead. */
function callFor(
  node: NodeProto,
  kernelsOf: (node: NodeProto) => readonly Kernel[],
  describe: (name: string) => InputDescription | undefined,
): NodeCall | string {
  const given = node.input.slice(0, node.input.findLastIndex((name) => name !== "") + 1);
  const inputs = given.map((name) => describe(name));
  const untyped = given.find((name, at) => name !== "" && !inputs[at]);
  if (untyped !== undefined) {
    const why = `nothing says of which type \`${untyped}\` is`;
    if (isKnownThere(node)) return why;
    throw badModel(`${why}, an input of ${textOf(node)}`);
  }
  const attributes = attributesOf(node);
  const found = nodeCall(kernelsOf(node), { inputs, outputs: node.output.length, attributes });
  if ("kernel" in found) return found;
  const why = `no registered kernel takes it: ${found.reasons.join("; ")}`;
  if (isKnownThere(node) && !found.ambiguous) return why;
  throw modelError("K1003", { node: textOf(node), why });
}

/** Runs a node on the values that are there, and puts its results to them. */
export async function callNode(
  { node, call, inside }: KernNode,
  values: Map<string, Handed>,
  weights: ReadonlyMap<string, Handed>,
  handover: Handover,
): Promise<void> {
  const taken = (number: number): Promise<Tensor> => {
    const name = node.input[number]!;
    return handover.toKern(weights.get(name) ?? values.get(name)!, name);
  };
  const once = (tensors: readonly Tensor[]): Promise<Record<string, Tensor>> =>
    call.kernel({
      ...call.scalars,
      ...Object.fromEntries(call.given.map(({ name }, at) => [name, tensors[at]!])),
    });
  const inputs: Tensor[] = [];
  for (const number of call.numbers) inputs.push(await taken(number));
  let results = await once(inputs);
  for (const number of call.further) {
    const before = results[call.results[0]!.name]!;
    results = await once([before, await taken(number)]);
    before.dispose();
  }
  for (const [at, { name: parameter }] of call.results.entries()) {
    const name = node.output[at] ?? "";
    if (name === "") results[parameter]!.dispose();
    else values.set(name, { kern: results[parameter]! });
  }
  for (const name of inside) {
    const value = values.get(name);
    if (value) release(value);
    values.delete(name);
  }
}
