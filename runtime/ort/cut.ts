// A model's nodes in parts: those that kernels of ours carry out, branches and loops with such nodes inside, and the rest between them. A
// part needs only what parts before it compute, so nodes are put where they can run together: each as early as it can, and a part ends
// where the kind changes. The graphs of branches and loops are cut in the same way.

import type { GraphProto, ModelProto, NodeProto, TensorProto } from "onnx-buf";
import { badModel, modelError } from "../graph/error.ts";
import { opName } from "../graph/graph.ts";
import { inlineFunctions } from "../onnx/functions.ts";
import { decode, normalDomain } from "../onnx/import.ts";
import { graphsOf, namesRead } from "../onnx/messages.ts";

/** Nodes that run together, in order. */
export interface Part {
  /** `control`: branches and loops with nodes of ours inside. */
  readonly kind: "ort" | "kern" | "control";
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
  /** The graphs inside of `control` parts. */
  readonly bodies: ReadonlyMap<GraphProto, CutModel>;
}

type IsOurs = (node: NodeProto) => boolean;

/** What a graph inside of another may name. */
interface Around {
  readonly weights: ReadonlyMap<string, TensorProto>;
  readonly values: ReadonlySet<string>;
}

/** The model in a file, with the nodes of functions in place of their calls. */
export function readModel(bytes: Uint8Array): ModelProto {
  const model = decode(bytes);
  inlineFunctions(model);
  return model;
}

/** Cuts a model at the nodes that `isOurs` tells. It may be cut again, at others. */
export function cutModel(model: ModelProto, isOurs: IsOurs): CutModel {
  if (!model.graph) throw badModel("there is no graph in it");
  return cutGraph(model, model.graph, isOurs, { weights: new Map(), values: new Set() });
}

function cutGraph(model: ModelProto, graph: GraphProto, isOurs: IsOurs, around: Around): CutModel {
  constantsAsWeights(graph);
  const weights = new Map([
    ...around.weights,
    ...graph.initializer.map((each) => [each.name, each] as const),
  ]);
  const inputs = graph.input.map(({ name }) => name);
  const given = new Set([...around.values, ...inputs]);
  const holdsOurs = (node: NodeProto): boolean =>
    graphsOf(node).some((inner) => inner.node.some((each) => isOurs(each) || holdsOurs(each)));
  const kindOf = (node: NodeProto): Part["kind"] =>
    isOurs(node) ? "kern" : holdsOurs(node) ? "control" : "ort";
  const levels = levelsOf(graph.node, new Set([...given, ...weights.keys()]), kindOf);
  const parts = partsOf(graph, weights, given, levels);
  const visible = new Set([...given, ...graph.node.flatMap(({ output }) => output)]);
  const bodies = new Map<GraphProto, CutModel>();
  for (const { kind, nodes } of parts)
    for (const node of kind === "control" ? nodes : []) {
      if (normalDomain(node.domain) !== "" || !cuttable.has(node.opType))
        throw badModel(`${textOf(node)} has nodes of registered kernels inside, where it can’t be cut`);
      for (const inner of graphsOf(node)) {
        const own = cutGraph(model, inner, isOurs, { weights, values: visible });
        bodies.set(inner, own);
        own.bodies.forEach((body, key) => bodies.set(key, body));
      }
    }
  return { model, graph, weights, inputs, parts, bodies };
}

/** Whose graphs are run one part after the other. */
const cuttable: ReadonlySet<string> = new Set(["If", "Loop", "Scan"]);

export const textOf = (node: NodeProto): string =>
  `${node.name === "" ? "a node without a name" : `node \`${node.name}\``} (${opName({ domain: normalDomain(node.domain), op: node.opType })})`;

/** `Constant` nodes become weights: each part that needs one has it, and none is handed over. */
function constantsAsWeights(graph: GraphProto): void {
  graph.node = graph.node.filter((node) => {
    const value = node.attribute.find(({ name }) => name === "value")?.t;
    if (normalDomain(node.domain) !== "" || node.opType !== "Constant" || !value) return true;
    graph.initializer.push({ ...value, name: node.output[0]! });
    return false;
  });
}

const kinds: readonly Part["kind"][] = ["ort", "kern", "control"];

/** By node: a number that is larger behind what it needs; its rest by the number of kinds is its kind. */
function levelsOf(
  nodes: readonly NodeProto[],
  free: ReadonlySet<string>,
  kindOf: (node: NodeProto) => Part["kind"],
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
      const kind = kinds.indexOf(kindOf(node));
      const level = Math.max(kind, ...needs.map((name) => nextOf(kind, levelOf.get(name)!)));
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

/** The first level of a kind that isn't before another. */
const nextOf = (kind: number, before: number): number =>
  before + ((kind - (before % kinds.length) + kinds.length) % kinds.length);

function partsOf(
  graph: GraphProto,
  weights: ReadonlyMap<string, TensorProto>,
  given: ReadonlySet<string>,
  levels: ReadonlyMap<NodeProto, number>,
): Part[] {
  const byLevel = new Map<number, NodeProto[]>();
  for (const [node, level] of levels) byLevel.set(level, [...(byLevel.get(level) ?? []), node]);
  const order = [...byLevel.keys()].toSorted((a, b) => a - b);
  const wanted = new Set(graph.output.map(({ name }) => name));
  const known = new Set(given);
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
    parts.unshift({ kind: kinds[level % kinds.length]!, nodes, inputs, outputs });
  }
  return parts.filter(({ outputs }) => outputs.length > 0);
}
