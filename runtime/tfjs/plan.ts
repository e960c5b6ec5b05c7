// From one call of a kernel, its inputs' dtypes and shapes and its attributes, to compiled steps that serve every such call. Nothing
// here waits: kernels are compiled when a call first needs their text.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { SyncCompiler } from "../../compiler/index.ts";
import { bindCall, type BoundCall } from "../call/bind.ts";
import type { Instance, SyncBackend } from "../device.ts";
import { Builder } from "../graph/builder.ts";
import { fuse } from "../graph/fuse.ts";
import { argumentsOf, launchOf } from "../graph/kernels.ts";
import { inputsOf, rootOf, type Value } from "../graph/program.ts";
import type { Launch } from "../graph/source.ts";
import { liveSteps } from "../graph/stage.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import { Tensor } from "../tensor/tensor.ts";
import { DirectPlan } from "./direct.ts";
import { TfNode, type Attributes, type KernelRow } from "./node.ts";
import type { Tfjs } from "./types.ts";

/** What is known of an input before its elements are. */
export interface InputShape {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** Compiled kernels by their text. */
export class Kernels {
  readonly device: SyncBackend;
  private readonly compileSync: SyncCompiler;
  private readonly known = new Map<string, Instance>();

  constructor(device: SyncBackend, compileSync: SyncCompiler) {
    this.device = device;
    this.compileSync = compileSync;
  }

  /** How many different kernels there are. */
  get size(): number {
    return this.known.size;
  }

  get({ text, kernel }: Launch): Instance {
    const known = this.known.get(text);
    if (known) return known;
    const path = `${kernel}.kern`;
    const { target: _, ...options } = this.device.compileOptions;
    const compiled = this.compileSync({ path, text }, options);
    const made = this.device.instancesSync(compiled).find(({ signature }) => signature.name === kernel);
    if (!made) return internalError("tfjs", `no kernel in ${path}`);
    this.known.set(text, made);
    return made;
  }
}

/** One kernel's call in a plan. */
export interface PlannedStep {
  readonly launch: Launch;
  readonly instance: Instance;
  /** Of an earlier call: all but the tensors is the same for each. */
  bound?: BoundCall;
  /** Values that no later step needs. */
  readonly last: readonly Value[];
}

export class Plan {
  readonly results: readonly Value[];
  /** Of the results, whatever they are kept as. */
  readonly dtypes: readonly Dtype[];
  /** By the clock of whoever keeps plans: when this one was used last. */
  used = 0;
  readonly inputs: readonly Value[];
  readonly steps: readonly PlannedStep[];
  private known: DirectPlan | null | undefined;

  private constructor(
    inputs: readonly Value[],
    results: readonly Value[],
    dtypes: readonly Dtype[],
    steps: readonly PlannedStep[],
  ) {
    this.dtypes = dtypes;
    this.inputs = inputs;
    this.results = results;
    this.steps = steps;
  }

  /** Throws `Declined` where the row can't do the call. */
  static make(
    row: KernelRow,
    given: readonly InputShape[],
    attributes: Attributes,
    kernels: Kernels,
    shapes: Tfjs["backend_util"],
    truth: "bool" | "i32",
  ): Plan {
    const builder = new Builder(kernels.device);
    builder.origin = row.kernel;
    const kept = (dtype: Dtype): Dtype => (dtype === "bool" ? truth : dtype);
    const inputs = given.map(({ name, dtype, shape }) => builder.input(name, kept(dtype), shape));
    const named = new Map(given.map(({ name, dtype }, at) => [name, builder.cast(inputs[at]!, dtype)]));
    const values = [row.build(new TfNode(row.kernel, named, attributes, builder, shapes))].flat();
    const results = values
      .map((value) => builder.cast(value, kept(value.dtype)))
      // What is an input in another shape is copied: a result is a tensor of its own.
      .map((value) => (rootOf(value).step ? value : builder.map("$0", [value])));
    const steps = fuse(liveSteps(builder.steps, results), results);
    const wanted = new Set([...results, ...inputs].map(rootOf));
    const planned = steps.map((step, at): PlannedStep => {
      const launch = launchOf(step, kernels.device.name);
      const read = new Set(inputsOf(step).map(({ value }) => rootOf(value)));
      const later = new Set(
        steps.slice(at + 1).flatMap((each) => inputsOf(each).map(({ value }) => rootOf(value))),
      );
      const last = [...read].filter((value) => !wanted.has(value) && !later.has(value) && !value.constant);
      return { launch, instance: kernels.get(launch), last };
    });
    return new Plan(
      inputs,
      results,
      values.map(({ dtype }) => dtype),
      planned,
    );
  }

  /** The same by addresses: undefined before a run has bound the steps, and where it can't be. */
  get direct(): DirectPlan | undefined {
    if (this.known === undefined && this.steps.every(({ bound }) => bound))
      this.known = DirectPlan.of(this) ?? null;
    return this.known ?? undefined;
  }

  /** Runs the steps; results are allocated on the device. */
  run(given: readonly Tensor[]): Tensor[] {
    const places = new Map<Value, Tensor>();
    this.inputs.forEach((value, at) => places.set(value, given[at]!));
    for (const step of this.steps) {
      const { launch, instance } = step;
      const args = argumentsOf(launch, (value) => places.get(value) ?? value.constant);
      step.bound ??= bindCall(instance.signature, args, { layouts: new Map(), copies: new Set() });
      const call = withTensors(step.bound, args);
      const results = instance.runSync!(call);
      for (const { parameter, value, out } of launch.tensors)
        if (out) places.set(rootOf(value), results.get(parameter)!);
      for (const value of step.last) places.get(value)?.dispose();
    }
    return this.results.map((value) => places.get(rootOf(value))!);
  }
}

/** The same call of other tensors in the same layouts. */
function withTensors(bound: BoundCall, args: Readonly<Record<string, unknown>>): BoundCall {
  const tensors = bound.tensors.map((each) => {
    const tensor = args[each.param.name];
    return tensor instanceof Tensor ? { ...each, tensor, layout: tensor } : each;
  });
  return { ...bound, tensors };
}
