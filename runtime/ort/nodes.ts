// The nodes of a part that kernels of ours carry out: chosen when the model is loaded, by dtypes and ranks as far as these are known
// then, and called with the tensors of a run.

import type { NodeProto } from "onnx-buf";
import { badModel, modelError } from "../graph/error.ts";
import type { Kernel } from "../device.ts";
import { attributesOf } from "../onnx/import.ts";
import { dtypeOfNumber } from "../onnx/tensors.ts";
import { nodeCall, type InputDescription, type NodeCall } from "../ops/node-call.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { textOf, type CutModel, type Part } from "./cut.ts";
import { release, type Handed, type Handover } from "./handover.ts";
import type { ValueType } from "./part.ts";

/** A node, and the kernel that carries it out. */
export interface KernNode {
  readonly node: NodeProto;
  readonly call: NodeCall;
  /** Values that only other nodes of this part read, and that none reads after this node. */
  readonly inside: readonly string[];
}

/** Chooses a kernel for each node of a part, and notes what its results are. */
export function nodesOf(
  part: Part,
  { weights }: CutModel,
  kernelsOf: (node: NodeProto) => readonly Kernel[],
  types: Map<string, ValueType>,
): KernNode[] {
  const describe = (name: string, node: NodeProto): InputDescription | undefined => {
    if (name === "") return undefined;
    const weight = weights.get(name);
    const dtype = weight ? dtypeOfNumber(weight.dataType) : types.get(name)?.dtype;
    if (!dtype) throw badModel(`nothing says of which type \`${name}\` is, an input of ${textOf(node)}`);
    return { dtype, rank: weight ? weight.dims.length : types.get(name)!.shape?.length };
  };
  const calls = part.nodes.map((node) => {
    const given = node.input.slice(0, node.input.findLastIndex((name) => name !== "") + 1);
    const inputs = given.map((name) => describe(name, node));
    const found = nodeCall(kernelsOf(node), {
      inputs,
      outputs: node.output.length,
      attributes: attributesOf(node),
    });
    if (!("kernel" in found))
      throw modelError("K1003", {
        node: textOf(node),
        why: `no registered kernel takes it: ${found.reasons.join("; ")}`,
      });
    for (const [at, name] of node.output.entries()) {
      const { dtype, shape } = found.results[at]!;
      if (!types.has(name)) types.set(name, { dtype, shape: shape.map(() => undefined) });
    }
    return found;
  });
  const kept = new Set([...part.outputs, ...part.inputs, ...weights.keys()]);
  return part.nodes.map((node, at) => {
    const later = new Set(part.nodes.slice(at + 1).flatMap(({ input }) => input));
    const inside = [...new Set([...node.input, ...node.output])].filter(
      (name) => name !== "" && !kept.has(name) && !later.has(name),
    );
    return { node, call: calls[at]!, inside };
  });
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
