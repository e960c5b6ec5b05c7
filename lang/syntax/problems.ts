// Collects what goes wrong while one file is read, and decides what the user gets to see: in order of place,
// at most a bounded number, and nothing that only follows from an earlier mistake on the same line.

import type { SourceFile, Span } from "../source.ts";
import {
  diagnostic,
  type Diagnostic,
  type DiagnosticDetails,
  type DiagnosticSink,
} from "../diagnostics/diagnostic.ts";
import type { CatalogueCode, Params } from "../diagnostics/catalogue/index.ts";

export const errorLimit = 100;

export class Problems {
  readonly file: SourceFile;
  /** The rest of the file was not read: what seems to be missing at its end may well be there. */
  givenUp = false;
  private readonly found: Diagnostic[] = [];

  constructor(file: SourceFile) {
    this.file = file;
  }

  span(start: number, end: number): Span {
    return { file: this.file, start, end };
  }

  report<C extends CatalogueCode>(code: C, params: Params<C>, span: Span, details?: DiagnosticDetails): void {
    // Far past the limit nothing is kept: a megabyte of noise must not become a million objects.
    if (this.found.length < errorLimit * 10) this.found.push(diagnostic(code, params, span, details));
  }

  get full(): boolean {
    return this.found.length >= errorLimit * 10;
  }

  /** Hands everything to the sink, in order of place. */
  flush(sink: DiagnosticSink): void {
    this.found.sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
    for (const [index, found] of this.found.entries()) {
      if (index === errorLimit) {
        sink.report("K0115", { limit: errorLimit }, found.span);
        return;
      }
      sink.add(found);
    }
  }
}
