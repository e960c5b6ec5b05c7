// A model being drawn: values with their shapes, nodes that make more of them, and what the inputs hold. Everything follows from dice.

import type { Dtype } from "../../../lang/dtypes.ts";
import { tensor, type Tensor } from "../../../runtime/index.ts";
import type { AttributeSpec, GraphSpec, ModelSpec, NodeSpec, PortSpec } from "../../onnx/models.ts";
import type { Dice } from "../dice.ts";

export interface Value {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /**
   * Bits that its elements take at most: they are quarters, of at most 2^(bits - 2). Infinite once something was rounded, and then no step
   * function (a comparison, a rounding, an index) is applied to it, since two right answers could differ by much.
   */
  readonly bits: number;
}

/** What a node makes: a dtype, a shape, and the bits of its elements. */
export type Made = readonly [dtype: Dtype, shape: readonly number[], bits: number];

export const rounded = Infinity;

/** Floats that a value may hold without having been rounded. */
const exactBits: Partial<Record<Dtype, number>> = { f16: 10, bf16: 7, f32: 22, f64: 50 };

export const isFloat = (dtype: Dtype): boolean => dtype.startsWith("f") || dtype === "bf16";
export const isExact = ({ bits }: Value): boolean => bits !== rounded;
export const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** A node's further words: its domain and attributes. */
export interface Extras {
  readonly domain?: string;
  /** Those that are undefined are left out. */
  readonly attributes?: Attributes;
}

export type Attributes = Readonly<Record<string, AttributeSpec | undefined>>;

/** Names are numbered over all graphs of a model. */
interface Names {
  next: number;
}

export class Sketch {
  readonly pool: Value[] = [];
  readonly nodes: NodeSpec[] = [];
  readonly constants: Record<string, Tensor> = {};
  readonly data: Record<string, Tensor> = {};
  private readonly inputs: PortSpec[] = [];
  readonly dice: Dice;
  /** Of ONNX's operators. */
  readonly version: number;
  /** How deep this graph lies in others; such graphs have no inputs of their own making. */
  readonly depth: number;
  private readonly names: Names;

  constructor(dice: Dice, version: number, depth = 0, names: Names = { next: 0 }) {
    this.dice = dice;
    this.version = version;
    this.depth = depth;
    this.names = names;
  }

  /** A graph inside this one, which sees what this one has. */
  inner(): Sketch {
    const made = new Sketch(this.dice, this.version, this.depth + 1, this.names);
    made.pool.push(...this.pool);
    return made;
  }

  fresh(prefix = "v"): string {
    return `${prefix}${this.names.next++}`;
  }

  size(): number {
    return this.dice.weighted([
      [0.3, 0],
      [3, 1],
      [4, this.dice.between(2, 5)],
      [1.5, this.dice.pick([7, 8, 9, 11, 13, 16, 17])],
    ]);
  }

  shape(
    rank = this.dice.weighted([
      [1, 0],
      [3, 1],
      [5, 2],
      [4, 3],
      [3, 4],
      [0.7, 5],
    ]),
  ): number[] {
    const shape = Array.from({ length: rank }, () => this.size());
    while (count(shape) > 2000) shape[shape.indexOf(Math.max(...shape))] = 2;
    return shape;
  }

  /** A number that a value of the dtype may start as. */
  private number(dtype: Dtype): number {
    if (dtype === "bool") return this.dice.below(2);
    if (isFloat(dtype)) return this.dice.between(-8, 8) / 4;
    return dtype.startsWith("u") ? this.dice.below(9) : this.dice.between(-8, 8);
  }

  /** An input of the model, or a constant. */
  leaf(dtype: Dtype, shape: readonly number[] = this.shape()): Value {
    const elements = Array.from({ length: count(shape) }, () => this.number(dtype));
    const made = tensor(elements, shape, dtype);
    if (this.depth > 0 || this.dice.chance(0.3)) return this.constant(made);
    const name = this.fresh("x");
    const dims = shape.map((size) => (this.dice.chance(0.3) ? this.fresh("n") : size));
    this.inputs.push([name, dtype, ...dims]);
    this.data[name] = made;
    return this.keep({ name, dtype, shape, bits: 4 });
  }

  /** A constant: an initializer, or a node. Elements beyond eight quarters should say how many bits they take. */
  constant(value: Tensor, bits = 4): Value {
    const name = this.fresh("c");
    if (this.dice.chance(0.25))
      this.nodes.push({
        op: "Constant",
        inputs: [],
        outputs: [name],
        attributes: { value: { tensor: value } },
      });
    else {
      this.constants[name] = value;
      // Weights used to be listed among the inputs.
      if (this.depth === 0 && this.dice.chance(0.1)) this.inputs.push([name, value.dtype, ...value.shape]);
    }
    return this.keep({ name, dtype: value.dtype, shape: value.shape, bits });
  }

  /** Whole numbers as a constant list, or, if so, one number. */
  integers(values: readonly number[], dtype: Dtype = "i64", scalar = false): string {
    return this.constant(tensor([...values], scalar ? [] : [values.length], dtype), 8).name;
  }

  private keep(value: Value): Value {
    this.pool.push(value);
    return value;
  }

  /** A value of the pool that passes, mostly; else, or if there is none, what `make` makes. */
  find(test: (value: Value) => boolean, make: () => Value): Value {
    const found = this.pool.filter(test);
    if (found.length === 0 || this.dice.chance(0.15)) return make();
    // What came last is likelier, so that chains arise.
    return this.dice.chance(0.5) ? found.at(-1)! : this.dice.pick(found);
  }

  /** A value of a dtype, of any shape. */
  any(dtype: Dtype, test: (value: Value) => boolean = () => true): Value {
    return this.find(
      (value) => value.dtype === dtype && count(value.shape) <= 4000 && test(value),
      () => this.leaf(dtype),
    );
  }

  /** A value of a dtype and a rank. */
  ranked(dtype: Dtype, rank: number, test: (value: Value) => boolean = () => true): Value {
    return this.find(
      (value) =>
        value.dtype === dtype && value.shape.length === rank && count(value.shape) <= 4000 && test(value),
      () => this.leaf(dtype, this.shape(rank)),
    );
  }

  /** A value of a shape: as it is or, if a size may be one, broadcast to it. */
  like(dtype: Dtype, shape: readonly number[], broadcast = false): Value {
    const fits = (value: Value) =>
      value.dtype === dtype &&
      (value.shape.join() === shape.join() ||
        (broadcast &&
          value.shape.length <= shape.length &&
          value.shape.every(
            (size, at) => size === 1 || size === shape[shape.length - value.shape.length + at],
          )));
    return this.find(fits, () => {
      if (!broadcast || this.dice.chance(0.5)) return this.leaf(dtype, shape);
      const rest = shape.slice(this.dice.below(shape.length + 1));
      return this.leaf(
        dtype,
        rest.map((size) => (this.dice.chance(0.3) ? 1 : size)),
      );
    });
  }

  /** Adds a node; its outputs join the pool. */
  emit(op: string, inputs: readonly (Value | string)[], made: readonly Made[], extras: Extras = {}): Value[] {
    const { domain, attributes = {} } = extras;
    const said = Object.entries(attributes).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    );
    const outputs = made.map(([dtype, shape, bits]): Value => {
      const limit = exactBits[dtype];
      return { name: this.fresh(), dtype, shape, bits: limit !== undefined && bits > limit ? rounded : bits };
    });
    this.nodes.push({
      op,
      inputs: inputs.map((each) => (typeof each === "string" ? each : each.name)),
      outputs: outputs.map(({ name }) => name),
      ...(this.dice.chance(0.5) ? { name: this.fresh("node") } : {}),
      ...(domain === undefined ? {} : { domain }),
      attributes: Object.fromEntries(said),
    });
    this.pool.push(...outputs);
    return outputs;
  }

  /** The graph, with these outputs; their sizes are left open. */
  graph(outputs: readonly Value[], inputs: readonly PortSpec[] = this.inputs): GraphSpec {
    const ports = outputs.map(({ name, dtype, shape }): PortSpec => [
      name,
      dtype,
      ...shape.map(() => this.fresh("m")),
    ]);
    return { inputs, outputs: ports, nodes: this.nodes, constants: this.constants };
  }

  model(outputs: readonly Value[]): ModelSpec {
    return {
      ...this.graph(outputs),
      version: this.version,
      ...(this.nodes.some(({ domain }) => domain === "com.microsoft")
        ? { domains: { "com.microsoft": 1 } }
        : {}),
    };
  }
}

/** Shapes side by side, as NumPy broadcasts them; undefined where they don't fit. */
export function broadcast(...shapes: (readonly number[])[]): number[] | undefined {
  const rank = Math.max(...shapes.map(({ length }) => length));
  const result: number[] = Array.from({ length: rank }, () => 1);
  for (const shape of shapes)
    for (const [at, size] of shape.entries()) {
      const place = rank - shape.length + at;
      if (size === 1) continue;
      if (result[place] !== 1 && result[place] !== size) return undefined;
      result[place] = size;
    }
  return result;
}
