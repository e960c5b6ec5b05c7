// ONNX models for tests, written in a line or two: the bytes of a file with these inputs, nodes, weights and outputs.

import { create, toBinary } from "@bufbuild/protobuf";
import { AttributeProto_AttributeType, GraphProtoSchema, ModelProtoSchema, type GraphProto } from "onnx-buf";
import type { Dtype } from "../../lang/dtypes.ts";
import { numberOf } from "../../runtime/onnx/tensors.ts";
import { HostStorage } from "../../runtime/tensor/storage.ts";
import type { Tensor } from "../../runtime/index.ts";

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain?: string;
  readonly name?: string;
  /** Whole numbers are integers, unless they are wrapped as `{ float: 1 }`. */
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
}

export type AttributeSpec =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly graph: GraphSpec }
  | { readonly tensor: Tensor };

/** `["x", "f32", "batch", 3]` */
export type PortSpec = readonly [name: string, dtype: Dtype, ...shape: (number | string)[]];

export interface GraphSpec {
  readonly inputs: readonly PortSpec[];
  readonly outputs: readonly PortSpec[];
  readonly nodes: readonly NodeSpec[];
  readonly constants?: Readonly<Record<string, Tensor>>;
}

export interface ModelSpec extends GraphSpec {
  /** Of ONNX's own operators, 18 if nothing is said. */
  readonly version?: number;
  readonly domains?: Readonly<Record<string, number>>;
}

/** The bytes of a model. */
export function modelBytes(spec: ModelSpec): Uint8Array {
  const { version = 18, domains = {} } = spec;
  const message = create(ModelProtoSchema, {
    irVersion: 9n,
    opsetImport: [
      { domain: "", version: BigInt(version) },
      ...Object.entries(domains).map(([domain, at]) => ({ domain, version: BigInt(at) })),
    ],
    graph: graphProto(spec),
  });
  return toBinary(ModelProtoSchema, message);
}

function graphProto({ inputs, outputs, nodes, constants = {} }: GraphSpec): GraphProto {
  return create(GraphProtoSchema, {
    name: "graph",
    input: inputs.map(portProto),
    output: outputs.map(portProto),
    node: nodes.map(({ op, inputs: input, outputs: output, domain = "", name = "", attributes = {} }) => ({
      opType: op,
      domain,
      name,
      input: [...input],
      output: [...output],
      attribute: Object.entries(attributes).map(([key, value]) => ({ name: key, ...attributeProto(value) })),
    })),
    initializer: Object.entries(constants).map(([name, value]) => ({ name, ...tensorProto(value) })),
  });
}

function attributeProto(value: AttributeSpec) {
  const types = AttributeProto_AttributeType;
  if (typeof value === "number")
    return Number.isInteger(value) ? { type: types.INT, i: BigInt(value) } : { type: types.FLOAT, f: value };
  if (typeof value === "string") return { type: types.STRING, s: new TextEncoder().encode(value) };
  if ("float" in value) return { type: types.FLOAT, f: value.float };
  if ("floats" in value) return { type: types.FLOATS, floats: [...value.floats] };
  if ("strings" in value)
    return { type: types.STRINGS, strings: value.strings.map((each) => new TextEncoder().encode(each)) };
  if ("graph" in value) return { type: types.GRAPH, g: graphProto(value.graph) };
  if ("tensor" in value) return { type: types.TENSOR, t: tensorProto(value.tensor) };
  return { type: types.INTS, ints: value.map(BigInt) };
}

function portProto([name, dtype, ...shape]: PortSpec) {
  const dim = shape.map((size) =>
    typeof size === "number"
      ? { value: { case: "dimValue" as const, value: BigInt(size) } }
      : { value: { case: "dimParam" as const, value: size } },
  );
  const value = { elemType: numberOf(dtype)!, shape: { dim } };
  return { name, type: { value: { case: "tensorType" as const, value } } };
}

function tensorProto({ dtype, shape, storage }: Tensor) {
  if (!(storage instanceof HostStorage)) throw new Error("weights of tests are on the host");
  return { dataType: numberOf(dtype)!, dims: shape.map(BigInt), rawData: new Uint8Array(storage.bytes) };
}
