// A rewrite: a pattern of nodes, and the nodes that compute the same in a better way. It is tried where the outermost node of the pattern is
// about to be built: the shapes of all values are known there, and the elements of constants. What it replaces was built
// before and is dropped, since nothing reads it any more.

import type { Tensor } from "../../tensor/tensor.ts";
import type { Attribute, GraphNode } from "../graph.ts";
import type { Value } from "../program.ts";
import type { Bindings, Pattern, Scene } from "./pattern.ts";

/** A node that a rewrite makes. */
export interface Draft {
  /** `Conv`, `com.microsoft::Gelu`. */
  readonly op: string;
  readonly inputs: readonly string[];
  /** The result of the pattern if nothing is said. */
  readonly outputs?: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Of the operator set, where the model's own may have another meaning. */
  readonly version?: number;
}

export interface Rewrite {
  /** What is recognised, for reports. */
  readonly name: string;
  readonly pattern: Pattern;
  /** What to compute instead; undefined where the pattern fits, and shapes or attributes don't. */
  readonly replace: (match: Match) => Draft | readonly Draft[] | undefined;
}

/** A pattern that was found, as the rewrite sees it. */
export class Match {
  /** The outermost node. */
  readonly root: GraphNode;
  /** Constants that the rewrite makes, by name. */
  readonly constants = new Map<string, Tensor>();
  /** Of ONNX's operators, in the model. */
  readonly version: number;
  private readonly bindings: Bindings;
  private readonly scene: Scene;

  constructor(root: GraphNode, bindings: Bindings, scene: Scene, version: number) {
    this.root = root;
    this.version = version;
    this.bindings = bindings;
    this.scene = scene;
  }

  has(name: string): boolean {
    return (this.bindings.values.get(name) ?? "") !== "";
  }

  /** The name of a value; empty for an optional one that isn't there. */
  name(name: string): string {
    return this.bindings.values.get(name) ?? "";
  }

  value(name: string): Value {
    return this.scene.value(this.name(name))!;
  }

  /** A number that the pattern names, where its way of fitting met it. */
  number(name: string): number | undefined {
    return this.bindings.numbers.get(name);
  }

  node(name: string): GraphNode | undefined {
    return this.bindings.nodes.get(name);
  }

  /** The axes that a reduction goes over, in order, if it keeps them as axes of one element. */
  axesOf(name: string): number[] | undefined {
    const node = this.node(name)!;
    const rank = this.scene.value(node.inputs[0]!)!.shape.length;
    if (node.attributes["keepdims"] !== undefined && node.attributes["keepdims"] !== 1) return undefined;
    const given =
      (node.inputs[1] ?? "") === "" ? node.attributes["axes"] : this.scene.numbers(node.inputs[1]!);
    if (!Array.isArray(given)) return undefined;
    return (given as number[]).map((axis) => (axis < 0 ? axis + rank : axis)).toSorted((a, b) => a - b);
  }

  /** The first of the axes that several reductions go over, if these are the last ones of `rank`. */
  trailingFrom(names: readonly string[], rank: number): number | undefined {
    const [axes, ...others] = names.map((name) => this.axesOf(name));
    if (!axes || axes.length === 0 || axes.some((axis, at) => axis !== rank - axes.length + at))
      return undefined;
    return others.every((each) => each?.join() === axes.join()) ? axes[0] : undefined;
  }

  /** A name for a value between the nodes of the replacement. */
  inner(what: string): string {
    return `${this.root.name}/${what}`;
  }

  /** A constant for the replacement. */
  constant(what: string, tensor: Tensor): string {
    const name = this.inner(what);
    this.constants.set(name, tensor);
    return name;
  }
}
