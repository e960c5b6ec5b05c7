// Loop and Scan: a graph that runs several times, on results of its last run.

import { isGraph, outerNames, type Graph, type GraphNode, type GraphPort } from "./graph.ts";
import { badNode } from "./error.ts";
import { hostTensor } from "./kernels.ts";
import { GraphRunner, onHost, type RunnerContext, type StepListener } from "./runner.ts";
import { bytesOf } from "../tensor/storage.ts";
import { sizeOf } from "../tensor/layout.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";

export class LoopRunner {
  private readonly body: GraphRunner;
  private readonly outer: ReadonlySet<string>;

  constructor(node: GraphNode, context: RunnerContext) {
    const graph = node.attributes["body"];
    if (!isGraph(graph)) throw badNode(node, "its body is missing");
    this.body = new GraphRunner(graph, context);
    this.outer = outerNames(graph);
  }

  /** Runs the node. `tensors` are those of the graph around it. */
  async run(
    node: GraphNode,
    tensors: ReadonlyMap<string, Tensor>,
    listener?: StepListener,
  ): Promise<Map<string, Tensor>> {
    return node.op === "Scan" ? this.scan(node, tensors, listener) : this.loop(node, tensors, listener);
  }

  private async loop(
    node: GraphNode,
    tensors: ReadonlyMap<string, Tensor>,
    listener?: StepListener,
  ): Promise<Map<string, Tensor>> {
    const { graph } = this.body;
    const input = (at: number): Tensor | undefined => tensors.get(node.inputs[at] ?? "");
    const limit = input(0) ? Number((await input(0)!.data())[0]) : Infinity;
    let going = input(1) ? Number((await input(1)!.data())[0]) !== 0 : true;
    const outer = this.around(tensors);
    let carried = node.inputs.slice(2).map((name) => tensors.get(name)!);
    const scanned: Tensor[][] = graph.outputs.slice(1 + carried.length).map(() => []);
    for (let turn = 0; going && turn < limit; turn++) {
      const given = new Map(outer);
      const values = [
        tensor(BigInt64Array.of(BigInt(turn)), []),
        tensor(Uint8Array.of(1), [], "bool"),
        ...carried,
      ];
      graph.inputs.forEach(({ name }, at) => given.set(name, values[at]!));
      const results = await this.body.run(given, listener);
      const [condition, ...rest] = graph.outputs.map(({ name }) => results.get(name)!);
      going = Number((await condition!.data())[0]) !== 0;
      carried = rest.slice(0, carried.length);
      scanned.forEach((list, at) => list.push(rest[carried.length + at]!));
    }
    return outputsOf(node, graph, carried, scanned);
  }

  /** One step for each place along the first axis of the inputs that are scanned. */
  private async scan(
    node: GraphNode,
    tensors: ReadonlyMap<string, Tensor>,
    listener?: StepListener,
  ): Promise<Map<string, Tensor>> {
    const { graph } = this.body;
    const { attributes } = node;
    const count = Number(attributes["num_scan_inputs"] ?? 0);
    for (const name of [
      "scan_input_axes",
      "scan_output_axes",
      "scan_input_directions",
      "scan_output_directions",
    ])
      if ((attributes[name] as number[] | undefined)?.some((each) => each !== 0))
        throw badNode(
          node,
          `its attribute \`${name}\` asks for another axis than the first, or for the other direction`,
        );
    if (node.inputs[0] === "") throw badNode(node, "it is of version 8, with lengths of sequences");
    const states = node.inputs.length - count;
    const whole: Tensor[] = [];
    for (const name of node.inputs.slice(states)) whole.push(await onHost(tensors.get(name)!));
    const outer = this.around(tensors);
    let carried = node.inputs.slice(0, states).map((name) => tensors.get(name)!);
    const scanned: Tensor[][] = graph.outputs.slice(states).map(() => []);
    for (let turn = 0; turn < (whole[0]?.shape[0] ?? 0); turn++) {
      const given = new Map(outer);
      const values = [...carried, ...whole.map((each) => each.slice(turn))];
      graph.inputs.forEach(({ name }, at) => given.set(name, values[at]!));
      const results = await this.body.run(given, listener);
      const all = graph.outputs.map(({ name }) => results.get(name)!);
      carried = all.slice(0, states);
      scanned.forEach((list, at) => list.push(all[states + at]!));
    }
    return outputsOf(node, graph, carried, scanned);
  }

  /** What the body uses of the graphs around it. */
  private around(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return new Map([...tensors].filter(([name]) => this.outer.has(name)));
  }
}

/** What was carried to the end, then what each turn left, by the names of the node's outputs. */
async function outputsOf(
  node: GraphNode,
  body: Graph,
  carried: readonly Tensor[],
  scanned: readonly (readonly Tensor[])[],
): Promise<Map<string, Tensor>> {
  const all: Tensor[] = [];
  for (const each of carried) all.push(await onHost(each));
  const ports = body.outputs.slice(body.outputs.length - scanned.length);
  for (const [at, list] of scanned.entries()) all.push(await stack(list, ports[at]!));
  return new Map(node.outputs.flatMap((name, at) => (name === "" ? [] : [[name, all[at]!] as const])));
}

/** Tensors of one shape as one with an axis in front; without any, what the port says of them. */
async function stack(list: readonly Tensor[], { dtype, shape }: GraphPort): Promise<Tensor> {
  const [first] = list;
  if (!first) {
    const rest = (shape ?? []).map((dim) => (typeof dim === "number" ? dim : 0));
    return hostTensor(new Uint8Array(0), { dtype, shape: [0, ...rest] });
  }
  const bytes = bytesOf(first.dtype, sizeOf(first.shape));
  const joined = new Uint8Array(bytes * list.length);
  for (const [at, each] of list.entries()) {
    const data = await each.data();
    joined.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at * bytes);
  }
  return hostTensor(joined, { dtype: first.dtype, shape: [list.length, ...first.shape] });
}
