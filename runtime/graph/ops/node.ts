// What a row of the operator table sees of a node: its inputs as values, its attributes, and the builder.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { valuesOf } from "../../tensor/values.ts";
import type { Builder, Way } from "../builder.ts";
import { badNode } from "../error.ts";
import { isGraph, type Graph, type GraphNode } from "../graph.ts";
import type { Value } from "../program.ts";

/** Outputs in order. Those that a row leaves out must not be wanted. */
export type Outputs = Value | readonly (Value | undefined)[];

export type Build = (node: NodeContext) => Outputs | Promise<Outputs>;

/** One operator, from a version of its operator set on. */
export interface OpRow {
  /** `Conv`, `com.microsoft::Gelu`. */
  readonly op: string;
  /** The first version with this meaning; the row with the highest version up to the model's is taken. */
  readonly since: number;
  readonly build: Build;
}

/** Thrown by a row that must know elements which aren't computed yet; the planner asks again when they are. */
export class Demand extends Error {
  readonly value: Value;

  constructor(value: Value) {
    super(`the elements of ${value.name ?? "a value"} are needed`);
    this.value = value;
  }
}

/** Of a table that a row makes itself. */
const mostElements = 2 ** 24;

export class NodeContext {
  readonly node: GraphNode;
  readonly inputs: readonly (Value | undefined)[];
  readonly b: Builder;
  /** The version of the node's operator set. */
  readonly version: number;
  private readonly evaluate: (value: Value) => Promise<Tensor>;

  constructor(
    node: GraphNode,
    inputs: readonly (Value | undefined)[],
    builder: Builder,
    version: number,
    evaluate: (value: Value) => Promise<Tensor>,
  ) {
    this.node = node;
    this.inputs = inputs;
    this.b = builder;
    this.version = version;
    this.evaluate = evaluate;
  }

  /** The node with other attributes, and perhaps other inputs and another version: for a part of what it does. */
  about(
    attributes: GraphNode["attributes"],
    inputs = this.inputs,
    version: number = this.version,
  ): NodeContext {
    return new NodeContext({ ...this.node, attributes }, inputs, this.b, version, this.evaluate);
  }

  /** Refuses the node. */
  fail(why: string): never {
    throw badNode(this.node, why);
  }

  // ---- inputs ----------------------------------------------------------------------------------------

  /** A required input. */
  in(at: number): Value {
    return this.inputs[at] ?? this.fail(`its input ${at} is missing`);
  }

  /** All inputs of an operator that takes any number of them, but for none. */
  all(): [Value, ...Value[]] {
    return [this.in(0), ...this.inputs.slice(1).map((_, at) => this.in(at + 1))];
  }

  has(at: number): boolean {
    return this.inputs[at] !== undefined;
  }

  /** Whether an output is wanted. */
  wants(at: number): boolean {
    return (this.node.outputs[at] ?? "") !== "";
  }

  /** The elements of an input, which must not depend on what the model computes. */
  async elements(at: number): Promise<(number | bigint | boolean)[]> {
    const value = this.in(at);
    if (!value.fixed) throw new Demand(value);
    return valuesOf(await this.evaluate(value));
  }

  /** The same as numbers. 64-bit integers beyond 2^53 are rounded, which only markers for "the end" are. */
  async numbers(at: number): Promise<number[]> {
    return (await this.elements(at)).map(Number);
  }

  async number(at: number): Promise<number> {
    const all = await this.numbers(at);
    if (all.length !== 1) this.fail(`its input ${at} has ${all.length} elements, and one is needed`);
    return all[0]!;
  }

  /** The constant behind an input, on the host. */
  async constant(at: number): Promise<Tensor> {
    const value = this.in(at);
    if (!value.fixed) throw new Demand(value);
    return this.evaluate(value);
  }

  /** The elements of a value that depends on no input, on the host. */
  known(value: Value): Promise<Tensor> {
    return this.evaluate(value);
  }

  /** Notes that the node is carried out in another way than its operator says, for reports. */
  note(how: Way): void {
    this.b.notes.set(this.node.name, how);
  }

  /** Numbers from an attribute in older versions of the operator, from an input since. */
  async numbersFrom(attribute: string, at: number): Promise<number[] | undefined> {
    return this.ints(attribute) ?? (this.has(at) ? this.numbers(at) : undefined);
  }

  // ---- attributes ------------------------------------------------------------------------------------

  private scalar(name: string, otherwise: number): number {
    const value = this.node.attributes[name];
    return value === undefined ? otherwise : typeof value === "number" ? value : this.badAttribute(name);
  }

  int(name: string, otherwise: number): number {
    return this.scalar(name, otherwise);
  }

  float(name: string, otherwise: number): number {
    return this.scalar(name, otherwise);
  }

  flag(name: string, otherwise = false): boolean {
    return this.scalar(name, Number(otherwise)) !== 0;
  }

  ints(name: string): number[] | undefined {
    const value = this.node.attributes[name];
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((each) => typeof each === "number"))
      return [...value] as number[];
    return this.badAttribute(name);
  }

  text(name: string, otherwise: string): string {
    const value = this.node.attributes[name];
    return value === undefined ? otherwise : typeof value === "string" ? value : this.badAttribute(name);
  }

  graph(name: string): Graph {
    const value = this.node.attributes[name];
    return isGraph(value) ? value : this.badAttribute(name);
  }

  tensor(name: string): Tensor | undefined {
    const value = this.node.attributes[name];
    if (value === undefined) return undefined;
    return typeof value === "object" && "storage" in value ? value : this.badAttribute(name);
  }

  private badAttribute(name: string): never {
    return this.fail(`its attribute \`${name}\` is missing or of the wrong kind`);
  }

  // ---- helpers ---------------------------------------------------------------------------------------

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    const at = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(at) || at < 0 || at >= Math.max(rank, 1))
      this.fail(`there is no axis ${axis} in a tensor of ${rank} dimensions`);
    return at;
  }

  /** A number of elements that are made on the host, one by one: refused before they are, if it is none or too many. */
  countable(count: number): number {
    if (!Number.isInteger(count) || count < 0) this.fail(`it asks for ${count} elements`);
    if (count > mostElements) this.fail(`it asks for ${count} elements, and I make ${mostElements} at most`);
    return count;
  }

  /** Operands of one operation must share a dtype. */
  sameDtype(...values: readonly Value[]): Dtype {
    const [first] = values;
    const other = values.find(({ dtype }) => dtype !== first!.dtype);
    if (other) this.fail(`its inputs are of ${first!.dtype} and of ${other.dtype}`);
    return first!.dtype;
  }
}
