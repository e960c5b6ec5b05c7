// The compiler's front door. `compile` reads as the way of a kernel: check, instantiate, lower, prove, passes, emit.

import { checkModule } from "../lang/check/index.ts";
import { DiagnosticSink, type Diagnostic } from "../lang/diagnostics/diagnostic.ts";
import { renderPretty } from "../lang/diagnostics/index.ts";
import { internalError } from "../lang/diagnostics/internal-error.ts";
import type { SourceFile } from "../lang/source.ts";
import type { InstanceRequest, ModuleHost, TKernel, TypedModule } from "../lang/typed.ts";
import { libraryHost } from "../stdlib/index.ts";
import type { Artifact, KernelArtifact, TargetName } from "./artifact.ts";
import { instanceRequests, type Settings } from "./instances.ts";
import type { IrKernel } from "./ir/ir.ts";
import { runPasses, sharedPasses, type PassOptions } from "./passes/index.ts";
import type { ProofResult } from "./proofs/index.ts";
import { notHonoured } from "./annotations.ts";
import type { AnnotationText, Schedule } from "./schedule/auto/index.ts";
import { schedulePass } from "./schedule/index.ts";
import { placeOf, signatureOf } from "./signature.ts";
import {
  annotatedTargets,
  defaultFeatures,
  provedKernel,
  scheduledKernel,
  type ScheduledKernel,
} from "./target-kernel.ts";
import { wasmLevels } from "./targets/wasm/levels.ts";
import { targetNamed } from "./targets/index.ts";
import type { Emitted, GpuReport } from "./targets/target.ts";
import type { LockEntry } from "./tuning/lock.ts";
import { lockOf } from "./tuning/locked.ts";
import type { Choice } from "./tuning/values.ts";

export type { Artifact, KernelArtifact, Manifest, Signature, TargetName } from "./artifact.ts";
export type { Diagnostic } from "../lang/diagnostics/diagnostic.ts";
export { explain } from "./explain/index.ts";
export type {
  AnnotationNote,
  ChosenValue,
  CodeLine,
  Explanation,
  Fact,
  KernelExplanation,
  ScheduleStep,
  TargetExplanation,
} from "./explain/explanation.ts";
export type { SourceFile } from "../lang/source.ts";
export type { ModuleHost, TypedModule } from "../lang/typed.ts";

/** Source text, or a file with a path for messages and relative imports. */
export type Source = string | SourceFile;

export interface CompileOptions {
  /** One target or several; `wasm` if nothing is said. */
  readonly target?: TargetName | readonly TargetName[];
  /** Where relative imports come from; `std.…` always comes from the library. */
  readonly host?: ModuleHost;
  /** Compile-time parameters, for every kernel that has one of that name: `{ T: "f16", relu: true }`. */
  readonly set?: Settings;
  /** Dims that become constants: `{ M: 512 }`. Callers must then use these sizes. */
  readonly shape?: Readonly<Record<string, number>>;
  /** Names of kernels to compile; all if nothing is said. */
  readonly kernels?: readonly string[];
  /**
   * Target features to use: `threads`, `relaxed-simd`, `shader-f16`, …; `threads` if nothing is said: such code is
   * right on any number of threads, and the runtime fits its memory import to the device.
   */
  readonly features?: readonly string[];
  /**
   * WASM: makes an artifact, behind the one for `features`, for each level of relaxed SIMD whose code differs. Devices load
   * the one that makes most of the engine.
   */
  readonly levels?: boolean;
  /** What the device to be used grants, by WebGPU's names (`device.limits`); what every device grants if nothing is said. */
  readonly limits?: Readonly<Record<string, number>>;
  /** The text of the source's lock file, `NAME.kern.lock`, in which `kernc tune` keeps the values it found. */
  readonly lock?: string;
  /** For the tuner: which values of lists in annotations every kernel has; the lock doesn't count then. */
  readonly choice?: Choice;
  /**
   * Who schedules nests: `auto`, if nothing is said, leaves those that the source annotates as they are and chooses for
   * the others; `none` carries out annotations alone; `replace` chooses for all. A schedule stands for all annotations of
   * a kernel and is proved as they are. A function says it kernel by kernel.
   */
  readonly schedule?: ScheduleMode | ((kernel: KernelId, target: TargetName) => ScheduleMode);
  /** For the compiler's own developers: verify the IR after each pass; see the IR after one. */
  readonly passes?: PassOptions;
}

export type ScheduleMode = "auto" | "none" | "replace" | Schedule;

/** A kernel, and which instance of it. */
export interface KernelId {
  readonly name: string;
  readonly instance: string;
}

/** A kernel instance before any target's passes: what the interpreter runs. */
export interface CompiledKernel {
  readonly typed: TKernel;
  /** As lowering left it. */
  readonly lowered: IrKernel;
  /** Without what was proved. */
  readonly ir: IrKernel;
  readonly proof: ProofResult;
}

/** Which instance of a kernel a caller needs. */
export interface Specialization {
  readonly kernel: string;
  readonly request: InstanceRequest;
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

export interface Compiled {
  readonly module: TypedModule;
  readonly kernels: readonly CompiledKernel[];
  readonly artifacts: readonly Artifact[];
  /** Code as text by target: WAT, WGSL. */
  readonly text: ReadonlyMap<TargetName, string>;
  /** By target, in the order of `kernels`. */
  readonly targetKernels: ReadonlyMap<TargetName, readonly TargetKernel[]>;
  /** Warnings; errors reject the compilation. */
  readonly diagnostics: readonly Diagnostic[];
  /** The artifact for a target; throws if it wasn't asked for. */
  artifact(target: TargetName): Artifact;
  /** Compiles one more instance of a kernel, with the same options: what a call needs that no instance fits. */
  specialize(wanted: Specialization): Promise<Compiled>;
}

/** What `compile` rejects with: every error and warning found. */
export class CompileError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(renderPretty(diagnostics));
    this.name = "CompileError";
    this.diagnostics = diagnostics;
  }
}

/**
 * Compiles every kernel of a source: type-checks, proves and emits it for the targets asked for. Rejects with a
 * `CompileError` if anything is wrong.
 */
export async function compile(source: Source, options: CompileOptions = {}): Promise<Compiled> {
  const sink = new DiagnosticSink();
  const module = checked(source, options, sink);
  const instances = module.kernels
    .filter((template) => !options.kernels || options.kernels.includes(template.name))
    .flatMap((template) =>
      instanceRequests(template, options.set ?? {}, sink).map((request) => ({
        kernel: template.name,
        request,
      })),
    );
  return compileInstances(module, instances, options, sink);
}

/**
 * Everything `compile` checks, without emitting: the diagnostics of a source, proofs for every target's
 * annotations included.
 */
export function check(source: Source, options: CompileOptions = {}): readonly Diagnostic[] {
  const sink = new DiagnosticSink();
  const module = checked(source, options, sink);
  const sound = !sink.hasErrors;
  for (const template of module.kernels) {
    const [first] = instanceRequests(template, options.set ?? {}, sink);
    const typed = first && module.instantiate(template.name, first, sink);
    if (!typed || !sound) continue;
    const own = new DiagnosticSink();
    for (const target of [undefined, ...annotatedTargets(typed)]) provedKernel(typed, target, options, own);
    // A kernel that another one calls is proved there too: a mistake of its own is told once.
    for (const found of own.all) if (!sink.all.some((known) => sameMistake(known, found))) sink.add(found);
  }
  return sink.all;
}

/** Names of the passes that a kernel goes through for some targets, in order. */
export function passNames(wanted: readonly TargetName[]): readonly string[] {
  const passes = [...sharedPasses, ...wanted.flatMap((name) => targetNamed(name).passes)];
  return [...new Set(passes.map(({ name }) => name))];
}

const sameMistake = (a: Diagnostic, b: Diagnostic): boolean =>
  a.code === b.code && a.span?.file === b.span?.file && a.span?.start === b.span?.start;

/** Parses and type-checks, with the library at hand. */
export function checked(source: Source, options: CompileOptions, sink: DiagnosticSink): TypedModule {
  const file = typeof source === "string" ? { path: "kernel.kern", text: source } : source;
  return checkModule(file, libraryHost(options.host), sink);
}

async function compileInstances(
  module: TypedModule,
  instances: readonly Specialization[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<Compiled> {
  const typed = sink.hasErrors
    ? []
    : instances.flatMap(({ kernel, request }) => module.instantiate(kernel, request, sink) ?? []);
  return compileTyped(module, typed, options, sink);
}

/** Proves and emits instances that exist already: those that a `test` block calls, say, of any module. */
export async function compileTyped(
  module: TypedModule,
  typed: readonly TKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<Compiled> {
  if (sink.hasErrors) throw new CompileError(sink.all);
  const kernels = typed.flatMap((kernel) => provedKernel(kernel, undefined, options, sink) ?? []);
  if (sink.hasErrors) throw new CompileError(sink.all);
  const wanted = [options.target ?? "wasm"].flat();
  const lock = options.choice ? undefined : lockOf(options.lock, module.file.path, sink);
  const emitted: EmittedTarget[] = [];
  for (const target of wanted) {
    const own = kernels.flatMap((kernel) => scheduledKernel(kernel, target, lock, options, sink) ?? []);
    if (sink.hasErrors) throw new CompileError(sink.all);
    emitted.push(await emitOrUndo(target, own, options, sink));
    if (options.levels && target === "wasm") await addLevels(emitted, own, options, sink);
  }
  if (sink.hasErrors) throw new CompileError(sink.all);
  const artifacts = emitted.map((each) => each.artifact);
  return {
    module,
    kernels,
    artifacts,
    text: new Map(emitted.toReversed().map(({ artifact, text }) => [artifact.target, text])),
    targetKernels: new Map(emitted.toReversed().map((each) => [each.artifact.target, each.kernels])),
    diagnostics: sink.all,
    artifact: (target) =>
      artifacts.find((each) => each.target === target) ??
      internalError("compile", `no artifact for ${target}`),
    specialize: (more) => compileInstances(module, [more], options, new DiagnosticSink()),
  };
}

/** Code for further levels of features, as far as it needs other features than what there is already. */
async function addLevels(
  emitted: EmittedTarget[],
  kernels: readonly ScheduledKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<void> {
  const { features = defaultFeatures } = options;
  const needs = ({ artifact: { kernels: own } }: EmittedTarget): string =>
    own[0]?.launch.features.toSorted().join() ?? "";
  const known = new Set(emitted.filter(({ artifact }) => artifact.target === "wasm").map(needs));
  for (const level of wasmLevels) {
    const made = await emitOrUndo("wasm", kernels, { ...options, features: [...features, ...level] }, sink);
    if (known.has(needs(made))) continue;
    known.add(needs(made));
    emitted.push(made);
  }
}

interface EmittedTarget {
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

/** Emits; kernels that a target can't hold as the compiler has scheduled them are emitted as they were. */
async function emitOrUndo(
  target: TargetName,
  kernels: readonly ScheduledKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<EmittedTarget> {
  const own = new DiagnosticSink();
  const emitted = await emit(target, kernels, options, own);
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

async function emit(
  name: TargetName,
  kernels: readonly ScheduledKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<EmittedTarget> {
  const target = targetNamed(name);
  const dropped = kernels.map((): Dropped[] => []);
  const prepared = kernels.map(({ ir }, at) =>
    runPasses(ir, [schedulePass(target), ...sharedPasses, ...target.passes], options.passes, sink, {
      notHonoured: (annotation, why, span) => dropped[at]!.push({ annotation, why, place: placeOf(span) }),
      features: new Set(options.features ?? defaultFeatures),
    }),
  );
  const emitted: Emitted = await target.emit(
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
