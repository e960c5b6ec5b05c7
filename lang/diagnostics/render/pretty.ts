// Diagnostics for people: a headline, the code around every place, and below it why, an example that fails,
// and the line as it would be after the fix.

import { positionAt, type SourceFile, type Span } from "../../source.ts";
import type { Diagnostic, Fix } from "../diagnostic.ts";
import { frame, lineText, type Mark } from "./frame.ts";
import { painter, show, wrap, type Paint } from "./style.ts";

export interface PrettyOptions {
  /** ANSI colours; off unless asked for. */
  readonly color?: boolean;
  /** Columns of the terminal; 100 unless told. */
  readonly width?: number;
}

/** All diagnostics, one after the other, and a last line that counts them. */
export function renderPretty(diagnostics: readonly Diagnostic[], options: PrettyOptions = {}): string {
  if (diagnostics.length === 0) return "";
  const paint = painter(options.color ?? false);
  const width = Math.max(options.width ?? 100, 40);
  const blocks = diagnostics.map((each) => renderOne(each, paint, width));
  return `${blocks.join("\n\n")}\n\n${summary(diagnostics, paint)}\n`;
}

function summary(diagnostics: readonly Diagnostic[], paint: Paint): string {
  const count = (severity: Diagnostic["severity"]): number =>
    diagnostics.filter((each) => each.severity === severity).length;
  const parts = (["error", "warning"] as const)
    .map((severity) => [severity, count(severity)] as const)
    .filter(([, number]) => number > 0)
    .map(([severity, number]) => paint(severity, `${number} ${severity}${number === 1 ? "" : "s"}`));
  return parts.join(", ");
}

function renderOne(found: Diagnostic, paint: Paint, width: number): string {
  const headline = `${found.severity}[${found.code}]: `;
  const [first, ...more] = wrap(found.message, width - headline.length);
  const lines = [paint(found.severity, headline.trimEnd()) + " " + paint("strong", first ?? "")];
  for (const line of more) lines.push(paint("strong", `  ${line}`));

  const marks: Mark[] = found.related.map(({ span, text }) => ({ span, text, primary: false }));
  if (found.span) marks.unshift({ span: found.span, text: found.label ?? "", primary: true });
  const files = [...new Set(marks.map(({ span }) => span.file))];
  const margin = Math.max(2, ...marks.map(({ span }) => String(positionAt(span.file, span.end).line).length));
  const indent = " ".repeat(margin);
  for (const [index, file] of files.entries()) {
    const own = marks.filter(({ span }) => span.file === file);
    const arrow = index === 0 && found.span ? "╭─" : "├─";
    lines.push(`${indent} ${paint("frame", arrow)} ${place(own[0]!.span)}`);
    lines.push(...frame(file, own, { paint, width, margin, primary: found.severity }));
  }

  const says = (head: string, style: "note" | "good" | "warning", text: string): void => {
    const [line, ...rest] = wrap(text, width - margin - head.length - 5);
    lines.push(`${indent} ${paint("frame", "=")} ${paint(style, `${head}:`)} ${line}`);
    for (const each of rest) lines.push(`${indent}   ${" ".repeat(head.length + 2)}${each}`);
  };
  if (files.length > 0 && (found.notes.length > 0 || found.counterexample || found.fix)) {
    lines.push(`${indent} ${paint("frame", "│")}`);
  }
  if (found.counterexample) says("counterexample", "warning", found.counterexample);
  for (const note of found.notes) says("note", "note", note);
  if (found.fix) {
    says("fix", "good", found.fix.text);
    lines.push(...fixedLines(found.fix, paint, margin, width));
  }
  return lines.join("\n");
}

/** `path:line:column` of a span's beginning. */
export function place(span: Span): string {
  const { line, column } = positionAt(span.file, span.start);
  return `${span.file.path}:${line}:${column}`;
}

/** At most so many changed lines are shown; the rest of a large fix is only counted. */
const shownFixes = 3;

/** The lines that the edits touch, as they would be. */
function fixedLines(fix: Fix, paint: Paint, margin: number, width: number): string[] {
  const edits = fix.edits ?? [];
  const file = edits[0]?.span.file;
  if (!file) return [];
  const own = edits.filter(({ span }) => span.file === file);
  const touched = [...new Set(own.map(({ span }) => positionAt(file, span.start).line))].toSorted(
    (a, b) => a - b,
  );
  const out: string[] = [];
  for (const line of touched.slice(0, shownFixes)) {
    const text = applied(file, line, own);
    for (const [index, part] of text.split("\n").entries()) {
      const shown = show(part).text;
      const room = Math.max(width - margin - 4, 40);
      const clipped = shown.length > room ? `${shown.slice(0, room - 1)}…` : shown;
      const number = index === 0 ? String(line) : "";
      out.push(
        `${paint("frame", number.padStart(margin))} ${paint("good", "+")} ${paint("good", clipped)}`.trimEnd(),
      );
    }
  }
  if (touched.length > shownFixes)
    out.push(`${" ".repeat(margin)}   … and ${touched.length - shownFixes} more lines`);
  return out;
}

/** One line of the file with the edits that begin on it. */
function applied(file: SourceFile, line: number, edits: NonNullable<Fix["edits"]>): string {
  const source = lineText(file, line);
  const own = edits
    .filter(({ span }) => positionAt(file, span.start).line === line)
    .toSorted((a, b) => b.span.start - a.span.start);
  let text = source;
  for (const { span, replacement } of own) {
    const start = positionAt(file, span.start).column - 1;
    const end = start + (span.end - span.start);
    // An edit that goes over the line end takes the rest of its last line along.
    const tail = end <= source.length ? text.slice(end) : "";
    text = text.slice(0, start) + replacement + tail;
  }
  return text;
}
