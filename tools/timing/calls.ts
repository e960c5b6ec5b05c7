// Calls of a kernel through the runtime, as a lane: arguments are on the device already, results are given back.

import { Tensor, type Arguments, type Device, type Kernel, type WebgpuDevice } from "../../runtime/index.ts";
import { timed } from "./clock.ts";
import { lane, type Lane } from "./interleaved.ts";

/** The arguments with every tensor on the device. They are copies: a `mut` tensor of the caller stays as it is. */
export async function placed(device: Device, args: Arguments): Promise<Arguments> {
  const found: Record<string, Arguments[string]> = {};
  for (const [name, value] of Object.entries(args))
    found[name] = value instanceof Tensor ? await device.upload(value) : value;
  return found;
}

/** A lane of calls that the GPU times itself; `gpu` has a clock (WebGPU's feature `timestamp-query`). */
export function gpuLane(gpu: WebgpuDevice, kernel: Kernel, args: Arguments): Lane {
  const calls = callLane(gpu, kernel, args);
  return lane(async (times) => {
    let spent = 0;
    // A set of timestamps has room for two thousand calls.
    for (let left = times; left > 0; left -= most) {
      const part = Math.min(left, most);
      spent += (await gpu.gpuTime(() => calls.run(part))) ?? 0;
    }
    return spent;
  });
}
const most = 500;

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
