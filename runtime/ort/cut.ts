// A model's nodes in parts: those that kernels of ours carry out, and the rest between them. A part needs only what parts before it
// compute, so nodes are put where they can run together: each as early as it can, and a part ends where the kind changes.

import { fromBinary } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "onnx-buf";
import { badModel, modelError } from "../graph/error.ts";
import { opName } from "../graph/graph.ts";
import { inlineFunctions } from "../onnx/functions.ts";
import { normalDomain } from "../onnx/import.ts";

/** Nodes that run together, in order. */
export interface Part {
  readonly kind: "ort" | "kern";
  readonly nodes: readonly NodeProto[];
  /** Values that others compute or the caller gives, without weights. */
  readonly inputs: readonly string[];
  /** Values that later parts or the caller need. */
  readonly outputs: readonly string[];
}

export interface CutModel {
  readonly model: ModelProto;
  readonly graph: GraphProto;
  readonly weights: ReadonlyMap<string, TensorProto>;
  /** Names of its inputs. Those with a default among the weights aren't given. */
  readonly inputs: readonly string[];
  readonly parts: readonly Part[];
}

/** Cuts a model at the nodes that `isOurs` tells. */
export function cutModel(bytes: Uint8Array, isOurs: (node: NodeProto) => boolean): CutModel {
  const model = decoded(bytes);
  const { graph } = model;
  if (!graph) throw badModel("there is no graph in it");
  inlineFunctions(model);
  constantsAsWeights(graph);
  const weights = new Map(graph.initializer.map((each) => [each.name, each]));
  for (const node of graph.node)
    for (const inner of graphsOf(node)) {
      const found = findNode(inner, isOurs);
      if (found)
        throw badModel(
          `${textOf(found)} stands in a branch or loop (${textOf(node)}), where the model can’t be cut`,
        );
    }
  const given = graph.input.map(({ name }) => name);
  const levels = levelsOf(graph.node, new Set([...given, ...weights.keys()]), isOurs);
  return { model, graph, weights, inputs: given, parts: partsOf(graph, weights, levels) };
}

function decoded(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw badModel(
      `its bytes are not a whole message (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

export const textOf = (node: NodeProto): string =>
  `node \`${node.name}\` (${opName({ domain: normalDomain(node.domain), op: node.opType })})`;

export const graphsOf = (node: NodeProto): GraphProto[] =>
  node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));

function findNode(graph: GraphProto, test: (node: NodeProto) => boolean): NodeProto | undefined {
  for (const node of graph.node) {
    if (test(node)) return node;
    for (const inner of graphsOf(node)) {
      const found = findNode(inner, test);
      if (found) return found;
    }
  }
  return undefined;
}

/** `Constant` nodes become weights: each part that needs one has it, and none is handed over. */
function constantsAsWeights(graph: GraphProto): void {
  graph.node = graph.node.filter((node) => {
    const value = node.attribute.find(({ name }) => name === "value")?.t;
    if (normalDomain(node.domain) !== "" || node.opType !== "Constant" || !value) return true;
    graph.initializer.push({ ...value, name: node.output[0]! });
    return false;
  });
}

/** Names that a node reads, those of its subgraphs included, whichever graph defines them. */
export function namesRead(node: NodeProto): Set<string> {
  const names = new Set(node.input.filter((name) => name !== ""));
  const visit = (graph: GraphProto): void => {
    for (const { name } of graph.output) names.add(name);
    for (const each of graph.node) for (const name of namesRead(each)) names.add(name);
  };
  for (const graph of graphsOf(node)) visit(graph);
  return names;
}

/** By node: how many changes of kind lie before it, odd for ours. The nodes are in an order in which they can run. */
function levelsOf(
  nodes: readonly NodeProto[],
  free: ReadonlySet<string>,
  isOurs: (node: NodeProto) => boolean,
): Map<NodeProto, number> {
  const made = new Set(nodes.flatMap(({ output }) => output));
  const levelOf = new Map<string, number>();
  const levels = new Map<NodeProto, number>();
  let waiting = nodes;
  while (waiting.length > 0) {
    const later: NodeProto[] = [];
    for (const node of waiting) {
      const needs = [...namesRead(node)].filter((name) => made.has(name) && !free.has(name));
      if (needs.some((name) => !levelOf.has(name))) {
        later.push(node);
        continue;
      }
      const kind = isOurs(node) ? 1 : 0;
      const level = Math.max(
        kind,
        ...needs.map((name) => {
          const before = levelOf.get(name)!;
          return before % 2 === kind ? before : before + 1;
        }),
      );
      levels.set(node, level);
      for (const name of node.output) levelOf.set(name, level);
    }
    if (later.length === waiting.length)
      throw modelError("K1004", {
        nodes: later
          .slice(0, 5)
          .map(({ name, opType }) => `\`${name || opType}\``)
          .join(", "),
      });
    waiting = later;
  }
  return levels;
}

function partsOf(
  graph: GraphProto,
  weights: ReadonlyMap<string, TensorProto>,
  levels: ReadonlyMap<NodeProto, number>,
): Part[] {
  const byLevel = new Map<number, NodeProto[]>();
  for (const [node, level] of levels) byLevel.set(level, [...(byLevel.get(level) ?? []), node]);
  const order = [...byLevel.keys()].toSorted((a, b) => a - b);
  const wanted = new Set(graph.output.map(({ name }) => name));
  const known = new Set(graph.input.map(({ name }) => name));
  for (const node of levels.keys()) for (const name of node.output) known.add(name);
  const parts: Part[] = [];
  // From the last part on: what is wanted of one is what those after it read.
  for (const level of order.toReversed()) {
    const nodes = byLevel.get(level)!;
    const made = new Set(nodes.flatMap(({ output }) => output).filter((name) => name !== ""));
    const read = new Set(nodes.flatMap((node) => [...namesRead(node)]));
    const inputs = [...read].filter((name) => known.has(name) && !weights.has(name) && !made.has(name));
    const outputs = [...made].filter((name) => wanted.has(name));
    for (const name of inputs) wanted.add(name);
    parts.unshift({ kind: level % 2 === 1 ? "kern" : "ort", nodes, inputs, outputs });
  }
  return parts.filter(({ outputs }) => outputs.length > 0);
}
