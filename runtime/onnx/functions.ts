// Functions that a model defines: nodes that call one are replaced by its body, so that everything behind the importer
// knows operators only. Names inside a body are made unique by the calling node's.

import { clone } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  NodeProtoSchema,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from "onnx-buf";
import { badModel } from "../graph/error.ts";

/** Deeper nesting than this is taken for a function that calls itself. */
const deepest = 64;

const keyOf = (domain: string, name: string): string => `${domain}::${name}`;

/** Replaces calls of the model's own functions, in every graph, in place. */
export function inlineFunctions(model: ModelProto): void {
  if (model.functions.length === 0 || !model.graph) return;
  const functions = new Map(model.functions.map((each) => [keyOf(each.domain, each.name), each]));
  inlineIn(model.graph, functions, 0);
}

function inlineIn(graph: GraphProto, functions: ReadonlyMap<string, FunctionProto>, depth: number): void {
  graph.node = graph.node.flatMap((node, at) => expanded(node, String(at), functions, depth));
}

function expanded(
  node: NodeProto,
  at: string,
  functions: ReadonlyMap<string, FunctionProto>,
  depth: number,
): NodeProto[] {
  for (const { g, graphs } of node.attribute)
    for (const inner of g ? [g, ...graphs] : graphs) inlineIn(inner, functions, depth);
  const called = functions.get(keyOf(node.domain, node.opType));
  if (!called) return [node];
  if (depth >= deepest) throw badModel(`its function \`${node.opType}\` calls itself`);
  const prefix = `${node.name === "" ? node.opType : node.name}_${at}/`;
  const names = new Map<string, string>();
  called.input.forEach((name, n) => names.set(name, node.input[n] ?? ""));
  called.output.forEach((name, n) => names.set(name, node.output[n] ?? `${prefix}${name}`));
  const renamed = (name: string): string => (name === "" ? "" : (names.get(name) ?? `${prefix}${name}`));
  const given = new Map([...called.attributeProto, ...node.attribute].map((each) => [each.name, each]));
  return called.node.flatMap((inner, n) => {
    const copy = clone(NodeProtoSchema, inner);
    renameNode(copy, renamed);
    copy.name = `${prefix}${inner.name === "" ? `${inner.opType}_${n}` : inner.name}`;
    copy.attribute = copy.attribute.flatMap((each) => bound(each, given));
    return expanded(copy, `${at}.${n}`, functions, depth + 1);
  });
}

/** An attribute that refers to one of the call takes its value, or is left out with it. */
function bound(attribute: AttributeProto, given: ReadonlyMap<string, AttributeProto>): AttributeProto[] {
  if (attribute.refAttrName === "") return [attribute];
  const value = given.get(attribute.refAttrName);
  if (!value || value.type === AttributeProto_AttributeType.UNDEFINED) return [];
  return [{ ...value, name: attribute.name }];
}

function renameNode(node: NodeProto, renamed: (name: string) => string): void {
  node.input = node.input.map(renamed);
  node.output = node.output.map(renamed);
  for (const { g, graphs } of node.attribute)
    for (const each of g ? [g, ...graphs] : graphs) renameGraph(each, renamed);
}

function renameGraph(graph: GraphProto, renamed: (name: string) => string): void {
  for (const each of [...graph.initializer, ...graph.input, ...graph.output]) each.name = renamed(each.name);
  for (const node of graph.node) renameNode(node, renamed);
}
