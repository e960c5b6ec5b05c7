// Names of candidates for a table or a picture. Schedules have long ones that differ in little: what all of them share is
// said once.

import type { Candidate } from "./candidate.ts";

export interface Labels {
  /** What every schedule among them has. */
  readonly common: readonly string[];
  of(candidate: Candidate): string;
}

const parts = ({ annotations = [] }: Candidate): readonly string[] =>
  annotations.map((line) => line.replace(/^@(wasm|wgsl|tsp)\./, "").replace(/^@/, ""));

export function labelsOf(candidates: readonly Candidate[]): Labels {
  const schedules = [
    ...new Map(candidates.filter(({ schedule }) => schedule).map((each) => [each.key, each])).values(),
  ];
  const [first, ...others] = schedules.map(parts);
  const common =
    others.length === 0 ? [] : first!.filter((part) => others.every((each) => each.includes(part)));
  return {
    common,
    of: (candidate) => {
      if (!candidate.schedule || common.length === 0) return candidate.label;
      const own = parts(candidate).filter((part) => !common.includes(part));
      return own.length === 0 ? "nothing more" : own.join(" ");
    },
  };
}
