// `compile` reads as the way of a kernel: check, instantiate, lower, prove, passes, emit.

import { checkModule } from "../lang/check/index.ts";
import { DiagnosticSink, type Diagnostic } from "../lang/diagnostics/diagnostic.ts";
import { renderPretty } from "../lang/diagnostics/index.ts";
import { nearest } from "../lang/diagnostics/nearest.ts";
import { internalError } from "../lang/diagnostics/internal-error.ts";
import type { InstanceRequest, TKernel, TypedModule } from "../lang/typed.ts";
import { libraryHost } from "../stdlib/index.ts";
import type { Artifact, TargetName } from "./artifact.ts";
import { instanceRequests, refuseUnknownSettings } from "./instances.ts";
import { addLevels, emitOrUndo, type EmittedTarget } from "./emission.ts";
import { optionMistakes } from "./option-mistakes.ts";
import type { CompileOptions, Source } from "./options.ts";
import { sharedPasses } from "./passes/index.ts";
import {
  annotatedTargets,
  provedKernel,
  scheduledKernel,
  tspKernel,
  type CompiledKernel,
  type TargetKernel,
} from "./target-kernel.ts";
import { targetNamed } from "./targets/index.ts";
import { lockOf } from "./tuning/locked.ts";

/** Which instance of a kernel a caller needs. */
export interface Specialization {
  readonly kernel: string;
  readonly request: InstanceRequest;
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
  /** The kernels as they are lowered to the TSP, under annotations that are for it alone; throws a `CompileError`. */
  forTsp(): readonly CompiledKernel[];
  /** Compiles one more instance of a kernel, with the same options: what a call needs that no instance fits. */
  specialize(wanted: Specialization): Promise<Compiled>;
  /** The same without waiting: all that it needs was loaded to make this compilation. */
  specializeSync(wanted: Specialization): Compiled;
}

/** What `compile` rejects with: every error and warning found. */
export class CompileError extends Error {
  // Private, since an engine that shows an uncaught error writes its public fields out, and each diagnostic holds
  // the whole source.
  readonly #diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(renderPretty(diagnostics));
    this.name = "CompileError";
    this.#diagnostics = diagnostics;
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics;
  }
}

/**
 * Compiles every kernel of a source: type-checks, proves and emits it for the targets asked for. Rejects with a
 * `CompileError` if anything is wrong.
 */
export async function compile(source: Source, options: CompileOptions = {}): Promise<Compiled> {
  const mistakes = optionMistakes(source, options);
  if (mistakes.length > 0) throw new CompileError(mistakes);
  const proved = provedSource(source, options);
  await loadTargets(options.target);
  return emitted(proved);
}

/** `compile` without waiting; throws what that rejects with. */
export type SyncCompiler = (source: Source, options?: Omit<CompileOptions, "target">) => Compiled;

/**
 * Loads what compiling for some targets needs, `wasm` if nothing is said, and gives a `compile` for them that doesn't wait:
 * for callers that can't, such as a kernel of TensorFlow.js.
 */
export async function loadCompiler(target: CompileOptions["target"] = "wasm"): Promise<SyncCompiler> {
  await loadTargets(target);
  return (source, options = {}) => emitted(provedSource(source, { ...options, target }));
}

async function loadTargets(wanted: CompileOptions["target"] = "wasm"): Promise<void> {
  await Promise.all([wanted].flat().map((name) => targetNamed(name).load?.()));
}

/**
 * Everything `compile` checks, without emitting: the diagnostics of a source, proofs for every target's
 * annotations included.
 */
export function check(source: Source, options: CompileOptions = {}): readonly Diagnostic[] {
  const mistakes = optionMistakes(source, options);
  if (mistakes.length > 0) return mistakes;
  const sink = new DiagnosticSink();
  const module = checked(source, options, sink);
  const sound = !sink.hasErrors;
  if (sound) refuseUnknownSettings(module, module.kernels, options, sink);
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

/** Proves and emits instances that exist already: those that a `test` block calls, say, of any module. */
export async function compileTyped(
  module: TypedModule,
  typed: readonly TKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<Compiled> {
  const proved = provedKernels(module, typed, options, sink);
  await loadTargets(options.target);
  return emitted(proved);
}

/** Everything up to what depends on a target. */
interface Proved {
  readonly module: TypedModule;
  readonly kernels: readonly CompiledKernel[];
  readonly options: CompileOptions;
  readonly sink: DiagnosticSink;
}

function provedSource(source: Source, options: CompileOptions): Proved {
  const sink = new DiagnosticSink();
  const module = checked(source, options, sink);
  const names = module.kernels.map(({ name }) => name);
  for (const name of options.kernels ?? [])
    if (!sink.hasErrors && !names.includes(name)) {
      const near = nearest(name, names);
      sink.report("K0804", { name, file: module.file.path }, undefined, {
        notes: names.length > 0 ? [`it has ${names.join(", ")}`] : [],
        fix: near === undefined ? undefined : { text: `did you mean \`${near}\`?` },
      });
    }
  const chosen = module.kernels.filter(({ name }) => !options.kernels || options.kernels.includes(name));
  if (!sink.hasErrors) refuseUnknownSettings(module, chosen, options, sink);
  const instances = chosen.flatMap((template) =>
    instanceRequests(template, options.set ?? {}, sink).map((request) => ({
      kernel: template.name,
      request,
    })),
  );
  return provedInstances(module, instances, options, sink);
}

function provedInstances(
  module: TypedModule,
  instances: readonly Specialization[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Proved {
  const typed = sink.hasErrors
    ? []
    : instances.flatMap(({ kernel, request }) => module.instantiate(kernel, request, sink) ?? []);
  return provedKernels(module, typed, options, sink);
}

function provedKernels(
  module: TypedModule,
  typed: readonly TKernel[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Proved {
  if (sink.hasErrors) throw new CompileError(sink.all);
  const kernels = typed.flatMap((kernel) => provedKernel(kernel, undefined, options, sink) ?? []);
  if (sink.hasErrors) throw new CompileError(sink.all);
  return { module, kernels, options, sink };
}

/** What the targets asked for, which are loaded, make of proved kernels. */
function emitted({ module, kernels, options, sink }: Proved): Compiled {
  const wanted = [options.target ?? "wasm"].flat();
  const lock = options.choice ? undefined : lockOf(options.lock, module.file.path, sink);
  const made: EmittedTarget[] = [];
  for (const target of wanted) {
    const own = kernels.flatMap((kernel) => scheduledKernel(kernel, target, lock, options, sink) ?? []);
    if (sink.hasErrors) throw new CompileError(sink.all);
    made.push(emitOrUndo(target, own, options, sink));
    if (options.levels && target === "wasm") addLevels(made, own, options, sink);
  }
  if (sink.hasErrors) throw new CompileError(sink.all);
  const artifacts = made.map((each) => each.artifact);
  const specializeSync = (more: Specialization): Compiled =>
    emitted(provedInstances(module, [more], options, new DiagnosticSink()));
  return {
    module,
    kernels,
    artifacts,
    text: new Map(made.toReversed().map(({ artifact, text }) => [artifact.target, text])),
    targetKernels: new Map(made.toReversed().map((each) => [each.artifact.target, each.kernels])),
    diagnostics: sink.all,
    artifact: (target) =>
      artifacts.find((each) => each.target === target) ??
      internalError("compile", `no artifact for ${target}`),
    forTsp: () => {
      const own = new DiagnosticSink();
      const found = kernels.flatMap((kernel) => tspKernel(kernel, options, own) ?? []);
      if (own.hasErrors) throw new CompileError(own.all);
      return found;
    },
    specialize: async (more) => specializeSync(more),
    specializeSync,
  };
}
