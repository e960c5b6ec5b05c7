// A stage, ready to run: its live steps after fusion, their kernels, one block of memory a device, constants where they are read.

import type { Arguments } from "../call/bind.ts";
import { KernError } from "../error.ts";
import type { BoundLaunch, Kernel } from "../device.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { dtypeInfo } from "../../lang/dtypes.ts";
import { contiguousStrides } from "../tensor/layout.ts";
import { bytesOf } from "../tensor/storage.ts";
import { Tensor, tensor } from "../tensor/tensor.ts";
import type { Folder } from "./fold.ts";
import { fuse } from "./fuse.ts";
import { argumentsOf, ofNode, prepare, whileRunning, type Prepared } from "./kernels.ts";
import { bytesFor, planMemory, type MemoryPlan } from "./memory.ts";
import { inputsOf, rootOf, type Step, type Value } from "./program.ts";
import type { Rewritten } from "./rewrites/rewriter.ts";
import { copiesOf, sitesOf, type Site } from "./sites.ts";
import type { Launch } from "./source.ts";

interface LoadedStep {
  readonly step: Step;
  readonly site: Site;
  readonly kernel: Kernel;
  readonly launch: Launch;
  /** Inputs of the stage that it reads, which may be elsewhere with each run. */
  readonly given: readonly Value[];
  args: Arguments | undefined;
  /** The call with these arguments, where the device makes such calls. */
  run: BoundLaunch | undefined;
}

export interface StageContext {
  /** The model's devices, the one that can run everything last. */
  readonly sites: readonly Site[];
  /** Whether the time that a step takes decides among them, or their order. */
  readonly byTime: boolean;
  readonly folder: Folder;
  readonly fusion: boolean;
}

/** Inputs of so many bytes are copied to where the last ones lay, from the same memory, too. As measured. */
const fewBytes = 2 ** 18;

/** Tensors by the value that they hold. */
type Places = ReadonlyMap<Value, Tensor>;

/** What a stage has on devices from its making to its end. */
interface Uploaded {
  readonly pools: Tensor[];
  /** Constants where they are read. */
  readonly constants: Map<Site, Map<Value, Tensor>>;
}

/** An input on a device, and whether in memory of the stage's own. */
interface Held {
  readonly tensor: Tensor;
  readonly own: boolean;
}

export class LoadedStage {
  readonly memory: MemoryPlan;
  readonly steps: readonly LoadedStep[];
  /** Nodes of the model that these steps compute, and that aren't constant. */
  readonly nodes: number;
  /** Bytes of what these nodes make, if each value had memory of its own. */
  readonly intermediates: number;
  /** Tensors that go from one device to another in a run. */
  readonly copies: number;
  private readonly places: Places;
  private readonly uploaded: Uploaded;
  /** What the last run was given, on each device that reads it. */
  private readonly inputs = new Map<Site, Map<Value, Held>>();
  private readonly read: ReadonlyMap<Site, ReadonlySet<Value>>;
  private given: Places = new Map();
  /** Whether every step has its arguments. */
  private bound = false;

  private constructor(
    memory: MemoryPlan,
    steps: readonly LoadedStep[],
    nodes: number,
    intermediates: number,
    places: Places,
    uploaded: Uploaded,
  ) {
    this.memory = memory;
    this.steps = steps;
    this.nodes = nodes;
    this.intermediates = intermediates;
    this.places = places;
    this.uploaded = uploaded;
    const sites = new Map(steps.map(({ step, site }) => [step, site]));
    const read = new Map<Site, Set<Value>>();
    for (const { site, given } of steps) {
      this.inputs.set(site, new Map());
      read.set(site, new Set([...(read.get(site) ?? []), ...given]));
    }
    this.read = read;
    this.copies = copiesOf([...sites.keys()], (step) => sites.get(step)!);
  }

  /** Keeps what the `wanted` values need of `all` steps, and compiles it. */
  static async load(
    all: readonly Step[],
    wanted: readonly Value[],
    /** Values that the model has names for. */
    named: Iterable<Value>,
    rewritten: readonly Rewritten[],
    /** By node: what it shows without computing it. */
    shown: ReadonlyMap<string, Value>,
    context: StageContext,
  ): Promise<LoadedStage> {
    const { sites, folder } = context;
    const live = liveSteps(all, wanted);
    const nodes = computing(all, live, rewritten, shown);
    const intermediates = bytesMadeBy(nodes, named);
    const steps = context.fusion ? fuse(live, wanted) : live;
    for (const step of steps)
      for (const { value } of inputsOf(step)) if (value.fixed) await folder.evaluate(value);
    const { memory, chosen, prepared } = await arranged(steps, wanted, context);
    const uploaded: Uploaded = { pools: [], constants: new Map(sites.map((site) => [site, new Map()])) };
    const places = new Map<Value, Tensor>();
    const loaded: LoadedStep[] = [];
    try {
      for (const { bytes, group } of memory.pools)
        uploaded.pools.push(await sites[group]!.device.upload(tensor(new Uint8Array(bytes))));
      for (const [value, offset] of memory.offsets)
        places.set(value, placed(uploaded.pools[memory.poolOf.get(value)!]!, value, offset));
      for (const step of steps) {
        if (memory.joined.has(step)) continue;
        const site = chosen.get(step)!;
        const own = uploaded.constants.get(site)!;
        const roots = new Set(inputsOf(step).map(({ value }) => rootOf(value)));
        for (const root of roots)
          if (root.fixed && !own.has(root))
            own.set(root, await site.weights.take(await folder.evaluate(root)));
        const given = [...roots].filter((root) => !places.has(root) && !root.fixed);
        loaded.push({ step, site, ...prepared.get(step)!, given, args: undefined, run: undefined });
      }
    } catch (error) {
      giveBack(uploaded);
      throw error;
    }
    return new LoadedStage(memory, loaded, nodes.size, intermediates, places, uploaded);
  }

  /** Runs every step. `given` are the tensors of the stage's inputs. Gives how many of them were copied to a device. */
  async run(given: Places, after?: (step: Step, milliseconds: number) => void): Promise<number> {
    this.given = given;
    const brought = await this.placeInputs();
    // Tensors of a run mostly lie where those of the last one did.
    for (const loaded of this.bound ? [] : this.steps) {
      const { site, kernel, launch } = loaded;
      if (loaded.args) continue;
      const args = argumentsOf(
        launch,
        (value) =>
          this.places.get(value) ??
          this.uploaded.constants.get(site)!.get(value) ??
          this.inputs.get(site)?.get(value)?.tensor,
      );
      loaded.run = await kernel.bind(args);
      loaded.args = args;
    }
    this.bound = true;
    let at = 0;
    try {
      for (; at < this.steps.length; at++) {
        const { step, site, kernel, args, run } = this.steps[at]!;
        const start = after ? performance.now() : 0;
        // Most launches wait for nothing, and waiting for nothing takes longer than many of them.
        const waiting = run ? run() : kernel(args);
        if (waiting) await waiting;
        if (!after) continue;
        await site.device.finish?.();
        after(step, performance.now() - start);
      }
    } catch (error) {
      throw whileRunning(this.steps[at]!.step, error);
    }
    return brought;
  }

  /** Brings the inputs to the devices that read them: those of elsewhere are copied to where the last ones lay, and counted. */
  private async placeInputs(): Promise<number> {
    let copied = 0;
    for (const [site, values] of this.read) {
      const held = this.inputs.get(site)!;
      const { device } = site;
      for (const value of values) {
        const tensor = this.given.get(value)!;
        const known = held.get(value);
        // Arguments anew take longer than a few elements do to where they are looked for.
        const small = device.name === "wasm" && bytesOf(tensor.dtype, tensor.size) <= fewBytes;
        const there = !small && tensor.storage.device === device && tensor.isContiguous;
        if (!there) copied++;
        if (!there && known?.own && device.write) {
          const writing = device.write(known.tensor, tensor);
          if (writing) await writing;
          continue;
        }
        if (there && known?.tensor.storage === tensor.storage && known.tensor.offset === tensor.offset)
          continue;
        this.unbind(site, value);
        held.delete(value);
        if (known?.own) known.tensor.dispose();
        held.set(value, { tensor: there ? tensor : await device.upload(tensor), own: !there });
      }
    }
    return copied;
  }

  /** Steps that read an input which lies elsewhere from now on need their arguments anew. */
  private unbind(site: Site, value: Value): void {
    this.bound = false;
    for (const step of this.steps)
      if (step.site === site && step.given.includes(value)) step.args = undefined;
  }

  /** Where a value's elements are after a run. What was given with strides is copied: nobody else knows them. */
  placeOf(value: Value): Tensor | Promise<Tensor> {
    const root = rootOf(value);
    const whole = this.places.get(root) ?? this.given.get(root);
    if (!whole) return internalError("graph", `the value ${value.name ?? value.id} has no place`);
    const { shape } = value;
    if (!whole.isContiguous) return whole.contiguous().then((copy) => copy.reshape(shape));
    return new Tensor(whole.storage, whole.dtype, {
      shape,
      strides: contiguousStrides(shape),
      offset: whole.offset,
    });
  }

  dispose(): void {
    giveBack(this.uploaded);
    for (const held of this.inputs.values())
      for (const { tensor, own } of held.values()) if (own) tensor.dispose();
    this.inputs.clear();
  }
}

function giveBack({ pools, constants }: Uploaded): void {
  for (const pool of pools.splice(0)) pool.dispose();
  for (const [{ weights }, own] of constants)
    for (const { constant } of own.keys()) weights.release(constant!);
  constants.clear();
}

/** Sites, memory and kernels for steps: a step whose kernel a device's compiler refuses goes on to another. */
async function arranged(
  steps: readonly Step[],
  wanted: readonly Value[],
  { sites, byTime, fusion }: StageContext,
): Promise<{ memory: MemoryPlan; chosen: ReadonlyMap<Step, Site>; prepared: ReadonlyMap<Step, Prepared> }> {
  const refused = new Map<Step, Set<Site>>();
  for (;;) {
    const chosen = sitesOf(steps, sites, byTime, refused);
    const memory = planMemory(steps, new Set(wanted), {
      join: fusion,
      groupOf: (step) => sites.indexOf(chosen.get(step)!),
      // A shader may not see a buffer twice, of which it writes a part.
      apart: (group) => sites[group]!.device.name === "webgpu",
    });
    const prepared = new Map<Step, Prepared>();
    const launched = steps.filter((step) => !memory.joined.has(step));
    // All at once: an engine compiles one kernel's code while the next one's is made.
    const outcomes = await Promise.allSettled(
      launched.map((step) => prepare(step, chosen.get(step)!.cache, memory.inPlace.get(step))),
    );
    for (const [at, outcome] of outcomes.entries()) {
      const step = launched[at]!;
      const site = chosen.get(step)!;
      if (outcome.status === "fulfilled") {
        prepared.set(step, outcome.value);
        continue;
      }
      if (site === sites.at(-1) || !isRefusal(outcome.reason)) throw ofNode(step, outcome.reason);
      refused.set(step, (refused.get(step) ?? new Set()).add(site));
    }
    if (prepared.size === launched.length) return { memory, chosen, prepared };
  }
}

/** Whether a compiler or a device said that it can't, and not that something is broken. */
const isRefusal = (error: unknown): boolean =>
  error instanceof KernError || (error instanceof Error && error.name === "CompileError");

function placed(arena: Tensor, { dtype, shape }: Value, byteOffset: number): Tensor {
  const offset = (byteOffset * 8) / dtypeInfo(dtype).bits;
  return new Tensor(arena.storage, dtype, { shape, strides: contiguousStrides(shape), offset });
}

/** Names of the nodes of the model that these steps are for: those that were computed by others, or needn't be, count as well. */
function computing(
  all: readonly Step[],
  live: readonly Step[],
  rewritten: readonly Rewritten[],
  shown: ReadonlyMap<string, Value>,
): ReadonlySet<string> {
  const varying = new Set(
    all.flatMap(({ outputs, origin }) => (outputs.some(({ fixed }) => !fixed) ? [origin] : [])),
  );
  const nodes = new Set(live.map(({ origin }) => origin));
  const made = new Set(live);
  for (const [name, value] of shown) {
    const { step } = rootOf(value);
    if (step && made.has(step)) nodes.add(name);
  }
  for (const { replaced } of rewritten)
    if (nodes.has(replaced[0]!.name)) for (const { name } of replaced) if (varying.has(name)) nodes.add(name);
  return nodes;
}

/** Bytes of what these nodes make, each value once, as if all were stored. */
function bytesMadeBy(nodes: ReadonlySet<string>, named: Iterable<Value>): number {
  const roots = new Set([...named].map(rootOf));
  return [...roots]
    .filter(({ step, fixed }) => step !== undefined && !fixed && nodes.has(step.origin))
    .reduce((total, value) => total + bytesFor(value), 0);
}

/** The steps that wanted values need and that aren't constant, in order. */
export function liveSteps(all: readonly Step[], wanted: readonly Value[]): Step[] {
  const live = new Set<Step>();
  const stack = wanted.filter(({ fixed }) => !fixed).map(rootOf);
  while (stack.length > 0) {
    const { step } = stack.pop()!;
    if (!step || live.has(step)) continue;
    live.add(step);
    for (const { value } of inputsOf(step)) if (!value.fixed) stack.push(rootOf(value));
  }
  return all.filter((step) => live.has(step));
}
