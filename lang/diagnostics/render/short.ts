// Diagnostics for editors and scripts: one line each, and JSON.

import { positionAt, type Span } from "../../source.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { catalogue } from "../catalogue/index.ts";
import { place } from "./pretty.ts";

/** `path:line:column: error[K0401] message`, one a line. */
export function renderShort(diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .map(({ span, severity, code, message }) => {
      const line = message.replaceAll("\n", " ");
      return `${span ? `${place(span)}: ` : ""}${severity}[${code}] ${line}\n`;
    })
    .join("");
}

interface JsonPlace {
  readonly path: string;
  readonly start: { readonly line: number; readonly column: number; readonly offset: number };
  readonly end: { readonly line: number; readonly column: number; readonly offset: number };
}

function jsonPlace({ file, start, end }: Span): JsonPlace {
  return {
    path: file.path,
    start: { ...positionAt(file, start), offset: start },
    end: { ...positionAt(file, end), offset: end },
  };
}

/** An array of objects; lines and columns count from one, offsets are UTF-16 units. */
export function renderJson(diagnostics: readonly Diagnostic[]): string {
  const list = diagnostics.map((found) => ({
    code: found.code,
    name: catalogue[found.code].name,
    severity: found.severity,
    message: found.message,
    place: found.span && jsonPlace(found.span),
    label: found.label,
    related: found.related.map(({ span, text }) => ({ ...jsonPlace(span), text })),
    notes: found.notes,
    counterexample: found.counterexample,
    fix: found.fix && {
      text: found.fix.text,
      edits: found.fix.edits?.map(({ span, replacement }) => ({ ...jsonPlace(span), replacement })),
    },
  }));
  return `${JSON.stringify(list, undefined, 2)}\n`;
}
