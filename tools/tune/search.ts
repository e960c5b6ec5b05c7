// The search: candidates are admitted (compiled, compared with what is right) in random order while time allows; then
// those one step away from the fastest join them; then they take turns at short samples, and after each rung the faster half
// goes on, with more samples. In the end a few finalists are measured at length beside the values in force and a twin of
// those, whose distance from its original is what the measurements waver by. No clock and no compiler of its own: all
// of that is given, so that a test can say how fast everything is.

import { takeTurns, warmUp, type Lane } from "../timing/interleaved.ts";
import { statisticsOf, type Statistics } from "../timing/statistics.ts";
import type { Admit, Candidate } from "./candidate.ts";
import type { Space } from "./space.ts";
import { standingOf, type Standing } from "./standing.ts";

export interface Progress {
  readonly stage: "compiling" | "timing" | "final";
  readonly tried: number;
  /** Candidates that may still win. */
  readonly left: number;
  /** The fastest so far, by the baseline. */
  readonly best?: { readonly label: string; readonly ratio: number };
  /** Milliseconds of the budget. */
  readonly remaining: number;
}

export interface SearchOptions {
  /** The values in force: what a candidate has to beat. */
  readonly baseline: Candidate;
  /** Candidates to be tried before all others. */
  readonly first?: readonly Candidate[];
  readonly space: Space;
  readonly admit: Admit;
  /** Milliseconds. */
  readonly budget: number;
  readonly now: () => number;
  /** Lets the process hear of signals. */
  readonly pause: () => Promise<void>;
  readonly signal?: AbortSignal;
  readonly progress?: (progress: Progress) => void;
}

export interface Ranked {
  readonly candidate: Candidate;
  readonly time: Statistics;
  /** Absent where it was far too slow for a comparison in turns. */
  readonly standing?: Standing;
  readonly finalist: boolean;
}

export interface Outcome {
  readonly baseline: Ranked;
  /** All that were timed but the baseline: finalists, then by the rung they reached, each group by speed. */
  readonly ranked: readonly Ranked[];
  /** The fastest finalist, if it beats the baseline by more than the noise. */
  readonly winner?: Ranked;
  /** What measurements of the same code differ by, as a part. */
  readonly noise: number;
  readonly tried: number;
  readonly same: number;
  readonly refused: readonly { readonly candidate: Candidate; readonly why: string }[];
  readonly wrong: readonly { readonly candidate: Candidate; readonly why: string }[];
  readonly ended: "complete" | "budget" | "interrupted";
}

/** Thrown where the values in force can't be compiled, or are wrong: there is nothing to compare with. */
export class NoBaseline extends Error {}

/** Parts of the budget after which candidates, neighbours of leaders, and rungs end; the rest is the final's. */
const parts = { admission: 0.35, neighbours: 0.65, halving: 0.8 } as const;
const quick = { warmUp: 0, sample: 1 };
const thorough = { warmUp: 200, sample: 2 };
/** After Ctrl-C. */
const hurried = { warmUp: 50, sample: 2 };
const finalists = 4;
/** Neighbours are tried of who is at most so many times slower than the fastest. */
const promising = 1.3;
const firstRounds = 3;
/** Where there is time, a rung has so many times the rounds that it must have. */
const most = 4;
const finalRounds = { least: 7, most: 40 } as const;
/** What is so many times slower than the fastest at first sight isn't timed in turns. */
const hopeless = 2.5;
/** Differences below this are never called an improvement. */
const leastGain = 0.01;

interface Racer {
  readonly candidate: Candidate;
  readonly lane: Lane;
  /** Milliseconds of its fastest run while it was admitted. */
  readonly sight: number;
  /** The last rung that it took part in; -1 for none. */
  rung: number;
}

export function search(options: SearchOptions): Promise<Outcome> {
  return new Search(options).run();
}

class Search {
  private readonly options: SearchOptions;
  private readonly start: number;
  private readonly seen = new Set<string>();
  private readonly racers: Racer[] = [];
  private readonly refused: { candidate: Candidate; why: string }[] = [];
  private readonly wrong: { candidate: Candidate; why: string }[] = [];
  private same = 0;
  private round = 0;
  private exhausted = false;
  private baseline!: Racer;

  constructor(options: SearchOptions) {
    this.options = options;
    this.start = options.now();
  }

  async run(): Promise<Outcome> {
    const { baseline, first = [], space } = this.options;
    this.baseline = await this.admittedBaseline(baseline);
    await this.admitAll(first);
    this.exhausted = await this.admitAll(space.candidates());
    await this.climb();
    let field = this.hopeful(this.racers);
    for (let rung = 0, rounds = firstRounds; field.length > finalists && this.within(parts.halving); rung++) {
      await this.rung(rung, field, rounds, this.share(field.length));
      field = this.bySpeed(field).slice(0, Math.max(Math.ceil(field.length / 2), finalists));
      rounds = Math.ceil(rounds * 1.6);
    }
    field = this.bySpeed(field).slice(0, finalists);
    const { since, noise } = await this.final(field);
    return this.outcome(field, since, noise);
  }

  // ---- time ----

  private get interrupted(): boolean {
    return this.options.signal?.aborted === true;
  }

  private get spent(): number {
    return this.options.now() - this.start;
  }

  /** Whether a stage that may last until this part of the budget goes on. */
  private within(part: number): boolean {
    return !this.interrupted && this.spent < part * this.options.budget;
  }

  /** The part of the budget until which a rung may take more samples than it must: what is left is shared among the rungs. */
  private share(field: number): number {
    const rungs = Math.max(Math.ceil(Math.log2(field / finalists)), 1);
    const now = this.spent / this.options.budget;
    return now + (parts.halving - now) / rungs;
  }

  private report(stage: Progress["stage"], left: number): void {
    const { progress, budget } = this.options;
    if (!progress) return;
    const [best] = this.bySpeed(this.racers.filter(({ lane }) => lane.rounds.length > 0));
    progress({
      stage,
      tried: this.seen.size,
      left,
      remaining: Math.max(budget - this.spent, 0),
      ...(best && { best: { label: best.candidate.label, ratio: this.standing(best).ratio } }),
    });
  }

  // ---- admission ----

  private async admittedBaseline(candidate: Candidate): Promise<Racer> {
    this.seen.add(candidate.key);
    const admission = await this.options.admit(candidate);
    if (admission.kind !== "ready")
      throw new NoBaseline(admission.kind === "same" ? "it was tried before" : admission.why);
    await warmUp(admission.lane, quick);
    return { candidate, lane: admission.lane, sight: admission.lane.best, rung: -1 };
  }

  /** Admits candidates while time allows; whether that was all of them. */
  private async admitAll(candidates: Iterable<Candidate>, part: number = parts.admission): Promise<boolean> {
    for (const candidate of candidates) {
      if (this.seen.has(candidate.key)) continue;
      await this.options.pause();
      if (!this.within(part) || this.spent + this.costOfTurns() > parts.halving * this.options.budget)
        return false;
      this.seen.add(candidate.key);
      await this.admit(candidate);
      this.report("compiling", this.racers.length);
    }
    return true;
  }

  private async admit(candidate: Candidate): Promise<void> {
    const admission = await this.options.admit(candidate);
    switch (admission.kind) {
      case "ready":
        await warmUp(admission.lane, quick);
        this.racers.push({ candidate, lane: admission.lane, sight: admission.lane.best, rung: -1 });
        break;
      case "same":
        this.same++;
        break;
      case "refused":
        this.refused.push({ candidate, why: admission.why });
        break;
      case "wrong":
        this.wrong.push({ candidate, why: admission.why });
    }
  }

  /** Milliseconds that the first rung will take with those who are admitted so far. */
  private costOfTurns(): number {
    return this.hopeful(this.racers).reduce(
      (sum, { sight }) => sum + firstRounds * (sight + Math.max(sight, quick.sample)),
      0,
    );
  }

  private bestSight(): number {
    return this.racers.reduce((least, { sight }) => Math.min(least, sight), this.baseline.sight);
  }

  /**
   * Tries what is one step away from the fastest at first sight, then from the next, or from a neighbour that is faster
   * still, while time allows. With all values of lists tried, no step is left; schedules always have some.
   */
  private async climb(): Promise<void> {
    const done = new Set<Racer>();
    while (this.within(parts.neighbours)) {
      const limit = promising * this.racers.reduce((least, { sight }) => Math.min(least, sight), Infinity);
      const [next] = this.racers
        .filter((racer) => !done.has(racer) && racer.sight <= limit)
        .toSorted((one, other) => one.sight - other.sight);
      if (!next) return;
      done.add(next);
      await this.admitAll(this.options.space.neighbours(next.candidate), parts.neighbours);
    }
  }

  /** Those who may win by what they took at first sight; a few in any case, whose neighbours may be better. */
  private hopeful(racers: readonly Racer[]): Racer[] {
    const limit = hopeless * this.bestSight();
    const sorted = racers.toSorted((a, b) => a.sight - b.sight);
    return sorted.filter(({ sight }, at) => at < 2 * finalists || sight <= limit);
  }

  // ---- turns ----

  private async rung(rung: number, field: readonly Racer[], rounds: number, until: number): Promise<void> {
    // From the second rung on, everyone's code has run for so long that the engine has done with it.
    if (rung > 0) await this.warm([this.baseline, ...field]);
    for (const racer of field) racer.rung = rung;
    for (let n = 0; n < rounds || (n < most * rounds && this.within(until)); n++) {
      if (!this.within(parts.halving)) break;
      await this.turns([this.baseline, ...field]);
      this.report("timing", field.length);
    }
  }

  private async warm(racers: readonly Racer[]): Promise<void> {
    for (const { lane } of racers) {
      await this.options.pause();
      await warmUp(lane, this.interrupted ? hurried : thorough);
    }
  }

  private turns(racers: readonly Racer[]): Promise<void> {
    const proceed = async (): Promise<boolean> => {
      await this.options.pause();
      return this.within(parts.halving);
    };
    return takeTurns(
      racers.map(({ lane }) => lane),
      this.round++,
      proceed,
    );
  }

  private async final(field: readonly Racer[]): Promise<{ since: number; noise: number }> {
    if (field.length === 0) return { since: this.round, noise: leastGain };
    const admission = await this.options.admit(this.baseline.candidate, "twin");
    const twin: Racer[] =
      admission.kind === "ready"
        ? [{ candidate: this.baseline.candidate, lane: admission.lane, sight: 0, rung: 0 }]
        : [];
    const racers = [this.baseline, ...twin, ...field];
    await this.warm(racers);
    const since = this.round;
    for (let n = 0; n < finalRounds.most; n++) {
      // However little time is left, and after Ctrl-C as well, a decision needs some samples.
      if (n >= finalRounds.least && !this.within(1)) break;
      await this.options.pause();
      await takeTurns(
        racers.map(({ lane }) => lane),
        this.round++,
      );
      this.report("final", field.length);
    }
    const deviations = twin.map((racer) => {
      const { ratio, error, rounds } = this.standing(racer, since);
      return rounds === 0 ? 0 : Math.max(Math.abs(ratio - 1), error);
    });
    return { since, noise: Math.max(leastGain, ...deviations) };
  }

  // ---- results ----

  private standing(racer: Racer, since = 0): Standing {
    return standingOf(racer.lane, this.baseline.lane, since);
  }

  /** The fastest first; those without samples last. */
  private bySpeed(racers: readonly Racer[], since = 0): Racer[] {
    const ratio = (racer: Racer): number => {
      const { ratio: found } = this.standing(racer, since);
      return Number.isNaN(found) ? 1e6 + racer.sight : found;
    };
    return racers.toSorted((a, b) => ratio(a) - ratio(b));
  }

  private outcome(field: readonly Racer[], since: number, noise: number): Outcome {
    const inFinal = (racer: Racer): boolean =>
      field.includes(racer) && this.standing(racer, since).rounds > 0;
    const ranked = (racer: Racer, finalist: boolean): Ranked => {
      const { candidate, lane, sight } = racer;
      const own = finalist ? lane.times.filter((_, at) => lane.rounds[at]! >= since) : lane.times;
      const standing = this.standing(racer, finalist ? since : 0);
      return {
        candidate,
        time: statisticsOf(own.length > 0 ? own : [sight]),
        ...(standing.rounds > 0 && { standing }),
        finalist,
      };
    };
    const last = this.bySpeed(field.filter(inFinal), since).map((racer) => ranked(racer, true));
    const rest = this.racers.filter((racer) => !(field.includes(racer) && inFinal(racer)));
    const others = this.bySpeed(rest).toSorted((a, b) => b.rung - a.rung);
    const all = [...last, ...others.map((racer) => ranked(racer, false))];
    const [leader] = last;
    const gain = leader?.standing ? 1 - leader.standing.ratio : 0;
    const winner = gain > Math.max(noise, leader?.standing?.error ?? 0) ? leader : undefined;
    const baseline = ranked(this.baseline, last.length > 0);
    return {
      baseline,
      ranked: all,
      ...(winner && { winner }),
      noise,
      tried: this.seen.size,
      same: this.same,
      refused: this.refused,
      wrong: this.wrong,
      ended: this.interrupted ? "interrupted" : this.exhausted ? "complete" : "budget",
    };
  }
}
