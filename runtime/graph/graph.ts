// A model as data: nodes that name an operator, its inputs and outputs, and attributes. This is what importers make and the
// planner reads; shapes that a model leaves open are open here too. Nothing in it is of ONNX's file format, though
// operators have ONNX's names and meanings.

import type { Dtype } from "../../lang/dtypes.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** An attribute's value. Integers are numbers: those beyond 2^53 are rounded, which only markers for "the end" are. */
export type Attribute =
  number | string | readonly number[] | readonly string[] | Tensor | Graph | readonly Graph[];

export interface GraphNode {
  /** Unique in its graph: the model's own name, or one made of the operator and the position. */
  readonly name: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  readonly op: string;
  /** Names of values; empty where an optional input is left out. */
  readonly inputs: readonly string[];
  /** Names of values; empty where an optional output isn't wanted. */
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Of its operator set, where it isn't the one that the model names. */
  readonly version?: number;
}

/** A size that is known, one that has a name, or one that nothing is said of. */
export type Dim = number | string | null;

/** An input or output of a model. */
export interface GraphPort {
  readonly name: string;
  readonly dtype: Dtype;
  /** Undefined if not even the number of dimensions is said. */
  readonly shape: readonly Dim[] | undefined;
}

export interface Graph {
  readonly name: string;
  /** What a caller gives. Inputs with a default among the `constants` may be left out. */
  readonly inputs: readonly GraphPort[];
  readonly outputs: readonly GraphPort[];
  /** Weights and other constants, by the name of the value. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Each after the nodes whose outputs it takes. */
  readonly nodes: readonly GraphNode[];
  /** The version of each operator set that the model was written for. */
  readonly opsets: ReadonlyMap<string, number>;
}

/** `Conv` of ONNX itself, `com.microsoft::MatMulNBits` of others. */
export function opName({ domain, op }: Pick<GraphNode, "domain" | "op">): string {
  return domain === "" ? op : `${domain}::${op}`;
}

/** A node in a message. */
export function nodeText(node: Pick<GraphNode, "name" | "domain" | "op">): string {
  return `node \`${node.name}\` (${opName(node)})`;
}

/** Names of values of enclosing graphs that a graph's nodes use. */
export function outerNames(graph: Graph): Set<string> {
  const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.constants.keys()]);
  const outer = new Set<string>();
  const use = (name: string) => {
    if (name !== "" && !own.has(name)) outer.add(name);
  };
  for (const node of graph.nodes) {
    for (const name of node.inputs) use(name);
    for (const inner of subgraphs(node)) for (const name of outerNames(inner)) use(name);
    for (const name of node.outputs) own.add(name);
  }
  for (const { name } of graph.outputs) use(name);
  return outer;
}

/** The graphs among a node's attributes: the branches of an If, the body of a Loop. */
export function subgraphs({ attributes }: GraphNode): Graph[] {
  return Object.values(attributes).flatMap((value) =>
    isGraph(value) ? [value] : Array.isArray(value) ? (value as readonly unknown[]).filter(isGraph) : [],
  );
}

/** Names of a graph's nodes, and paths of those inside of them: `loop/body/node`. */
export function* nodePaths({ nodes }: Graph, path = ""): Generator<string> {
  for (const { name, attributes } of nodes) {
    yield `${path}${name}`;
    for (const [attribute, value] of Object.entries(attributes))
      if (isGraph(value)) yield* nodePaths(value, `${path}${name}/${attribute}/`);
  }
}

export function isGraph(value: unknown): value is Graph {
  return typeof value === "object" && value !== null && "nodes" in value && "constants" in value;
}

/** Names that a node uses, those of its subgraphs included. */
export function namesUsed(node: GraphNode): string[] {
  const inner = subgraphs(node).flatMap((graph) => [...outerNames(graph)]);
  return [...node.inputs.filter((name) => name !== ""), ...inner];
}
