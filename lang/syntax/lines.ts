// From flat tokens to logical lines: brackets are matched, lines inside them joined, comments set aside, and
// the words and numbers that can't be read are reported. Linear in the file, whatever it holds.

import type { IToken, TokenType } from "chevrotain";
import type { Comment } from "./ast.ts";
import type { Problems } from "./problems.ts";
import { matchBrackets } from "./brackets.ts";
import { checkToken } from "./characters.ts";
import * as t from "./tokens.ts";

/** One logical line: never empty, without the line end. */
export interface Line {
  tokens: IToken[];
  /** Width of the indentation. */
  readonly column: number;
  /** An error was reported in it: what the parser says of it later would only be a consequence. */
  tainted: boolean;
}

export interface Lines {
  readonly lines: Line[];
  readonly comments: Comment[];
}

const tabWidth = 4;

export function logicalLines(flat: readonly IToken[], problems: Problems): Lines {
  const text = problems.file.text;
  const tokens = withoutForeignComments(flat, problems);
  const brackets = matchBrackets(tokens, problems);
  const lines: Line[] = [];
  const comments: Comment[] = [];
  const tabs: { start: number; end: number; width: number }[] = [];
  let line: Line | undefined;
  let open: { type: TokenType; matched: boolean; token: IToken }[] = [];
  let depth = 0;
  let lineStart = text.startsWith("\ufeff") ? 1 : 0;
  let bare = true; // nothing but blanks so far on this physical line

  const close = (): void => {
    if (!line) return;
    closeAll(line, open);
    open = [];
    depth = 0;
    lines.push(line);
    line = undefined;
  };

  for (const [index, token] of tokens.entries()) {
    if (index === brackets.stopAt) {
      // The line whose nesting is too deep is given up; nothing after it can be trusted.
      line = undefined;
      break;
    }
    const type = token.tokenType;
    if (type === t.Newline) {
      lineStart = t.endOf(token);
      bare = true;
      const next = line && depth === 0 ? followingColumn(tokens, index + 1, lineStart) : 0;
      const swallow =
        line && open.length > 0 && line.tokens.at(-1)?.tokenType !== t.Colon && next > line.column;
      if (depth === 0 && !swallow) close();
      continue;
    }
    if (type === t.CommentToken) {
      comments.push({
        text: token.image,
        span: problems.span(token.startOffset, t.endOf(token)),
        ownLine: bare,
      });
      continue;
    }
    if (brackets.forcedEnd.has(index)) close();
    if (line && type === t.At && open.length === 0 && line.tokens[0]?.tokenType === t.At) {
      // `@tile(i=4) @unroll(i)`: annotations side by side are lines of their own.
      const { column } = line;
      close();
      line = { tokens: [], column, tainted: false };
    }
    if (!line) {
      const column = indentation(text, lineStart, token.startOffset, tabs);
      line = { tokens: [], column, tainted: false };
    }
    bare = false;
    if (!checkToken(token, problems)) line.tainted = true;
    if (type === t.Unknown || type === t.LineJoin) {
      // A joined line goes on as if nothing had ended; the mistake is already reported.
      if (type === t.LineJoin) lineStart = t.endOf(token);
      continue;
    }
    if (type === t.LParen || type === t.LSquare) {
      const matched = !brackets.unclosed.has(index);
      if (matched) depth++;
      else line.tainted = true;
      open.push({ type, matched, token });
    } else if (type === t.RParen || type === t.RSquare) {
      if (brackets.stray.has(index)) {
        line.tainted = true;
        continue;
      }
      while (open.length > 0 && !open.at(-1)!.matched)
        insertCloser(line, open.pop()!.type, token.startOffset);
      open.pop();
      depth--;
    }
    line.tokens.push(token);
  }
  close();
  reportTabs(tabs, problems);
  return { lines, comments };
}

/** Leaves out lines that begin with `//` outside brackets: prose, whose quotes and brackets mean nothing. */
function withoutForeignComments(tokens: readonly IToken[], problems: Problems): readonly IToken[] {
  const kept: IToken[] = [];
  let depth = 0;
  let fresh = true;
  let prose = false;
  for (const token of tokens) {
    const type = token.tokenType;
    if (type === t.Newline) prose = false;
    else if (fresh && depth === 0 && type === t.BinaryOperator && token.image === "//") {
      const span = problems.span(token.startOffset, t.endOf(token));
      problems.report("K0136", {}, span, { fix: { text: "write `#`", edits: [{ span, replacement: "#" }] } });
      prose = true;
    }
    fresh = type === t.Newline;
    if (prose) continue;
    if (type === t.LParen || type === t.LSquare) depth++;
    else if (type === t.RParen || type === t.RSquare) depth = Math.max(0, depth - 1);
    kept.push(token);
  }
  return kept;
}

/** Column of the next line with a token on it; 0 at the end of the file. */
function followingColumn(tokens: readonly IToken[], from: number, start: number): number {
  let lineStart = start;
  for (let index = from; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token.tokenType === t.Newline) lineStart = t.endOf(token);
    else if (token.tokenType !== t.CommentToken) return token.startOffset - lineStart;
  }
  return 0;
}

/** The brackets a person forgot, put where the line ends (before its colon), so that the rest still parses. */
function closeAll(line: Line, open: readonly { type: TokenType }[]): void {
  if (open.length === 0) return;
  const colon = line.tokens.at(-1)?.tokenType === t.Colon ? line.tokens.pop() : undefined;
  const last = line.tokens.at(-1);
  const at = last ? t.endOf(last) : 0;
  for (const { type } of open.toReversed()) insertCloser(line, type, at);
  if (colon) line.tokens.push(colon);
}

function insertCloser(line: Line, opener: TokenType, at: number): void {
  line.tokens.push(t.synthetic(opener === t.LParen ? t.RParen : t.RSquare, at));
}

function indentation(
  text: string,
  start: number,
  end: number,
  tabs: { start: number; end: number; width: number }[],
): number {
  let column = 0;
  let tab = false;
  for (let at = start; at < end; at++) {
    if (text[at] === "\t") {
      column = (Math.floor(column / tabWidth) + 1) * tabWidth;
      tab = true;
    } else if (text[at] !== "\f") column++;
  }
  if (tab) tabs.push({ start, end, width: column });
  return column;
}

/** One report a file, whose fix mends every line. */
function reportTabs(
  tabs: readonly { start: number; end: number; width: number }[],
  problems: Problems,
): void {
  const first = tabs[0];
  if (!first) return;
  problems.report("K0106", {}, problems.span(first.start, first.end), {
    notes: tabs.length > 1 ? [`${tabs.length} lines of this file are indented with tabs`] : [],
    fix: {
      text: "indent with spaces",
      edits: tabs.map(({ start, end, width }) => ({
        span: problems.span(start, end),
        replacement: " ".repeat(width),
      })),
    },
  });
}
