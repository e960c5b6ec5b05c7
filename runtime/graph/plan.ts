// From nodes and the shapes of what they are given to steps. Every node whose inputs' shapes are known is built; one that must know
// elements which the model computes first (a Reshape to a computed shape, a branch) waits for the next stage, with all that
// depend on it. Most models are one stage.

import { KernError } from "../error.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import { Builder, ShapeConflict, type WhenIntegers } from "./builder.ts";
import { customRow, missingOp } from "./custom.ts";
import { badNode } from "./error.ts";
import type { Folder } from "./fold.ts";
import { namesUsed, opName, type GraphNode } from "./graph.ts";
import { spliced } from "./branches.ts";
import { Demand, NodeContext, type OpRow } from "./ops/node.ts";
import { rowFor } from "./ops/index.ts";
import { Rewriter, type Rewritten } from "./rewrites/rewriter.ts";
import type { OpRegistry } from "../ops/registry.ts";
import type { Value } from "./program.ts";
import type { Site } from "./sites.ts";

/** What is known of a value before a stage: elements, or only dtype and shape. */
export interface Known {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly constant?: Tensor;
}

export interface PlanContext {
  readonly folder: Folder;
  readonly opsets: ReadonlyMap<string, number>;
  readonly registry: OpRegistry;
  /** The model's devices, the one that it was loaded for first. */
  readonly sites: readonly Pick<Site, "device" | "features">[];
  /** Whether patterns of nodes may be computed by other nodes. */
  readonly fusion: boolean;
  readonly integers: WhenIntegers;
}

/** The steps of a stage, and what is left for the next. */
export interface Stage {
  readonly builder: Builder;
  /** Values by name: what was known, and what the stage computes. */
  readonly values: ReadonlyMap<string, Value>;
  /** Nodes that wait. */
  readonly waiting: readonly GraphNode[];
  /** Names of values whose elements some of them wait for. */
  readonly demanded: ReadonlySet<string>;
  /** What was computed by other nodes than the model's. */
  readonly rewritten: readonly Rewritten[];
  /** Nodes that run graphs of their own, whose inputs are there after this stage. */
  readonly control: readonly GraphNode[];
}

/** Operators that run a graph of theirs several times. */
const loops: ReadonlySet<string> = new Set(["Loop", "Scan"]);

/** Builds what can be built of `nodes`. `kept` are names of values that others read than these. */
export async function planStage(
  nodes: readonly GraphNode[],
  known: ReadonlyMap<string, Known>,
  kept: ReadonlySet<string>,
  context: PlanContext,
): Promise<Stage> {
  const { device, features } = context.sites[0]!;
  const builder = new Builder({ name: device.name, features }, context.fusion, context.integers);
  const values = new Map<string, Value>();
  for (const [name, { dtype, shape, constant }] of known)
    values.set(name, constant ? builder.constant(constant, name) : builder.input(name, dtype, shape));
  const blocked = new Set<string>();
  const demanded = new Set<string>();
  const waiting: GraphNode[] = [];
  const control: GraphNode[] = [];
  const wait = (node: GraphNode) => {
    waiting.push(node);
    for (const name of node.outputs) if (name !== "") blocked.add(name);
  };
  const rewritten: Rewritten[] = [];
  const rewriter = context.fusion
    ? new Rewriter(values, kept, context.folder, context.opsets.get("") ?? 23)
    : undefined;
  rewriter?.add(nodes);
  const work = [...nodes].toReversed();
  while (work.length > 0) {
    const node = work.pop()!;
    if (namesUsed(node).some((name) => blocked.has(name))) {
      wait(node);
      continue;
    }
    if (node.domain === "" && loops.has(node.op)) {
      control.push(node);
      wait(node);
      continue;
    }
    try {
      builder.origin = node.name;
      if (node.domain === "" && node.op === "If") {
        const found = contextOf(node, values, builder, context);
        const [condition] = await found.elements(0);
        const { nodes: branch, constants } = spliced(
          node,
          found.graph(condition ? "then_branch" : "else_branch"),
        );
        for (const [name, constant] of constants) values.set(name, builder.constant(constant, name));
        rewriter?.remove([node]);
        rewriter?.add(branch);
        work.push(...branch.toReversed());
        continue;
      }
      const better = await rewriter?.rewrite(node);
      if (better) {
        rewritten.push(better);
        for (const [name, constant] of better.constants) values.set(name, builder.constant(constant, name));
        work.push(...better.nodes.toReversed());
        continue;
      }
      await build(node, values, builder, context);
    } catch (error) {
      if (error instanceof Demand) {
        const name = node.inputs.find((input) => values.get(input) === error.value);
        if (name === undefined) throw error;
        demanded.add(name);
        wait(node);
      } else if (error instanceof ShapeConflict) throw badNode(node, error.message);
      else throw error;
    }
  }
  return { builder, values, waiting, demanded, control, rewritten };
}

function contextOf(
  node: GraphNode,
  values: ReadonlyMap<string, Value>,
  builder: Builder,
  { folder, opsets }: PlanContext,
): NodeContext {
  const inputs = node.inputs.map((name) => (name === "" ? undefined : valueNamed(name, node, values)));
  const version = node.version ?? opsets.get(node.domain) ?? (node.domain === "" ? 23 : 1);
  return new NodeContext(node, inputs, builder, version, (value) => folder.evaluate(value));
}

function valueNamed(name: string, node: GraphNode, values: ReadonlyMap<string, Value>): Value {
  const value = values.get(name);
  if (!value) throw badNode(node, `its input \`${name}\` is not defined where the node stands`);
  return value;
}

async function build(
  node: GraphNode,
  values: Map<string, Value>,
  builder: Builder,
  context: PlanContext,
): Promise<void> {
  const found = contextOf(node, values, builder, context);
  const known = rowFor(opName(node), found.version);
  const row: OpRow | undefined = customRow(node, found, context, known) ?? known;
  if (!row) throw missingOp(node, context.registry);
  let outputs;
  try {
    outputs = await row.build(found);
  } catch (error) {
    // A shape that no tensor can have, say: the node is what the reader knows.
    if (error instanceof KernError && error.code.startsWith("K07"))
      throw badNode(node, error.diagnostic.message);
    throw error;
  }
  const list: readonly (Value | undefined)[] = Array.isArray(outputs) ? outputs : [outputs as Value];
  node.outputs.forEach((name, at) => {
    if (name === "") return;
    const value = list[at];
    if (!value) throw badNode(node, `its output ${at} is not supported`);
    value.name ??= name;
    values.set(name, value);
  });
}
