// What a rewrite looks for: a small tree of operators above values and numbers. A pattern is data; `matchesOf` finds every way in which it
// fits the nodes that lead to a value. Operators whose operands may change places are tried both ways, and nodes that
// only pass a value on are looked through.

import type { GraphNode } from "../graph.ts";
import type { Value } from "../program.ts";

/** Any value; the same name stands for the same value wherever it occurs. */
export interface AnyPattern {
  readonly kind: "any";
  readonly name: string;
  /** It may be left out, which a node does with an optional input. */
  readonly optional: boolean;
}

/** A constant of one element: the number that is given, or any, under a name. */
export interface NumberPattern {
  readonly kind: "number";
  readonly name?: string;
  readonly number?: number;
}

export interface NodePattern {
  readonly kind: "node";
  /** `Conv`, `com.microsoft::Gelu`; several that are treated alike. */
  readonly ops: readonly string[];
  /** Of its inputs, from the first on; those beyond must not be there. */
  readonly inputs: readonly Pattern[];
  /** What to call the node. */
  readonly as?: string;
  /** Others may read its result too: it is cheap to compute twice, or stays anyway. */
  readonly shared: boolean;
}

export interface EitherPattern {
  readonly kind: "either";
  readonly options: readonly Pattern[];
}

export type Pattern = AnyPattern | NumberPattern | NodePattern | EitherPattern;

export const any = (name: string): AnyPattern => ({ kind: "any", name, optional: false });
export const maybe = (name: string): AnyPattern => ({ kind: "any", name, optional: true });
export const number = (what: number | string): NumberPattern =>
  typeof what === "number" ? { kind: "number", number: what } : { kind: "number", name: what };
export const either = (...options: readonly Pattern[]): EitherPattern => ({ kind: "either", options });

export function op(
  name: string | readonly string[],
  inputs: readonly Pattern[],
  { as, shared = false }: { readonly as?: string; readonly shared?: boolean } = {},
): NodePattern {
  return { kind: "node", ops: typeof name === "string" ? [name] : name, inputs, as, shared };
}

/** A product of three factors, however it is put in brackets. */
export function product3(a: Pattern, b: Pattern, c: Pattern): EitherPattern {
  const mul = (x: Pattern, y: Pattern) => op("Mul", [x, y]);
  return either(mul(mul(a, b), c), mul(mul(a, c), b), mul(mul(b, c), a));
}

/** What a pattern is compared with. */
export interface Scene {
  /** The node that computes a value; undefined where it is given. */
  producer(name: string): GraphNode | undefined;
  value(name: string): Value | undefined;
  /** The element of a constant that has one; undefined for all else. */
  number(name: string): number | undefined;
  /** All elements of a small constant. */
  numbers(name: string): number[] | undefined;
}

export interface Bindings {
  /** Names of values by name in the pattern; empty for an optional one that isn't there. */
  readonly values: ReadonlyMap<string, string>;
  readonly numbers: ReadonlyMap<string, number>;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Every node of the pattern, the outermost first, and whether others may read its result. */
  readonly covered: readonly { readonly node: GraphNode; readonly shared: boolean }[];
}

const nothing: Bindings = { values: new Map(), numbers: new Map(), nodes: new Map(), covered: [] };

/** Operators whose two operands may change places. */
const commutative: ReadonlySet<string> = new Set(["Add", "Mul", "Max", "Min", "And", "Or"]);

/** Operators that hand their first input on. */
const passing: ReadonlySet<string> = new Set(["Identity", "Dropout"]);

/** Numbers in a file are rounded to f32, or were written with a few digits. */
const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-4 * Math.max(Math.abs(a), Math.abs(b));

/** The value that nodes which change nothing pass on under this name. */
export function sourceOf(name: string, scene: Scene): string {
  let at = name;
  for (;;) {
    const node = scene.producer(at);
    if (!node || node.domain !== "" || !passing.has(node.op)) return at;
    at = node.inputs[0]!;
  }
}

/** Every way in which `node` is what the pattern says. */
export function* matchesOf(pattern: Pattern, node: GraphNode, scene: Scene): Generator<Bindings> {
  if (pattern.kind === "either") for (const option of pattern.options) yield* matchesOf(option, node, scene);
  else if (pattern.kind === "node") yield* matchNode(pattern, node, nothing, scene);
}

function* matchNode(
  pattern: NodePattern,
  node: GraphNode,
  bindings: Bindings,
  scene: Scene,
): Generator<Bindings> {
  const name = node.domain === "" ? node.op : `${node.domain}::${node.op}`;
  if (!pattern.ops.includes(name)) return;
  let last = node.inputs.length;
  while (last > 0 && node.inputs[last - 1] === "") last--;
  if (last > pattern.inputs.length) return;
  const nodes = pattern.as === undefined ? bindings.nodes : new Map(bindings.nodes).set(pattern.as, node);
  const covered = [...bindings.covered, { node, shared: pattern.shared }];
  const here = { ...bindings, nodes, covered };
  yield* matchInputs(pattern.inputs, node.inputs, here, scene);
  if (pattern.inputs.length === 2 && commutative.has(name))
    yield* matchInputs(pattern.inputs.toReversed(), node.inputs, here, scene);
}

function* matchInputs(
  patterns: readonly Pattern[],
  names: readonly string[],
  bindings: Bindings,
  scene: Scene,
): Generator<Bindings> {
  const [first, ...rest] = patterns;
  if (!first) {
    yield bindings;
    return;
  }
  for (const found of matchValue(first, names[0] ?? "", bindings, scene))
    yield* matchInputs(rest, names.slice(1), found, scene);
}

function* matchValue(pattern: Pattern, given: string, bindings: Bindings, scene: Scene): Generator<Bindings> {
  const name = given === "" ? "" : sourceOf(given, scene);
  switch (pattern.kind) {
    case "any": {
      if (name === "" && !pattern.optional) return;
      const known = bindings.values.get(pattern.name);
      if (known === undefined)
        yield { ...bindings, values: new Map(bindings.values).set(pattern.name, name) };
      else if (known === name) yield bindings;
      return;
    }
    case "number": {
      const found = name === "" ? undefined : scene.number(name);
      if (found === undefined) return;
      const wanted =
        pattern.number ?? (pattern.name === undefined ? undefined : bindings.numbers.get(pattern.name));
      if (wanted !== undefined && !close(found, wanted)) return;
      if (pattern.name === undefined) yield bindings;
      else yield { ...bindings, numbers: new Map(bindings.numbers).set(pattern.name, found) };
      return;
    }
    case "node": {
      const node = name === "" ? undefined : scene.producer(name);
      // Only a first output: others are statistics that no pattern speaks of.
      if (node && node.outputs[0] === name) yield* matchNode(pattern, node, bindings, scene);
      return;
    }
    case "either":
      for (const option of pattern.options) yield* matchValue(option, given, bindings, scene);
  }
}
