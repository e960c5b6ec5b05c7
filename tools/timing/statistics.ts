// What is said about a list of times: the median, the best, and how far the middle eight tenths of them spread.

export interface Statistics {
  readonly samples: number;
  readonly median: number;
  readonly best: number;
  /** The 10th and 90th percentile. */
  readonly low: number;
  readonly high: number;
}

export function statisticsOf(times: readonly number[]): Statistics {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    samples: sorted.length,
    median: quantile(sorted, 0.5),
    best: sorted[0] ?? NaN,
    low: quantile(sorted, 0.1),
    high: quantile(sorted, 0.9),
  };
}

/** Between the two nearest elements of a sorted list, in proportion. */
function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** Half of the distance between the percentiles, as a part of the median: what stands behind ±. */
export function spreadOf({ median, low, high }: Statistics): number {
  return (high - low) / 2 / median;
}

/** Three to four significant digits in milliseconds. */
export function milliseconds(time: number): string {
  return `${time < 0.01 ? time.toFixed(5) : time < 0.1 ? time.toFixed(4) : time < 10 ? time.toFixed(3) : time.toFixed(1)} ms`;
}
