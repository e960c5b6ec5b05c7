// What calls of the runtime throw or reject with: an Error that carries a Diagnostic. Only the
// sentences of the K07 band are reachable from here; the whole catalogue would put the compiler's prose into every
// application.

import type { SourcePlace } from "../compiler/artifact.ts";
import type { Entry } from "../lang/diagnostics/catalogue/entry.ts";
import type { Diagnostic, DiagnosticDetails } from "../lang/diagnostics/diagnostic.ts";
import { callMessages } from "../lang/diagnostics/catalogue/call-messages.ts";
import { ofEntry } from "../lang/diagnostics/of-entry.ts";
import type { Span } from "../lang/source.ts";

/** Entries of the catalogue that the runtime reports. */
export type CallCode = keyof typeof callMessages;
export type CallParams<C extends CallCode> =
  (typeof callMessages)[C] extends Omit<Entry<infer P>, "explain"> ? P : never;

/** A user's mistake met while running: `error.diagnostic` is the structured form. */
export class KernError extends Error {
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic) {
    super(describe(diagnostic));
    this.name = "KernError";
    this.diagnostic = diagnostic;
  }

  get code(): string {
    return this.diagnostic.code;
  }
}

/** The sentence with its notes and fix, for a plain `console.log(error)`. */
function describe({ code, message, notes, fix, span }: Diagnostic): string {
  const lines = [`${code}: ${message}`, ...notes];
  if (fix) lines.push(fix.text);
  if (span) lines.push(`at ${span.file.path}:${span.file.text.slice(0, span.start).split("\n").length}`);
  return lines.join("\n  ");
}

/** Makes the error of a K07 entry; `span` points into a `.kern` file where there is a place to show. */
export function kernError<C extends CallCode>(
  code: C,
  params: CallParams<C>,
  details: DiagnosticDetails & { span?: Span } = {},
): KernError {
  return new KernError(ofEntry(code, callMessages[code], params, details.span, details));
}

/**
 * A span for a place that a manifest remembers. Of the file only one line is known: blank lines stand for the
 * ones before it, so that line numbers come out right.
 */
export function spanOfPlace(place: SourcePlace): Span {
  const before = "\n".repeat(place.line - 1);
  const start = before.length + place.column - 1;
  return {
    file: { path: place.file, text: before + place.text },
    start,
    end: before.length + Math.max(place.text.trimEnd().length, place.column),
  };
}

/** The nearest known name, as a fix. */
export function suggestion(near: string | undefined): DiagnosticDetails["fix"] {
  return near === undefined ? undefined : { text: `did you mean \`${near}\`?` };
}
