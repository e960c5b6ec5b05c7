// Text to syntax tree: `parse` reads as the way of a file: flat tokens, logical lines, habits mended, layout,
// grammar. It is total: any text gives a module and diagnostics, never a throw.

import type { IRecognitionException, IToken } from "chevrotain";
import type { Module } from "./ast.ts";
import type { SourceFile } from "../source.ts";
import type { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { DeclarationGrammar } from "./declaration-grammar.ts";
import { depthLimit, tooDeep } from "./depth.ts";
import { previousOf, reportFault } from "./faults.ts";
import { mendHabits } from "./habits/habits.ts";
import { layOut } from "./layout.ts";
import { logicalLines, type Line } from "./lines.ts";
import { Problems } from "./problems.ts";
import { endOf, lex } from "./tokens.ts";

export type * from "./ast.ts";
export { outerSpan, parenthesesOf } from "./operators.ts";

/** The most characters a file may have. */
export const sizeLimit = 1_000_000;

let shared: DeclarationGrammar | undefined;

/** The parser, for tools that read the grammar off it (`getSerializedGastProductions`). */
export function grammar(): DeclarationGrammar {
  return (shared ??= new DeclarationGrammar());
}

/** Parses one file; what is wrong with it goes to `sink`, what could be read is in the module. */
export function parse(file: SourceFile, sink: DiagnosticSink): Module {
  const problems = new Problems(file);
  const span = problems.span(0, file.text.length);
  if (file.text.length > sizeLimit) {
    sink.report("K0114", { size: file.text.length, limit: sizeLimit }, problems.span(0, 0));
    return { kind: "module", file, items: [], comments: [], span };
  }
  const { lines: raw, comments } = logicalLines(lex(file.text), problems);
  const lines = raw.flatMap((line) => mendHabits(line, problems));
  const tokens = layOut(lines, problems);

  const parser = grammar();
  const read = parser.read(tokens, problems);
  reportFaults(parser.errors, lines, problems);
  const doc = parser.moduleDoc;
  // Only a long line can hold a deep expression: blocks and brackets are bounded already.
  const suspicious = lines.some((line) => line.tokens.length > depthLimit / 4);
  const items = read.filter((item) => {
    const deep = suspicious ? tooDeep(item) : undefined;
    if (deep) problems.report("K0113", { what: "expressions", limit: depthLimit }, deep.span ?? item.span);
    return !deep;
  });
  problems.flush(sink);
  return { kind: "module", file, ...(doc ? { doc } : {}), items, comments, span };
}

/** At most one fault a logical line, and none where the line is known to be wrong already. */
function reportFaults(
  faults: readonly IRecognitionException[],
  lines: readonly Line[],
  problems: Problems,
): void {
  const spoken = new Set<Line>();
  for (const fault of faults) {
    const token =
      fault.token.image === "" || Number.isNaN(fault.token.startOffset) ? previousOf(fault) : fault.token;
    const line = lineOf(token, lines);
    if (line && (line.tainted || spoken.has(line))) continue;
    if (line) spoken.add(line);
    reportFault(fault, line?.tokens ?? [], problems);
  }
}

/** The logical line that holds a token, by its place. */
function lineOf(token: IToken | undefined, lines: readonly Line[]): Line | undefined {
  if (!token || Number.isNaN(token.startOffset)) return lines.at(-1);
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle]!.tokens[0]!.startOffset <= token.startOffset) low = middle;
    else high = middle - 1;
  }
  const line = lines[low];
  return line && token.startOffset <= endOf(line.tokens.at(-1)!) ? line : lines[low];
}
