// Whole schedules as a search space: for each nest of the kernel what the automatic scheduler would choose from, and what
// is one step away from the leaders. Its cost model says where to begin; since a model can be wrong, every third candidate is
// drawn from all of them.

import type { TargetName } from "../../compiler/artifact.ts";
import type { IrKernel } from "../../compiler/ir/ir.ts";
import {
  annotationTexts,
  scheduleChoices,
  scheduleText,
  type Choice,
  type Schedule,
} from "../../compiler/schedule/auto/index.ts";
import type { Candidate } from "./candidate.ts";
import { mutations } from "./mutations.ts";
import { shuffled, type Space } from "./space.ts";

/** Of each nest, the best by the model are a candidate's neighbours. */
const near = 6;

/** `kernel` is lowered for the target without its annotations and proved, with the sizes that are measured as constants. */
export function scheduleSpace(kernel: IrKernel, target: TargetName, seed: number): Space {
  const choices = scheduleChoices(kernel, target);
  const size = choices.reduce((product, { candidates }) => product * candidates.length, 1);
  const candidate = (picks: readonly number[]): Candidate => scheduled(kernel, target, choices, picks);
  const picksOf = new Map<string, readonly number[]>();
  const known = (picks: readonly number[]): Candidate => {
    const made = candidate(picks);
    picksOf.set(made.key, picks);
    return made;
  };
  const numbered = (number: number): number[] => {
    let rest = number;
    return choices.map(({ candidates }) => {
      const pick = rest % candidates.length;
      rest = Math.floor(rest / candidates.length);
      return pick;
    });
  };
  const best = choices.map(() => 0);
  /** The best of each nest, and those that differ from it in one nest, by the model. */
  const ranked = (): (readonly number[])[] => {
    const cost = (picks: readonly number[]): number =>
      picks.reduce(
        (sum, pick, at) => sum + choices[at]!.times * choices[at]!.candidates[pick]!.cost.total,
        0,
      );
    const all = choices.flatMap(({ candidates }, at) =>
      candidates.slice(1).map((_, pick) => best.with(at, pick + 1)),
    );
    return [best, ...all.toSorted((a, b) => cost(a) - cost(b))];
  };
  return {
    size: choices.length === 0 ? 0 : size,
    *candidates() {
      if (choices.length === 0) return;
      const drawn = shuffled(size, seed)[Symbol.iterator]();
      for (const [at, picks] of ranked().entries()) {
        yield known(picks);
        const next = at % 2 === 1 ? drawn.next() : undefined;
        if (next && !next.done) yield known(numbered(next.value));
      }
      for (let next = drawn.next(); !next.done; next = drawn.next()) yield known(numbered(next.value));
    },
    neighbours({ key, schedule }) {
      const picks = picksOf.get(key);
      return [
        ...(schedule ? mutations(schedule, kernel) : []).map((other) =>
          scheduleCandidate(kernel, target, other),
        ),
        ...(picks ? choices : []).flatMap(({ candidates }, at) =>
          candidates.slice(0, near).map((_, pick) => known(picks!.with(at, pick))),
        ),
      ];
    },
  };
}

function scheduled(
  kernel: IrKernel,
  target: TargetName,
  choices: readonly Choice[],
  picks: readonly number[],
): Candidate {
  const schedule = choices.flatMap(({ loop, candidates }, at): Schedule => {
    const { directives } = candidates[picks[at]!]!;
    return directives.length === 0 ? [] : [{ loop, directives }];
  });
  return scheduleCandidate(kernel, target, schedule);
}

/** The candidate for a schedule of the kernel. */
export function scheduleCandidate(kernel: IrKernel, target: TargetName, schedule: Schedule): Candidate {
  const texts = annotationTexts(kernel, schedule, target);
  const label = texts
    .map(({ lines }) => lines.map((line) => line.replace(/^@\w+\./, "")).join(" "))
    .join(" | ");
  return {
    key: JSON.stringify(schedule),
    label: label || "no annotations",
    values: {},
    schedule,
    annotations: scheduleText(texts).split("\n"),
  };
}
