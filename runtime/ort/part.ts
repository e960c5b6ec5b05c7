// A part of a model as a model of its own: its nodes, the weights that they need, and what is known of the values at its ends.

import { create, toBinary } from "@bufbuild/protobuf";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  ValueInfoProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from "onnx-buf";
import type { Dtype } from "../../lang/dtypes.ts";
import { normalDomain } from "../onnx/import.ts";
import { graphsOf, namesRead } from "../onnx/messages.ts";
import { numberOf } from "../onnx/tensors.ts";
import type { CutModel, Part } from "./cut.ts";

/** What is known of a value between parts. */
export interface ValueType {
  readonly dtype: Dtype;
  /** Numbers, names, or undefined for a size that isn't known; undefined where not even the rank is. */
  readonly shape: readonly (number | string | undefined)[] | undefined;
}

/** The bytes of a model that computes a part. */
export function partBytes(cut: CutModel, part: Part, types: ReadonlyMap<string, ValueType>): Uint8Array {
  const { model, graph, weights } = cut;
  const declared = new Map(
    [...graph.valueInfo, ...graph.output, ...graph.input].map((info) => [info.name, info]),
  );
  const read = new Set(part.nodes.flatMap((node) => [...namesRead(node)]));
  const domains = new Set(["", ...part.nodes.flatMap(domainsOf)]);
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: model.irVersion,
      opsetImport: model.opsetImport.filter(({ domain }) => domains.has(normalDomain(domain))),
      graph: create(GraphProtoSchema, {
        name: graph.name,
        node: [...part.nodes],
        initializer: [...weights.values()].filter(({ name }) => read.has(name)),
        input: part.inputs.map((name) => declared.get(name) ?? infoOf(name, types.get(name))),
        // A shape that is declared there and isn't right would be found here first; so only model outputs say theirs.
        output: part.outputs.map((name) =>
          graph.output.some((each) => each.name === name)
            ? declared.get(name)!
            : create(ValueInfoProtoSchema, { name }),
        ),
      }),
    }),
  );
}

function domainsOf(node: NodeProto): string[] {
  const inner = graphsOf(node).flatMap((graph) => graph.node.flatMap(domainsOf));
  return [normalDomain(node.domain), ...inner];
}

function infoOf(name: string, type: ValueType | undefined): ValueInfoProto {
  if (!type) return create(ValueInfoProtoSchema, { name });
  const dim = type.shape?.map((size) =>
    typeof size === "number"
      ? { value: { case: "dimValue" as const, value: BigInt(size) } }
      : typeof size === "string"
        ? { value: { case: "dimParam" as const, value: size } }
        : {},
  );
  const value = { elemType: numberOf(type.dtype) ?? 0, ...(dim && { shape: { dim } }) };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value } } });
}
