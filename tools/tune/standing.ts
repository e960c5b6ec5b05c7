// How candidates stand to each other. Everything is told from samples of the same round, a candidate's by the baseline's:
// what slows both down, slows neither here.

import type { Lane } from "../timing/interleaved.ts";
import { statisticsOf } from "../timing/statistics.ts";

export interface Standing {
  /** The median of the candidate's times by the baseline's; below 1 it is faster. */
  readonly ratio: number;
  /** Half of the interval that holds the ratio's median in 19 cases of 20. */
  readonly error: number;
  readonly rounds: number;
}

/** How a lane stands to the baseline's in the rounds from `since` on. */
export function standingOf(lane: Lane, baseline: Lane, since = 0): Standing {
  const before = new Map(baseline.rounds.map((round, at) => [round, baseline.times[at]!]));
  const ratios = lane.rounds.flatMap((round, at) => {
    const time = round >= since ? before.get(round) : undefined;
    return time === undefined ? [] : [lane.times[at]! / time];
  });
  const { median } = statisticsOf(ratios);
  const { median: deviation } = statisticsOf(ratios.map((ratio) => Math.abs(ratio - median)));
  // 1.4826 median deviations are a standard deviation, and the median of n wavers by 1.2533 of those by √n.
  const error = (1.96 * 1.2533 * 1.4826 * deviation) / Math.sqrt(ratios.length);
  return { ratio: median, error, rounds: ratios.length };
}
