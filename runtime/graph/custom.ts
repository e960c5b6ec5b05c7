// Nodes that a registered kernel carries out: an op of a user's domain, or a user's kernel for one of ONNX's own operators, which
// then comes before the table's row.

import { evaluateShape, type Signature } from "../../compiler/artifact.ts";
import type { Kernel } from "../device.ts";
import type { Candidate } from "../ops/registry.ts";
import { opName, type GraphNode } from "./graph.ts";
import type { NodeContext, OpRow } from "./ops/node.ts";
import type { PlanContext } from "./plan.ts";
import type { Value } from "./program.ts";

/** A row for a node, if a kernel of the registry takes its inputs. */
export function customRow(node: GraphNode, found: NodeContext, context: PlanContext): OpRow | undefined {
  const name = `${node.domain === "" ? "ai.onnx" : node.domain}::${node.op}`;
  const candidates = context.registry
    .candidatesFor(name)
    .filter(({ kernel, builtin }) => !builtin && kernel.device === context.device);
  if (candidates.length === 0) return undefined;
  for (const { kernel } of candidates) {
    const signature = kernel.instances.find((each) => fits(each, found));
    if (signature) return { op: opName(node), since: 1, build: (each) => call(kernel, signature, each) };
  }
  return found.fail(`no kernel registered for \`${name}\` takes its inputs: ${describe(found, candidates)}`);
}

function describe({ inputs }: NodeContext, candidates: readonly Candidate[]): string {
  const given = inputs.map((value) => (value ? `${value.dtype} [${value.shape.join(", ")}]` : "nothing"));
  const names = candidates.map(({ kernel }) => `\`${kernel.kernelName}\``);
  return `${given.join(", ")} for ${names.join(" or ")}`;
}

/** Whether a signature takes the node's inputs, in order, and was compiled for its attributes. */
function fits({ params, comptime }: Signature, { inputs, node }: NodeContext): boolean {
  const taken = params.filter((param) => param.kind === "scalar" || param.mode !== "out");
  if (taken.length < inputs.length) return false;
  const attributes = Object.entries(node.attributes);
  if (attributes.some(([name, value]) => name in comptime && !same(comptime[name], value))) return false;
  return inputs.every((value, at) => {
    const param = taken[at]!;
    if (!value) return false;
    if (param.dtype !== value.dtype) return false;
    return param.kind === "scalar" ? value.shape.length === 0 : param.shape.length === value.shape.length;
  });
}

const same = (comptime: unknown, attribute: unknown): boolean =>
  comptime === attribute || (typeof comptime === "boolean" && Number(comptime) === attribute);

async function call(kernel: Kernel, signature: Signature, node: NodeContext): Promise<readonly Value[]> {
  const tensors = signature.params.filter((param) => param.kind === "tensor");
  const given = tensors.filter(({ mode }) => mode !== "out");
  if (tensors.some(({ mode }) => mode === "mut"))
    node.fail(`\`${kernel.kernelName}\` changes an argument in place, which a node can’t do`);
  const values = new Map<string, number>();
  for (const { name, param, axis } of signature.dims) {
    const at = given.findIndex((each) => each === signature.params[param]);
    values.set(name, node.in(at).shape[axis]!);
  }
  const outputs = tensors
    .filter(({ mode }) => mode === "out")
    .map(({ dtype, shape }) => ({
      dtype,
      shape: shape.map((dim) => evaluateShape(dim, (name) => values.get(name) ?? NaN)),
    }));
  const names = (list: typeof tensors) => list.map(({ name }) => name);
  const results = names(tensors.filter(({ mode }) => mode === "out"));
  return node.b.call(
    { kernel, parameters: names(given), results },
    given.map((_, at) => node.in(at)),
    outputs,
  );
}
