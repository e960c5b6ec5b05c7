// A mistake in what the command line was given: files, inputs, outputs. It ends the command with exit code 1.

import { calls } from "../../lang/diagnostics/catalogue/calls.ts";
import { files } from "../../lang/diagnostics/catalogue/files.ts";
import type { Diagnostic, DiagnosticDetails } from "../../lang/diagnostics/diagnostic.ts";
import type { Entry } from "../../lang/diagnostics/catalogue/entry.ts";
import { ofEntry } from "../../lang/diagnostics/of-entry.ts";

const entries = { ...calls, ...files };
type Code = keyof typeof entries;
type ParamsOf<C extends Code> = (typeof entries)[C] extends Entry<infer P> ? P : never;

export class DiagnosticError extends Error {
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.name = "DiagnosticError";
    this.diagnostic = diagnostic;
  }
}

/** Makes the error of a K07 or K08 entry. */
export function mistake<C extends Code>(
  code: C,
  params: ParamsOf<C>,
  details: DiagnosticDetails & Pick<Diagnostic, "span"> = {},
): DiagnosticError {
  return new DiagnosticError(ofEntry(code, entries[code], params, details.span, details));
}
