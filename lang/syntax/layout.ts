// Indentation into INDENT and DEDENT tokens, line ends into NEWLINE tokens, and the contextual keywords. The
// token stream that leaves here is always balanced, so the parser never meets a stray DEDENT.

import type { IToken, TokenType } from "chevrotain";
import type { Line } from "./lines.ts";
import type { Problems } from "./problems.ts";
import { endsOperand } from "./habits/line-editor.ts";
import * as t from "./tokens.ts";

/** Deepest nesting of blocks. */
export const blockLimit = 60;

interface Level {
  readonly column: number;
  /** A deeper line that opened no block: it counts as the level around it. */
  readonly phantom: boolean;
}

const blockWords: ReadonlySet<TokenType> = new Set([
  t.If, t.Elif, t.Else, t.For, t.While, t.Def, t.Kernel, t.Struct, t.Test,
]); // prettier-ignore

/** The tokens of all lines with layout; stops at the first line whose block is nested too deeply. */
export function layOut(lines: readonly Line[], problems: Problems): IToken[] {
  const tokens: IToken[] = [];
  const levels: Level[] = [{ column: 0, phantom: false }];
  let before: Line | undefined;
  for (const line of lines) contextualKeywords(line);

  for (const [index, line] of lines.entries()) {
    const first = line.tokens[0]!;
    const start = first.startOffset;
    let level = levels.at(-1)!;
    if (line.column > level.column || (!before && line.column > 0)) {
      const opens = before?.tokens.at(-1)?.tokenType === t.Colon;
      if (!opens && !before?.tainted) {
        problems.report("K0107", {}, problems.span(start, t.endOf(first)));
        line.tainted = true;
      }
      if (opens && levels.filter((known) => !known.phantom).length > blockLimit) {
        problems.report("K0113", { what: "blocks", limit: blockLimit }, problems.span(start, t.endOf(first)));
        problems.givenUp = true;
        break;
      }
      // A file whose every line is deeper than the last must not make this stack the size of the file.
      if (opens || levels.length < 1000) levels.push({ column: line.column, phantom: !opens });
      if (opens) tokens.push(t.synthetic(t.Indent, start));
    } else {
      while (line.column < level.column) {
        levels.pop();
        if (!level.phantom) tokens.push(t.synthetic(t.Dedent, start));
        level = levels.at(-1)!;
        if (line.column > level.column) {
          problems.report("K0108", {}, problems.span(start, t.endOf(first)), {
            notes: [
              `the blocks around it begin in column ${levels.map((known) => known.column + 1).join(", ")}`,
            ],
          });
          line.tainted = true;
          levels.push({ column: line.column, phantom: true });
          level = levels.at(-1)!;
        }
      }
    }
    missingColon(line, lines[index + 1], problems);
    for (const token of line.tokens) tokens.push(token);
    tokens.push(t.synthetic(t.Newline, t.endOf(line.tokens.at(-1)!)));
    before = line;
  }
  const end = before ? t.endOf(before.tokens.at(-1)!) : 0;
  for (const level of levels.slice(1).toReversed())
    if (!level.phantom) tokens.push(t.synthetic(t.Dedent, end));
  return tokens;
}

/** A block word at the front, no colon at the end, and a deeper line below: the colon was forgotten. */
function missingColon(line: Line, next: Line | undefined, problems: Problems): void {
  const last = line.tokens.at(-1)!;
  if (last.tokenType === t.Colon || !next || next.column <= line.column) return;
  let first = line.tokens[0]!;
  if (first.tokenType === t.Comptime && line.tokens[1]) first = line.tokens[1];
  if (!blockWords.has(first.tokenType)) return;
  const end = t.endOf(last);
  problems.report("K0110", { what: `\`${first.image}\`` }, problems.span(end, end), {
    fix: { text: "add the colon", edits: [{ span: problems.span(end, end), replacement: ":" }] },
  });
  line.tainted = true;
  line.tokens.push(t.synthetic(t.Colon, end));
}

/** Gives `kernel`, `struct`, `test`, `where`, `out`, `mut` and `as` their keyword type where they are keywords. */
function contextualKeywords(line: Line): void {
  const { tokens } = line;
  const first = tokens[0]!;
  const next = tokens[1]?.tokenType;
  if (first.tokenType === t.Identifier) {
    if (first.image === "kernel" && next === t.Identifier) t.retype(first, t.Kernel);
    else if (first.image === "struct" && next === t.Identifier) t.retype(first, t.Struct);
    else if (first.image === "test" && next === t.StringToken) t.retype(first, t.Test);
  }
  const header = first.tokenType === t.Kernel || first.tokenType === t.Def;
  const imports = first.tokenType === t.Import || first.tokenType === t.From;
  if (!header && !imports) return;
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    const type = token.tokenType;
    if (type === t.LParen || type === t.LSquare) depth++;
    else if (type === t.RParen || type === t.RSquare) depth--;
    else if (type === t.Identifier && index > 0) {
      const before = tokens[index - 1]!.tokenType;
      const after = tokens[index + 1]?.tokenType;
      if (imports) {
        if (token.image === "as" && before === t.Identifier && after === t.Identifier) t.retype(token, t.As);
      } else if (token.image === "where") {
        if (depth === 0 && endsOperand(before) && index > 2) t.retype(token, t.Where);
      } else if ((token.image === "out" || token.image === "mut") && after === t.Identifier) {
        if (before === t.LParen || before === t.Comma) t.retype(token, token.image === "out" ? t.Out : t.Mut);
      }
    }
  }
}
