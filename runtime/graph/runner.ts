// Runs a graph: plans a stage for the shapes that come in, runs it, reads what the next stage must know, and so on. What was
// planned for some shapes is kept, so that the next run with them only runs.

import type { Device } from "../device.ts";
import type { OpRegistry } from "../ops/registry.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Folder } from "./fold.ts";
import { namesUsed, type Graph, type GraphNode } from "./graph.ts";
import { hostTensor, KernelCache } from "./kernels.ts";
import { LoopRunner } from "./loops.ts";
import { planStage, type Known, type Stage } from "./plan.ts";
import type { Step, Value } from "./program.ts";
import { LoadedStage, Weights } from "./stage.ts";

/** What all graphs of a model share. */
export interface RunnerContext {
  readonly device: Device;
  readonly cache: KernelCache;
  readonly folder: Folder;
  readonly weights: Weights;
  readonly registry: OpRegistry;
  readonly fusion: boolean;
}

export function runnerContext(device: Device, registry: OpRegistry, fusion: boolean): RunnerContext {
  const cache = new KernelCache(device);
  return { device, cache, folder: new Folder(cache), weights: new Weights(device), registry, fusion };
}

/** Plans kept for different shapes of the inputs, or different elements that a stage asked for. */
const mostPlans = 32;

/** A stage, what it leaves, and the stages that came after it so far. */
interface Planned {
  readonly stage: Stage;
  readonly loaded: LoadedStage;
  /** Values that are needed after the stage, by name. */
  readonly exports: ReadonlyMap<string, Value>;
  readonly next: Map<string, Promise<Planned>>;
}

export type StepListener = (step: Step, milliseconds: number) => void;

export class GraphRunner {
  readonly graph: Graph;
  private readonly context: RunnerContext;
  private readonly first = new Map<string, Promise<Planned>>();
  private readonly loops = new Map<GraphNode, LoopRunner>();

  constructor(graph: Graph, context: RunnerContext) {
    this.graph = graph;
    this.context = context;
  }

  /** Stages planned so far. */
  async stages(): Promise<Planned[]> {
    const found: Planned[] = [];
    const visit = async (planned: ReadonlyMap<string, Promise<Planned>>): Promise<void> => {
      for (const each of planned.values()) {
        const stage = await each;
        found.push(stage);
        await visit(stage.next);
      }
    };
    await visit(this.first);
    return found;
  }

  /** Runs the graph on tensors by name: its inputs, and what it uses of graphs around it. */
  async run(given: ReadonlyMap<string, Tensor>, listener?: StepListener): Promise<Map<string, Tensor>> {
    const tensors = new Map(given);
    const known = new Map<string, Known>();
    const describe = (name: string, { dtype, shape }: Tensor, constant?: Tensor) =>
      known.set(name, { dtype, shape, constant });
    for (const [name, constant] of this.graph.constants) describe(name, constant, constant);
    for (const [name, each] of given) describe(name, each);
    let nodes: readonly GraphNode[] = this.graph.nodes;
    let stages = this.first;
    let demanded: ReadonlySet<string> = new Set();
    const temporary: Tensor[] = [];
    try {
      for (;;) {
        const key = await keyOf(known, given, tensors, demanded);
        let planned = stages.get(key);
        if (!planned) {
          planned = this.plan(nodes, new Map(known));
          planned.catch(() => stages.delete(key));
        }
        remember(stages, key, planned);
        const { stage, loaded, exports, next } = await planned;
        const inputs = await this.runStage(stage, loaded, tensors, temporary, listener);
        for (const [name, value] of exports)
          tensors.set(
            name,
            value.fixed ? await this.context.folder.evaluate(value) : loaded.placeOf(value, inputs),
          );
        if (stage.waiting.length === 0) return await this.results(tensors);
        known.clear();
        for (const [name, value] of exports)
          describe(name, tensors.get(name)!, value.fixed ? tensors.get(name) : undefined);
        for (const name of stage.demanded) {
          const host = await onHost(tensors.get(name)!);
          tensors.set(name, host);
          describe(name, host, host);
        }
        const done = new Set<GraphNode>();
        for (const node of stage.control) {
          const results = await this.loop(node).run(node, tensors, listener);
          for (const [name, result] of results) {
            tensors.set(name, result);
            describe(name, result);
          }
          done.add(node);
        }
        nodes = stage.waiting.filter((node) => !done.has(node));
        stages = next;
        demanded = stage.demanded;
      }
    } finally {
      for (const each of temporary) each.dispose();
    }
  }

  private loop(node: GraphNode): LoopRunner {
    let found = this.loops.get(node);
    if (!found) {
      found = new LoopRunner(node, this.context);
      this.loops.set(node, found);
    }
    return found;
  }

  private async plan(nodes: readonly GraphNode[], known: ReadonlyMap<string, Known>): Promise<Planned> {
    const { opsets } = this.graph;
    const results = new Set(this.graph.outputs.map(({ name }) => name));
    const stage = await planStage(nodes, known, results, { ...this.context, opsets });
    const needed = new Set([...stage.waiting.flatMap(namesUsed), ...results]);
    const exports = new Map<string, Value>();
    for (const name of needed) {
      const value = stage.values.get(name);
      if (value) exports.set(name, value);
    }
    const loaded = await LoadedStage.load(
      stage.builder.steps,
      [...exports.values()],
      stage.rewritten,
      this.context,
    );
    return { stage, loaded, exports, next: new Map() };
  }

  private async runStage(
    stage: Stage,
    loaded: LoadedStage,
    tensors: ReadonlyMap<string, Tensor>,
    temporary: Tensor[],
    listener?: StepListener,
  ): Promise<Map<Value, Tensor>> {
    const inputs = new Map<Value, Tensor>();
    for (const [name, value] of stage.values) {
      if (value.step || value.alias || value.fixed || value.name !== name) continue;
      const tensor = tensors.get(name);
      if (!tensor || inputs.has(value)) continue;
      // On the device once, however many steps read it.
      let placed = tensor;
      if (tensor.storage.device === undefined || !tensor.isContiguous) {
        placed = await this.context.device.upload(tensor);
        temporary.push(placed);
      }
      inputs.set(value, placed);
    }
    await loaded.run(inputs, listener);
    return inputs;
  }

  private async results(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    const results = new Map<string, Tensor>();
    for (const { name } of this.graph.outputs) results.set(name, await onHost(tensors.get(name)!));
    return results;
  }
}

/** Keeps a plan as the one used last, and gives back the memory of one that wasn't used for long. */
function remember(stages: Map<string, Promise<Planned>>, key: string, planned: Promise<Planned>): void {
  stages.delete(key);
  stages.set(key, planned);
  if (stages.size <= mostPlans) return;
  const [oldest, gone] = stages.entries().next().value!;
  stages.delete(oldest);
  forget(gone);
}

function forget(planned: Promise<Planned>): void {
  // A plan that failed has nothing to give back, and was told of where it was made.
  planned.then(
    ({ loaded, next }) => {
      loaded.dispose();
      next.forEach(forget);
    },
    () => undefined,
  );
}

/** A copy on the host, which the next run leaves alone. */
export async function onHost(tensor: Tensor): Promise<Tensor> {
  const data = await tensor.data();
  return hostTensor(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), tensor);
}

/** What a stage depends on: shapes of what isn't constant, and elements that the stage before was asked for. */
async function keyOf(
  known: ReadonlyMap<string, Known>,
  given: ReadonlyMap<string, Tensor>,
  tensors: ReadonlyMap<string, Tensor>,
  demanded: ReadonlySet<string>,
): Promise<string> {
  const parts: string[] = [];
  for (const [name, { dtype, shape, constant }] of known)
    if (!constant || given.has(name)) parts.push(`${name}:${dtype}[${shape.join(",")}]`);
  for (const name of [...demanded].toSorted()) {
    const data = await tensors.get(name)!.data();
    parts.push(`${name}=${data.join(",")}`);
  }
  return parts.toSorted().join(";");
}
