// Shows diagnostics, in the format asked for, and recognises the errors that carry some.

import {
  renderJson,
  renderPretty,
  renderSarif,
  renderShort,
  type Diagnostic,
} from "../../lang/diagnostics/index.ts";
import { DiagnosticError } from "./diagnostic-error.ts";
import type { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

export const formats = ["pretty", "short", "json", "sarif"] as const;
export type Format = (typeof formats)[number];

/** All diagnostics of a run as text. */
export function render(diagnostics: readonly Diagnostic[], format: Format, color: boolean): string {
  switch (format) {
    case "pretty":
      return renderPretty(diagnostics, { color, width: Math.min(process.stderr.columns ?? 100, 120) });
    case "short":
      return renderShort(diagnostics);
    case "json":
      return renderJson(diagnostics);
    case "sarif":
      return renderSarif(diagnostics, { version });
  }
}

/** Shows diagnostics beside whatever a command does. */
export function report(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  if (diagnostics.length > 0)
    terminal.err(render(diagnostics, "pretty", terminal.errColors.isColorSupported));
}

/** Shows an error that stands for diagnostics; false for any other. */
export function reportError(error: unknown, terminal: Terminal): boolean {
  const diagnostics = diagnosticsOf(error);
  if (diagnostics) report(diagnostics, terminal);
  return diagnostics !== undefined;
}

/** The diagnostics that an error of the compiler, the runtime or the command line carries. */
export function diagnosticsOf(error: unknown): readonly Diagnostic[] | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof DiagnosticError) return [error.diagnostic];
  // By shape: compiler and runtime are loaded only where they are needed.
  if (error.name === "CompileError" && "diagnostics" in error)
    return error.diagnostics as readonly Diagnostic[];
  if (error.name === "KernError" && "diagnostic" in error) return [error.diagnostic as Diagnostic];
  return undefined;
}

/** What a target can't express of a program that is right: its sentences, if the error says nothing else. */
export function refusalOf(error: unknown): string | undefined {
  const errors = diagnosticsOf(error)?.filter(({ severity }) => severity === "error");
  if (!errors?.length || !errors.every(({ code }) => code.startsWith("K06"))) return undefined;
  return [...new Set(errors.map(({ code, message }) => `${code} ${message}`))].join("; ");
}
