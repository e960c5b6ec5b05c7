// What a row of the table of kernels sees of one call: inputs as values of a program, attributes, and the builder. A row that can't
// do a call declines, and the kernel that was there before does it.

import type { Dtype } from "../../lang/dtypes.ts";
import type { Builder } from "../graph/builder.ts";
import { NodeContext } from "../graph/ops/node.ts";
import type { Value } from "../graph/program.ts";
import type { Tfjs } from "./types.ts";

/** Thrown by a row for a call that it leaves to others. */
export class Declined extends Error {
  /** When it was looked up last, as of a plan. */
  used = 0;
}

export type Attributes = Readonly<Record<string, unknown>>;

/** Results in order. */
export type Build = (node: TfNode) => Value | readonly Value[];

/** A kernel of TensorFlow.js, and how it is built of steps. */
export interface KernelRow {
  readonly kernel: string;
  readonly build: Build;
}

export class TfNode {
  readonly b: Builder;
  /** The same, as operators of the graph compiler want to see it. */
  readonly context: NodeContext;
  /** For shapes of convolutions and pools, which TensorFlow.js computes itself. */
  readonly shapes: Tfjs["backend_util"];
  private readonly name: string;
  private readonly inputs: ReadonlyMap<string, Value>;
  private readonly attributes: Attributes;

  constructor(
    name: string,
    inputs: ReadonlyMap<string, Value>,
    attributes: Attributes,
    builder: Builder,
    shapes: Tfjs["backend_util"],
  ) {
    this.name = name;
    this.inputs = inputs;
    this.attributes = attributes;
    this.b = builder;
    this.shapes = shapes;
    const node = { name, domain: "", op: name, inputs: [], outputs: ["y"], attributes: {} };
    this.context = new NodeContext(node, [...inputs.values()], builder, 1, async () =>
      this.decline("its elements aren’t known"),
    );
  }

  /** A required input. */
  in(name: string): Value {
    return this.inputs.get(name) ?? this.decline(`its input ${name} is missing`);
  }

  has(name: string): boolean {
    return this.inputs.has(name);
  }

  all(): Value[] {
    return [...this.inputs.values()];
  }

  decline(why: string): never {
    throw new Declined(`${this.name}: ${why}`);
  }

  // ---- attributes ------------------------------------------------------------------------------------

  number(name: string, otherwise?: number): number {
    const value = this.attributes[name] ?? otherwise;
    return typeof value === "number" ? value : this.decline(`its attribute ${name} is no number`);
  }

  flag(name: string): boolean {
    return Boolean(this.attributes[name]);
  }

  text(name: string, otherwise = ""): string {
    return typeof this.attributes[name] === "string" ? this.attributes[name] : otherwise;
  }

  /** A list of numbers, or one number as a list. */
  numbers(name: string): number[] | undefined {
    const value = this.attributes[name];
    if (value === undefined || value === null) return undefined;
    return [value].flat() as number[];
  }

  raw<T>(name: string): T {
    return this.attributes[name] as T;
  }

  /** Of a tensor of `rank` dimensions, each counted from the front; all where none is named. */
  axes(name: string, rank: number): boolean[] {
    const given = this.numbers(name);
    if (!given) return Array.from({ length: rank }, () => true);
    const chosen = new Set(given.map((axis) => (axis < 0 ? axis + rank : axis)));
    return Array.from({ length: rank }, (_, axis) => chosen.has(axis));
  }

  /** A value of a dtype that arithmetic is done in: truth values count as 0 and 1. */
  numeric(value: Value, dtype: Dtype = "i32"): Value {
    return value.dtype === "bool" ? this.b.cast(value, dtype) : value;
  }
}
