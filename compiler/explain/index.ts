// Explains a source: for every kernel what was proved and how, what is left to the run, what becomes of each annotation
// on each target, the loop nests, and the emitted code by source line.

import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { textOf } from "../../lang/source.ts";
import type { TKernel, TypedModule } from "../../lang/typed.ts";
import { annotationsOf } from "../annotations.ts";
import type { KernelReport, TargetName } from "../artifact.ts";
import { checked, CompileError, compileTyped } from "../compile.ts";
import { instanceRequests } from "../instances.ts";
import { lower } from "../lower/index.ts";
import type { CompileOptions, Source } from "../options.ts";
import { prove, type ProofFact } from "../proofs/index.ts";
import { placeOf, printComptime } from "../signature.ts";
import { knobsOf } from "../tuning/values.ts";
import { codeLines } from "./code.ts";
import type {
  AnnotationNote,
  ChosenValue,
  Explanation,
  Fact,
  KernelExplanation,
  TargetExplanation,
} from "./explanation.ts";
import { nestText } from "./nest.ts";
import { scheduleSteps } from "./steps.ts";

/**
 * Explains the kernels of a source, one instance of each: that of the settings, and of rank 1 where a kernel takes any.
 * Without `target`, WASM and WGSL. Rejects with a `CompileError` where the source itself is wrong; what one target
 * can't do is part of the explanation.
 */
export async function explain(source: Source, options: CompileOptions = {}): Promise<Explanation> {
  const sink = new DiagnosticSink();
  const module = checked(source, options, sink);
  const kernels: KernelExplanation[] = [];
  for (const template of module.kernels) {
    if (options.kernels && !options.kernels.includes(template.name)) continue;
    const [request] = instanceRequests(template, options.set ?? {}, sink);
    const typed = request && !sink.hasErrors && module.instantiate(template.name, request, sink);
    if (sink.hasErrors) throw new CompileError(sink.all);
    if (typed) kernels.push(await explainKernel(module, typed, options, sink));
  }
  if (sink.hasErrors) throw new CompileError(sink.all);
  const file = typeof source === "string" ? "kernel.kern" : source.path;
  return { file, kernels, diagnostics: sink.all };
}

async function explainKernel(
  module: TypedModule,
  typed: TKernel,
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<KernelExplanation> {
  const proof = prove(lower(typed), sink);
  if (sink.hasErrors) throw new CompileError(sink.all);
  const facts = factsOf(proof.facts);
  const targets: TargetExplanation[] = [];
  for (const target of [options.target ?? (["wasm", "wgsl"] as const)].flat())
    targets.push(await explainTarget(target, module, typed, facts, options, sink));
  return {
    name: typed.name,
    instance: typed.instance,
    doc: typed.doc,
    comptime: Object.fromEntries([...typed.comptime].map(([name, value]) => [name, printComptime(value)])),
    place: placeOf(typed.decl.name.span),
    proved: proof.proved,
    runtimeChecks: proof.runtimeChecks,
    facts,
    nest: nestText(proof.kernel),
    targets,
  };
}

async function explainTarget(
  target: TargetName,
  module: TypedModule,
  typed: TKernel,
  known: readonly Fact[],
  options: CompileOptions,
  sink: DiagnosticSink,
): Promise<TargetExplanation> {
  try {
    const own = { ...options, target };
    const compiled = await compileTyped(module, [typed], own, new DiagnosticSink());
    compiled.diagnostics.forEach((warning) => sink.add(warning));
    const [kernel] = compiled.targetKernels.get(target) ?? [];
    const [artifact] = compiled.artifact(target).kernels;
    const seen = new Set(known.map(factKey));
    return {
      target,
      proved: kernel!.proof.proved,
      runtimeChecks: kernel!.proof.runtimeChecks,
      facts: factsOf(kernel!.proof.facts).filter((fact) => !seen.has(factKey(fact))),
      annotations: annotationNotes(typed, target, artifact!.report),
      ...(artifact!.report.tuned && { tunedFor: artifact!.report.tuned.shape }),
      chosen: kernel!.chosen.map(({ span, lines }) => ({ place: placeOf(span), annotations: lines })),
      steps: scheduleSteps(kernel!.ir, target),
      nest: nestText(kernel!.prepared),
      code: codeLines(target, kernel!.text, kernel!.prepared),
      phases: artifact!.launch.phases.map((phase) => ({
        parallel: "parallel" in phase ? phase.parallel : phase.extent !== 1,
        extent: phase.extent,
      })),
      features: artifact!.launch.features,
      ...(kernel!.gpu && {
        gpu: {
          phases: kernel!.gpu.phases,
          wide: kernel!.gpu.wide,
          ...(kernel!.gpu.halves && { halves: kernel!.gpu.halves }),
          ...(kernel!.gpu.dots && { dots: kernel!.gpu.dots }),
          accesses: kernel!.gpu.accesses.map(({ span, ...access }) => ({ ...access, place: placeOf(span) })),
        },
      }),
    };
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return { target, refused: error.diagnostics.filter(({ severity }) => severity === "error") };
  }
}

/** Facts as data, each once: a loop's copies and both sides of a comparison chain say the same. */
function factsOf(facts: readonly ProofFact[]): readonly Fact[] {
  const found = new Map<string, Fact>();
  for (const { span, ...rest } of facts) {
    const fact: Fact = { ...rest, place: placeOf(span) };
    const key = factKey(fact);
    if (!found.has(key)) found.set(key, fact);
  }
  return [...found.values()];
}

const factKey = ({ place, subject, claim, how }: Fact): string =>
  JSON.stringify([place?.file, place?.line, subject, claim, how]);

/** Each annotation that is meant for the target, and what a pass said of it. */
function annotationNotes(
  typed: TKernel,
  target: TargetName,
  { notHonoured, tuned }: KernelReport,
): readonly AnnotationNote[] {
  const rest = new Set(notHonoured);
  const knobs = knobsOf(typed, target);
  const notes = annotationsOf(typed).flatMap((annotation): AnnotationNote[] => {
    if (annotation.target !== undefined && annotation.target !== target) return [];
    const place = placeOf(annotation.span);
    // A pass knows the loop that carries a mark, which stands below its annotations.
    const own = [...rest].find(
      (each) =>
        each.annotation.includes(annotation.name) &&
        each.place?.file === place?.file &&
        each.place !== undefined &&
        place !== undefined &&
        each.place.line >= place.line &&
        each.place.line <= place.line + 8,
    );
    if (own) rest.delete(own);
    const values = knobs
      .filter((knob) => knob.annotation === annotation)
      .map(({ id, argument, values: of }): ChosenValue => {
        const value = tuned?.values[id];
        return { argument, value: value ?? of[0]!, of, from: value === undefined ? "first" : "lock" };
      });
    return [
      {
        annotation: textOf(annotation.span),
        place,
        honoured: own === undefined,
        ...(own && { why: own.why }),
        ...(values.length > 0 && { values }),
      },
    ];
  });
  const others = [...rest].map(({ annotation, why, place }) => ({ annotation, why, place, honoured: false }));
  return [...notes, ...others];
}
