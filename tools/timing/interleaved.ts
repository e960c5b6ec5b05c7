// Interleaved timing, for everything of the project that compares speeds: each lane is warmed up until the engine has
// optimised its code, then all take turns at short samples, so that whatever else the machine does hits them alike. A lane
// says itself how long a run took; nothing here reads a clock.

export interface Lane {
  /** Does the work so many times, and gives the milliseconds that it took together. */
  run(times: number): Promise<number>;
  /** Called behind each sample, for what is measured beside it. */
  after?(): Promise<void>;
  /** Runs in a sample; warming up finds it. */
  runs: number;
  /** Milliseconds of the fastest run while it was warmed up; Infinity before. */
  best: number;
  /** Milliseconds that it has run so far, warming up included. */
  spent: number;
  /** Milliseconds a run, one for each sample, and the rounds that they were taken in. */
  readonly times: number[];
  readonly rounds: number[];
}

export function lane(run: Lane["run"], after?: Lane["after"]): Lane {
  return { run, ...(after && { after }), runs: 1, best: Infinity, spent: 0, times: [], rounds: [] };
}

/** No sample has more runs. */
const most = 100_000;

/** Runs a lane until it has run for `warmUp` milliseconds in all, and finds how many runs take `sample` milliseconds. */
export async function warmUp(
  given: Lane,
  { warmUp: wanted, sample }: { readonly warmUp: number; readonly sample: number },
): Promise<void> {
  for (let n = 0; (n < 3 || given.spent < wanted) && n < most; n++) {
    const time = await given.run(1);
    given.best = Math.min(given.best, time);
    given.spent += time;
  }
  given.runs = Math.min(Math.max(Math.ceil(sample / Math.max(given.best, 1e-5)), 1), most);
}

/**
 * Takes one sample of each lane: round number `round`. Its number decides the order, so that nobody always comes behind
 * the same neighbour's traces in the caches. `proceed`, where it is given, is asked before each sample; the round ends where
 * it says no.
 */
export async function takeTurns(
  lanes: readonly Lane[],
  round: number,
  proceed?: () => Promise<boolean>,
): Promise<void> {
  const order = lanes.map((_, at) => lanes[(at + round) % lanes.length]!);
  for (const each of round % 2 ? order.toReversed() : order) {
    if (proceed && !(await proceed())) return;
    // The caches are the lane's own when the clock starts.
    each.spent += await each.run(1);
    const time = await each.run(each.runs);
    each.spent += time;
    each.times.push(time / each.runs);
    each.rounds.push(round);
    await each.after?.();
  }
}
