// What kernels are loaded from: what `compile()` returned, what `kernc compile` wrote, or one artifact.

import type { Artifact, KernelArtifact, Manifest, TargetName } from "../compiler/artifact.ts";
import type { IrKernel } from "../compiler/ir/ir.ts";
import type { InstanceRequest, KernelTemplate, TKernel } from "../lang/typed.ts";
import { kernError } from "./error.ts";

/** What `compile()` returns, as far as a device is concerned. */
export interface CompiledSource {
  readonly artifacts: readonly Artifact[];
  /** Instances as the interpreter runs them. */
  readonly kernels: readonly { readonly typed: TKernel; readonly ir: IrKernel }[];
  readonly module: { readonly kernels: readonly KernelTemplate[] };
  /** Instances as the TSP's lowering takes them, where annotations say so. */
  forTsp?(): CompiledSource["kernels"];
  /** The same with one more instance, compiled now. */
  specialize(wanted: Wanted): Promise<CompiledSource>;
  specializeSync(wanted: Wanted): CompiledSource;
}

interface Wanted {
  readonly kernel: string;
  readonly request: InstanceRequest;
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
  /** Code for more features of the same target, by the file's name in the manifest. */
  readonly levels?: Readonly<Record<string, Uint8Array | ArrayBuffer | string>>;
}

export type KernelSource = CompiledSource | CachedSource | CompiledFiles | Artifact;

/** The compilation behind a source, which can make further instances; undefined where there is none. */
export function compilationOf(source: KernelSource): (() => Promise<CompiledSource>) | undefined {
  if (typeof source !== "object" || source === null) return undefined;
  if ("specialize" in source) return async () => source;
  return "compiled" in source ? source.compiled : undefined;
}

/**
 * The one of several artifacts for a target that needs the most of these features and nothing else; if there is none, the
 * first. Code for threads runs without them too.
 */
export function bestFor<
  A extends { readonly target: TargetName; readonly kernels: readonly KernelArtifact[] },
>(artifacts: readonly A[], target: TargetName, features: readonly string[]): A | undefined {
  const own = artifacts.filter((each) => each.target === target);
  const needs = ({ kernels }: A): readonly string[] => [
    ...new Set(kernels.flatMap(({ launch }) => launch.features)),
  ];
  const fitting = own.filter((each) =>
    needs(each).every((name) => name === "threads" || features.includes(name)),
  );
  return fitting.toSorted((a, b) => needs(b).length - needs(a).length)[0] ?? own[0];
}

/** The artifact for a target, and for the features of a device, out of any kind of source. */
export function artifactOf(
  source: KernelSource,
  target: TargetName,
  features: readonly string[] = [],
): Artifact {
  const none = (have: readonly string[]) =>
    kernError("K0714", {
      why: `they were compiled for ${have.length > 0 ? have.join(" and ") : "no target"}, this device runs ${target}`,
    });
  if (typeof source !== "object" || source === null)
    throw kernError("K0714", { why: `${String(source)} is not something that was compiled` });
  if (source instanceof Promise)
    throw kernError(
      "K0714",
      { why: "this is a Promise of them" },
      { fix: { text: "write `await` before it" } },
    );
  if ("artifacts" in source) {
    const found = bestFor(source.artifacts, target, features);
    if (!found) throw none(source.artifacts.map((each) => each.target));
    return found;
  }
  if ("kernels" in source) {
    if (source.target !== target) throw none([source.target]);
    return source;
  }
  return fileArtifact(source, target, features, none);
}

function fileArtifact(
  { manifest, code, levels }: CompiledFiles,
  target: TargetName,
  features: readonly string[],
  none: (have: readonly string[]) => Error,
): Artifact {
  if (!Array.isArray(manifest?.artifacts))
    throw kernError("K0714", { why: "this is not a manifest of kernc" });
  if (manifest.format !== 1)
    throw kernError("K0714", { why: `the manifest has format ${String(manifest.format)}, I read format 1` });
  const [plain] = manifest.artifacts.filter((each) => each.target === target);
  const there = manifest.artifacts.filter((each) => each === plain || levels?.[each.file] !== undefined);
  const found = bestFor(there, target, features);
  const given = found === plain ? code?.[target] : found && levels?.[found.file];
  if (!found) throw none(manifest.artifacts.map((each) => each.target));
  if (given === undefined)
    throw kernError("K0714", { why: `the code for ${target} (${found.file}) was not given` });
  const bytes = given instanceof ArrayBuffer ? new Uint8Array(given) : given;
  return { format: 1, target, code: bytes, kernels: found.kernels };
}
