// An instance of a kernel on its way to a target: lowered and proved, with the annotations that hold for the target, with what
// a lock file has for it, with what the automatic scheduler chose, or under a schedule of the caller's.

import { DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import type { TKernel } from "../lang/typed.ts";
import { annotationsOf } from "./annotations.ts";
import type { TargetName } from "./artifact.ts";
import { fixDims } from "./fix-dims.ts";
import type { CompileOptions } from "./options.ts";
import type { IrKernel } from "./ir/ir.ts";
import { verify } from "./ir/verify.ts";
import { KernelTooLarge, lower, loweringLimit } from "./lower/index.ts";
import { prove, type ProofResult } from "./proofs/index.ts";
import {
  annotate,
  annotationTexts,
  chooseSchedule,
  type AnnotationText,
  type Schedule,
} from "./schedule/auto/index.ts";
import { checkCallable } from "./signature.ts";
import { targets } from "./targets/index.ts";
import type { GpuReport } from "./targets/target.ts";
import type { Lock, LockEntry } from "./tuning/lock.ts";
import { lockedChoice, refuse } from "./tuning/locked.ts";
import { unknownIn } from "./tuning/schedule-text.ts";
import type { Choice } from "./tuning/values.ts";

/** A kernel instance before any target's passes: what the interpreter runs. */
export interface CompiledKernel {
  readonly typed: TKernel;
  /** As lowering left it. */
  readonly lowered: IrKernel;
  /** Without what was proved. */
  readonly ir: IrKernel;
  readonly proof: ProofResult;
}

/** What a target made of a kernel instance. */
export interface TargetKernel extends CompiledKernel {
  /** The lock's entry whose values it has. */
  readonly locked?: LockEntry;
  /** The annotations that the compiler, or the caller, chose instead of the source. */
  readonly chosen: readonly AnnotationText[];
  /** After all passes, as it was emitted. */
  readonly prepared: IrKernel;
  /** Its part of the emitted text. */
  readonly text: string;
  /** What it takes of a GPU, on targets that are one. */
  readonly gpu: GpuReport | undefined;
}

/** Such code is right on any number of threads. */
export const defaultFeatures: readonly string[] = ["threads"];

/** An instance as a target's annotations have it, with the caller's choice of their values. */
function forTarget(
  kernel: CompiledKernel,
  target: TargetName,
  options: CompileOptions,
  sink: DiagnosticSink,
): CompiledKernel | undefined {
  const { typed } = kernel;
  if (!options.choice && !annotatedTargets(typed).includes(target)) return kernel;
  return provedKernel(typed, target, options, sink, options.choice);
}

/** An instance with what the lock file has for it. Undefined where it has nothing, or nothing that can be used. */
function lockedKernel(
  { typed }: CompiledKernel,
  target: TargetName,
  lock: Lock | undefined,
  options: CompileOptions,
  sink: DiagnosticSink,
): ScheduledKernel | undefined {
  const { features = defaultFeatures, adapter, shape = {} } = options;
  const locked = lockedChoice(lock, typed, target, { features, adapter, shape }, sink);
  // Where annotations alone are wanted, a schedule in their place is not.
  if (!locked || (locked.schedule && options.schedule === "none")) return undefined;
  const { entry, choice, schedule } = locked;
  // Proved when they were found; but files are edited and provers change.
  const own = new DiagnosticSink();
  const proved = provedKernel(typed, target, options, own, schedule ? "ignored" : choice);
  const unknown = proved && schedule && unknownIn(schedule, proved.lowered);
  const done =
    proved &&
    unknown === undefined &&
    (schedule ? underSchedule(proved, schedule, target, own) : automatic(proved, target, options));
  const wrong = own.all.find(({ severity }) => severity === "error")?.message;
  if (done && wrong === undefined) {
    own.all.forEach((found) => sink.add(found));
    return { ...done, locked: entry };
  }
  refuse(typed, wrong ?? `the code has no \`${unknown}\``, sink);
  return undefined;
}

/** One instance for one target's annotations, lowered and proved; undefined where it is too large. */
export function provedKernel(
  typed: TKernel,
  target: TargetName | undefined,
  options: CompileOptions,
  sink: DiagnosticSink,
  choice?: Choice | "ignored",
): CompiledKernel | undefined {
  let lowered: IrKernel;
  try {
    lowered = fixDims(lower(typed, target, choice), options.shape ?? {});
  } catch (error) {
    if (!(error instanceof KernelTooLarge)) throw error;
    sink.report("K0348", { kernel: typed.name, limit: loweringLimit }, typed.decl.name.span);
    return undefined;
  }
  if (options.passes?.verifyEach) verify(lowered, "lower");
  if (!target) checkCallable(lowered, typed, sink);
  const proof = prove(lowered, sink);
  return { typed, lowered, ir: proof.kernel, proof };
}

/** An instance as it goes through the passes of a target. */
export interface ScheduledKernel extends CompiledKernel {
  readonly locked?: LockEntry;
  readonly chosen: readonly AnnotationText[];
  /** The same without what the compiler chose by itself, should the target not hold that. */
  readonly plain?: CompiledKernel;
  /** The same without the lock's entry, should the target not hold that. */
  readonly unlocked?: () => ScheduledKernel | undefined;
}

/** The instance with a target's annotations, and with those that the compiler or the caller chose. */
export function scheduledKernel(
  kernel: CompiledKernel,
  target: TargetName,
  lock: Lock | undefined,
  options: CompileOptions,
  sink: DiagnosticSink,
): ScheduledKernel | undefined {
  const { typed } = kernel;
  const asked = options.schedule ?? "auto";
  const id = { name: typed.name, instance: typed.instance };
  const mode = typeof asked === "function" ? asked(id, target) : asked;
  const annotated = mode === "auto" || mode === "none";
  const locked = annotated && lockedKernel(kernel, target, lock, { ...options, schedule: mode }, sink);
  const unlocked = () => scheduledKernel(kernel, target, undefined, options, new DiagnosticSink());
  if (locked) return { ...locked, unlocked };
  const own = annotated
    ? forTarget(kernel, target, options, sink)
    : provedKernel(typed, target, options, sink, "ignored");
  if (!own || mode === "none" || sink.hasErrors) return own && { ...own, chosen: [] };
  if (typeof mode === "string") return automatic(own, target, options);
  return underSchedule(own, mode, target, sink);
}

/** With what the automatic scheduler chooses for nests that nobody scheduled. */
function automatic(own: CompiledKernel, target: TargetName, { schedule }: CompileOptions): ScheduledKernel {
  const found = schedule === "none" ? undefined : chooseSchedule(own, target);
  if (!found) return { ...own, chosen: [] };
  const proof = withFacts(own.proof, found.proof);
  return { ...own, ir: found.proof.kernel, proof, chosen: found.texts, plain: own };
}

/** With a schedule; what is wrong with it goes to `sink`. */
function underSchedule(
  own: CompiledKernel,
  schedule: Schedule,
  target: TargetName,
  sink: DiagnosticSink,
): ScheduledKernel {
  const proof = prove(annotate(own.lowered, schedule), sink);
  const chosen = annotationTexts(own.ir, schedule, target);
  return { ...own, ir: proof.kernel, proof: withFacts(own.proof, proof), chosen };
}

/** A proof with what was proved of a schedule besides. */
const withFacts = (proof: ProofResult, more: ProofResult): ProofResult => ({
  ...proof,
  facts: [...proof.facts, ...more.facts.filter(({ subject }) => subject.startsWith("@"))],
});

/** Targets that some annotation of the kernel is restricted to. */
export function annotatedTargets(typed: TKernel): readonly TargetName[] {
  const mentioned = new Set(annotationsOf(typed).map((annotation) => annotation.target));
  const names = [...targets.map((target) => target.name), "tsp" as const];
  return names.filter((name) => mentioned.has(name));
}

/** An instance as the TSP's lowering takes it: under the annotations that are for the TSP alone, if there are any. */
export function tspKernel(
  kernel: CompiledKernel,
  options: CompileOptions,
  sink: DiagnosticSink,
): CompiledKernel | undefined {
  const { typed } = kernel;
  return annotatedTargets(typed).includes("tsp") ? provedKernel(typed, "tsp", options, sink) : kernel;
}
