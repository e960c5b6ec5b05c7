// Which brackets have partners. Done over the whole file before lines are joined, since one forgotten `)`
// would otherwise make everything after it one line.

import type { IToken, TokenType } from "chevrotain";
import type { Problems } from "./problems.ts";
import * as t from "./tokens.ts";

/** Deepest nesting of brackets; the parser and all later stages recurse this deep at most. */
export const bracketLimit = 100;

export interface Brackets {
  /** Indices of openers without a partner. */
  readonly unclosed: ReadonlySet<number>;
  /** Indices of closers without a partner. */
  readonly stray: ReadonlySet<number>;
  /** Indices of tokens before which a line must end though a bracket is open. */
  readonly forcedEnd: ReadonlySet<number>;
  /** Index of the first token of the line that is nested too deeply. */
  readonly stopAt: number | undefined;
}

/** No expression contains these, so a line that begins with one shows that a bracket was forgotten. */
const statementStarts: ReadonlySet<TokenType> = new Set([
  t.Let, t.Var, t.Return, t.Assert, t.While, t.Import, t.From, t.Break, t.Continue, t.Pass, t.Comptime, t.Elif, t.At,
]); // prettier-ignore

export function matchBrackets(tokens: readonly IToken[], problems: Problems): Brackets {
  const unclosed = new Set<number>();
  const stray = new Set<number>();
  const forcedEnd = new Set<number>();
  let stack: number[] = [];
  let lineFirst = 0;
  let fresh = true;
  let stopAt: number | undefined;

  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const type = token.tokenType;
    if (type === t.Newline) {
      fresh = true;
      continue;
    }
    if (type === t.CommentToken) continue;
    if (fresh) {
      fresh = false;
      if (stack.length > 0 && startsStatement(tokens, index)) {
        for (const opener of stack) unclosed.add(opener);
        stack = [];
        forcedEnd.add(index);
      }
      if (stack.length === 0) lineFirst = index;
    }
    if (type === t.LParen || type === t.LSquare) {
      stack.push(index);
      if (stack.length > bracketLimit) {
        problems.report("K0113", { what: "brackets", limit: bracketLimit }, spanOf(token, problems));
        problems.givenUp = true;
        stopAt = lineFirst;
        stack = [];
        break;
      }
    } else if (type === t.RParen || type === t.RSquare) {
      const opener = type === t.RParen ? t.LParen : t.LSquare;
      const depth = stack.findLastIndex((at) => tokens[at]!.tokenType === opener);
      if (depth < 0) {
        stray.add(index);
        problems.report("K0112", { bracket: token.image }, spanOf(token, problems));
      } else {
        for (const at of stack.splice(depth).slice(1)) unclosed.add(at);
      }
    }
  }
  for (const opener of stack) unclosed.add(opener);
  for (const at of unclosed) {
    const token = tokens[at]!;
    problems.report("K0111", { bracket: token.image }, spanOf(token, problems), { label: "opened here" });
  }
  return { unclosed, stray, forcedEnd, stopAt };
}

function startsStatement(tokens: readonly IToken[], index: number): boolean {
  const token = tokens[index]!;
  if (statementStarts.has(token.tokenType)) return true;
  const next = tokens[index + 1]?.tokenType;
  if (token.tokenType === t.Def) return next === t.Identifier;
  if (token.tokenType !== t.Identifier) return false;
  if (token.image === "kernel" || token.image === "struct") return next === t.Identifier;
  return token.image === "test" && next === t.StringToken;
}

function spanOf(token: IToken, problems: Problems): ReturnType<Problems["span"]> {
  return problems.span(token.startOffset, t.endOf(token));
}
