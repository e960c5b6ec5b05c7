// `--time`: how long a call takes, inputs on the device already, once engines have optimised its code.

import { Tensor, type Arguments, type Device, type Kernel } from "../../runtime/index.ts";

/** Warm-up and measuring, each at least so long. */
const span = 300;

export async function measure(device: Device, kernel: Kernel, args: Arguments): Promise<string> {
  const placed: Record<string, Arguments[string]> = {};
  // Copies: a `mut` tensor must reach the real call unchanged.
  for (const [name, value] of Object.entries(args))
    placed[name] = value instanceof Tensor ? await device.upload(value) : value;
  const given = new Set(Object.values(placed));
  const call = async (): Promise<number> => {
    const start = performance.now();
    const results = await kernel(placed);
    await device.finish?.();
    const time = performance.now() - start;
    for (const result of Object.values(results)) if (!given.has(result)) result.dispose();
    return time;
  };
  const first = await call();
  for (let spent = first; spent < span;) spent += await call();
  const times: number[] = [];
  for (let spent = 0; spent < span || times.length < 5; spent += times.at(-1)!) times.push(await call());
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1]!;
  return `${kernel.kernelName}: ${milliseconds(median)} (median of ${times.length} calls, best ${milliseconds(times[0]!)}, first ${milliseconds(first)})`;
}

function milliseconds(time: number): string {
  return `${time < 0.1 ? time.toFixed(4) : time < 10 ? time.toFixed(3) : time.toFixed(1)} ms`;
}
