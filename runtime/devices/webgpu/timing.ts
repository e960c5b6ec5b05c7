// How long the GPU works on calls, by its own clock: a pass for each call, a timestamp before and after it.

import { kernError } from "../../error.ts";
import { bufferUsage } from "./constants.ts";
import type { GpuContext } from "./context.ts";

/** A query set holds at most so many timestamps (WebGPU §20.1). */
const maxQueries = 4096;

/**
 * Milliseconds that the GPU spends in the calls that `work` makes and awaits, or undefined where it has no clock.
 * Calls made meanwhile by others count too.
 */
export async function gpuTime(
  context: GpuContext,
  work: () => Promise<unknown>,
): Promise<number | undefined> {
  const { gpu } = context;
  if (!gpu.features.has("timestamp-query")) {
    await work();
    return undefined;
  }
  const querySet = gpu.createQuerySet({ type: "timestamp", count: maxQueries });
  let used = 0;
  context.submit();
  context.timestamps = () => {
    if (used + 2 > maxQueries)
      throw kernError("K0719", {
        option: "gpuTime",
        expected: `at most ${maxQueries / 2} calls at once`,
        given: "more",
      });
    used += 2;
    return { querySet, beginningOfPassWriteIndex: used - 2, endOfPassWriteIndex: used - 1 };
  };
  try {
    await work();
  } finally {
    context.timestamps = undefined;
  }
  if (used === 0) return 0;
  const usage = bufferUsage.queryResolve | bufferUsage.copySrc;
  const buffer = gpu.createBuffer({ size: used * 8, usage });
  try {
    await context.encode(0, (batch) => batch.resolve(querySet, used, buffer));
    const bytes = await context.read(buffer, 0, used * 8, []);
    const times = new BigUint64Array(bytes.buffer);
    let nanoseconds = 0;
    for (let at = 0; at < used; at += 2)
      nanoseconds += Math.max(0, Number(BigInt.asIntN(64, times[at + 1]! - times[at]!)));
    return nanoseconds / 1e6;
  } finally {
    buffer.destroy();
    querySet.destroy();
  }
}
