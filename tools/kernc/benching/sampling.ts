// Interleaved timing: everyone is warmed up until the engine has optimised the code, then they take turns at short runs.

import {
  Tensor,
  type Arguments,
  type Device,
  type Kernel,
  type WebgpuDevice,
} from "../../../runtime/index.ts";
import { statisticsOf, type Statistics } from "../statistics.ts";

export interface Variant {
  readonly name: string;
  readonly device: Device;
  readonly kernel: Kernel;
  readonly args: Arguments;
}
export interface Timed {
  readonly name: string;
  readonly time: Statistics;
  /** Milliseconds of a call by the GPU's own clock, where it has one. */
  readonly gpu?: number;
}

const warmUp = 300;
/** Milliseconds of a sample at least, unless one call takes longer. */
const sample = 1;
const fewest = 9;

export async function timeVariants(variants: readonly Variant[], budget: number): Promise<Timed[]> {
  const entries = await Promise.all(variants.map(prepared));
  for (const entry of entries) {
    let best = Infinity;
    for (let start = performance.now(), n = 0; n < 3 || performance.now() - start < warmUp; n++)
      best = Math.min(best, await entry.run(1));
    entry.calls = Math.min(Math.max(Math.ceil(sample / best), 1), 10_000);
  }
  const start = performance.now();
  for (let round = 0; round < fewest || performance.now() - start < budget; round++)
    for (const entry of round % 2 ? entries.toReversed() : entries)
      entry.times.push((await entry.run(entry.calls)) / entry.calls);
  const timed: Timed[] = [];
  for (const { name, times, run, device } of entries)
    timed.push({ name, time: statisticsOf(times), gpu: await gpuTime(device, run) });
  return timed;
}

/** The mean of some calls. */
async function gpuTime(device: Device, run: (calls: number) => Promise<number>): Promise<number | undefined> {
  if (device.name !== "webgpu") return undefined;
  const total = await (device as WebgpuDevice).gpuTime(() => run(fewest));
  return total === undefined ? undefined : total / fewest;
}

async function prepared({ name, device, kernel, args }: Variant) {
  const placed: Record<string, Arguments[string]> = {};
  for (const [argument, value] of Object.entries(args))
    placed[argument] = value instanceof Tensor ? await device.upload(value) : value;
  const given = new Set(Object.values(placed));
  const release = (results: Readonly<Record<string, Tensor>>): void => {
    for (const result of Object.values(results)) if (!given.has(result)) result.dispose();
  };
  const run = async (calls: number): Promise<number> => {
    let spent = 0;
    if (device.finish) {
      // Calls follow one another without a wait, as a program makes them.
      const start = performance.now();
      for (let n = 0; n < calls; n++) release(await kernel(placed));
      await device.finish();
      return performance.now() - start;
    }
    for (let n = 0; n < calls; n++) {
      const start = performance.now();
      const results = await kernel(placed);
      spent += performance.now() - start;
      release(results);
    }
    return spent;
  };
  return { name, device, run, calls: 1, times: [] as number[] };
}
