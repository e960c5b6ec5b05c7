// One kernel on the visitor's GPU: compiled for it, compared with WebAssembly, measured.

import { compile, CompileError } from "kernc";
import { Tensor, valuesOf, type Arguments, type Device, type Kernel, type WebgpuDevice } from "kernc/runtime";
import type { Workload } from "./workloads";

export interface Measured {
  readonly name: string;
  readonly kernel: string;
  readonly milliseconds?: number;
  /** The GPU's clock counts its work alone; the page's counts the calls too. */
  readonly by?: "the GPU’s clock" | "the page’s clock";
  readonly operations?: number;
  readonly bytes?: number;
  /** The largest distance from WebAssembly's result, as a part of its largest element. */
  readonly error?: number;
  readonly agrees?: boolean;
  /** Why it isn't measured. */
  readonly refused?: string;
}

/** Floats may be summed in another order. */
const tolerance = 2e-4;
const halfTolerance = 2e-2;

/** Compiles, compares and measures; `span` is how many milliseconds to measure for. */
export async function measure(
  gpu: WebgpuDevice,
  wasm: Device,
  work: Workload,
  span: number,
): Promise<Measured> {
  const { name, kernel, operations, bytes } = work;
  let compiled: Kernel;
  try {
    compiled = await load(gpu, work);
  } catch (error) {
    return { name, kernel, refused: reasonOf(error) };
  }
  const args = await placed(gpu, work.args);
  const [found] = await resultOf(compiled, args, work.result);
  const [expected, dtype] = await resultOf(await load(wasm, work), work.args, work.result);
  const error = distance(found, expected);
  const allowed = dtype === "f16" ? halfTolerance : dtype.startsWith("f") ? tolerance : 0;
  const time = await timed(gpu, compiled, args, span);
  return { name, kernel, ...time, operations, bytes, error, agrees: error <= allowed };
}

/** What the compiler or the GPU says, in a sentence. */
function reasonOf(error: unknown): string {
  if (!(error instanceof CompileError)) return error instanceof Error ? error.message : String(error);
  const [first] = error.diagnostics;
  return first ? `${first.code}: ${first.message}` : error.message;
}

/** The kernel for what this device has and grants. */
async function load(device: Device, { source, kernel, set = {}, shape }: Workload): Promise<Kernel> {
  const options = { ...device.compileOptions, kernels: [kernel], set, shape };
  return (await device.load(await compile(source, options)))[kernel]!;
}

async function placed(device: Device, args: Workload["args"]): Promise<Arguments> {
  const entries = Object.entries(args).map(
    async ([name, value]) => [name, value instanceof Tensor ? await device.upload(value) : value] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function resultOf(kernel: Kernel, args: Arguments, name: string): Promise<[number[], string]> {
  const result = (await kernel(args))[name]!;
  const values = await numbersOf(result);
  result.dispose();
  return [values, result.dtype];
}

async function numbersOf(result: Tensor): Promise<number[]> {
  return (await valuesOf(result)).map(Number);
}

function distance(found: readonly number[], expected: readonly number[]): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const farthest = expected.reduce((most, value, at) => {
    const by = Math.abs(value - found[at]!);
    return Number.isNaN(by) ? Infinity : Math.max(most, by);
  }, 0);
  return farthest / largest;
}

/** The median of some samples, each of as many calls as take a while. */
async function timed(
  gpu: WebgpuDevice,
  kernel: Kernel,
  args: Arguments,
  span: number,
): Promise<Required<Pick<Measured, "milliseconds" | "by">>> {
  const run = async (calls: number): Promise<void> => {
    for (let n = 0; n < calls; n++) for (const each of Object.values(await kernel(args))) each.dispose();
  };
  const wall = async (calls: number): Promise<number> => {
    const start = performance.now();
    await run(calls);
    await gpu.finish();
    return (performance.now() - start) / calls;
  };
  await wall(3);
  const calls = Math.min(Math.max(Math.ceil(span / 7 / (await wall(3))), 1), 500);
  const samples: number[] = [];
  const ownClock: number[] = [];
  for (let n = 0; n < 7; n++) {
    samples.push(await wall(calls));
    const time = await gpu.gpuTime(() => run(Math.min(calls, 100)));
    if (time !== undefined && time > 0) ownClock.push(time / Math.min(calls, 100));
  }
  const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  if (ownClock.length === samples.length) return { milliseconds: median(ownClock), by: "the GPU’s clock" };
  return { milliseconds: median(samples), by: "the page’s clock" };
}
