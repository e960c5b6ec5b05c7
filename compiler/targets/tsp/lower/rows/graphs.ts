// Graphs of ALU instructions as values: parts of one put in another's place, their size, and what they are stored as.

import type { TspType } from "../../machine/values.ts";
import type { Node } from "../dag.ts";

/** A graph with one part replaced by another. */
export const replaced = (value: Node, part: Node, by: Node): Node => rebuilt(value, new Map([[part, by]]));

/** A graph over other loads. */
export const withLoads = (value: Node, by: (node: Node) => Node): Node => rebuilt(value, new Map(), by);

function rebuilt(value: Node, done: Map<Node, Node>, load = (node: Node): Node => node): Node {
  const visit = (node: Node): Node => {
    const found = done.get(node);
    if (found) return found;
    const made: Node =
      node.kind === "cast"
        ? { ...node, of: visit(node.of) }
        : node.kind === "alu"
          ? { ...node, args: node.args.map(visit) }
          : node.kind === "load"
            ? load(node)
            : node;
    done.set(node, made);
    return made;
  };
  return visit(value);
}

/** ALU instructions of a graph. */
export function sizeOf(values: readonly Node[]): number {
  const seen = new Set<Node>();
  let count = 0;
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === "cast") visit(node.of);
    if (node.kind !== "alu") return;
    count += 1;
    node.args.forEach(visit);
  };
  values.forEach(visit);
  return count;
}

/** The type of a value as it is stored: an instruction's result, which `type` of an ALU node isn't. */
export const typeOfStored = (node: Node): TspType => (node.kind === "alu" ? node.gives : node.type);
