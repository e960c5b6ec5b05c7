// A model's message, to be changed: constants by name wherever they stand, new tensors and nodes with names of their own, and bytes
// again. What isn't changed stays as it was, names included.

import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from "onnx-buf";
import { importOnnx, normalDomain } from "../onnx/import.ts";
import { graphsOf, namesInside, namesRead } from "../onnx/messages.ts";
import { numberOf, tensorOf, type ExternalData } from "../onnx/tensors.ts";
import { sizeOf } from "../tensor/layout.ts";
import { bytesOf, type HostStorage } from "../tensor/storage.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";

/** What a new node's attribute may be: whole numbers are integers. */
export type AttributeValue = number | readonly number[];

/** The graph of a branch or of a loop's body, and the graphs around it. */
interface Scope {
  readonly graph: GraphProto;
  readonly around: ModelEdit;
  /** A graph that runs where it stands, as a branch does, has its weights where the graphs around have theirs. */
  readonly once: boolean;
}

export class ModelEdit {
  readonly model: ModelProto;
  readonly graph: GraphProto;
  /** Names that graphs inside nodes use of this one. */
  readonly usedInside: ReadonlySet<string>;
  private readonly external: ExternalData;
  private readonly scope: Scope | undefined;
  private readonly weights = new Map<string, TensorProto>();
  /** Weights that were added, by what they are called for. */
  private readonly added = new Map<string, TensorProto[]>();
  /** Names of all graphs. */
  private readonly taken: Set<string>;
  /** Names that this graph gives a meaning. */
  private readonly own = new Set<string>();
  /** By a value's name, the node that passes it on. */
  private readonly passing = new Map<string, NodeProto>();
  private readonly passed = new Map<string, Tensor | undefined>();

  /** Checks the model as `loadModel` does: what can't be read isn't edited. */
  constructor(bytes: Uint8Array | Scope, external: ExternalData = {}) {
    this.external = external;
    if (bytes instanceof Uint8Array) {
      importOnnx(bytes, external);
      this.model = fromBinary(ModelProtoSchema, bytes);
      this.graph = this.model.graph!;
      if (this.model.irVersion < 4n) {
        // Before version 4 of the format all weights are listed as inputs, and none may be replaced; from then on that says that a caller may.
        const weights = new Set(this.graph.initializer.map(({ name }) => name));
        this.graph.input = this.graph.input.filter(({ name }) => !weights.has(name));
        this.model.irVersion = 4n;
      }
      this.taken = new Set();
      takeNames(this.graph, this.taken);
    } else {
      this.scope = bytes;
      this.model = bytes.around.model;
      this.graph = bytes.graph;
      this.taken = bytes.around.taken;
    }
    for (const each of this.graph.initializer) this.weights.set(each.name, each);
    for (const { opType, attribute, output } of this.graph.node) {
      const value = opType === "Constant" ? attribute.find(({ name }) => name === "value")?.t : undefined;
      if (value && output[0] !== undefined) this.weights.set(output[0], value);
    }
    for (const node of this.graph.node)
      if (normalDomain(node.domain) === "" && passingOn.has(node.opType))
        this.passing.set(node.output[0]!, node);
    for (const { name } of [...this.graph.input, ...this.graph.initializer]) this.own.add(name);
    for (const { output } of this.graph.node) for (const name of output) this.own.add(name);
    this.usedInside = new Set(this.graph.node.flatMap((node) => [...namesInside(node)]));
  }

  /** One of the graphs of a node of this one. */
  inside(graph: GraphProto, once: boolean): ModelEdit {
    return new ModelEdit({ graph, around: this, once }, this.external);
  }

  /** The version of ONNX's own operators. */
  get version(): number {
    const own = this.model.opsetImport.find(({ domain }) => normalDomain(domain) === "");
    return Number(own?.version ?? 0);
  }

  /** A constant of the model, unless a caller may replace it; one that nodes only pass on, in another order or shape, too. */
  constant(name: string): Tensor | undefined {
    const proto = this.weights.get(name);
    if (proto) return this.isReplaceable(name) ? undefined : tensorOf(proto, this.external);
    const node = this.passing.get(name);
    if (!node) return this.own.has(name) ? undefined : this.scope?.around.constant(name);
    if (!this.passed.has(name)) {
      const value = this.constant(node.input[0]!);
      this.passed.set(name, value && passedOn(node, value, this.constant(node.input[1] ?? "")));
    }
    return this.passed.get(name);
  }

  /** Whether a node only passes its first input's elements on. */
  passesOn(node: NodeProto): boolean {
    return this.passing.get(node.output[0]!) === node;
  }

  /** Whether a weight is an input of the model, too, which a caller may give. */
  isReplaceable(name: string): boolean {
    if (!this.own.has(name)) return this.scope?.around.isReplaceable(name) ?? false;
    return this.weights.has(name) && this.graph.input.some((port) => port.name === name);
  }

  /** A name that nothing has yet. */
  fresh(base: string): string {
    let name = base;
    for (let n = 2; this.taken.has(name); n++) name = `${base}_${n}`;
    this.taken.add(name);
    return name;
  }

  /**
   * A new weight; gives its name. One that is made of a weight `of` the graphs around stands there, too, as long as these run as often, and
   * the same one is made once.
   */
  weight(base: string, value: Tensor, of?: string): string {
    if (of !== undefined && this.scope?.once && !this.own.has(of))
      return this.scope.around.weight(base, value, of);
    const { dtype, shape, storage } = value;
    const { bytes } = storage as HostStorage;
    const rawData = bytes.slice(0, bytesOf(dtype, sizeOf(shape)));
    const made = { dataType: numberOf(dtype)!, dims: shape.map(BigInt), rawData };
    const before = this.added.get(base) ?? [];
    const same = before.find(
      (each) =>
        each.dataType === made.dataType &&
        each.dims.join() === made.dims.join() &&
        each.rawData.every((byte, at) => byte === rawData[at]),
    );
    if (same) return same.name;
    const proto = create(TensorProtoSchema, { name: this.fresh(base), ...made });
    this.added.set(base, [...before, proto]);
    this.graph.initializer.push(proto);
    this.weights.set(proto.name, proto);
    this.own.add(proto.name);
    return proto.name;
  }

  /** A new node. A domain that the model doesn't know is added to those it does. */
  node(
    op: string,
    base: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): NodeProto {
    const { INT, INTS } = AttributeProto_AttributeType;
    if (!this.model.opsetImport.some((each) => normalDomain(each.domain) === domain))
      this.model.opsetImport.push({ $typeName: "onnx.OperatorSetIdProto", domain, version: 1n });
    return create(NodeProtoSchema, {
      opType: op,
      domain,
      name: this.fresh(base),
      input: [...inputs],
      output: [...outputs],
      attribute: Object.entries(attributes).map(([name, value]) =>
        typeof value === "number"
          ? { name, type: INT, i: BigInt(value) }
          : { name, type: INTS, ints: value.map(BigInt) },
      ),
    });
  }

  /** A copy of a node with other inputs. */
  rewired(node: NodeProto, inputs: readonly string[]): NodeProto {
    const made = clone(NodeProtoSchema, node);
    made.input = [...inputs];
    return made;
  }

  /** Puts nodes in place of the graph's; constants that nothing uses any more are left out. */
  replace(nodes: readonly NodeProto[]): void {
    let [kept, count] = [nodes, NaN];
    let used = new Set<string>();
    // What passed a weight on may be left without a reader, and then what passed it on before that.
    while (kept.length !== count) {
      count = kept.length;
      used = new Set(kept.flatMap((node) => [...namesRead(node)]));
      for (const { name } of [...this.graph.output, ...this.graph.input]) used.add(name);
      kept = kept.filter(
        ({ opType, output }) =>
          !(opType === "Constant" || passingOn.has(opType)) || output.some((name) => used.has(name)),
      );
    }
    this.graph.node = [...kept];
    this.graph.initializer = this.graph.initializer.filter(({ name }) => used.has(name));
    for (const proto of this.graph.initializer)
      if (proto.externalData.length > 0) {
        proto.rawData = (tensorOf(proto, this.external).storage as HostStorage).bytes.slice();
        proto.externalData = [];
        proto.dataLocation = 0;
      }
    // Shapes that the file notes of values which aren't there any more say nothing.
    this.graph.valueInfo = this.graph.valueInfo.filter(({ name }) => this.taken.has(name));
  }

  /** The model's bytes. */
  bytes(): Uint8Array {
    return toBinary(ModelProtoSchema, this.model);
  }
}

/** Gives nodes without a name those that the importer calls them by, and collects all names, those inside of nodes too. */
function takeNames({ node: nodes, initializer, input }: GraphProto, taken: Set<string>): void {
  for (const [at, node] of nodes.entries()) {
    node.name ||= `${node.opType}_${at}`;
    for (const each of [node.name, ...node.input, ...node.output]) taken.add(each);
    for (const graph of graphsOf(node)) takeNames(graph, taken);
  }
  for (const { name } of [...initializer, ...input]) taken.add(name);
}

/** Operators that give their first input's elements, in another order or shape. */
const passingOn: ReadonlySet<string> = new Set(["Identity", "Transpose", "Reshape"]);

/** What such a node makes of a constant; undefined where that isn't known here. */
function passedOn(node: NodeProto, value: Tensor, sizes: Tensor | undefined): Tensor | undefined {
  if (node.opType === "Identity") return value;
  if (value.dtype !== "f32") return undefined;
  if (node.opType === "Transpose") {
    const turned = value.transpose(...(intsOf(node, "perm") ?? []));
    return tensor(turned.dataSync() as Float32Array, [...turned.shape]);
  }
  if (sizes?.dtype !== "i64") return undefined;
  const given = Array.from(sizes.dataSync() as BigInt64Array, Number);
  if (intOf(node, "allowzero", 0) !== 0 && given.includes(0)) return undefined;
  const kept = given.map((size, axis) => (size === 0 ? (value.shape[axis] ?? 1) : size));
  const known = kept.filter((size) => size >= 0).reduce((size, each) => size * each, 1);
  const shape = kept.map((size) => (size < 0 ? value.size / known : size));
  return shape.reduce((size, each) => size * each, 1) === value.size ? value.reshape(shape) : undefined;
}

/** The same model, which gives these values too. */
export function withOutputs(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph!;
  const known = new Set(graph.output.map(({ name }) => name));
  for (const name of names)
    if (!known.has(name))
      graph.output.push(
        create(ValueInfoProtoSchema, {
          name,
          type: { value: { case: "tensorType", value: { elemType: numberOf("f32")! } } },
        }),
      );
  return toBinary(ModelProtoSchema, model);
}

/** An attribute of a node: a whole number. */
export function intOf({ attribute }: NodeProto, name: string, otherwise: number): number {
  const found = attribute.find((each) => each.name === name);
  return found ? Number(found.i) : otherwise;
}

/** Whole numbers, if they are given. */
export function intsOf({ attribute }: NodeProto, name: string): readonly number[] | undefined {
  return attribute.find((each) => each.name === name)?.ints.map(Number);
}

/** A text, empty where there is none. */
export function textOf({ attribute }: NodeProto, name: string): string {
  return new TextDecoder().decode(attribute.find((each) => each.name === name)?.s);
}

/** A decimal. */
export function floatOf({ attribute }: NodeProto, name: string, otherwise: number): number {
  return attribute.find((each) => each.name === name)?.f ?? otherwise;
}
