// What a habit may see and do of its logical line: look at tokens, report with a fix, replace tokens.

import type { IToken, TokenType } from "chevrotain";
import type { Line } from "../lines.ts";
import type { Problems } from "../problems.ts";
import type { DiagnosticDetails } from "../../diagnostics/diagnostic.ts";
import type { CatalogueCode, Params } from "../../diagnostics/catalogue/index.ts";
import * as t from "../tokens.ts";

export class LineEditor {
  readonly line: Line;
  private readonly problems: Problems;

  private reports = 0;

  constructor(line: Line, problems: Problems) {
    this.line = line;
    this.problems = problems;
  }

  get text(): string {
    return this.problems.file.text;
  }

  type(index: number): TokenType | undefined {
    return this.line.tokens[index]?.tokenType;
  }

  /** True after so many reports that more would help no one; each may cost a copy of the line. */
  get exhausted(): boolean {
    return this.reports >= 50;
  }

  /** True for a name token with this text. */
  isWord(index: number, text: string): boolean {
    const token = this.line.tokens[index];
    return token?.tokenType === t.Identifier && token.image === text;
  }

  /** True where token `index` directly follows its predecessor, without a blank. */
  touches(index: number): boolean {
    const [before, after] = [this.line.tokens[index - 1], this.line.tokens[index]];
    return before !== undefined && after !== undefined && t.endOf(before) === after.startOffset;
  }

  report<C extends CatalogueCode>(
    code: C,
    params: Params<C>,
    from: IToken,
    to: IToken,
    details?: DiagnosticDetails & { replacement?: string; advice?: string },
  ): void {
    const span = this.problems.span(from.startOffset, t.endOf(to));
    const { replacement, advice, ...rest } = details ?? {};
    if (replacement !== undefined) {
      rest.fix = { text: advice ?? `write \`${replacement}\``, edits: [{ span, replacement }] };
    }
    this.problems.report(code, params, span, rest);
    this.line.tainted = true;
    this.reports++;
  }

  replace(index: number, count: number, ...tokens: IToken[]): void {
    this.line.tokens.splice(index, count, ...tokens);
  }
}

/** Can this token end an operand? */
export function endsOperand(type: TokenType | undefined): boolean {
  return (
    type === t.Identifier || type === t.NumberToken || type === t.StringToken || type === t.RParen ||
    type === t.RSquare || type === t.True || type === t.False
  ); // prettier-ignore
}

/** Can this token begin an operand? */
export function beginsOperand(type: TokenType | undefined): boolean {
  return (
    type === t.Identifier || type === t.NumberToken || type === t.StringToken || type === t.LParen ||
    type === t.LSquare || type === t.True || type === t.False || type === t.Not || type === t.Tilde
  ); // prettier-ignore
}
