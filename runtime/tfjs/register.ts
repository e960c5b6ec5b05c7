// Puts Kern's kernels in the place of a backend's own. A call that a kernel can't do (complex numbers, text, options that are new to it)
// goes to the kernel that was there before, and is counted.

import { nearest } from "../../lang/diagnostics/nearest.ts";
import { kernError, suggestion } from "../error.ts";
import type { Device } from "../device.ts";
import { kernelRows } from "./kernels/index.ts";
import { checkBackend, openMachines, type Machine, type Machines } from "./machine.ts";
import { dtypeOf } from "./memory.ts";
import { Declined, type Attributes, type KernelRow } from "./node.ts";
import { Plan, type InputShape } from "./plan.ts";
import type { BackendName, KernelFunc, TensorInfo, Tfjs } from "./types.ts";

export interface RegisterOptions {
  /** Whose kernels to replace; it must have been imported, so that they are there. */
  readonly backend: BackendName;
  /**
   * For the backend `cpu`, a device for the kernels to run on, `wasm` or `interp`; one of their own if nothing is said. Those of
   * the backend `wasm` run in its own memory.
   */
  readonly device?: Device;
  /** Names of kernels to replace, as TensorFlow.js has them (`Conv2D`); all that Kern has if nothing is said. */
  readonly kernels?: readonly string[];
}

/** Calls of one kernel so far. */
export interface CallCounts {
  /** Carried out by Kern. */
  readonly kern: number;
  /** Left to the kernel that was there before, by reason. */
  readonly declined: Readonly<Record<string, number>>;
}

export interface Registration {
  /** Names of the kernels that were replaced. */
  readonly kernels: readonly string[];
  /** What became of the calls of each kernel. */
  calls(): Readonly<Record<string, CallCounts>>;
  /** How many different kernels were compiled. */
  readonly compiled: number;
  /** Puts the backend's own kernels back. */
  unregister(): void;
}

/** Plans kept for different shapes and attributes; the one that wasn't used for longest goes first. */
const mostPlans = 512;

/**
 * Puts Kern's kernels in the place of a backend's own. What they need is loaded here, so that calls, which don't wait, find it; each
 * is compiled when it is first called with dtypes and ranks that are new.
 */
export async function registerKernels(tf: Tfjs, options: RegisterOptions): Promise<Registration> {
  checkOptions(tf, options);
  const machines = await openMachines(tf, options.backend, options.device);
  const wanted = kernelRows.filter(({ kernel }) => options.kernels?.includes(kernel) ?? true);
  const replaced = wanted.map((row) => new Replaced(row, machines, tf, options.backend));
  for (const each of replaced) each.register();
  return {
    kernels: wanted.map(({ kernel }) => kernel),
    calls: () => Object.fromEntries(replaced.map((each) => [each.row.kernel, each.counts()])),
    get compiled() {
      return machines.compiled;
    },
    unregister() {
      for (const each of replaced) each.unregister();
      machines.close();
    },
  };
}

/** Refuses names of kernels that there are none of, and a backend whose kernels aren't there. */
function checkOptions(tf: Tfjs, options: RegisterOptions | undefined): void {
  const backend = checkBackend(tf, options?.backend);
  const kernels = options?.kernels ?? [];
  const names = kernelRows.map(({ kernel }) => kernel);
  const unknown = kernels.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, names);
    throw kernError(
      "K0719",
      { option: "kernels", expected: "names of kernels that Kern has", given: `\`${unknown}\`` },
      { fix: suggestion(near) },
    );
  }
  if (names.some((name) => tf.getKernel(name, backend))) return;
  throw kernError(
    "K0719",
    {
      option: "backend",
      expected: "`cpu`, `wasm` or `webgpu`, whose kernels are registered",
      given: `\`${String(backend)}\`, of which there are none`,
    },
    { notes: ["import `@tensorflow/tfjs-backend-cpu`, `-wasm` or `-webgpu` first"] },
  );
}

type Original = ReturnType<Tfjs["getKernel"]> | undefined;
type Call = Parameters<KernelFunc>[0];

class Replaced {
  readonly row: KernelRow;
  private readonly machines: Machines;
  private readonly tf: Tfjs;
  private readonly backend: BackendName;
  private readonly original: Original;
  /** By the machine whose kernels they have, then by key. */
  private readonly plans = new WeakMap<Machine, Map<string, Plan | Declined>>();
  private readonly declined = new Map<string, number>();
  private done = 0;
  /** Counts calls. */
  private clock = 0;

  constructor(row: KernelRow, machines: Machines, tf: Tfjs, backend: BackendName) {
    this.row = row;
    this.machines = machines;
    this.tf = tf;
    this.backend = backend;
    this.original = tf.getKernel(row.kernel, backend);
  }

  register(): void {
    const { kernel: kernelName } = this.row;
    const backendName: string = this.backend;
    if (this.original) this.tf.unregisterKernel(kernelName, backendName);
    this.tf.registerKernel({
      ...this.original,
      kernelName,
      backendName,
      kernelFunc: (call) => this.call(call),
    });
  }

  unregister(): void {
    this.tf.unregisterKernel(this.row.kernel, this.backend);
    if (this.original) this.tf.registerKernel(this.original);
  }

  counts(): CallCounts {
    return { kern: this.done, declined: Object.fromEntries(this.declined) };
  }

  private call(call: Call): TensorInfo | TensorInfo[] {
    const names: string[] = [];
    const infos: TensorInfo[] = [];
    for (const name in call.inputs) {
      const info = call.inputs[name];
      if (!info) continue;
      names.push(name);
      infos.push(info);
    }
    const machine = this.machines.for(call.backend);
    const plan = this.plan(machine, names, infos, (call.attrs ?? {}) as Attributes);
    if (plan instanceof Declined) return this.pass(call, plan);
    this.done++;
    const { memory } = machine;
    const direct = memory.blocks && plan.direct;
    if (direct) return direct.run(infos, memory.blocks);
    const results = plan
      .run(infos.map((info) => memory.read(info)))
      .map((result, at) => memory.publish(result, plan.results[at]!.shape, plan.dtypes[at]!));
    return results.length === 1 ? results[0]! : results;
  }

  private plan(
    machine: Machine,
    names: readonly string[],
    infos: readonly TensorInfo[],
    attributes: Attributes,
  ): Plan | Declined {
    let plans = this.plans.get(machine);
    if (!plans) this.plans.set(machine, (plans = new Map()));
    const key = keyOf(names, infos, attributes);
    let plan = plans.get(key);
    if (!plan) {
      if (plans.size >= mostPlans) plans.delete(leastRecent(plans));
      plans.set(key, (plan = this.makePlan(machine, names, infos, attributes)));
    }
    plan.used = ++this.clock;
    return plan;
  }

  private makePlan(
    { kernels, memory }: Machine,
    names: readonly string[],
    infos: readonly TensorInfo[],
    attributes: Attributes,
  ): Plan | Declined {
    const shapes: InputShape[] = [];
    for (const [at, info] of infos.entries()) {
      const dtype = dtypeOf(info);
      if (!dtype) return new Declined(`${this.row.kernel}: ${names[at]} is of ${info.dtype}`);
      shapes.push({ name: names[at]!, dtype, shape: info.shape });
    }
    try {
      return Plan.make(this.row, shapes, attributes, kernels, this.tf.backend_util, memory.truth);
    } catch (error) {
      if (error instanceof Declined) return error;
      // What a GPU can't hold: f64, more than its limits.
      if (this.backend === "webgpu" && error instanceof Error && error.name === "CompileError")
        return new Declined(`${this.row.kernel}: ${error.message.split("\n")[0]}`);
      throw error;
    }
  }

  /** Leaves a call to the kernel that was there before. */
  private pass(call: Call, { message }: Declined): TensorInfo | TensorInfo[] {
    this.declined.set(message, (this.declined.get(message) ?? 0) + 1);
    if (!this.original)
      throw new Error(`${message}, and the backend ${this.backend} has no kernel of its own`);
    return this.original.kernelFunc(call);
  }
}

/** Equal for calls that the same plan serves. Made for every call: no lists, and JSON only for what is no plain value. */
function keyOf(names: readonly string[], infos: readonly TensorInfo[], attributes: Attributes): string {
  let key = "";
  for (let at = 0; at < infos.length; at++) {
    const { dtype, shape } = infos[at]!;
    key += `${names[at]}:${dtype}`;
    for (let axis = 0; axis < shape.length; axis++) key += `,${shape[axis]}`;
    key += ";";
  }
  for (const name in attributes) {
    const value = attributes[name];
    if (value === undefined) continue;
    const plain = typeof value === "number" || typeof value === "boolean";
    key += `${name}=${plain ? String(value) : JSON.stringify(value, finite)};`;
  }
  return key;
}

/** JSON has no infinities. */
const finite = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

function leastRecent(plans: ReadonlyMap<string, { readonly used: number }>): string {
  let [oldest, since] = ["", Infinity];
  for (const [key, { used }] of plans) if (used < since) [oldest, since] = [key, used];
  return oldest;
}
