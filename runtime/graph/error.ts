// Errors of models: entries K10xx as a `KernError`. Apart from `runtime/error.ts`, which must stay small for those who
// only call kernels.

import type { CatalogueCode, Params } from "../../lang/diagnostics/catalogue/index.ts";
import { diagnostic, type DiagnosticDetails } from "../../lang/diagnostics/diagnostic.ts";
import { KernError } from "../error.ts";
import { nodeText, type GraphNode } from "./graph.ts";

export type ModelCode = Extract<CatalogueCode, `K10${string}`>;

export function modelError<C extends ModelCode>(
  code: C,
  params: Params<C>,
  details: DiagnosticDetails = {},
): KernError {
  return new KernError(diagnostic(code, params, undefined, details));
}

/** A model that can't be read. */
export const badModel = (why: string, notes: readonly string[] = []): KernError =>
  modelError("K1001", { why }, { notes });

/** A node that was given what its operator doesn't allow. */
export const badNode = (node: GraphNode, why: string, notes: readonly string[] = []): KernError =>
  modelError("K1003", { node: nodeText(node), why }, { notes });
