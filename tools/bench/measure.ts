// Interleaved timing: every contestant is warmed up, then they take turns at short runs until the time is used up, so
// that whatever else the machine does hits all of them alike.

import { statisticsOf, type Statistics } from "../kernc/statistics.ts";
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

interface Entry {
  readonly contestant: Contestant;
  readonly times: number[];
  readonly overhead: number[];
  /** Runs in a sample. */
  runs: number;
}

export async function measure(contestants: readonly Contestant[], effort: Effort): Promise<Timing[]> {
  const entries = contestants.map((contestant): Entry => ({ contestant, times: [], overhead: [], runs: 1 }));
  for (const entry of entries) await warmUp(entry, effort);
  const start = performance.now();
  for (let round = 0; round < effort.least || performance.now() - start < effort.budget; round++) {
    if (round >= 2000) break;
    // Nobody always comes behind the same neighbour's traces in the caches.
    const order = entries.map((_, at) => entries[(at + round) % entries.length]!);
    for (const entry of round % 2 ? order.toReversed() : order) await sample(entry);
  }
  return entries.map(({ contestant, times, overhead }) => {
    const spent = statisticsOf(overhead).median || 0;
    const copies = contestant.copies ?? 1;
    return { contestant, time: statisticsOf(times.map((time) => Math.max(time - spent, 0) / copies)) };
  });
}

/** Runs it until its code is optimised, and finds how many runs make a sample. */
async function warmUp(entry: Entry, { warmUp, sample }: Effort): Promise<void> {
  const { contestant } = entry;
  let best = Infinity;
  const begin = performance.now();
  for (let n = 0; n < 3 || performance.now() - begin < warmUp; n++) {
    best = Math.min(best, await timed(() => contestant.run(1)));
  }
  entry.runs = Math.min(Math.max(Math.ceil(sample / Math.max(best, 1e-5)), 1), 100_000);
  for (let n = 0; n < 10; n++) await contestant.overhead?.();
}

async function sample({ contestant, runs, times, overhead }: Entry): Promise<void> {
  // The caches are the contestant's own when the clock starts.
  await contestant.run(1);
  times.push((await timed(() => contestant.run(runs))) / runs);
  if (contestant.overhead) overhead.push(await timed(() => contestant.overhead!()));
}

/**
 * Milliseconds by the clock or of the processor, whichever are fewer. On an idle machine they are the same; on a busy one
 * the clock also counts what the process waited for a core, the processor's time also what the engine's own threads did.
 */
async function timed(work: () => void | Promise<void>): Promise<number> {
  const used = process.cpuUsage();
  const start = performance.now();
  await work();
  const passed = performance.now() - start;
  const { user, system } = process.cpuUsage(used);
  return Math.min(passed, (user + system) / 1000);
}
