// The manifest of a compiled file: what a runtime must know beside the code, and the names that files go by.

import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { Artifact, Manifest, TargetName } from "../../compiler/artifact.ts";
import type { SourceFile } from "../../lang/source.ts";

/** File name extensions of the code. */
export const extensions: Readonly<Record<TargetName, string>> = { wasm: "wasm", wgsl: "wgsl", tsp: "tsp" };

/** The manifest of artifacts that lie beside it as NAME.wasm, NAME.wgsl and so on. */
export function manifestOf(
  name: string,
  { path, text }: SourceFile,
  artifacts: readonly Pick<Artifact, "target" | "kernels">[],
): Manifest {
  return {
    format: 1,
    source: basename(path),
    hash: createHash("sha256").update(text).digest("hex"),
    artifacts: artifacts.map((artifact, at) => ({
      target: artifact.target,
      file: fileOf(name, artifacts, at),
      kernels: artifact.kernels,
    })),
  };
}

/** The name of an artifact's file: what it needs beyond the first one of its target stands in it. */
export function fileOf(
  name: string,
  artifacts: readonly Pick<Artifact, "target" | "kernels">[],
  at: number,
): string {
  const { target, kernels } = artifacts[at]!;
  const first = artifacts.find((each) => each.target === target)!;
  const needs = (own: Pick<Artifact, "kernels">): readonly string[] => own.kernels[0]?.launch.features ?? [];
  const more = needs({ kernels }).filter((feature) => !needs(first).includes(feature));
  return [name, ...more.slice(-1), extensions[target]].join(".");
}
