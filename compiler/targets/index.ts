// The registry of targets: one line each.

import type { TargetName } from "../artifact.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { Target } from "./target.ts";
import { wasmTarget } from "./wasm/index.ts";
import { wgslTarget } from "./wgsl/index.ts";

export const targets: readonly Target[] = [wasmTarget, wgslTarget];

/** Targets that this version can emit code for. */
export const targetNames: readonly TargetName[] = targets.map((target) => target.name);

export function targetNamed(name: TargetName): Target {
  return (
    targets.find((target) => target.name === name) ?? internalError("targets", `there is no target ${name}`)
  );
}
