// Variants of a kernel timed in turns, for `kernc bench`.

import type { Arguments, Device, Kernel, WebgpuDevice } from "../../../runtime/index.ts";
import { callLane, placed } from "../../timing/calls.ts";
import { takeTurns, warmUp, type Lane } from "../../timing/interleaved.ts";
import { statisticsOf, type Statistics } from "../../timing/statistics.ts";

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

/** Milliseconds of warming up, and of a sample at least, unless one call takes longer. */
const effort = { warmUp: 300, sample: 1 };
const fewest = 9;

export async function timeVariants(variants: readonly Variant[], budget: number): Promise<Timed[]> {
  const entries = await Promise.all(
    variants.map(async ({ name, device, kernel, args }) => ({
      name,
      device,
      lane: callLane(device, kernel, await placed(device, args)),
    })),
  );
  const lanes = entries.map(({ lane }) => lane);
  for (const each of lanes) await warmUp(each, effort);
  const start = performance.now();
  for (let round = 0; round < fewest || performance.now() - start < budget; round++)
    await takeTurns(lanes, round);
  const timed: Timed[] = [];
  for (const { name, device, lane } of entries)
    timed.push({ name, time: statisticsOf(lane.times), gpu: await gpuTime(device, lane) });
  return timed;
}

/** The mean of some calls. */
async function gpuTime(device: Device, lane: Lane): Promise<number | undefined> {
  if (device.name !== "webgpu") return undefined;
  const total = await (device as WebgpuDevice).gpuTime(() => lane.run(fewest));
  return total === undefined ? undefined : total / fewest;
}
