// Calls of a kernel through the runtime, as a lane: arguments are on the device already, results are given back.

import { Tensor, type Arguments, type Device, type Kernel } from "../../runtime/index.ts";
import { timed } from "./clock.ts";
import { lane, type Lane } from "./interleaved.ts";

/** The arguments with every tensor on the device. They are copies: a `mut` tensor of the caller stays as it is. */
export async function placed(device: Device, args: Arguments): Promise<Arguments> {
  const found: Record<string, Arguments[string]> = {};
  for (const [name, value] of Object.entries(args))
    found[name] = value instanceof Tensor ? await device.upload(value) : value;
  return found;
}

/** A lane that calls a kernel on arguments that `placed` made. */
export function callLane(device: Device, kernel: Kernel, args: Arguments): Lane {
  const given = new Set(Object.values(args));
  const calls = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      const results = await kernel(args);
      for (const result of Object.values(results)) if (!given.has(result)) result.dispose();
    }
  };
  if (!device.finish) return lane((times) => timed(() => calls(times)));
  return lane(async (times) => {
    // Calls follow one another without a wait, as a program makes them; the processor's time isn't the device's.
    const start = performance.now();
    await calls(times);
    await device.finish!();
    return performance.now() - start;
  });
}
