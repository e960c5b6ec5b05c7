// Compiled kernels by their text. The compiler comes with the first of them.

import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import { KernError } from "../error.ts";
import { modelError } from "./error.ts";
import type { Device, DeviceCompileOptions, DeviceName, Kernel } from "../device.ts";
import type { CompileCache } from "../cache/cache.ts";
import type { Arguments } from "../call/bind.ts";
import { Tensor } from "../tensor/tensor.ts";
import { bytesIn, bytesOf, HostStorage } from "../tensor/storage.ts";
import { contiguousStrides, sizeOf } from "../tensor/layout.ts";
import { kernelSource, mapSource, type Launch } from "./source.ts";
import { rootOf, type CallStep, type MapStep, type Step, type Value } from "./program.ts";

/** What a step runs: a kernel and the arguments of its call, tensors apart. */
export interface Prepared {
  readonly kernel: Kernel;
  readonly launch: Launch;
}

/** Kernels for one device, kept as long as a model lives. */
export class KernelCache {
  readonly device: Device;
  private readonly known = new Map<string, Promise<Kernel>>();
  private readonly compilations: CompileCache | undefined;
  private readonly options: DeviceCompileOptions;

  /** `compilations` are those of earlier runs and processes, if there are any. */
  constructor(device: Device, compilations?: CompileCache, options = device.compileOptions) {
    this.device = device;
    this.compilations = compilations;
    this.options = options;
  }

  /** Whether what is compiled is found again later. */
  get keeps(): boolean {
    return this.compilations !== undefined;
  }

  /** How many different kernels there are. */
  get size(): number {
    return this.known.size;
  }

  /** The kernel of a generated file, compiled if it is new. */
  get({ text, kernel }: Pick<Launch, "text" | "kernel">): Promise<Kernel> {
    let found = this.known.get(text);
    if (!found) {
      found = this.compile(text, kernel);
      this.known.set(text, found);
    }
    return found;
  }

  private async compile(text: string, kernel: string): Promise<Kernel> {
    const { device, compilations, options } = this;
    const file = { path: `${kernel}.kern`, text };
    const compiled = compilations
      ? await compilations.compile(file, options)
      : await (await import("../../compiler/index.ts")).compile(file, options);
    return (await device.load(compiled))[kernel]!;
  }
}

/** What a step calls. Throws what its device has against it. */
export async function prepare(step: Step, cache: KernelCache, inPlace?: number): Promise<Prepared> {
  const launch = launchOf(step, cache.device.name, inPlace);
  const kernel = step.kind === "call" ? step.kernel : await cache.get(launch);
  if (kernel.device.decidesByCall) {
    const refused = await kernel.mismatch(argumentsOf(launch, emptyTensor));
    if (refused) throw refused;
  }
  return { launch, kernel };
}

/** As large as a value, of no particular elements. */
const emptyTensor = (value: Value): Tensor =>
  hostTensor(new Uint8Array(bytesOf(value.dtype, sizeOf(value.shape))), value);

/**
 * What is wrong when a step's kernel doesn't compile: its node, with dtypes that the operator doesn't have. Other errors stay as they are.
 */
export function ofNode({ origin }: Step, error: unknown): unknown {
  if (!(error instanceof Error) || !("diagnostics" in error)) return error;
  const { diagnostics } = error as Error & { readonly diagnostics: readonly Diagnostic[] };
  const first = diagnostics.find(({ severity }) => severity === "error");
  if (!first) return error;
  const why = `the kernel for it doesn’t compile (${first.code}: ${first.message})`;
  return Object.assign(modelError("K1003", { node: `node \`${origin}\``, why }), { cause: error });
}

/** What a kernel refuses when it runs, an index out of range say, with the node that it was built for; of fused ones, the first. */
export function whileRunning({ origin }: Step, error: unknown): unknown {
  if (!(error instanceof KernError)) return error;
  const { diagnostic } = error;
  return new KernError({
    ...diagnostic,
    notes: [...diagnostic.notes, `while node \`${origin}\` was computed`],
  });
}

/** The generated source of a step for a device, and the arguments of its call. */
export function launchOf(step: Step, target: DeviceName, inPlace?: number): Launch {
  if (step.kind === "map") return mapSource(step, target, inPlace);
  return step.kind === "kernel" ? kernelSource(step) : callLaunch(step);
}

function callLaunch({ kernel, inputs, outputs, parameters, results, scalars }: CallStep): Launch {
  const whole = (value: Value) => ({
    shape: value.shape,
    strides: contiguousStrides(value.shape),
    offset: 0,
  });
  const given = inputs.map(({ value, view }, n) => ({
    parameter: parameters[n]!,
    value,
    layout: view ?? whole(value),
    out: false,
  }));
  const made = outputs.map((value, n) => ({
    parameter: results[n]!,
    value,
    layout: whole(value),
    out: true,
  }));
  return { text: "", kernel: kernel.kernelName, tensors: [...given, ...made], scalars };
}

/** The arguments of a call, given where each value's elements are. Outputs without a tensor are allocated by the call. */
export function argumentsOf(launch: Launch, tensorOf: (value: Value) => Tensor | undefined): Arguments {
  const args: Record<string, Arguments[string]> = { ...launch.scalars };
  for (const { parameter, value, layout } of launch.tensors) {
    const whole = tensorOf(rootOf(value));
    if (!whole) continue;
    args[parameter] = new Tensor(whole.storage, whole.dtype, {
      ...layout,
      offset: whole.offset + layout.offset,
    });
  }
  return args;
}

/** Runs one step by itself; results are on the host. What constants are computed with. */
export async function runStep(
  step: Step,
  cache: KernelCache,
  tensorOf: (value: Value) => Tensor,
): Promise<Map<Value, Tensor>> {
  const { kernel, launch } = await prepare(step, cache).catch((error: unknown) => {
    throw ofNode(step, error);
  });
  const outputs = new Set(step.outputs);
  const args = argumentsOf(launch, (value) => (outputs.has(value) ? undefined : tensorOf(value)));
  const results = await kernel(args).catch((error: unknown) => {
    throw whileRunning(step, error);
  });
  const found = new Map<Value, Tensor>();
  for (const { parameter, value, out } of launch.tensors) {
    if (!out) continue;
    const result = results[parameter]!;
    found.set(value, hostTensor(bytesIn(await result.data()), value));
    // At once: weights can be most of a device's memory.
    result.dispose();
  }
  return found;
}

/** A copy on the host, which the next run leaves alone; at once where the elements can be read so. */
export function onHost(tensor: Tensor): Tensor | Promise<Tensor> {
  const elements = tensor.elements();
  if (elements instanceof Promise) return elements.then((found) => hostTensor(bytesIn(found), tensor));
  return hostTensor(bytesIn(elements), tensor);
}

/** A copy of a tensor without gaps, on the device where it lies: its owner is who asked for it. */
export async function copyThere(tensor: Tensor, cache: KernelCache): Promise<Tensor> {
  const { dtype, shape, size, offset, storage } = tensor;
  const { device } = cache;
  // Elsewhere than on a GPU nothing comes to the host for it.
  if (device.name !== "webgpu" || !tensor.isContiguous || size === 0) return device.upload(tensor);
  const [input, output]: readonly Value[] = [0, 1].map((id) => ({ id, dtype, shape: [size], fixed: false }));
  const ops = [{ text: "$0", operands: [{ input: 0 }], dtype, imports: [], origin: "" }];
  const step: MapStep = {
    kind: "map",
    origin: "",
    inputs: [{ value: input! }],
    ops,
    results: [0],
    outputs: [output!],
  };
  const launch = mapSource(step, device.name);
  const kernel = await cache.get(launch);
  const flat = new Tensor(storage, dtype, { shape: [size], strides: [1], offset });
  const results = await kernel(argumentsOf(launch, (value) => (value === input ? flat : undefined)));
  const [made] = Object.values(results);
  return made!.reshape(shape);
}

/** Bytes as a tensor of a value's dtype and shape. */
export function hostTensor(bytes: Uint8Array, { dtype, shape }: Pick<Value, "dtype" | "shape">): Tensor {
  return new Tensor(new HostStorage(bytes), dtype, { shape, strides: contiguousStrides(shape), offset: 0 });
}
