// Runs a graph: plans a stage for the shapes that come in, runs it, reads what the next stage must know, and so on. What was
// planned for some shapes is kept, so that the next run with them only runs.

import { dtypeInfo } from "../../lang/dtypes.ts";
import type { CompileCache } from "../cache/cache.ts";
import type { Device } from "../device.ts";
import type { OpRegistry } from "../ops/registry.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Folder } from "./fold.ts";
import { namesUsed, type Graph, type GraphNode } from "./graph.ts";
import { copyThere, hostTensor, KernelCache, onHost } from "./kernels.ts";
import { LoopRunner } from "./loops.ts";
import { planStage, type Known, type Stage } from "./plan.ts";
import { inputsOf, rootOf, type Step, type Value } from "./program.ts";
import type { Site } from "./sites.ts";
import type { WhenIntegers } from "./builder.ts";
import { LoadedStage } from "./stage.ts";
import { Weights } from "./weights.ts";

/** What all graphs of a model share. */
export interface RunnerContext {
  /** The model's devices; the last one can run everything. */
  readonly sites: readonly Site[];
  /** Whether the time that a step takes decides among them, or their order. */
  readonly byTime: boolean;
  readonly folder: Folder;
  readonly registry: OpRegistry;
  readonly fusion: boolean;
  readonly integers: WhenIntegers;
}

export interface RunnerOptions extends Pick<RunnerContext, "byTime" | "registry" | "fusion" | "integers"> {
  readonly devices: readonly Device[];
  readonly cache?: CompileCache;
  /** Of those of WASM devices, the features to use; all if nothing is said. */
  readonly features?: readonly string[];
}

export function runnerContext({
  devices,
  cache,
  features = cache?.features,
  ...options
}: RunnerOptions): RunnerContext {
  const sites = devices.map((device): Site => {
    const has = device.compileOptions.features ?? [];
    // An archive for other engines is of no use here: what it can't give is compiled.
    const fewer = device.name === "wasm" && features?.every((each) => has.includes(each));
    const compileOptions = fewer ? { ...device.compileOptions, features } : device.compileOptions;
    return {
      device,
      features: (fewer && features) || device.features,
      cache: new KernelCache(device, cache, compileOptions),
      weights: new Weights(device),
    };
  });
  return { ...options, sites, folder: new Folder(sites.at(-1)!.cache) };
}

/** Plans kept for different shapes of the inputs, or different elements that a stage asked for. */
const mostPlans = 32;

/** Elements of small inputs for which plans of their own are made: what changes with every run is no setting. */
const mostVariants = 8;

/** A stage, what it leaves, and the stages that came after it so far. */
interface Planned {
  readonly stage: Stage;
  readonly loaded: LoadedStage;
  /** What it is given, by name. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** Values that are needed after the stage, by name. */
  readonly exports: ReadonlyMap<string, Value>;
  readonly next: Map<string, Promise<Planned>>;
  /** The one of them that came last: most runs go the way of the one before. */
  latest?: { readonly key: string; readonly planned: Planned };
}

/** What a plan was made for, and used for last. */
interface Recent {
  readonly given: ReadonlyMap<string, Pick<Tensor, "dtype" | "shape">>;
  /** Inputs whose elements are part of it, as they were. */
  readonly told: ReadonlyMap<string, Elements>;
  readonly planned: Planned;
}

/** Whether tensors have the dtypes and shapes that a plan is for, and the elements that it depends on. */
function isLike(given: ReadonlyMap<string, Tensor>, recent: Recent): boolean {
  if (given.size !== recent.given.size) return false;
  for (const [name, tensor] of given) {
    const known = recent.given.get(name);
    if (!known || known.dtype !== tensor.dtype || !sameElements(known.shape, tensor.shape)) return false;
    const told = recent.told.get(name);
    if (!told) continue;
    if (tensor.storage.device !== undefined || !sameElements(told, tensor.dataSync())) return false;
  }
  return true;
}

type Elements = Pick<readonly (number | bigint)[], number | "length">;

function sameElements(a: Elements, b: Elements): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** What a graph did in all its runs so far. */
export interface Counts {
  readonly runs: number;
  readonly launches: number;
  /** Tensors that went from one device to another, those that came from the host and went there included. */
  readonly copies: number;
}

export type StepListener = (step: Step, milliseconds: number) => void;

export class GraphRunner {
  readonly graph: Graph;
  private readonly context: RunnerContext;
  private readonly first = new Map<string, Promise<Planned>>();
  /** Inputs whose elements are part of what a plan is for. */
  private readonly telling = new Set<string>();
  /** Elements of them that were met. */
  private readonly variants = new Set<string>();
  private readonly loops = new Map<GraphNode, LoopRunner>();
  private recent: Recent | undefined;
  private counted = { runs: 0, launches: 0, copies: 0 };

  constructor(graph: Graph, context: RunnerContext) {
    this.graph = graph;
    this.context = context;
  }

  get counts(): Counts {
    return this.counted;
  }

  /** The bodies of its loops that ran, by the loops' names. */
  get bodies(): [string, GraphRunner][] {
    return [...this.loops].map(([{ name }, { body }]) => [name, body]);
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

  /** Runs the graph on tensors by name: its inputs, and what it uses of graphs around it. Results that don't `stay` where they are come to the host. */
  async run(
    given: ReadonlyMap<string, Tensor>,
    listener?: StepListener,
    signal?: AbortSignal,
    stay?: ReadonlySet<string>,
  ): Promise<Map<string, Tensor>> {
    const tensors = new Map(given);
    let planned = await this.firstStage(given);
    const { counted } = this;
    counted.runs++;
    for (;;) {
      const { stage, loaded, inputs, exports, next } = planned;
      const places = new Map<Value, Tensor>();
      for (const [name, value] of inputs) places.set(value, tensors.get(name)!);
      counted.copies += await loaded.run(places, listener);
      counted.launches += loaded.steps.length;
      counted.copies += loaded.copies;
      for (const [name, value] of exports) {
        const place = value.fixed ? value.constant! : loaded.placeOf(value);
        tensors.set(name, place instanceof Promise ? await place : place);
      }
      if (stage.waiting.length === 0) return this.results(tensors, stay);
      const parts: string[] = [];
      for (const name of stage.demanded) {
        const copy = onHost(tensors.get(name)!);
        const host = copy instanceof Promise ? await copy : copy;
        tensors.set(name, host);
        counted.copies++;
        parts.push(`${name}=${host.dataSync().join(",")}`);
      }
      const made = new Set<string>();
      for (const node of stage.control)
        for (const [name, result] of await this.loop(node).run(node, tensors, listener, signal)) {
          tensors.set(name, result);
          made.add(name);
          parts.push(shapeText(name, result));
        }
      const nodes = () => stage.waiting.filter((node) => !stage.control.includes(node));
      const known = () => {
        const all = new Map<string, Known>();
        for (const [name, value] of exports) {
          const tensor = tensors.get(name)!;
          all.set(name, described(tensor, value.fixed || stage.demanded.has(name)));
        }
        for (const name of made) all.set(name, described(tensors.get(name)!, false));
        return all;
      };
      const key = parts.join(";");
      const { latest } = planned;
      if (latest?.key !== key || !next.has(key))
        planned.latest = { key, planned: await kept(next, key, () => this.plan(nodes(), known())) };
      planned = planned.latest!.planned;
    }
  }

  /** Shapes of results, as far as they follow from those of what is given: without a run. */
  async shapes(given: ReadonlyMap<string, Tensor>): Promise<Map<string, readonly number[]>> {
    const { stage } = await this.firstStage(given);
    const names = this.graph.outputs.map(({ name }) => name);
    return new Map(
      names.flatMap((name) => {
        const value = stage.values.get(name);
        return value ? [[name, value.shape] as const] : [];
      }),
    );
  }

  /** The stage that a run begins with: by shapes, and by elements of small inputs that shapes and branches depend on. */
  private async firstStage(given: ReadonlyMap<string, Tensor>): Promise<Planned> {
    // Most runs are like the one before, and a small model runs in less time than its key is written.
    if (this.recent && isLike(given, this.recent)) return this.recent.planned;
    this.recent = undefined;
    for (;;) {
      const parts: string[] = [];
      const told = new Map<string, Tensor>();
      for (const [name, tensor] of given) {
        parts.push(shapeText(name, tensor));
        if (!this.telling.has(name) || this.variants.size > mostVariants || !isSmall(tensor)) continue;
        const data = (await tensor.data()).slice();
        told.set(name, hostTensor(new Uint8Array(data.buffer), tensor));
        parts.push(`${name}=${data.join(",")}`);
      }
      const key = parts.join(";");
      if (told.size > 0) this.variants.add(key);
      const known = () => {
        const all = new Map<string, Known>();
        for (const [name, constant] of this.graph.constants) all.set(name, described(constant, true));
        for (const [name, tensor] of given)
          all.set(name, described(told.get(name) ?? tensor, told.has(name)));
        return all;
      };
      const planned = await kept(this.first, key, () => this.plan(this.graph.nodes, known()));
      const more = [...sourcesOf(planned)].filter(
        (name) => !this.telling.has(name) && isSmall(given.get(name)),
      );
      if (more.length === 0) {
        if (told.size === this.telling.size) {
          const shapes = [...given].map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
          const elements = [...told].map(([name, tensor]) => [name, tensor.dataSync()] as const);
          this.recent = { given: new Map(shapes), told: new Map(elements), planned };
        }
        return planned;
      }
      for (const name of more) this.telling.add(name);
      planned.loaded.dispose();
      this.first.delete(key);
    }
  }

  /** Gives the memory of all plans back. */
  async dispose(): Promise<void> {
    this.recent = undefined;
    const plans = [...this.first.values()];
    const loops = [...this.loops.values()];
    this.first.clear();
    this.loops.clear();
    await Promise.all([...plans.map(forget), ...loops.map((loop) => loop.dispose())]);
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
    const stage = await planStage(nodes, known, results, {
      ...this.context,
      opsets,
    });
    const needed = new Set([...stage.waiting.flatMap(namesUsed), ...results]);
    const exports = new Map<string, Value>();
    for (const name of needed) {
      const value = stage.values.get(name);
      if (value) exports.set(name, value);
    }
    const loaded = await LoadedStage.load(
      stage.builder.steps,
      [...exports.values()],
      stage.values.values(),
      stage.rewritten,
      stage.builder.shown,
      this.context,
    );
    for (const value of exports.values()) if (value.fixed) await this.context.folder.evaluate(value);
    const inputs = new Map<string, Value>();
    for (const [name, value] of stage.values)
      if (!value.step && !value.alias && !value.fixed && value.name === name) inputs.set(name, value);
    return { stage, loaded, inputs, exports, next: new Map() };
  }

  private async results(
    tensors: ReadonlyMap<string, Tensor>,
    stay?: ReadonlySet<string>,
  ): Promise<Map<string, Tensor>> {
    const results = new Map<string, Tensor>();
    for (const { name } of this.graph.outputs) {
      const tensor = tensors.get(name) ?? this.graph.constants.get(name)!;
      const { device } = tensor.storage;
      const site = stay?.has(name) ? this.context.sites.find((each) => each.device === device) : undefined;
      const copy = site ? copyThere(tensor, site.cache) : onHost(tensor);
      results.set(name, copy instanceof Promise ? await copy : copy);
    }
    this.counted.copies += results.size;
    return results;
  }
}

/** What was planned under a key, or is now; it becomes the last to be forgotten, and the memory of the first is given back. */
async function kept(
  stages: Map<string, Promise<Planned>>,
  key: string,
  plan: () => Promise<Planned>,
): Promise<Planned> {
  const planned = stages.get(key) ?? plan();
  stages.delete(key);
  stages.set(key, planned);
  if (stages.size > mostPlans) {
    const [oldest, gone] = stages.entries().next().value!;
    stages.delete(oldest);
    void forget(gone);
  }
  try {
    return await planned;
  } catch (error) {
    stages.delete(key);
    throw error;
  }
}

async function forget(planned: Promise<Planned>): Promise<void> {
  // A plan that failed has nothing to give back, and was told of where it was made.
  const found = await planned.catch(() => undefined);
  found?.loaded.dispose();
  await Promise.all([...(found?.next.values() ?? [])].map(forget));
}

/** Whole numbers and truth values, a few of them, whose elements a plan can be made for. */
function isSmall(tensor: Tensor | undefined): boolean {
  return (
    tensor !== undefined &&
    tensor.storage.device === undefined &&
    tensor.size <= 8 &&
    dtypeInfo(tensor.dtype).kind !== "float"
  );
}

/** The inputs that all elements which the next stage waits for are computed of; none if there is anything else. */
function sourcesOf({ stage, inputs }: Planned): ReadonlySet<string> {
  if (stage.demanded.size === 0) return stage.demanded;
  const names = new Map([...inputs].map(([name, value]) => [value, name]));
  const found = new Set<string>();
  const stack = [...stage.demanded].map((name) => stage.values.get(name)!);
  const seen = new Set<Value>();
  while (stack.length > 0) {
    const value = rootOf(stack.pop()!);
    if (value.fixed || seen.has(value)) continue;
    seen.add(value);
    const name = names.get(value);
    if (name !== undefined) found.add(name);
    else if (value.step) stack.push(...inputsOf(value.step).map((input) => input.value));
    else return new Set();
  }
  return found;
}

const described = (tensor: Tensor, constant: boolean): Known => {
  const { dtype, shape } = tensor;
  return { dtype, shape, constant: constant ? tensor : undefined };
};

const shapeText = (name: string, { dtype, shape }: Tensor): string => `${name}:${dtype}[${shape.join(",")}]`;
