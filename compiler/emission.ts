// From scheduled kernels to the artifact of a target: the passes, emission, and the report of what was done. What a target needs to
// emit is loaded before.

import { DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import { internalError } from "../lang/diagnostics/internal-error.ts";
import { notHonoured } from "./annotations.ts";
import type { Artifact, KernelArtifact, TargetName } from "./artifact.ts";
import type { CompileOptions } from "./options.ts";
import type { IrKernel } from "./ir/ir.ts";
import { codeSize, mostInstructions } from "./passes/code-size.ts";
import { runPasses, sharedPasses } from "./passes/index.ts";
import type { AnnotationText } from "./schedule/auto/index.ts";
import { schedulePass } from "./schedule/index.ts";
import { placeOf, signatureOf } from "./signature.ts";
import { defaultFeatures, type ScheduledKernel, type TargetKernel } from "./target-kernel.ts";
import { targetNamed } from "./targets/index.ts";
import type { Emitted } from "./targets/target.ts";
import { wasmLevels } from "./targets/wasm/levels.ts";
import type { LockEntry } from "./tuning/lock.ts";
import { refuse } from "./tuning/locked.ts";

/** Code for further levels of features, as far as it needs other features than what there is already. */
export function addLevels(
  emitted: EmittedTarget[],
  kernels: readonly ScheduledKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): void {
  const { features = defaultFeatures } = options;
  const needs = ({ artifact: { kernels: own } }: EmittedTarget): string =>
    own[0]?.launch.features.toSorted().join() ?? "";
  const known = new Set(emitted.filter(({ artifact }) => artifact.target === "wasm").map(needs));
  for (const level of wasmLevels) {
    const made = emitOrUndo("wasm", kernels, { ...options, features: [...features, ...level] }, sink);
    if (known.has(needs(made))) continue;
    known.add(needs(made));
    emitted.push(made);
  }
}

export interface EmittedTarget {
  readonly artifact: Artifact;
  readonly text: string;
  readonly kernels: readonly TargetKernel[];
}

const tunedBy = ({ values, shape, schedule }: LockEntry): NonNullable<KernelArtifact["report"]["tuned"]> => ({
  scheduled: schedule !== undefined,
  values,
  shape,
});

const placed = ({ span, lines }: AnnotationText): NonNullable<KernelArtifact["report"]["schedule"]> =>
  lines.map((annotation) => ({ annotation, place: placeOf(span) }));

/**
 * Emits; kernels that a target can't hold as the compiler has scheduled them are emitted as they were, and those that it can't
 * hold as the lock file has them, which was measured on a device with other limits, as without it and with a warning.
 */
export function emitOrUndo(
  target: TargetName,
  kernels: readonly ScheduledKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): EmittedTarget {
  const own = new DiagnosticSink();
  const emitted = emit(target, kernels, options, own);
  if (own.hasErrors && kernels.some(({ locked }) => locked)) {
    const free = new DiagnosticSink();
    const without = kernels.map((kernel) => kernel.unlocked?.() ?? kernel);
    const made = without.every(({ locked }) => !locked) && emitOrUndo(target, without, options, free);
    if (made && !free.hasErrors) {
      const why = own.all.find(({ severity }) => severity === "error")!.message;
      for (const { locked, typed } of kernels) if (locked) refuse(typed, why, sink);
      free.all.forEach((found) => sink.add(found));
      return made;
    }
  }
  if (own.hasErrors && kernels.some(({ plain }) => plain)) {
    const undone = kernels.map((kernel) => (kernel.plain ? { ...kernel.plain, chosen: [] } : kernel));
    return emit(target, undone, options, sink);
  }
  own.all.forEach((found) => sink.add(found));
  return emitted;
}

type Dropped = KernelArtifact["report"]["notHonoured"][number];

/** What tiles have made several loops of is said once. */
function distinct(list: readonly Dropped[]): readonly Dropped[] {
  return [...new Map(list.map((each) => [JSON.stringify(each), each])).values()];
}

function emit(
  name: TargetName,
  wanted: readonly ScheduledKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): EmittedTarget {
  const target = targetNamed(name);
  const kernels = [...wanted];
  const dropped = kernels.map((): Dropped[] => []);
  const passed = ({ ir }: ScheduledKernel, at: number): IrKernel => {
    dropped[at] = [];
    return runPasses(ir, [schedulePass(target), ...sharedPasses, ...target.passes], options.passes, sink, {
      notHonoured: (annotation, why, span) => dropped[at]!.push({ annotation, why, place: placeOf(span) }),
      features: new Set(options.features ?? defaultFeatures),
    });
  };
  const prepared = wanted.map((kernel, at) => {
    const own = passed(kernel, at);
    // What the compiler chose itself must be carried out in full, and stay small.
    const chosenInFull = dropped[at]!.every(({ place }) => place !== undefined);
    if (!kernel.plain || (chosenInFull && codeSize(own.body) <= mostInstructions)) return own;
    kernels[at] = { ...kernel.plain, chosen: [] };
    return passed(kernels[at], at);
  });
  const emitted: Emitted = target.emit(
    prepared,
    { features: options.features ?? defaultFeatures, limits: options.limits },
    sink,
  );
  const artifacts = kernels.map(({ typed, ir, proof, locked, chosen }, at): KernelArtifact => {
    const own = emitted.kernels[at] ?? internalError("emit", `${name} gave no code for ${typed.instance}`);
    const asserts = own.asserts.map(({ message, span }) => ({ message, place: placeOf(span) }));
    const report = {
      proved: proof.proved,
      runtimeChecks: proof.runtimeChecks,
      notHonoured: distinct([
        ...notHonoured(typed, target),
        ...dropped[at]!,
        ...(own.notHonoured ?? []).map(({ span, ...each }) => ({ ...each, place: placeOf(span) })),
      ]),
      ...(locked && { tuned: tunedBy(locked) }),
      ...(chosen.length > 0 && { schedule: chosen.flatMap(placed) }),
    };
    return { signature: signatureOf(typed, ir, asserts), launch: own.launch, report };
  });
  const { code, sourceMap, text } = emitted;
  return {
    artifact: { format: 1, target: name, code, kernels: artifacts, sourceMap },
    text,
    kernels: kernels.map((kernel, at) => ({
      ...kernel,
      prepared: prepared[at]!,
      text: emitted.kernels[at]!.text,
      gpu: emitted.kernels[at]!.gpu,
    })),
  };
}
