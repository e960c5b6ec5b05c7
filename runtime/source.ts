// What kernels are loaded from: what `compile()` returned, what `kernc compile` wrote, or one artifact.

import type { Artifact, Manifest, TargetName } from "../compiler/artifact.ts";
import type { IrKernel } from "../compiler/ir/ir.ts";
import type { InstanceRequest, KernelTemplate, TKernel } from "../lang/typed.ts";
import { kernError } from "./error.ts";

/** What `compile()` returns, as far as a device is concerned. */
export interface CompiledSource {
  readonly artifacts: readonly Artifact[];
  /** Instances as the interpreter runs them. */
  readonly kernels: readonly { readonly typed: TKernel; readonly ir: IrKernel }[];
  readonly module: { readonly kernels: readonly KernelTemplate[] };
  /** The same with one more instance, compiled now. */
  specialize(wanted: { readonly kernel: string; readonly request: InstanceRequest }): Promise<CompiledSource>;
}

/** Artifacts of an earlier compilation, which is done again only if they aren't enough. */
export interface CachedSource {
  readonly artifacts: readonly Artifact[];
  compiled(): Promise<CompiledSource>;
}

/** What `kernc compile` wrote. */
export interface CompiledFiles {
  readonly manifest: Manifest;
  /** Code by target. */
  readonly code: Readonly<Partial<Record<TargetName, Uint8Array | ArrayBuffer | string>>>;
}

export type KernelSource = CompiledSource | CachedSource | CompiledFiles | Artifact;

/** The compilation behind a source, which can make further instances; undefined where there is none. */
export function compilationOf(source: KernelSource): (() => Promise<CompiledSource>) | undefined {
  if (typeof source !== "object" || source === null) return undefined;
  if ("specialize" in source) return async () => source;
  return "compiled" in source ? source.compiled : undefined;
}

/** The artifact for a target out of any kind of source. */
export function artifactOf(source: KernelSource, target: TargetName): Artifact {
  const none = (have: readonly string[]) =>
    kernError("K0714", {
      why: `they were compiled for ${have.length > 0 ? have.join(" and ") : "no target"}, this device runs ${target}`,
    });
  if (typeof source !== "object" || source === null)
    throw kernError("K0714", { why: `${String(source)} is not something that was compiled` });
  if ("artifacts" in source) {
    const found = source.artifacts.find((each) => each.target === target);
    if (!found) throw none(source.artifacts.map((each) => each.target));
    return found;
  }
  if ("kernels" in source) {
    if (source.target !== target) throw none([source.target]);
    return source;
  }
  return fileArtifact(source, target, none);
}

function fileArtifact(
  { manifest, code }: CompiledFiles,
  target: TargetName,
  none: (have: readonly string[]) => Error,
): Artifact {
  if (!Array.isArray(manifest?.artifacts))
    throw kernError("K0714", { why: "this is not a manifest of kernc" });
  if (manifest.format !== 1)
    throw kernError("K0714", { why: `the manifest has format ${String(manifest.format)}, I read format 1` });
  const found = manifest.artifacts.find((each) => each.target === target);
  const given = code?.[target];
  if (!found) throw none(manifest.artifacts.map((each) => each.target));
  if (given === undefined)
    throw kernError("K0714", { why: `the code for ${target} (${found.file}) was not given` });
  const bytes = given instanceof ArrayBuffer ? new Uint8Array(given) : given;
  return { format: 1, target, code: bytes, kernels: found.kernels };
}
