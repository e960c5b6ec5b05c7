// One kernel at one size, from its typed instance to an entry for the lock file: which candidates there are, what is in force
// now, and the search with real kernels on a real device.

import type { Signature } from "../../compiler/artifact.ts";
import { compileTyped, type CompileOptions } from "../../compiler/index.ts";
import { fixDims } from "../../compiler/fix-dims.ts";
import { lower } from "../../compiler/lower/index.ts";
import { prove } from "../../compiler/proofs/index.ts";
import { fingerprint } from "../../compiler/tuning/fingerprint.ts";
import {
  entryFor,
  fixedDims,
  lockFeatures,
  printLock,
  type Lock,
  type LockEntry,
} from "../../compiler/tuning/lock.ts";
import { lockedChoice } from "../../compiler/tuning/locked.ts";
import { printSchedule } from "../../compiler/tuning/schedule-text.ts";
import { knobsOf, type Knob } from "../../compiler/tuning/values.ts";
import { DiagnosticSink, type Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { TKernel, TypedModule } from "../../lang/typed.ts";
import type { Arguments, Device, Kernel } from "../../runtime/index.ts";
import { interpretable } from "../kernc/benching/check.ts";
import { operationsOf } from "../kernc/benching/operations.ts";
import { tileSizes } from "../kernc/verifying/tile-sizes.ts";
import type { Lane } from "../timing/interleaved.ts";
import type { Candidate } from "./candidate.ts";
import { Contenders } from "./contenders.ts";
import { scheduleCandidate, scheduleSpace } from "./schedule-space.ts";
import { search, type Outcome, type SearchOptions } from "./search.ts";
import { candidateOf, valueSpace, type Space } from "./space.ts";

/** Targets whose kernels can be timed. */
export type TunedTarget = "wasm" | "wgsl";
const defaultFeatures = ["threads"] as const;

export interface Subject {
  readonly module: TypedModule;
  readonly typed: TKernel;
  readonly signature: Signature;
  readonly target: TunedTarget;
  readonly dims: Readonly<Record<string, number>>;
  readonly compile: CompileOptions;
  readonly knobs: readonly Knob[];
  readonly space: Space;
  /** The candidate that a compilation of this size has now. */
  readonly baseline: Candidate;
  /** The lock's entry that it is from. */
  readonly entry?: LockEntry;
  /** What was amiss with the lock. */
  readonly warnings: readonly Diagnostic[];
}

export interface SubjectOptions {
  readonly module: TypedModule;
  readonly typed: TKernel;
  readonly signature: Signature;
  readonly target: TunedTarget;
  readonly dims: Readonly<Record<string, number>>;
  /** With the features, the limits and the adapter of the device, where it is a GPU. */
  readonly compile: CompileOptions;
  readonly lock: Lock;
  /** Whole schedules instead of the lists in annotations. */
  readonly schedules: boolean;
  readonly seed: number;
}

/** What is to be searched, and what has to be beaten. */
export async function subjectOf(options: SubjectOptions): Promise<Subject> {
  const { module, typed, signature, target, dims, compile, lock, schedules, seed } = options;
  const knobs = knobsOf(typed, target);
  const warnings = new DiagnosticSink();
  const kernel = prove(fixDims(lower(typed, target, "ignored"), dims), new DiagnosticSink()).kernel;
  const { features = defaultFeatures, adapter } = compile;
  // Of the entries only those for code of this kind: with the same dims as constants.
  const fixed = Object.keys(compile.shape ?? {}).toSorted();
  const alike = lock.entries.filter((each) => JSON.stringify(fixedDims(each)) === JSON.stringify(fixed));
  const locked = lockedChoice(
    { entries: alike },
    typed,
    target,
    { features, adapter, shape: dims },
    warnings,
  );
  const usable = locked && (await isUsable(options, locked.entry, warnings));
  const baseline = !usable
    ? candidateOf(knobs, {})
    : locked.schedule
      ? scheduleCandidate(kernel, target, locked.schedule)
      : candidateOf(knobs, locked.entry.values);
  return {
    module,
    typed,
    signature,
    target,
    dims,
    compile,
    knobs,
    space: schedules ? scheduleSpace(kernel, target, seed) : valueSpace(knobs, seed),
    baseline,
    ...(usable && { entry: locked.entry }),
    warnings: warnings.all,
  };
}

/** Whether the provers still accept an entry; if they don't, a warning says why. */
async function isUsable(
  { module, typed, target, compile }: SubjectOptions,
  entry: LockEntry,
  warnings: DiagnosticSink,
): Promise<boolean> {
  const lock = printLock({ entries: [entry] });
  const compiled = await compileTyped(module, [typed], { ...compile, target, lock }, new DiagnosticSink());
  compiled.diagnostics.filter(({ code }) => code === "K0550").forEach((each) => warnings.add(each));
  return compiled.artifact(target).kernels[0]!.report.tuned !== undefined;
}

export interface TuneOptions extends Pick<SearchOptions, "budget" | "now" | "pause" | "signal" | "progress"> {
  readonly device: Device;
  /** The kernel on the interpreter. */
  readonly interp: Kernel;
  readonly args: () => Arguments;
  /** Takes a candidate's time; on the device if nothing is said. */
  readonly measure?: (kernel: Kernel, candidate: Candidate) => Lane;
}

/** Searches, and gives the entry for the lock file if something beats what is in force. */
export async function tune(
  subject: Subject,
  options: TuneOptions,
): Promise<{ readonly outcome: Outcome; readonly entry?: LockEntry }> {
  const { typed, signature, target, dims, knobs, space, baseline, compile } = subject;
  const operations = operationsOf(lower(typed), dims);
  const contenders = new Contenders({
    ...subject,
    ...options,
    interpretable: operations !== undefined && operations <= interpretable,
    tiles: [...tileSizes(typed), ...sizesIn(space)],
  });
  const outcome = await search({
    ...options,
    baseline,
    // What counts without a lock, where something else is in force.
    first: [candidateOf(knobs, {})],
    space,
    admit: (candidate, twin) => contenders.admit(candidate, twin),
  });
  const { winner } = outcome;
  if (!winner) return { outcome };
  const { values, schedule } = winner.candidate;
  const round = (time: number): number => Number(time.toPrecision(4));
  return {
    outcome,
    entry: {
      kernel: signature.instance,
      target,
      features: lockFeatures(compile.features ?? defaultFeatures),
      ...(compile.adapter !== undefined && { adapter: compile.adapter }),
      shape: dims,
      fixed: Object.keys(compile.shape ?? {}),
      source: fingerprint(typed, target),
      values,
      ...(schedule && { schedule: printSchedule(schedule) }),
      measured: {
        median: round(winner.time.median),
        before: round(outcome.baseline.time.median),
        threads: options.device.threads ?? 1,
      },
    },
  };
}

/** Sizes that the first candidates' tiles have: around them, schedules change their course. */
function sizesIn(space: Space): number[] {
  const sizes = new Set<number>();
  let count = 0;
  for (const { schedule } of space.candidates()) {
    if (!schedule || ++count > 40) break;
    for (const { directives } of schedule)
      for (const each of directives)
        if (each.kind === "tile") each.sizes.forEach((one) => one.sizes.forEach((size) => sizes.add(size)));
  }
  return [...sizes].filter((size) => size > 1 && size <= 64);
}

/** Whether an entry is for the code as it is now. */
export function isCurrent(entry: LockEntry, typed: TKernel): boolean {
  const source = fingerprint(typed, entry.target);
  return entryFor({ entries: [entry] }, { ...entry, source }, entry.shape).kind === "entry";
}
