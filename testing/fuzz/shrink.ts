// Makes a failing program small: tries ever smaller edits of its text (a statement left out, a block opened, an
// expression put in place of a larger one) and keeps those that fail in the same way. It knows nothing of how the
// program was made: the parser says where statements and expressions are.

import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { parse } from "../../lang/syntax/index.ts";

export interface ShrinkOptions {
  /** Tries at most. */
  readonly tries?: number;
  readonly seconds?: number;
}

/** The smallest program found that still fails; `fails` gets whole programs. */
export async function shrink(
  text: string,
  fails: (text: string) => Promise<boolean>,
  { tries = 1500, seconds = 60 }: ShrinkOptions = {},
): Promise<string> {
  const end = Date.now() + seconds * 1000;
  const seen = new Set<string>([text]);
  let best = text;
  let left = tries;
  for (let progress = true; progress;) {
    progress = false;
    for (const candidate of smaller(best)) {
      if (seen.has(candidate)) continue;
      seen.add(candidate);
      if (left-- <= 0 || Date.now() > end) return best;
      if (await fails(candidate)) {
        best = candidate;
        progress = true;
        break;
      }
    }
  }
  return best;
}

/** Programs that are a step smaller, the boldest steps first. */
export function* smaller(text: string): Generator<string> {
  yield* withoutBlocks(text);
  yield* withOpenedBlocks(text);
  yield* withSimplerExpressions(text);
}

const indentOf = (line: string): number =>
  line.trim() === "" ? Infinity : line.length - line.trimStart().length;

/** The lines after `at` that belong to the block that it opens. */
function blockEnd(lines: readonly string[], at: number): number {
  let end = at + 1;
  while (end < lines.length && indentOf(lines[end]!) > indentOf(lines[at]!)) end++;
  return end;
}

/** Runs of lines left out, longest first: halves of blocks, statements, decorators. */
function* withoutBlocks(text: string): Generator<string> {
  const lines = text.split("\n");
  const ranges = new Map<string, [number, number]>();
  const add = (from: number, to: number): void => void ranges.set(`${from} ${to}`, [from, to]);
  lines.forEach((line, at) => {
    if (line.trim() === "") return;
    const end = blockEnd(lines, at);
    add(at, end);
    // A statement with the decorators above it, or an `if` with its `else`.
    let first = at;
    while (
      first > 0 &&
      lines[first - 1]!.trim().startsWith("@") &&
      indentOf(lines[first - 1]!) === indentOf(line)
    )
      first--;
    add(first, end);
    let last = end;
    while (
      last < lines.length &&
      /^(else|elif)\b/.test(lines[last]!.trim()) &&
      indentOf(lines[last]!) === indentOf(line)
    )
      last = blockEnd(lines, last);
    add(first, last);
    if (end - at > 6) add(at + 1 + Math.floor((end - at) / 2), end);
  });
  const byLength = [...ranges.values()].toSorted((a, b) => b[1] - b[0] - (a[1] - a[0]));
  for (const [from, to] of byLength) yield [...lines.slice(0, from), ...lines.slice(to)].join("\n");
}

/** `if c:` and its like replaced by what they hold. */
function* withOpenedBlocks(text: string): Generator<string> {
  const lines = text.split("\n");
  for (const [at, line] of lines.entries()) {
    if (!/^\s*(if|elif|else|for|while)\b.*:$/.test(line)) continue;
    const end = blockEnd(lines, at);
    const body = lines.slice(at + 1, end).map((each) => each.replace(/^ {4}/, ""));
    const rest = lines.slice(end);
    // What hangs on an opened `if` goes with it.
    while (/^\s*(elif|else)\b/.test(rest[0] ?? "") && indentOf(rest[0]!) === indentOf(line))
      rest.splice(0, blockEnd(rest, 0));
    yield [...lines.slice(0, at), ...body, ...rest].join("\n");
  }
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Expressions replaced by a part of themselves or by a plain number; list items left out. */
function* withSimplerExpressions(text: string): Generator<string> {
  const module = parse({ path: "shrink.kern", text }, new DiagnosticSink());
  const put = ({ start, end }: Range, by: string): string => text.slice(0, start) + by + text.slice(end);
  const nodes = spansOf(module.items);
  const sorted = nodes.toSorted((a, b) => b.range.end - b.range.start - (a.range.end - a.range.start));
  for (const { range, parts } of sorted) {
    const own = text.slice(range.start, range.end);
    if (own.includes("\n")) continue;
    for (const part of parts) {
      const inner = text.slice(part.start, part.end);
      if (inner.length < own.length) {
        yield put(range, inner);
        if (/[^\w.]/.test(inner)) yield put(range, `(${inner})`);
      }
    }
    if (own.length > 1 && !/^\d+$/.test(own))
      for (const plain of ["0", "1", "1.0", "False"]) yield put(range, plain);
    if (/^\d{2,}$/.test(own)) yield put(range, "1");
  }
  // Items of lists, with their comma; clauses of `where`.
  for (const { range } of sorted) {
    const after = /^\s*,\s*/.exec(text.slice(range.end));
    const before = /,\s*$/.exec(text.slice(0, range.start));
    if (after) yield put({ start: range.start, end: range.end + after[0].length }, "");
    else if (before) yield put({ start: range.start - before[0].length, end: range.end }, "");
  }
  for (const { 0: found, index } of text.matchAll(/ where [^:\n]*| if [^\n]*?(?= for |\)$)|: \w+(?= = )/g))
    yield put({ start: index, end: index + found.length }, "");
  for (const { 0: found, index } of text.matchAll(/\b[A-Z]\b(?=[,\]) ])/g))
    yield put({ start: index, end: index + found.length }, "4");
}

interface SpanNode {
  readonly range: Range;
  readonly parts: readonly Range[];
}

/** Every node of a tree that has a span, with the spans directly below it. */
function spansOf(root: unknown): SpanNode[] {
  const found: SpanNode[] = [];
  const visit = (value: unknown, parent: Range[] | undefined): void => {
    if (Array.isArray(value)) return value.forEach((each) => visit(each, parent));
    if (typeof value !== "object" || value === null) return;
    const { span, ...rest } = value as { span?: Range };
    let parts = parent;
    if (span && typeof span.start === "number") {
      parent?.push(span);
      parts = [];
      found.push({ range: span, parts });
    }
    for (const each of Object.values(rest)) visit(each, parts);
  };
  visit(root, undefined);
  return found;
}
