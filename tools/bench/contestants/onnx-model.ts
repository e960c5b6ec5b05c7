// Writes ONNX models: the few messages of onnx.proto that a graph of standard operators on initializers needs, in
// Protocol Buffers' wire format.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Dense } from "../workload.ts";

export type Attribute = number | { readonly float: number } | string | readonly number[];

export interface OnnxNode {
  readonly op: string;
  readonly domain?: string;
  /** Names of initializers and of earlier results; an empty name is an input left out. */
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Small constants of the node, by the names that `inputs` uses. */
  readonly constants?: Readonly<Record<string, Dense>>;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: Readonly<Record<string, Dense>>;
  readonly outputs: readonly string[];
}

const irVersion = 10;
const opset = 21;

/** The bytes of a model. */
export function onnxModel({ nodes, initializers, outputs }: OnnxGraph): Uint8Array {
  const constants = Object.assign({}, ...nodes.map((node) => node.constants ?? {})) as Record<string, Dense>;
  const graph = [
    ...nodes.map((node) => field(1, nodeBytes(node))),
    field(2, "g"),
    ...Object.entries({ ...initializers, ...constants }).map(([name, dense]) =>
      field(5, tensorBytes(name, dense)),
    ),
    // A name alone: the runtime infers type and shape.
    ...outputs.map((name) => field(12, field(1, name))),
  ];
  const operators = (domain: string, version: number) =>
    field(8, join([...(domain ? [field(1, domain)] : []), field(2, version)]));
  return join([
    field(1, irVersion),
    field(7, join(graph)),
    operators("", opset),
    operators("com.microsoft", 1),
  ]);
}

function nodeBytes({ op, domain, inputs, output, attributes = {} }: OnnxNode): Uint8Array {
  return join([
    ...inputs.map((name) => field(1, name)),
    field(2, output),
    field(4, op),
    ...(domain ? [field(7, domain)] : []),
    ...Object.entries(attributes).map(([name, value]) => field(5, attributeBytes(name, value))),
  ]);
}

/** AttributeProto: its value stands in a field of its type, which field 20 names. */
function attributeBytes(name: string, value: Attribute): Uint8Array {
  const typed = (type: number, ...fields: Uint8Array[]) => join([field(1, name), ...fields, field(20, type)]);
  if (typeof value === "number") return typed(2, field(3, value));
  if (typeof value === "string") return typed(3, field(4, value));
  if ("float" in value) return typed(1, join([varint((2 << 3) | 5), float32(value.float)]));
  return typed(7, ...value.map((each) => field(8, each)));
}

/** TensorProto.DataType; what is packed below 8 bits is handed over as bytes. */
const dataTypes: Partial<Record<Dtype, number>> = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7 };

function tensorBytes(name: string, { dtype, shape, data }: Dense): Uint8Array {
  const type = dataTypes[dtype];
  if (type === undefined) throw new Error(`an ONNX initializer of ${dtype}`);
  return join([
    ...shape.map((dim) => field(1, dim)),
    field(2, type),
    field(8, name),
    field(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}

// ---- the wire format ---------------------------------------------------------------------------------------

const encoder = new TextEncoder();

/** A whole number as a varint, text and messages with their length. */
function field(number: number, value: number | string | Uint8Array): Uint8Array {
  if (typeof value === "number") return join([varint(number << 3), varint(value)]);
  const bytes = typeof value === "string" ? encoder.encode(value) : value;
  return join([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  // Negative numbers take the ten bytes of a 64-bit two's complement.
  let rest = value < 0 ? (1n << 64n) + BigInt(value) : BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return new Uint8Array([...bytes, Number(rest)]);
}

function float32(value: number): Uint8Array {
  return new Uint8Array(new Float32Array([value]).buffer);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
