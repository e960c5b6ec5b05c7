// Interleaved timing: everyone is warmed up until the engine has optimised the code, then they take turns at short runs.

import { Tensor, type Arguments, type Device, type Kernel } from "../../../runtime/index.ts";
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
  return entries.map(({ name, times }) => ({ name, time: statisticsOf(times) }));
}

async function prepared({ name, device, kernel, args }: Variant) {
  const placed: Record<string, Arguments[string]> = {};
  for (const [argument, value] of Object.entries(args))
    placed[argument] = value instanceof Tensor ? await device.upload(value) : value;
  const given = new Set(Object.values(placed));
  const run = async (calls: number): Promise<number> => {
    let spent = 0;
    for (let n = 0; n < calls; n++) {
      const start = performance.now();
      const results = await kernel(placed);
      spent += performance.now() - start;
      for (const result of Object.values(results)) if (!given.has(result)) result.dispose();
    }
    return spent;
  };
  return { name, run, calls: 1, times: [] as number[] };
}
