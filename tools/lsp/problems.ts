// Diagnostics as an editor shows them, and the changes that mend them.

import type {
  CodeAction,
  Diagnostic as Problem,
  DiagnosticRelatedInformation,
  TextEdit,
} from "vscode-languageserver/node";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import { locationOf, rangeOf } from "./places.ts";
import { severity, tag } from "./protocol.ts";

/** Of one file: what is found in a file that it imports stands at its first line. */
export function problemOf(found: Diagnostic, file: SourceFile, uriOf: (file: SourceFile) => string): Problem {
  const { code, span, label } = found;
  const own = span?.file === file ? span : { file, start: 0, end: 0 };
  const elsewhere: DiagnosticRelatedInformation[] =
    span && span.file !== file ? [{ location: locationOf(span, uriOf), message: label ?? "here" }] : [];
  const related = found.related.map((one) => ({ location: locationOf(one.span, uriOf), message: one.text }));
  return {
    range: rangeOf(own),
    severity: severity[found.severity],
    code,
    source: "kernc",
    message: proseOf(found),
    relatedInformation: [...elsewhere, ...related],
    ...(code === "K0210" || code === "K0211" ? { tags: [tag.unnecessary] } : {}),
  };
}

/** The sentence, and below it what `kernc check` says below the frame. */
function proseOf({ message, label, notes, counterexample, fix }: Diagnostic): string {
  return [
    message,
    ...(label === undefined ? [] : [label]),
    ...(counterexample === undefined ? [] : [`counterexample: ${counterexample}`]),
    ...notes.map((note) => `note: ${note}`),
    ...(fix ? [`fix: ${fix.text}`] : []),
  ].join("\n");
}

/** What mends a mistake at one stroke; undefined where only words can say it. */
export function repairOf(
  found: Diagnostic,
  file: SourceFile,
  uriOf: (file: SourceFile) => string,
): CodeAction | undefined {
  const { fix } = found;
  if (!fix?.edits || fix.edits.length === 0) return undefined;
  const changes: Record<string, TextEdit[]> = {};
  for (const { span, replacement } of fix.edits)
    (changes[uriOf(span.file)] ??= []).push({ range: rangeOf(span), newText: replacement });
  return {
    title: fix.text,
    kind: "quickfix",
    diagnostics: [problemOf(found, file, uriOf)],
    isPreferred: true,
    edit: { changes },
  };
}
