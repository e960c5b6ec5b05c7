// The contestants of a workload, timed in turns until the time is used up.

import { timed } from "../timing/clock.ts";
import { lane, takeTurns, warmUp } from "../timing/interleaved.ts";
import { statisticsOf, type Statistics } from "../timing/statistics.ts";
import type { Contestant } from "./contestants/contestant.ts";

export interface Effort {
  /** Each contestant runs for so long before anything counts. */
  readonly warmUp: number;
  /** A sample takes at least so long, or one run. */
  readonly sample: number;
  /** What all contestants of a workload together may take, in milliseconds. */
  readonly budget: number;
  /** No fewer samples than this, however long they take. */
  readonly least: number;
}

export const efforts = {
  full: { warmUp: 250, sample: 2, budget: 4000, least: 15 },
  quick: { warmUp: 200, sample: 1, budget: 600, least: 5 },
} as const satisfies Record<string, Effort>;

export interface Timing {
  readonly contestant: Contestant;
  /** Milliseconds for the work once, what isn't the work subtracted. */
  readonly time: Statistics;
}

export async function measure(contestants: readonly Contestant[], effort: Effort): Promise<Timing[]> {
  const entries = contestants.map((contestant) => {
    const overhead: number[] = [];
    const after = contestant.overhead
      ? async () => void overhead.push(await timed(() => contestant.overhead!()))
      : undefined;
    return { contestant, overhead, lane: lane((times) => timed(() => contestant.run(times)), after) };
  });
  for (const { contestant, lane: each } of entries) {
    await warmUp(each, effort);
    for (let n = 0; n < 10; n++) await contestant.overhead?.();
  }
  const start = performance.now();
  const lanes = entries.map((entry) => entry.lane);
  for (let round = 0; round < effort.least || performance.now() - start < effort.budget; round++) {
    if (round >= 2000) break;
    await takeTurns(lanes, round);
  }
  return entries.map(({ contestant, overhead, lane: { times } }) => {
    const spent = statisticsOf(overhead).median || 0;
    const copies = contestant.copies ?? 1;
    return { contestant, time: statisticsOf(times.map((time) => Math.max(time - spent, 0) / copies)) };
  });
}
