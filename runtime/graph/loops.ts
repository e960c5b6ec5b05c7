// Loop and Scan: a graph that runs several times, on results of its last run.

import type { GraphNode } from "./graph.ts";
import { isGraph } from "./graph.ts";
import { badNode } from "./error.ts";
import { hostTensor } from "./kernels.ts";
import { GraphRunner, onHost, type RunnerContext, type StepListener } from "./runner.ts";
import { bytesOf } from "../tensor/storage.ts";
import { sizeOf } from "../tensor/layout.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";

export class LoopRunner {
  private readonly body: GraphRunner;

  constructor(node: GraphNode, context: RunnerContext) {
    const graph = node.attributes["body"];
    if (!isGraph(graph)) throw badNode(node, "its body is missing");
    this.body = new GraphRunner(graph, context);
  }

  /** Runs the node. `tensors` are those of the graph around it, `constants` those of them that never change. */
  async run(
    node: GraphNode,
    tensors: ReadonlyMap<string, Tensor>,
    constants: ReadonlyMap<string, Tensor>,
    listener?: StepListener,
  ): Promise<Map<string, Tensor>> {
    if (node.op !== "Loop") throw badNode(node, "only Loop is supported of the operators that iterate");
    const { graph } = this.body;
    const input = (at: number): Tensor | undefined => tensors.get(node.inputs[at] ?? "");
    const limit = input(0) ? Number((await input(0)!.data())[0]) : Infinity;
    let going = input(1) ? Number((await input(1)!.data())[0]) !== 0 : true;
    const own = new Set(graph.inputs.map(({ name }) => name));
    const outer = new Map([...tensors].filter(([name]) => !own.has(name)));
    const fixed = new Map([...constants].filter(([name]) => !own.has(name)));
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
      const results = await this.body.run(given, fixed, listener);
      const [condition, ...rest] = graph.outputs.map(({ name }) => results.get(name)!);
      going = Number((await condition!.data())[0]) !== 0;
      carried = rest.slice(0, carried.length);
      scanned.forEach((list, at) => list.push(rest[carried.length + at]!));
    }
    const stacked: Tensor[] = [];
    for (const list of scanned) stacked.push(await stack(list));
    const hosts: Tensor[] = [];
    for (const each of carried) hosts.push(await onHost(each));
    const all = [...hosts, ...stacked];
    return new Map(node.outputs.flatMap((name, at) => (name === "" ? [] : [[name, all[at]!] as const])));
  }
}

/** Tensors of one shape as one with an axis in front. */
async function stack(list: readonly Tensor[]): Promise<Tensor> {
  const [first] = list;
  if (!first) return tensor(new Float32Array(0), [0]);
  const bytes = bytesOf(first.dtype, sizeOf(first.shape));
  const joined = new Uint8Array(bytes * list.length);
  for (const [at, each] of list.entries()) {
    const data = await each.data();
    joined.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at * bytes);
  }
  return hostTensor(joined, { dtype: first.dtype, shape: [list.length, ...first.shape] });
}
