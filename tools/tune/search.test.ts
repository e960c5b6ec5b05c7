// The search against machines that are made up: how fast each candidate is, how much measurements waver and what the clock
// says all come from the test.

import { describe, expect, test } from "vitest";
import { lane, takeTurns, warmUp } from "../timing/interleaved.ts";
import { randomWords } from "../../runtime/random.ts";
import type { Admission, Candidate } from "./candidate.ts";
import { NoBaseline, search, type Progress, type SearchOptions } from "./search.ts";
import { candidateOf, shuffled, valueSpace } from "./space.ts";
import { standingOf } from "./standing.ts";

const numbers = (low: number, high: number): string[] =>
  Array.from({ length: high - low + 1 }, (_, at) => String(low + at));
/** Two lists: `i` of 8 values, `j` of 6. */
const knobs = [
  { id: "@tile(i)", argument: "i", values: numbers(1, 8) },
  { id: "@tile(j)", argument: "j", values: numbers(1, 6) },
].map((knob) => ({ ...knob, annotation: undefined as never }));
const space = valueSpace(knobs, 1);
const at = (i: number, j: number): Candidate =>
  candidateOf(knobs, { "@tile(i)": String(i), "@tile(j)": String(j) });

interface World {
  /** Milliseconds of a candidate's run. */
  readonly speed: (i: number, j: number) => number;
  /** By how much a measurement may be longer, as a part. */
  readonly noise?: number;
  /** A factor that changes with the time, for everyone. */
  readonly drift?: (now: number) => number;
  readonly admission?: (i: number, j: number) => Admission | undefined;
  /** Milliseconds that compiling one takes. */
  readonly compile?: number;
}

function world({ speed, noise = 0, drift = () => 1, admission, compile = 100 }: World) {
  let clock = 0;
  const word = randomWords(5);
  const tried: string[] = [];
  const admit = async (candidate: Candidate, twin?: "twin"): Promise<Admission> => {
    const [i, j] = Object.values(candidate.values).map(Number) as [number, number];
    tried.push(`${candidate.label}${twin ? " again" : ""}`);
    clock += compile;
    const other = admission?.(i, j);
    if (other) return other;
    const run = async (times: number): Promise<number> => {
      const time = times * speed(i, j) * (1 + (noise * word()) / 2 ** 32) * drift(clock);
      clock += time;
      return time;
    };
    return { kind: "ready", lane: lane(run) };
  };
  const go = (more: Partial<SearchOptions> = {}) =>
    search({
      baseline: at(1, 1),
      space,
      admit,
      budget: 60_000,
      now: () => clock,
      pause: async () => undefined,
      ...more,
    });
  return { go, tried, spent: () => clock };
}

/** The best is i = 5, j = 4. */
const bowl = (i: number, j: number): number => 2 + 0.2 * (i - 5) ** 2 + 0.3 * (j - 4) ** 2;

describe("the search", () => {
  test("finds the best of all", async () => {
    const { go, tried } = world({ speed: bowl });
    const outcome = await go();
    expect(outcome.winner?.candidate.label).toBe("i=5 j=4");
    expect(outcome.winner?.standing?.ratio).toBeCloseTo(bowl(5, 4) / bowl(1, 1));
    expect(outcome).toMatchObject({ tried: 48, same: 0, refused: [], wrong: [], ended: "complete" });
    expect(new Set(tried.slice(0, -1)).size).toBe(48);
    expect(tried.at(-1)).toBe("i=1 j=1 again");
    expect(outcome.ranked).toHaveLength(47);
  });

  test("finds it though measurements waver and the machine slows down", async () => {
    const { go } = world({ speed: bowl, noise: 0.3, drift: (now) => 1 + now / 20_000 });
    const { winner, noise } = await go();
    const values = Object.values(winner!.candidate.values).map(Number) as [number, number];
    expect(bowl(...values)).toBeLessThan(1.15 * bowl(5, 4));
    expect(noise).toBeGreaterThan(0.01);
    expect(noise).toBeLessThan(0.3);
  });

  test("gives more samples to those who lead, after the engine has had its time", async () => {
    const { go } = world({ speed: bowl });
    const { ranked } = await go();
    const rounds = ranked.map(({ standing }) => standing?.rounds ?? 0);
    expect(rounds[0]).toBeGreaterThanOrEqual(7);
    expect(rounds.at(-1)).toBeLessThanOrEqual(3);
    expect(ranked.filter(({ finalist }) => finalist)).toHaveLength(4);
  });

  test("keeps what is in force where nothing beats it by more than the noise", async () => {
    const { go } = world({ speed: (i, j) => 2 - 0.0001 * (i + j), noise: 0.05 });
    const { winner, noise, baseline } = await go();
    expect(winner).toBeUndefined();
    expect(noise).toBeGreaterThanOrEqual(0.01);
    expect(baseline.candidate).toEqual(at(1, 1));
  });

  test("a difference that is clear counts, though it is small", async () => {
    const { go } = world({ speed: (i, j) => (i === 7 && j === 2 ? 1.94 : 2), noise: 0.002 });
    expect((await go()).winner?.candidate.label).toBe("i=7 j=2");
  });

  test("leaves out what is refused, wrong or tried before, and says so", async () => {
    const { go } = world({
      speed: bowl,
      admission: (i, j) => {
        if (i === 5) return { kind: "refused", why: "K0540 an order" };
        if (j === 4) return { kind: "wrong", why: "y[0] is 1 instead of 2" };
        return i === 8 ? { kind: "same", as: "i=7" } : undefined;
      },
    });
    const { winner, refused, wrong, same, ranked } = await go();
    expect(winner?.candidate.label).toMatch(/^i=[46] j=[35]$/);
    expect(refused).toHaveLength(6);
    expect(refused[0]!.why).toBe("K0540 an order");
    expect(wrong.map(({ candidate }) => candidate.label)).toContain("i=3 j=4");
    expect(wrong).toHaveLength(7);
    expect(same).toBe(5);
    expect(ranked).toHaveLength(47 - 6 - 7 - 5);
  });

  test("has nothing to compare with where the values in force are wrong", async () => {
    const { go } = world({
      speed: bowl,
      admission: () => ({ kind: "wrong", why: "y[0] is 1 instead of 2" }),
    });
    await expect(go()).rejects.toThrow(NoBaseline);
  });

  test("ends in time, and looks around the leaders where it can't try all", async () => {
    const { go, tried, spent } = world({ speed: bowl, compile: 1500 });
    const outcome = await go({ budget: 40_000 });
    expect(outcome.ended).toBe("budget");
    expect(outcome.tried).toBeLessThan(30);
    expect(spent()).toBeLessThan(44_000);
    const [i, j] = Object.values(outcome.winner!.candidate.values).map(Number) as [number, number];
    expect(bowl(i, j)).toBeLessThan(0.6 * bowl(1, 1));
    expect(tried.length).toBe(new Set(tried).size);
  });

  test.each([0, 3, 20, 60])(
    "gives what is known when it is interrupted after %i reports",
    async (reports) => {
      const { go } = world({ speed: bowl });
      const stop = new AbortController();
      let count = 0;
      const progress = () => void (++count > reports && stop.abort());
      const outcome = await go({ signal: stop.signal, progress });
      expect(outcome.ended).toBe("interrupted");
      const known = outcome.ranked.map(({ time }) => time.median);
      expect(outcome.winner?.time.median).toBe(Math.min(...known));
    },
  );

  test("says how far it is", async () => {
    const seen: Progress[] = [];
    await world({ speed: bowl }).go({ progress: (now) => seen.push(now) });
    expect([...new Set(seen.map(({ stage }) => stage))]).toEqual(["compiling", "timing", "final"]);
    expect(seen.at(-1)).toMatchObject({ tried: 48, left: 4, best: { label: "i=5 j=4" } });
    const times = seen.map(({ remaining }) => remaining);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });
});

describe("spaces", () => {
  test("have each candidate once, in an order of the seed", () => {
    const all = [...space.candidates()].map(({ key }) => key);
    expect(new Set(all).size).toBe(48);
    expect(space.size).toBe(48);
    expect([...valueSpace(knobs, 1).candidates()].map(({ key }) => key)).toEqual(all);
    expect([...valueSpace(knobs, 2).candidates()].map(({ key }) => key)).not.toEqual(all);
  });

  test("neighbours differ in one value", () => {
    const near = space.neighbours(at(2, 3)).map(({ label }) => label);
    expect(near).toHaveLength(7 + 5);
    expect(near.every((label) => label.includes("i=2") !== label.includes("j=3"))).toBe(true);
  });

  test("too large for a list are drawn from", () => {
    const drawn: number[] = [];
    for (const number of shuffled(2 ** 45, 3)) {
      drawn.push(number);
      if (drawn.length === 1000) break;
    }
    expect(new Set(drawn).size).toBe(1000);
    expect(drawn.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 45)).toBe(true);
    expect(Math.max(...drawn)).toBeGreaterThan(2 ** 44);
  });
});

describe("interleaved timing", () => {
  test("warms up for as long as is asked, and finds the runs of a sample", async () => {
    const short = lane(async (times) => times * 0.25);
    await warmUp(short, { warmUp: 10, sample: 2 });
    expect(short).toMatchObject({ runs: 8, spent: 10, best: 0.25, times: [] });
    const long = lane(async (times) => times * 50);
    await warmUp(long, { warmUp: 10, sample: 2 });
    expect(long).toMatchObject({ runs: 1, spent: 150 });
  });

  test("takes turns in changing order, and stops where it is told to", async () => {
    const order: string[] = [];
    const lanes = ["a", "b", "c"].map((name) =>
      lane(async (times) => {
        order.push(name);
        return times;
      }),
    );
    for (let round = 0; round < 3; round++) await takeTurns(lanes, round);
    expect(order.join("")).toBe("aabbccaaccbbccaabb");
    expect(lanes[0]).toMatchObject({ times: [1, 1, 1], rounds: [0, 1, 2] });
    let left = 2;
    await takeTurns(lanes, 3, async () => left-- > 0);
    expect(lanes.map(({ times }) => times.length).toSorted()).toEqual([3, 4, 4]);
  });

  test("compares samples of the same round", () => {
    const given = (times: number[], rounds: number[]) => ({ ...lane(async () => 0), times, rounds });
    const base = given([10, 20, 40, 80], [0, 1, 2, 3]);
    expect(standingOf(given([5, 20, 40], [0, 2, 3]), base)).toEqual({ ratio: 0.5, error: 0, rounds: 3 });
    expect(standingOf(given([5, 20, 40], [0, 2, 3]), base, 2).rounds).toBe(2);
    expect(standingOf(given([], []), base).rounds).toBe(0);
  });
});
