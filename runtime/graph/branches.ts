// A branch of an If whose condition is known, as nodes of the graph around it: the values inside get names that nothing else
// has, and the branch's outputs the names of the If's.

import type { Tensor } from "../tensor/tensor.ts";
import { isGraph, type Attribute, type Graph, type GraphNode } from "./graph.ts";

/** The nodes and constants of a branch, renamed to stand in place of `node`. */
export function spliced(
  node: GraphNode,
  branch: Graph,
): { nodes: GraphNode[]; constants: Map<string, Tensor> } {
  const own = new Map<string, string>();
  const rename = (name: string) => own.set(name, `${node.name}/${name}`);
  for (const name of branch.constants.keys()) rename(name);
  for (const inner of branch.nodes) for (const name of inner.outputs) if (name !== "") rename(name);
  const nodes = branch.nodes.map((inner) => renamed(inner, own, `${node.name}/`));
  branch.outputs.forEach(({ name }, at) => {
    const output = node.outputs[at];
    if (output === undefined || output === "") return;
    nodes.push({
      name: `${node.name}/output_${at}`,
      domain: "",
      op: "Identity",
      inputs: [own.get(name) ?? name],
      outputs: [output],
      attributes: {},
    });
  });
  const constants = new Map([...branch.constants].map(([name, value]) => [own.get(name)!, value]));
  return { nodes, constants };
}

function renamed(node: GraphNode, names: ReadonlyMap<string, string>, prefix: string): GraphNode {
  const rename = (name: string) => names.get(name) ?? name;
  const attributes = Object.fromEntries(
    Object.entries(node.attributes).map(([key, value]): [string, Attribute] => [key, inside(value, names)]),
  );
  return {
    ...node,
    name: `${prefix}${node.name}`,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
    attributes,
  };
}

/** Renames what a nested graph uses of the names around it; its own names hide them. */
function inside(value: Attribute, names: ReadonlyMap<string, string>): Attribute {
  if (isGraph(value)) return renamedGraph(value, names);
  if (Array.isArray(value) && value.some(isGraph))
    return (value as readonly Graph[]).map((graph) => renamedGraph(graph, names));
  return value;
}

function renamedGraph(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const visible = new Map(names);
  const hide = (name: string) => visible.delete(name);
  for (const { name } of graph.inputs) hide(name);
  for (const name of graph.constants.keys()) hide(name);
  for (const node of graph.nodes) for (const name of node.outputs) hide(name);
  return {
    ...graph,
    nodes: graph.nodes.map((node) => renamed(node, visible, "")),
    outputs: graph.outputs.map((port) => ({ ...port, name: visible.get(port.name) ?? port.name })),
  };
}
