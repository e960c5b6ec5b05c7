// What several readers of ONNX's messages ask of a node.

import type { GraphProto, NodeProto } from "onnx-buf";

/** The graphs of a node: branches and bodies of loops. */
export const graphsOf = (node: NodeProto): GraphProto[] =>
  node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));

/** Names that a node's graphs read, whichever graph defines them. */
export function namesInside(node: NodeProto): Set<string> {
  const names = new Set<string>();
  for (const graph of graphsOf(node)) {
    for (const { name } of graph.output) names.add(name);
    for (const each of graph.node) for (const name of namesRead(each)) names.add(name);
  }
  return names;
}

/** Names that a node reads, those of its graphs included. */
export const namesRead = (node: NodeProto): Set<string> =>
  new Set([...node.input.filter((name) => name !== ""), ...namesInside(node)]);
