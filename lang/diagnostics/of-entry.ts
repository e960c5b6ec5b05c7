// A diagnostic out of a catalogue entry, whichever part of the catalogue the caller holds: the runtime has its own sentences
// alone, so this module may not load the others.

import type { Span } from "../source.ts";
import type { CatalogueCode } from "./catalogue/index.ts";
import type { Entry } from "./catalogue/entry.ts";
import type { Diagnostic, DiagnosticDetails } from "./diagnostic.ts";

/** The diagnostic of the entry with code `code`. The caller's signature ties `params` to what its sentence names. */
export function ofEntry(
  code: CatalogueCode,
  { severity, message }: Pick<Entry<never>, "severity" | "message">,
  params: unknown,
  span: Span | undefined,
  { label, related = [], notes = [], counterexample, fix }: DiagnosticDetails,
): Diagnostic {
  const sentence = (message as (params: unknown) => string)(params);
  return { code, severity, message: sentence, span, label, related, notes, counterexample, fix };
}
