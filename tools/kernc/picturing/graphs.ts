// A model as it is written, and what is launched for it: the boxes and edges of both pictures.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import { namesUsed, opName } from "../../../runtime/graph/graph.ts";
import { inputsOf, rootOf, type Step, type Value } from "../../../runtime/graph/program.ts";
import { sizeOf } from "../../../runtime/tensor/layout.ts";
import type { Model, ModelPlan } from "../../../runtime/onnx/model.ts";

/** A box: what it is, and lines about it. */
export interface PictureNode {
  readonly kind: "input" | "output" | "node" | "launch";
  readonly title: string;
  readonly lines: readonly string[];
}

/** An edge between boxes by number, and how many bytes go along it, where that is known. */
export interface PictureEdge {
  readonly from: number;
  readonly to: number;
  readonly bytes: number | undefined;
}

export interface PictureGraph {
  readonly title: string;
  readonly nodes: readonly PictureNode[];
  readonly edges: readonly PictureEdge[];
}

/** Collects boxes and the edges from whoever makes a value to those who read it. */
class Collector<K> {
  readonly nodes: PictureNode[] = [];
  readonly edges: PictureEdge[] = [];
  private readonly makers = new Map<K, number>();

  add(
    node: PictureNode,
    reads: Iterable<K>,
    makes: Iterable<K>,
    bytesOf: (key: K) => number | undefined,
  ): void {
    const to = this.nodes.push(node) - 1;
    const sums = new Map<number, number | undefined>();
    for (const key of new Set(reads)) {
      const from = this.makers.get(key);
      if (from === undefined) continue;
      const bytes = bytesOf(key);
      sums.set(from, sums.has(from) || bytes === undefined ? (sums.get(from) ?? 0) + (bytes ?? 0) : bytes);
    }
    for (const [from, bytes] of sums) this.edges.push({ from, to, bytes: bytes === 0 ? undefined : bytes });
    for (const key of makes) this.makers.set(key, to);
  }
}

const bytesOf = ({ dtype, shape }: Value): number => Math.ceil((sizeOf(shape) * dtypeInfo(dtype).bits) / 8);

/** The model's own nodes. Bytes are those of a run, if there was one. */
export function modelGraph({ graph, inputs }: Model, plans: readonly ModelPlan[]): PictureGraph {
  const found = new Collector<string>();
  const bytes = (name: string): number | undefined => {
    const value = plans.map(({ values }) => values.get(name)).find((each) => each !== undefined);
    return value && bytesOf(value);
  };
  for (const { name } of inputs) found.add({ kind: "input", title: name, lines: [] }, [], [name], bytes);
  // What depends on no input is a weight, whoever computes it.
  const varying = new Set(inputs.map(({ name }) => name));
  const nodes = graph.nodes.filter((node) => {
    const varies = namesUsed(node).some((name) => varying.has(name));
    if (varies) for (const name of node.outputs) varying.add(name);
    return varies;
  });
  for (const node of nodes)
    found.add({ kind: "node", title: opName(node), lines: [] }, namesUsed(node), node.outputs, bytes);
  for (const { name } of graph.outputs)
    found.add({ kind: "output", title: name, lines: [] }, [name], [], bytes);
  const constant = graph.nodes.length - nodes.length;
  const title = `${nodes.length} nodes${constant > 0 ? `, and ${constant} that compute weights` : ""}`;
  return { title, nodes: found.nodes, edges: found.edges };
}

/** What is launched: a box a kernel, with the nodes that it computes. */
export function launchGraph({ graph, inputs, outputs }: Model, plans: readonly ModelPlan[]): PictureGraph {
  const found = new Collector<Value | string>();
  const ops = new Map(graph.nodes.map((node) => [node.name, opName(node)]));
  const sizes = new Map<string, number>();
  for (const { values } of plans) for (const [name, value] of values) sizes.set(name, bytesOf(value));
  const bytes = (key: Value | string) => (typeof key === "string" ? sizes.get(key) : bytesOf(key));
  for (const { name } of inputs) found.add({ kind: "input", title: name, lines: [] }, [], [name], bytes);
  let count = 0;
  for (const { steps, values } of plans) {
    // Between stages, and at the ends, values are known by their names.
    const names = new Map<Value, string[]>();
    for (const [name, value] of values) names.set(rootOf(value), [...(names.get(rootOf(value)) ?? []), name]);
    for (const step of steps) {
      count++;
      const read = new Set(inputsOf(step).map(({ value }) => rootOf(value)));
      const reads = [...read].flatMap((value): (Value | string)[] =>
        value.fixed ? [] : value.step ? [value] : (names.get(value) ?? []),
      );
      const weights = [...read].reduce((sum, value) => sum + (value.fixed ? bytesOf(value) : 0), 0);
      const members = [...originsOf(step)].map((origin) => ops.get(origin) ?? origin);
      const lines = [...counted(members), ...(weights >= 1024 ? [`weights: ${bytesText(weights)}`] : [])];
      const makes = step.outputs.flatMap((value): (Value | string)[] => [value, ...(names.get(value) ?? [])]);
      found.add({ kind: "launch", title: titleOf(step), lines }, reads, makes, bytes);
    }
  }
  for (const { name } of outputs) found.add({ kind: "output", title: name, lines: [] }, [name], [], bytes);
  return { title: `${count} kernels launched`, nodes: found.nodes, edges: found.edges };
}

function titleOf(step: Step): string {
  if (step.kind === "map") return "elementwise";
  return step.kind === "kernel" ? step.code.name : step.kernel.kernelName;
}

/** Names of the model's nodes that a step computes. */
function originsOf(step: Step): Set<string> {
  const origins = new Set<string>();
  const prologues = step.kind === "kernel" ? [...(step.prologues?.values() ?? [])] : [];
  for (const { ops } of prologues) for (const { origin } of ops) origins.add(origin);
  if (step.kind === "map") for (const { origin } of step.ops) origins.add(origin);
  origins.add(step.origin);
  if (step.kind === "kernel") for (const { origin } of step.epilogue?.ops ?? []) origins.add(origin);
  return origins;
}

/** `Mul × 3` for what comes several times in a row. */
function counted(members: readonly string[]): string[] {
  const runs: { name: string; count: number }[] = [];
  for (const name of members) {
    const last = runs.at(-1);
    if (last?.name === name) last.count++;
    else runs.push({ name, count: 1 });
  }
  return runs.map(({ name, count }) => (count === 1 ? name : `${name} × ${count}`));
}

/** `1.5 MiB` */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const unit = bytes < 2 ** 20 ? "KiB" : "MiB";
  const value = bytes / (unit === "KiB" ? 1024 : 2 ** 20);
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}
