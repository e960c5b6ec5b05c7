// Nodes that a registered kernel carries out: an op of a user's domain, or a user's kernel for one of ONNX's own operators, which
// comes before the table's row where it takes the node.

import { evaluateShape } from "../../compiler/artifact.ts";
import { nearest } from "../../lang/diagnostics/nearest.ts";
import type { KernError } from "../error.ts";
import { nodeCall, registeredName, userKernels, type NodeCall } from "../ops/node-call.ts";
import type { OpRegistry } from "../ops/registry.ts";
import { modelError } from "./error.ts";
import { nodeText, opName, type GraphNode } from "./graph.ts";
import type { NodeContext, OpRow } from "./ops/node.ts";
import type { PlanContext } from "./plan.ts";
import type { Value } from "./program.ts";

/** A row for a node, if a kernel of the registry takes its inputs. What none of them takes is left to the table's row, if there is `another`. */
export function customRow(
  node: GraphNode,
  found: NodeContext,
  context: PlanContext,
  another: OpRow | undefined,
): OpRow | undefined {
  const name = registeredName(node.domain, node.op);
  const kernels = context.sites.flatMap(({ device }) => userKernels(context.registry, name, device));
  if (kernels.length === 0) return undefined;
  const inputs = found.inputs.map((value) => value && { dtype: value.dtype, shape: value.shape });
  const call = nodeCall(kernels, { inputs, outputs: node.outputs.length, attributes: node.attributes });
  if ("kernel" in call) return { op: opName(node), since: 1, build: (each) => built(call, each) };
  const why = `no kernel registered for \`${name}\` takes it: ${call.reasons.join("; ")}`;
  if (!another || call.ambiguous) return found.fail(why);
  found.b.left.set(node.name, why);
  return undefined;
}

async function built(call: NodeCall, node: NodeContext): Promise<readonly Value[]> {
  let results = await once(
    call,
    node,
    call.numbers.map((number) => node.in(number)),
  );
  for (const number of call.further) results = await once(call, node, [results[0]!, node.in(number)]);
  return results;
}

/** One call of the kernel on values. */
async function once(call: NodeCall, { b }: NodeContext, inputs: readonly Value[]): Promise<readonly Value[]> {
  const { kernel, signature, given, results, scalars } = call;
  // Sizes of results are made of dimensions of inputs and of numbers.
  const values = new Map<string, number>(Object.entries(scalars));
  for (const { name, param, axis } of signature.dims) {
    const at = given.findIndex((each) => each === signature.params[param]);
    values.set(name, inputs[at]!.shape[axis]!);
  }
  const outputs = results.map(({ dtype, shape }) => ({
    dtype,
    shape: shape.map((dim) => evaluateShape(dim, (name) => values.get(name) ?? NaN)),
  }));
  const names = (list: typeof given) => list.map(({ name }) => name);
  return b.call({ kernel, parameters: names(given), results: names(results), scalars }, inputs, outputs);
}

/** A node that there is neither a row nor a kernel for. */
export function missingOp(node: Pick<GraphNode, "domain" | "op" | "name">, registry: OpRegistry): KernError {
  const name = registeredName(node.domain, node.op);
  const near = registry.names.filter((each) => each.split("::")[1] === node.op);
  const similar = near.length === 0 ? nearest(name, registry.names) : undefined;
  return modelError(
    "K1002",
    { op: opName(node), node: nodeText(node) },
    {
      notes: [
        // Sequences, optional values and texts aren't tensors: no kernel takes them.
        ...(/Sequence|Optional|String|^Tfidf/.test(node.op)
          ? ["its values are sequences, optional values or texts, and I take only tensors"]
          : []),
        `load a kernel with \`@op("${name}")\` and \`ops.register\` it to provide one`,
        ...near.map((each) =>
          each === name
            ? `\`${each}\` is registered on another device`
            : `\`${each}\` is registered, but the domain differs`,
        ),
        ...(similar === undefined ? [] : [`\`${similar}\` is registered, which is written nearly like it`]),
      ],
    },
  );
}
