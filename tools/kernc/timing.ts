// `--time`: how long a call takes, inputs on the device already, once engines have optimised its code.

import type { Arguments, Device, Kernel } from "../../runtime/index.ts";
import { callLane, placed } from "../timing/calls.ts";
import { takeTurns, warmUp } from "../timing/interleaved.ts";
import { milliseconds, statisticsOf } from "../timing/statistics.ts";

/** Warm-up and measuring, each at least so long. */
const span = 300;

export async function measure(device: Device, kernel: Kernel, args: Arguments): Promise<string> {
  const lane = callLane(device, kernel, await placed(device, args));
  const first = await lane.run(1);
  lane.spent = first;
  await warmUp(lane, { warmUp: span, sample: 1 });
  const until = lane.spent + span;
  for (let round = 0; lane.spent < until || round < 5; round++) await takeTurns([lane], round);
  const { median, best, samples } = statisticsOf(lane.times);
  return `${kernel.kernelName}: ${milliseconds(median)} (median of ${samples} samples, best ${milliseconds(best)}, first ${milliseconds(first)})`;
}
