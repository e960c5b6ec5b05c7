// From the bytes of an ONNX file to a `Graph`. Everything is checked here that needs no shapes: names are defined once and
// before they are used, nodes are put in order, operator sets are ones we know.

import { fromBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type TensorProto,
  type NodeProto,
  type ValueInfoProto,
} from "onnx-buf";
import { badModel, modelError } from "../graph/error.ts";
import {
  nodeText,
  outerNames,
  type Attribute,
  type Dim,
  type Graph,
  type GraphNode,
  type GraphPort,
} from "../graph/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inlineFunctions } from "./functions.ts";
import { dtypeOf, leavesFolder, tensorOf, type ExternalData } from "./tensors.ts";

/** Versions of ONNX's own operators whose meaning is known here. */
export const opsetRange = { first: 1, last: 24 } as const;

/** Names of values that a graph may use, besides its own. */
type Scope = ReadonlySet<string>;

interface Reader {
  readonly opsets: ReadonlyMap<string, number>;
  readonly external: ExternalData;
}

/** Reads and checks a model. */
export function importOnnx(bytes: Uint8Array, external: ExternalData = {}): Graph {
  const model = decode(bytes);
  if (!model.graph) throw badModel("there is no graph in it");
  const opsets = new Map(
    model.opsetImport.map(({ domain, version }) => [normalDomain(domain), Number(version)]),
  );
  if (opsets.size === 0) throw badModel("it doesn’t say which versions of operators it is written for");
  const version = opsets.get("");
  if (version !== undefined && (version < opsetRange.first || version > opsetRange.last))
    throw badModel(
      `it is written for version ${version} of ONNX’s operators, and I know ${opsetRange.first} to ${opsetRange.last}`,
    );
  inlineFunctions(model);
  return graphOf(model.graph, new Set(), { opsets, external });
}

/** Locations of the files that a model keeps weights in; those that lead out of its folder are left out. */
export function externalFiles(bytes: Uint8Array): string[] {
  const locations = new Set<string>();
  for (const { externalData } of constantsOf(decode(bytes).graph))
    for (const { key, value } of externalData)
      if (key === "location" && !leavesFolder(value)) locations.add(value);
  return [...locations];
}

/** All tensors that a graph carries, those of the bodies inside of it too. */
export function* constantsOf(graph: GraphProto | undefined): Generator<TensorProto> {
  yield* graph?.initializer ?? [];
  for (const { attribute } of graph?.node ?? [])
    for (const { g, graphs, t } of attribute) {
      if (t) yield t;
      for (const body of [g, ...graphs]) yield* constantsOf(body);
    }
}

/** The message of a file; an error says what else it is. */
export function decode(bytes: Uint8Array): ModelProto {
  if (bytes.byteLength === 0) throw badModel("the file is empty");
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw badModel(
      `its bytes are not a whole message (${error instanceof Error ? error.message : String(error)})`,
      insteadOf(bytes),
    );
  }
}

/** What stands in the place of a model most often. */
function insteadOf(bytes: Uint8Array): readonly string[] {
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  if (start.startsWith("<"))
    return ["it begins like a page (HTML): perhaps the answer to an address that wasn’t found"];
  if (start.startsWith("version https://git-lfs"))
    return ["it is a pointer of Git LFS; `git lfs pull` fetches the file that it stands for"];
  return [];
}

/** `ai.onnx` is another name for ONNX's own operators. */
export function normalDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

function graphOf(proto: GraphProto, outer: Scope, reader: Reader): Graph {
  const constants = new Map<string, Tensor>();
  const defined = new Set<string>();
  const define = (name: string) => {
    if (defined.has(name)) throw badModel(`the value \`${name}\` is defined twice`);
    defined.add(name);
  };
  if (proto.sparseInitializer.length > 0) throw badModel("it has sparse weights, which I don’t support");
  for (const each of proto.initializer) {
    define(each.name);
    constants.set(each.name, tensorOf(each, reader.external));
  }
  // Before version 4 of the format, weights were listed among the inputs too.
  const inputs = proto.input.map((info) => portOf(info, "input"));
  for (const { name } of inputs) if (!constants.has(name)) define(name);
  const read = proto.node.map((node, at) => nodeOf(node, at, outer, reader));
  const nodes = inOrder(unique(read), defined, outer, define);
  const outputs = proto.output.map((info) => portOf(info, "output"));
  for (const { name } of outputs)
    if (!defined.has(name) && !outer.has(name))
      throw badModel(`its output \`${name}\` is not computed by any node`);
  return { name: proto.name, inputs, outputs, constants, nodes, opsets: reader.opsets };
}

/** Nodes have names of their own, or get one. */
function unique(nodes: readonly GraphNode[]): GraphNode[] {
  const taken = new Set<string>();
  return nodes.map((node) => {
    let name = node.name;
    for (let n = 2; taken.has(name); n++) name = `${node.name}_${n}`;
    taken.add(name);
    return name === node.name ? node : { ...node, name };
  });
}

/** The nodes in an order in which each comes after those it needs. The given order is kept where it can be. */
function inOrder(
  nodes: readonly GraphNode[],
  known: ReadonlySet<string>,
  outer: Scope,
  define: (name: string) => void,
): GraphNode[] {
  const makers = new Map<string, GraphNode>();
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output === "") continue;
      define(output);
      makers.set(output, node);
    }
  }
  const ordered: GraphNode[] = [];
  const state = new Map<GraphNode, "open" | "done">();
  // A stack of our own: models can be deeper than the engine's.
  for (const root of nodes) {
    const path: { node: GraphNode; needs: string[] }[] = [];
    const enter = (node: GraphNode) => {
      if (state.get(node) === "done") return;
      if (state.get(node) === "open") {
        const from = path.findIndex((each) => each.node === node);
        const cycle = path.slice(from).map((each) => `\`${each.node.name}\``);
        throw modelError("K1004", { nodes: shortened(cycle) });
      }
      state.set(node, "open");
      path.push({ node, needs: [...neededBy(node)] });
    };
    enter(root);
    while (path.length > 0) {
      const top = path.at(-1)!;
      const name = top.needs.pop();
      if (name === undefined) {
        state.set(top.node, "done");
        ordered.push(top.node);
        path.pop();
        continue;
      }
      const maker = makers.get(name);
      if (maker) enter(maker);
      else if (!known.has(name) && !outer.has(name))
        throw badModel(`${nodeText(top.node)} takes \`${name}\`, which nothing defines`);
    }
  }
  return ordered;
}

const shortened = (names: string[]): string =>
  names.length <= 6 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;

function neededBy(node: GraphNode): Set<string> {
  const names = new Set(node.inputs.filter((name) => name !== ""));
  for (const value of Object.values(node.attributes)) {
    const graphs = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    for (const graph of graphs)
      if (typeof graph === "object" && graph !== null && "nodes" in graph)
        for (const name of outerNames(graph as Graph)) names.add(name);
  }
  return names;
}

function nodeOf(proto: NodeProto, at: number, outer: Scope, reader: Reader): GraphNode {
  const name = proto.name === "" ? `${proto.opType}_${at}` : proto.name;
  if (proto.opType === "") throw badModel(`node \`${name}\` names no operator`);
  const attributes: Record<string, Attribute> = Object.create(null) as Record<string, Attribute>;
  for (const each of proto.attribute) {
    const value = attributeOf(each, outer, reader);
    if (value !== undefined) attributes[each.name] = value;
  }
  return {
    name,
    domain: normalDomain(proto.domain),
    op: proto.opType,
    inputs: trimmed(proto.input),
    outputs: proto.output,
    attributes,
  };
}

/** A node's attributes that are no graphs, for those who read nodes without a model around them. */
export function attributesOf(node: NodeProto): Readonly<Record<string, Attribute>> {
  const { GRAPH, GRAPHS } = AttributeProto_AttributeType;
  const reader: Reader = { opsets: new Map(), external: {} };
  const found = node.attribute.flatMap((each) => {
    const value =
      each.type === GRAPH || each.type === GRAPHS ? undefined : attributeOf(each, new Set(), reader);
    return value === undefined ? [] : [[each.name, value] as const];
  });
  return Object.fromEntries(found);
}

/** Left-out optional inputs at the end say nothing. */
function trimmed(names: readonly string[]): string[] {
  const last = names.findLastIndex((name) => name !== "");
  return names.slice(0, last + 1);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function attributeOf(proto: AttributeProto, outer: Scope, reader: Reader): Attribute | undefined {
  const types = AttributeProto_AttributeType;
  // A subgraph sees every name of the graphs around it; which of them exist, `inOrder` finds out.
  const inner = () => anyName(outer);
  switch (proto.type) {
    case types.FLOAT:
      return proto.f;
    case types.INT:
      return Number(proto.i);
    case types.STRING:
      return text(proto.s);
    case types.TENSOR:
      return proto.t ? tensorOf(proto.t, reader.external) : undefined;
    case types.GRAPH:
      return proto.g ? graphOf(proto.g, inner(), reader) : undefined;
    case types.FLOATS:
      return proto.floats;
    case types.INTS:
      return proto.ints.map(Number);
    case types.STRINGS:
      return proto.strings.map(text);
    case types.GRAPHS:
      return proto.graphs.map((graph) => graphOf(graph, inner(), reader));
    case types.TYPE_PROTO:
      return undefined;
    default:
      throw badModel(`the attribute \`${proto.name}\` is of a kind that I don’t support`);
  }
}

/** Accepts any name: used where the enclosing graph is still being read. */
function anyName(outer: Scope): Scope {
  return Object.assign(new Set(outer), { has: () => true });
}

function portOf(info: ValueInfoProto, what: string): GraphPort {
  const { name } = info;
  const type = info.type?.value;
  if (type?.case !== "tensorType") {
    if (type?.case === undefined) return { name, dtype: "f32", shape: undefined };
    throw badModel(
      `its ${what} \`${name}\` is of type ${type.case.replace("Type", "")}, and I take only tensors`,
    );
  }
  const { elemType, shape } = type.value;
  const dtype = elemType === 0 ? "f32" : dtypeOf(elemType, `its ${what} \`${name}\``);
  return { name, dtype, shape: shape?.dim.map(dimOf) };
}

function dimOf({ value }: { value: { case?: string; value?: bigint | string } }): Dim {
  if (value.case === "dimValue") return Number(value.value);
  return value.case === "dimParam" && value.value !== "" ? String(value.value) : null;
}
