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
    artifacts: artifacts.map(({ target, kernels }) => ({
      target,
      file: `${name}.${extensions[target]}`,
      kernels,
    })),
  };
}
