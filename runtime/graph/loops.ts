// Loop and Scan: a graph that runs several times, on results of its last run.

import { isGraph, outerNames, type Graph, type GraphNode, type GraphPort } from "./graph.ts";
import { badNode } from "./error.ts";
import { hostTensor, onHost } from "./kernels.ts";
import { GraphRunner, type RunnerContext, type StepListener } from "./runner.ts";
import { bytesIn, bytesOf } from "../tensor/storage.ts";
import { sizeOf } from "../tensor/layout.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";

/** Milliseconds that turns may take without letting anything else happen: about what a page has for a picture. */
const longest = 16;

/** Lets others have the thread now and then, since a loop may go on for as long as it likes, and ends it where its signal says so. */
class Breath {
  readonly signal: AbortSignal | undefined;
  private last = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
  }

  /** Before a turn: something to wait for, if it's time. */
  taken(): Promise<void> | undefined {
    this.signal?.throwIfAborted();
    if (performance.now() - this.last < longest) return undefined;
    return new Promise<void>((resolve) => setTimeout(resolve, 0)).then(() => {
      this.last = performance.now();
      this.signal?.throwIfAborted();
    });
  }
}

export class LoopRunner {
  readonly body: GraphRunner;
  private readonly outer: ReadonlySet<string>;

  constructor(node: GraphNode, context: RunnerContext) {
    const graph = node.attributes["body"];
    if (!isGraph(graph)) throw badNode(node, "its body is missing");
    checkBody(node, graph);
    this.body = new GraphRunner(graph, context);
    this.outer = outerNames(graph);
  }

  dispose(): Promise<void> {
    return this.body.dispose();
  }

  /** Runs the node. `tensors` are those of the graph around it. */
  async run(
    node: GraphNode,
    tensors: ReadonlyMap<string, Tensor>,
    listener?: StepListener,
    signal?: AbortSignal,
  ): Promise<Map<string, Tensor>> {
    const breath = new Breath(signal);
    return node.op === "Scan"
      ? this.scan(node, tensors, breath, listener)
      : this.loop(node, tensors, breath, listener);
  }

  private async loop(
    node: GraphNode,
    tensors: ReadonlyMap<string, Tensor>,
    breath: Breath,
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
      const pause = breath.taken();
      if (pause) await pause;
      const results = await this.body.run(this.turn(outer, turn, carried), listener, breath.signal);
      const [condition, ...rest] = graph.outputs.map(({ name }) => results.get(name)!);
      going = Number((await condition!.data())[0]) !== 0;
      carried = rest.slice(0, carried.length);
      scanned.forEach((list, at) => list.push(rest[carried.length + at]!));
    }
    // Without a turn nobody has seen what one would leave.
    const shapes =
      scanned[0]?.length === 0 ? await this.body.shapes(this.turn(outer, 0, carried)) : undefined;
    return outputsOf(node, graph, carried, scanned, { shapes });
  }

  /** What the body of a Loop is given for a turn. */
  private turn(
    outer: ReadonlyMap<string, Tensor>,
    turn: number,
    carried: readonly Tensor[],
  ): Map<string, Tensor> {
    const values = [
      tensor(BigInt64Array.of(BigInt(turn)), []),
      tensor(Uint8Array.of(1), [], "bool"),
      ...carried,
    ];
    const given = new Map(outer);
    this.body.graph.inputs.forEach(({ name }, at) => given.set(name, values[at]!));
    return given;
  }

  /** One step for each place along the first axis of the inputs that are scanned. */
  private async scan(
    node: GraphNode,
    tensors: ReadonlyMap<string, Tensor>,
    breath: Breath,
    listener?: StepListener,
  ): Promise<Map<string, Tensor>> {
    const { graph } = this.body;
    const { attributes } = node;
    const count = Number(attributes["num_scan_inputs"] ?? 0);
    if (node.inputs[0] === "") throw badNode(node, "it is of version 8, with lengths of sequences");
    const states = node.inputs.length - count;
    const listed = (name: string, at: number) => (attributes[name] as number[] | undefined)?.[at] ?? 0;
    const whole: Tensor[] = [];
    for (const [at, name] of node.inputs.slice(states).entries()) {
      const host = await onHost(tensors.get(name)!);
      const axis = axisOf(node, listed("scan_input_axes", at), host.rank);
      whole.push(axis === 0 ? host : host.transpose(...withFirst(axis, host.rank)));
    }
    const turns = whole[0]?.shape[0] ?? 0;
    const other = whole.find(({ shape }) => shape[0] !== turns);
    if (other)
      throw badNode(node, `it goes over ${turns} places of one input, and over ${other.shape[0]} of another`);
    const outer = this.around(tensors);
    let carried = node.inputs.slice(0, states).map((name) => tensors.get(name)!);
    const scanned: Tensor[][] = graph.outputs.slice(states).map(() => []);
    for (let turn = 0; turn < turns; turn++) {
      const given = new Map(outer);
      const place = (at: number) => (listed("scan_input_directions", at) === 1 ? turns - 1 - turn : turn);
      const values = [...carried, ...whole.map((each, at) => each.slice(place(at)))];
      graph.inputs.forEach(({ name }, at) => given.set(name, values[at]!));
      const pause = breath.taken();
      if (pause) await pause;
      const results = await this.body.run(given, listener, breath.signal);
      const all = graph.outputs.map(({ name }) => results.get(name)!);
      carried = all.slice(0, states);
      scanned.forEach((list, at) => list.push(all[states + at]!));
    }
    for (const [at, list] of scanned.entries())
      if (listed("scan_output_directions", at) === 1) list.reverse();
    return outputsOf(node, graph, carried, scanned, { axes: (at) => listed("scan_output_axes", at) });
  }

  /** What the body uses of the graphs around it. */
  private around(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    return new Map([...tensors].filter(([name]) => this.outer.has(name)));
  }
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** What was carried to the end, then what each turn left, by the names of the node's outputs. */
async function outputsOf(
  node: GraphNode,
  body: Graph,
  carried: readonly Tensor[],
  scanned: readonly (readonly Tensor[])[],
  { axes = () => 0, shapes }: { axes?: (at: number) => number; shapes?: Shapes | undefined } = {},
): Promise<Map<string, Tensor>> {
  const all: Tensor[] = [];
  for (const each of carried) all.push(await onHost(each));
  const ports = body.outputs.slice(body.outputs.length - scanned.length);
  for (const [at, list] of scanned.entries()) {
    const stacked = await stack(list, ports[at]!, shapes?.get(ports[at]!.name));
    const axis = axisOf(node, axes(at), stacked.rank);
    if (axis === 0) all.push(stacked);
    else all.push(await onHost(stacked.transpose(...withFirst(axis, stacked.rank, true))));
  }
  return new Map(node.outputs.flatMap((name, at) => (name === "" ? [] : [[name, all[at]!] as const])));
}

/** Refuses a body that takes or gives another number of values than its node. */
function checkBody(node: GraphNode, body: Graph): void {
  const given = node.inputs.length;
  const scanned = node.op === "Scan" ? Number(node.attributes["num_scan_inputs"] ?? 0) : 0;
  const states = node.op === "Scan" ? given - scanned : Math.max(given - 2, 0);
  const refuse = (why: string) => badNode(node, why);
  if (states < 0 || scanned < 0)
    throw refuse(`its attribute \`num_scan_inputs\` is ${scanned}, of ${given} inputs`);
  const takes = node.op === "Scan" ? given : states + 2;
  if (body.inputs.length !== takes)
    throw refuse(`its body takes ${body.inputs.length} values, and is given ${takes}`);
  const first = node.op === "Scan" ? 0 : 1;
  const gives = body.outputs.length - first;
  if (gives < states || gives < node.outputs.length)
    throw refuse(`its body gives ${gives} results, and ${Math.max(states, node.outputs.length)} are wanted`);
  const absent = node.inputs.slice(node.op === "Scan" ? 1 : 2).includes("");
  if (absent) throw refuse("a value that it carries is missing");
}

/** An axis counted from the front. */
function axisOf(node: GraphNode, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at >= 0 && at < rank) return at;
  throw badNode(node, `there is no axis ${axis} in a tensor of ${rank} dimensions`);
}

/** Axes in an order that begins with one of them, or that puts the first one there. */
function withFirst(axis: number, rank: number, back = false): number[] {
  const others = Array.from({ length: rank }, (_, at) => at).filter((at) => at !== (back ? 0 : axis));
  return back ? others.toSpliced(axis, 0, 0) : [axis, ...others];
}

/** Tensors of one shape as one with an axis in front; without any, of the shape that is known or what the port says of it. */
async function stack(
  list: readonly Tensor[],
  { dtype, shape }: GraphPort,
  known?: readonly number[],
): Promise<Tensor> {
  const [first] = list;
  if (!first) {
    const rest = (known ?? shape ?? []).map((dim) => (typeof dim === "number" ? dim : 0));
    return hostTensor(new Uint8Array(0), { dtype, shape: [0, ...rest] });
  }
  const bytes = bytesOf(first.dtype, sizeOf(first.shape));
  const joined = new Uint8Array(bytes * list.length);
  for (const [at, each] of list.entries()) {
    const data = await each.data();
    joined.set(bytesIn(data), at * bytes);
  }
  return hostTensor(joined, { dtype: first.dtype, shape: [list.length, ...first.shape] });
}
