// A loaded model: what it takes, what it gives, and `run`.

import type { CompileCache } from "../cache/cache.ts";
import type { Device } from "../device.ts";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import { kernError, type KernError } from "../error.ts";
import { modelError } from "../graph/error.ts";
import type { Way, WhenIntegers } from "../graph/builder.ts";
import type { Dim, Graph, GraphPort } from "../graph/graph.ts";
import type { Step, Value } from "../graph/program.ts";
import {
  GraphRunner,
  runnerContext,
  type Counts,
  type RunnerContext,
  type StepListener,
} from "../graph/runner.ts";
import { ops, type OpRegistry } from "../ops/registry.ts";
import { Tensor } from "../tensor/tensor.ts";
import { importOnnx } from "./import.ts";
import type { ExternalData } from "./tensors.ts";

export interface ModelOptions {
  /**
   * Where the model runs. What a device can't do (64-bit integers on a GPU, a kernel beyond its limits) runs on `wasm`. Of several
   * devices, each step has the one on which it and the copies to and from it take the least time, by an estimate.
   */
  readonly device: Device | readonly Device[];
  /** Files of weights beside the model, by the names that it gives them. */
  readonly externalData?: ExternalData;
  /** Where ops of other domains are looked up; the shared registry if nothing is said. */
  readonly registry?: OpRegistry;
  /** What was compiled before, by `openCache`: with a directory, a model's first run in a process compiles nothing again. */
  readonly cache?: CompileCache;
  /**
   * Features of a `wasm` device that kernels may use, of `device.compileOptions.features`: for an archive that others run. If nothing is said,
   * those of the cache's archive where the device has them all, else all.
   */
  readonly features?: readonly string[];
  /** `false` runs each operator by a kernel of its own: for finding faults. */
  readonly fusion?: boolean;
  /**
   * Products and convolutions between QuantizeLinear and DequantizeLinear mean the same on integers and on the floats that these stand for.
   * `faster`, if nothing is said, takes the integers where their kernels are expected to be faster; `always` takes them wherever it can.
   */
  readonly integers?: WhenIntegers;
  /**
   * Names of outputs that stay on the device that computes them, as new tensors that the caller disposes of: for the next run, which takes
   * them where they are, or for other kernels there. What is computed on the host, a constant or the result of a loop, is there.
   */
  readonly stay?: readonly string[];
}

/** Bodies of loops are counted as one turn of each; what all turns so far did is in `loops`. */
export interface ModelStatistics {
  /** Nodes that compute something of the inputs: without constants, and without what only looks at elements in another shape. */
  readonly nodes: number;
  readonly launches: number;
  readonly kernels: number;
  /** How often each pattern of nodes was recognised and computed by fewer, by what it is. */
  readonly rewrites: Readonly<Record<string, number>>;
  /** Bytes planned for intermediates and results. */
  readonly arena: number;
  /** Bytes that the results of the model's nodes would take, fused or not, if each had memory of its own. */
  readonly intermediates: number;
  /** Bytes of weights, and of what was computed of them alone, on the device. */
  readonly weights: number;
  /** Launches by device. */
  readonly devices: Readonly<Record<string, number>>;
  /** Tensors that go from one device to another in a run, those that the caller gives and takes not counted. */
  readonly copies: number;
  /** Nodes that are carried out in another way than their operators say, by name. */
  readonly ways: ReadonlyMap<string, Way>;
  /** Nodes that kernels are registered for and the library carries out, by name, and why none of these kernels does. */
  readonly left: ReadonlyMap<string, string>;
  /** What the bodies of loops did so far, by the loops' names; a loop inside another as `outer/inner`. */
  readonly loops: ReadonlyMap<string, Counts>;
}

/** A stage of a model, planned for the shapes of a run. */
export interface ModelPlan {
  readonly steps: readonly Step[];
  readonly values: ReadonlyMap<string, Value>;
}

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

export class Model {
  /** What `run` takes: name, dtype, shape. Inputs with a default may be left out. */
  readonly inputs: readonly GraphPort[];
  /** What `run` gives. */
  readonly outputs: readonly GraphPort[];
  readonly graph: Graph;
  private readonly context: RunnerContext;
  private readonly runner: GraphRunner;
  private turn: Promise<unknown> = Promise.resolve();
  private readonly own: Device | undefined;
  private readonly stay: ReadonlySet<string>;
  private closed = false;

  constructor(
    graph: Graph,
    devices: readonly Device[],
    { device, registry = ops, fusion = true, integers = "faster", cache, features, stay = [] }: ModelOptions,
    /** A device that nobody else has. */
    own?: Device,
  ) {
    this.graph = graph;
    this.own = own;
    this.stay = new Set(stay);
    this.inputs = graph.inputs.filter(({ name }) => !graph.constants.has(name));
    this.outputs = graph.outputs;
    this.context = runnerContext({
      devices,
      byTime: Array.isArray(device),
      registry,
      fusion,
      integers,
      cache,
      features,
    });
    this.runner = new GraphRunner(graph, this.context);
  }

  /**
   * Runs the model. Results are on the host, but for those that are to `stay`; inputs are never changed. Calls wait for each other: they share memory. A signal ends a run before the next turn of a
   * loop of the model, or before it begins.
   */
  async run(inputs: Tensors, listener?: StepListener, signal?: AbortSignal): Promise<Record<string, Tensor>> {
    const given = this.checked(inputs);
    const result = this.turn.then(async () => {
      if (this.closed) throw kernError("K0713", { what: "the model" });
      signal?.throwIfAborted();
      return Object.fromEntries(await this.runner.run(given, listener, signal, this.stay));
    });
    this.turn = result.catch(() => undefined);
    return result;
  }

  /**
   * Gives back what the model holds on its devices, plans and weights, when the runs that were begun are done. Its devices stay open, but
   * for one that it opened for itself.
   */
  async close(): Promise<void> {
    const end = this.turn.then(async () => {
      if (this.closed) return;
      this.closed = true;
      await this.runner.dispose();
      this.own?.close();
    });
    this.turn = end;
    return end;
  }

  /** What became of the model so far: kernels launched by one run of everything planned, different ones, bytes of memory. */
  async statistics(): Promise<ModelStatistics> {
    const bodies = [...bodiesOf(this.runner)];
    const runners = [this.runner, ...bodies.map(([, body]) => body)];
    const planned = (await Promise.all(runners.map((each) => each.stages()))).flat();
    const stages = planned.map(({ loaded }) => loaded);
    const devices: Record<string, number> = {};
    for (const { steps } of stages)
      for (const { site } of steps) devices[site.device.name] = (devices[site.device.name] ?? 0) + 1;
    const rewrites: Record<string, number> = {};
    for (const { stage } of planned)
      for (const { rewrite } of stage.rewritten) rewrites[rewrite] = (rewrites[rewrite] ?? 0) + 1;
    const sum = (of: (stage: (typeof stages)[number]) => number) =>
      stages.reduce((total, stage) => total + of(stage), 0);
    return {
      nodes: sum(({ nodes }) => nodes),
      launches: sum(({ steps }) => steps.length),
      kernels: new Set(stages.flatMap(({ steps }) => steps.map(({ kernel }) => kernel))).size,
      rewrites,
      arena: sum(({ memory }) => memory.bytes),
      intermediates: sum(({ intermediates }) => intermediates),
      weights: this.context.sites.reduce((total, { weights }) => total + weights.bytes, 0),
      devices,
      copies: sum(({ copies }) => copies),
      ways: new Map(planned.flatMap(({ stage }) => [...stage.builder.notes])),
      left: new Map(planned.flatMap(({ stage }) => [...stage.builder.left])),
      loops: new Map(bodies.map(([name, { counts }]) => [name, { ...counts }])),
    };
  }

  /** What is launched, in order, by stage, and the values by the model's names: for pictures. */
  async plans(): Promise<readonly ModelPlan[]> {
    const planned = await this.runner.stages();
    return planned.map(({ stage, loaded }) => ({
      steps: loaded.steps.map(({ step }) => step),
      values: stage.values,
    }));
  }

  /** Throws K1006 unless these are inputs that `run` takes: by name, dtype, and sizes that agree. */
  check(inputs: Tensors): void {
    this.checked(inputs);
  }

  private checked(inputs: Tensors): Map<string, Tensor> {
    if (typeof inputs !== "object" || inputs === null)
      throw badOption("run", "an object of tensors by name", inputs);
    const given = new Map<string, Tensor>();
    const unknown = Object.keys(inputs).find((name) => !this.graph.inputs.some((port) => port.name === name));
    if (unknown !== undefined) {
      const known = this.inputs.map(({ name }) => `\`${name}\``).join(", ");
      throw modelError("K1006", { input: unknown, known: known === "" ? "none" : known });
    }
    const sizes = new Map<string, number>();
    for (const port of this.graph.inputs) {
      const tensor = inputs[port.name];
      const refuse = (given: string) =>
        modelError("K1006", { input: port.name, expected: portText(port), given });
      if (tensor === undefined) {
        if (this.graph.constants.has(port.name)) continue;
        throw refuse("nothing");
      }
      if (!(tensor instanceof Tensor))
        throw refuse(`${describeGiven(tensor)}, which is no tensor of \`kernc/runtime\``);
      if (tensor.storage.disposed) throw kernError("K0713", { what: `the tensor given as \`${port.name}\`` });
      if (tensor.dtype !== port.dtype || !fits(port.shape, tensor.shape, sizes)) throw refuse(`a ${tensor}`);
      given.set(port.name, tensor);
    }
    return given;
  }
}

/** Bodies of loops, with their names, those inside of others behind them. */
function* bodiesOf(runner: GraphRunner, path = ""): Generator<[string, GraphRunner]> {
  for (const [name, body] of runner.bodies) {
    yield [`${path}${name}`, body];
    yield* bodiesOf(body, `${path}${name}/`);
  }
}

function fits(
  shape: readonly Dim[] | undefined,
  given: readonly number[],
  sizes: Map<string, number>,
): boolean {
  if (!shape) return true;
  if (shape.length !== given.length) return false;
  return shape.every((dim, axis) => {
    const size = given[axis]!;
    if (dim === null) return true;
    if (typeof dim === "number") return dim === size;
    const known = sizes.get(dim);
    sizes.set(dim, size);
    return known === undefined || known === size;
  });
}

/** `Tensor[f32, batch, 3, ?]` */
export function portText({ dtype, shape }: GraphPort): string {
  return `a Tensor[${[dtype, ...(shape?.map((dim) => dim ?? "?") ?? ["…"])].join(", ")}]`;
}

const badOption = (option: string, expected: string, given: unknown): KernError =>
  kernError("K0719", { option, expected, given: describeGiven(given) });

/** Reads an ONNX model. Its kernels are compiled when it first runs, for the shapes that it is given. */
export async function loadModel(bytes: Uint8Array, options: ModelOptions): Promise<Model> {
  if (!(bytes instanceof Uint8Array))
    throw badOption("loadModel", "the bytes of a model, a Uint8Array", bytes);
  const devices = [options?.device ?? []].flat();
  if (devices.length === 0 || devices.some((each) => typeof each?.load !== "function"))
    throw badOption("device", "a device, `await openDevice(…)`, or several", options?.device);
  const { integers = "faster", fusion = true } = options;
  if (integers !== "faster" && integers !== "always")
    throw badOption("integers", '"faster" or "always"', integers);
  if (typeof fusion !== "boolean") throw badOption("fusion", "true or false", fusion);
  const graph = importOnnx(bytes, options.externalData);
  const outputs = graph.outputs.map(({ name }) => name);
  const { stay = [] } = options;
  if (!Array.isArray(stay) || stay.some((name) => !outputs.includes(name)))
    throw badOption("stay", `a list of outputs, of ${outputs.map((name) => `\`${name}\``).join(", ")}`, stay);
  // The interpreter can do everything, too.
  let own: Device | undefined;
  if (!devices.some(({ name }) => name === "wasm" || name === "interp")) {
    own = await (await import("../devices/wasm/device.ts")).openWasmDevice();
    devices.push(own);
  }
  // What can run everything comes last; time decides among several anyway.
  devices.sort((a, b) => Number(a.name === "wasm") - Number(b.name === "wasm"));
  return new Model(graph, devices, options, own);
}
