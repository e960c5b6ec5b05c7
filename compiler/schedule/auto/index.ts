// The automatic scheduler. A nest without annotations gets a schedule from the same primitives, by the model of `cost.ts`,
// and the same provers decide whether it may stay: a candidate that they refuse gives way to the next.
//
//   survey.ts, subscripts.ts   what is independent, and how accesses move
//   nests.ts, candidates.ts    where there is something to choose, and from what
//   levels.ts, cost.ts, memory.ts, machine.ts   what a candidate costs
//   annotate.ts, text.ts       schedules on the IR and as the source would have them

import { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import type { TargetName } from "../../artifact.ts";
import type { IrKernel } from "../../ir/ir.ts";
import { prove, type ProofResult } from "../../proofs/index.ts";
import { annotate, type Schedule, type StatementSchedule } from "./annotate.ts";
import type { Candidate } from "./candidates.ts";
import type { Known } from "./cost.ts";
import { wasmMachine, wgslMachine, type Machine } from "./machine.ts";
import { choicesOf, unscheduledLoops, type Choice } from "./nests.ts";
import { subscriptsOf } from "./subscripts.ts";
import { surveyOf } from "./survey.ts";
import { annotationTexts, scheduleText, type AnnotationText } from "./text.ts";

export { annotate, type Schedule, type StatementSchedule } from "./annotate.ts";
export { annotationTexts, scheduleText, type AnnotationText } from "./text.ts";
export type { Candidate };
export type { Choice } from "./nests.ts";

/** A whole kernel's schedule that may be tried: nobody has checked it yet. */
export interface Proposal {
  readonly schedule: Schedule;
  /** By the cost model, in quarters of a cycle; it ranks proposals of one kernel. */
  readonly cost: number;
  /** As the source would have it, restricted to the target. */
  readonly text: string;
}

/** What was chosen for a kernel. */
export interface Scheduled {
  readonly schedule: Schedule;
  /** The kernel with it, proved. */
  readonly proof: ProofResult;
  readonly texts: readonly AnnotationText[];
}

/** A kernel as it was lowered for the target, and without what was proved. */
export interface Schedulable {
  readonly lowered: IrKernel;
  readonly ir: IrKernel;
}

const machines: Partial<Record<TargetName, Machine>> = { wasm: wasmMachine, wgsl: wgslMachine };

/** Everything that is open in a kernel, choice by choice; none where nests are annotated or the target has no schedules. */
export function scheduleChoices(kernel: IrKernel, target: TargetName): readonly Choice[] {
  const machine = machines[target];
  const open = unscheduledLoops(kernel);
  if (!machine || open.size === 0) return [];
  const survey = surveyOf(kernel, (loop) => open.has(loop));
  const accesses = new Map(survey.accesses.map((access) => [access.node, subscriptsOf(access, survey)]));
  const known: Known = { survey, accesses, machine };
  return choicesOf(kernel, known);
}

/**
 * Schedules of a kernel, the best by the cost model first: the best of each choice, and those that differ from it in one
 * choice. `kernel` is lowered for the target and proved, with dims as constants where they are known.
 */
export function proposeSchedules(kernel: IrKernel, target: TargetName, most = Infinity): readonly Proposal[] {
  const choices = scheduleChoices(kernel, target);
  const best = choices.map(({ candidates }) => candidates[0]!);
  const costAt = (at: number, number: number): number =>
    choices[at]!.times * choices[at]!.candidates[number]!.cost.total;
  const least = choices.reduce((sum, _, at) => sum + costAt(at, 0), 0);
  const found = [{ picks: best, cost: least }];
  for (const [at, { candidates }] of choices.entries())
    for (let number = 1; number < candidates.length; number++)
      found.push({
        picks: best.with(at, candidates[number]!),
        cost: least - costAt(at, 0) + costAt(at, number),
      });
  const seen = new Set<string>();
  return found
    .toSorted((a, b) => a.cost - b.cost)
    .map(({ picks, cost }): Proposal => {
      const schedule = choices.flatMap(({ loop }, at): StatementSchedule[] => {
        const { directives } = picks[at]!;
        return directives.length === 0 ? [] : [{ loop, directives }];
      });
      return { schedule, cost, text: scheduleText(annotationTexts(kernel, schedule, target)) };
    })
    .filter(({ schedule }) => {
      const key = JSON.stringify(schedule);
      return !seen.has(key) && seen.add(key);
    })
    .slice(0, most);
}

/** Candidates of one choice that are proved before it stays without: refusals are rare, and proofs take time. */
const attempts = 3;

/** The best schedule that the provers accept; undefined where nothing is to be scheduled. */
export function chooseSchedule(kernel: Schedulable, target: TargetName): Scheduled | undefined {
  const choices = scheduleChoices(kernel.ir, target);
  const picked = (number: (at: number) => number): Schedule =>
    choices.flatMap(({ loop, candidates }, at): StatementSchedule[] => {
      const directives = candidates[number(at)]?.directives ?? [];
      return directives.length === 0 ? [] : [{ loop, directives }];
    });
  const whole = picked(() => 0);
  if (whole.length === 0) return undefined;
  const accepted = tried(kernel, whole, target);
  if (accepted) return accepted;
  // Whichever is refused alone gives way to the next.
  const numbers = choices.map(({ loop, candidates }) => {
    const fits = ({ directives }: Candidate): boolean =>
      directives.length === 0 || tried(kernel, [{ loop, directives }], target) !== undefined;
    const found = candidates.slice(0, attempts).findIndex(fits);
    return found < 0 ? candidates.length : found;
  });
  const rest = picked((at) => numbers[at]!);
  return rest.length === 0 ? undefined : tried(kernel, rest, target);
}

/** The kernel under a schedule, if the provers accept that; a caller who wants to know why proves it himself. */
function tried(kernel: Schedulable, schedule: Schedule, target: TargetName): Scheduled | undefined {
  const sink = new DiagnosticSink();
  const proof = prove(annotate(kernel.lowered, schedule), sink);
  if (sink.hasErrors) return undefined;
  return { schedule, proof, texts: annotationTexts(kernel.ir, schedule, target) };
}

/** Whether the provers accept a schedule; the prover's own errors about the kernel count as refusals. */
export function acceptsSchedule(kernel: Schedulable, schedule: Schedule): boolean {
  const sink = new DiagnosticSink();
  prove(annotate(kernel.lowered, schedule), sink);
  return !sink.hasErrors;
}
