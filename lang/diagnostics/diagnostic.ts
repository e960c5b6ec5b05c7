// A user's mistake is a Diagnostic, never a throw: a structured value that names its catalogue entry. Prose
// lives in the catalogue, layout in the renderers.

import type { Span } from "../source.ts";
import { catalogue, type CatalogueCode, type Params } from "./catalogue/index.ts";
import { ofEntry } from "./of-entry.ts";

export type Severity = "error" | "warning";

export interface Label {
  readonly span: Span;
  readonly text: string;
}

/** A change that would mend the mistake. `edits` is absent where only words can say it. */
export interface Fix {
  readonly text: string;
  readonly edits?: readonly { readonly span: Span; readonly replacement: string }[];
}

export interface Diagnostic {
  readonly code: CatalogueCode;
  readonly severity: Severity;
  /** One sentence, without a full stop. */
  readonly message: string;
  /** Where the mistake is; absent for what has no place in a source file (a bad input file, say). */
  readonly span?: Span;
  /** Said at the primary place, under the caret. */
  readonly label?: string;
  /** Further places that explain the mistake, in this file or another. */
  readonly related: readonly Label[];
  /** Why it is a mistake, one line each. */
  readonly notes: readonly string[];
  /** Concrete values that make it fail: "with M = 17: i = 16 writes c[16, 0]". */
  readonly counterexample?: string;
  readonly fix?: Fix;
}

export interface DiagnosticDetails {
  readonly label?: string;
  readonly related?: readonly Label[];
  readonly notes?: readonly string[];
  readonly counterexample?: string;
  readonly fix?: Fix;
}

/**
 * Makes the diagnostic of catalogue entry `code`; `params` are what its sentence names.
 *
 *     diagnostic("K0201", { name: "lenght" }, span, { fix: … })
 */
export function diagnostic<C extends CatalogueCode>(
  code: C,
  params: Params<C>,
  span: Span | undefined,
  details: DiagnosticDetails = {},
): Diagnostic {
  return ofEntry(code, catalogue[code], params, span, details);
}

/** Collects diagnostics in the order found; stages share one sink a compilation. */
export class DiagnosticSink {
  readonly all: Diagnostic[] = [];
  private readonly seen = new Set<string>();

  /** Adds a diagnostic unless the same code and sentence stand at the same place already. */
  add(found: Diagnostic): void {
    const at = found.span;
    const key = `${found.code} ${at ? `${at.file.path}:${at.start}:${at.end}` : ""} ${found.message}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.all.push(found);
  }

  report<C extends CatalogueCode>(
    code: C,
    params: Params<C>,
    span: Span | undefined,
    details?: DiagnosticDetails,
  ): void {
    this.add(diagnostic(code, params, span, details));
  }

  get hasErrors(): boolean {
    return this.all.some((found) => found.severity === "error");
  }
}

export { nearest } from "./nearest.ts";
