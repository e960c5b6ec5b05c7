// The compiler's front door: what applications, the runtime and the tools may import.

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
export {
  check,
  checked,
  compile,
  CompileError,
  compileTyped,
  loadCompiler,
  passNames,
  type Compiled,
  type Specialization,
  type SyncCompiler,
} from "./compile.ts";
export { ownSettings, refuseUnknownSettings } from "./instances.ts";
export type { CompileOptions, KernelId, ScheduleMode, Source } from "./options.ts";
export type { CompiledKernel, TargetKernel } from "./target-kernel.ts";
