// A stage, ready to run: its live steps after fusion, their kernels, one block of memory, constants on the device.

import type { Arguments } from "../call/bind.ts";
import type { BoundLaunch, Device, Kernel } from "../device.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { dtypeInfo } from "../../lang/dtypes.ts";
import { contiguousStrides } from "../tensor/layout.ts";
import { Tensor, tensor } from "../tensor/tensor.ts";
import type { Folder } from "./fold.ts";
import { fuse } from "./fuse.ts";
import { argumentsOf, prepare, type KernelCache } from "./kernels.ts";
import { planMemory, type MemoryPlan } from "./memory.ts";
import { inputsOf, rootOf, type Step, type Value } from "./program.ts";
import type { Rewritten } from "./rewrites/rewriter.ts";
import type { Launch } from "./source.ts";

interface LoadedStep {
  readonly step: Step;
  readonly kernel: Kernel;
  readonly launch: Launch;
  /** Inputs of the stage that it reads, which may be elsewhere with each run. */
  readonly given: readonly Value[];
  args: Arguments | undefined;
  /** The call with these arguments, where the device makes such calls. */
  run: BoundLaunch | undefined;
}

/** Weights on the device, shared by all stages of a model. */
export class Weights {
  private readonly device: Device;
  private readonly uploaded = new Map<Tensor, Promise<Tensor>>();
  bytes = 0;

  constructor(device: Device) {
    this.device = device;
  }

  upload(constant: Tensor): Promise<Tensor> {
    let found = this.uploaded.get(constant);
    if (!found) {
      this.bytes += Math.ceil((constant.size * dtypeInfo(constant.dtype).bits) / 8);
      found = this.device.upload(constant);
      this.uploaded.set(constant, found);
    }
    return found;
  }
}

export interface StageContext {
  readonly device: Device;
  readonly cache: KernelCache;
  readonly folder: Folder;
  readonly weights: Weights;
  readonly fusion: boolean;
}

export class LoadedStage {
  readonly memory: MemoryPlan;
  readonly steps: readonly LoadedStep[];
  /** Nodes of the model that these steps compute, and that aren't constant. */
  readonly nodes: number;
  private readonly places: ReadonlyMap<Value, Tensor>;
  private readonly arena: Tensor | undefined;
  private readonly device: Device;
  /** What the last run was given, and whether it lies in memory of the stage's own. */
  private readonly inputs = new Map<Value, { readonly tensor: Tensor; readonly own: boolean }>();
  /** Inputs that lie elsewhere than in the run before. */
  private readonly moved = new Set<Value>();

  private constructor(
    device: Device,
    memory: MemoryPlan,
    steps: readonly LoadedStep[],
    nodes: number,
    places: ReadonlyMap<Value, Tensor>,
    arena: Tensor | undefined,
  ) {
    this.device = device;
    this.memory = memory;
    this.steps = steps;
    this.nodes = nodes;
    this.places = places;
    this.arena = arena;
  }

  /** Keeps what the `wanted` values need of `all` steps, and compiles it. */
  static async load(
    all: readonly Step[],
    wanted: readonly Value[],
    rewritten: readonly Rewritten[],
    context: StageContext,
  ): Promise<LoadedStage> {
    const live = liveSteps(all, wanted);
    const steps = context.fusion ? fuse(live, wanted) : live;
    for (const step of steps)
      for (const { value } of inputsOf(step)) if (value.fixed) await context.folder.evaluate(value);
    const memory = planMemory(steps, new Set(wanted));
    const places = new Map<Value, Tensor>();
    let arena: Tensor | undefined;
    if (memory.bytes > 0) {
      arena = await context.device.upload(tensor(new Uint8Array(memory.bytes)));
      for (const [value, offset] of memory.offsets) places.set(value, placed(arena, value, offset));
    }
    for (const step of steps)
      for (const { value } of inputsOf(step)) {
        const root = rootOf(value);
        if (value.fixed && !places.has(root)) {
          const constant = await context.folder.evaluate(root);
          places.set(root, await context.weights.upload(constant));
        }
      }
    const loaded: LoadedStep[] = [];
    for (const step of steps) {
      const { kernel, launch } = await prepare(step, context.cache, memory.inPlace.get(step));
      const roots = inputsOf(step).map(({ value }) => rootOf(value));
      const given = [...new Set(roots.filter((root) => !places.has(root)))];
      loaded.push({ step, kernel, launch, given, args: undefined, run: undefined });
    }
    const nodes = computing(all, live, rewritten);
    return new LoadedStage(context.device, memory, loaded, nodes, places, arena);
  }

  /** Runs every step. `given` are the tensors of the stage's inputs. */
  async run(
    given: ReadonlyMap<Value, Tensor>,
    after?: (step: Step, milliseconds: number) => void,
  ): Promise<void> {
    const here = await this.placed(given);
    for (const loaded of this.steps)
      if (!loaded.args || loaded.given.some((value) => this.moved.has(value))) {
        loaded.args = argumentsOf(loaded.launch, (value) => this.places.get(value) ?? here.get(value));
        loaded.run = await loaded.kernel.bind(loaded.args);
      }
    this.moved.clear();
    if (after) return this.timed(after);
    for (const { kernel, args, run } of this.steps) {
      // Most launches wait for nothing, and waiting for nothing takes longer than many of them.
      const waiting = run ? run() : kernel(args);
      if (waiting) await waiting;
    }
  }

  private async timed(after: (step: Step, milliseconds: number) => void): Promise<void> {
    const { device } = this;
    for (const { step, kernel, args, run } of this.steps) {
      const start = performance.now();
      if (run) await run();
      else await kernel(args);
      await device.finish?.();
      after(step, performance.now() - start);
    }
  }

  /** The tensors of the inputs on the device: those of the host are copied to where the last ones lay. */
  private async placed(given: ReadonlyMap<Value, Tensor>): Promise<ReadonlyMap<Value, Tensor>> {
    const { device, inputs } = this;
    for (const [value, tensor] of given) {
      const known = inputs.get(value);
      const there = tensor.storage.device !== undefined && tensor.isContiguous;
      if (!there && known?.own && device.write) {
        await device.write(known.tensor, tensor);
        continue;
      }
      if (there && known?.tensor.storage === tensor.storage && known.tensor.offset === tensor.offset)
        continue;
      if (known?.own) known.tensor.dispose();
      inputs.set(value, { tensor: there ? tensor : await device.upload(tensor), own: !there });
      this.moved.add(value);
    }
    return new Map([...inputs].map(([value, { tensor }]) => [value, tensor]));
  }

  /** Where a value's elements are after a run on these inputs. */
  placeOf(value: Value): Tensor {
    const root = rootOf(value);
    const whole = this.places.get(root) ?? this.inputs.get(root)?.tensor;
    if (!whole) return internalError("graph", `the value ${value.name ?? value.id} has no place`);
    const { shape } = value;
    return new Tensor(whole.storage, whole.dtype, {
      shape,
      strides: contiguousStrides(shape),
      offset: whole.offset,
    });
  }

  dispose(): void {
    this.arena?.dispose();
    for (const { tensor, own } of this.inputs.values()) if (own) tensor.dispose();
    this.inputs.clear();
  }
}

function placed(arena: Tensor, { dtype, shape }: Value, byteOffset: number): Tensor {
  const offset = (byteOffset * 8) / dtypeInfo(dtype).bits;
  return new Tensor(arena.storage, dtype, { shape, strides: contiguousStrides(shape), offset });
}

/** How many nodes of the model these steps are for: those that were computed by others count as well. */
function computing(all: readonly Step[], live: readonly Step[], rewritten: readonly Rewritten[]): number {
  const varying = new Set(
    all.flatMap(({ outputs, origin }) => (outputs.some(({ fixed }) => !fixed) ? [origin] : [])),
  );
  const nodes = new Set(live.map(({ origin }) => origin));
  for (const { replaced } of rewritten)
    if (nodes.has(replaced[0]!.name)) for (const { name } of replaced) if (varying.has(name)) nodes.add(name);
  return nodes.size;
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
