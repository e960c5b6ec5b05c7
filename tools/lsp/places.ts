// Places of the compiler, offsets in a file, as places of the protocol: lines and columns from 0, and URIs.

import type { Location, Position, Range } from "vscode-languageserver/node";
import { lineStartsOf, positionAt, type SourceFile, type Span } from "../../lang/source.ts";

export function positionOf(file: SourceFile, offset: number): Position {
  const { line, column } = positionAt(file, offset);
  return { line: line - 1, character: column - 1 };
}

export const rangeOf = ({ file, start, end }: Span): Range => ({
  start: positionOf(file, start),
  end: positionOf(file, end),
});

/** The offset of a position, which an editor may put behind the end of a line. */
export function offsetOf(file: SourceFile, { line, character }: Position): number {
  const starts = lineStartsOf(file);
  if (line >= starts.length) return file.text.length;
  const next = starts[line + 1] ?? file.text.length + 1;
  return Math.min(starts[line]! + character, next - 1);
}

/** `uriOf` says where an editor finds a file. */
export const locationOf = (span: Span, uriOf: (file: SourceFile) => string): Location => ({
  uri: uriOf(span.file),
  range: rangeOf(span),
});
