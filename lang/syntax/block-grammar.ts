// The grammar of blocks, and the recovery: an error gives up one logical line and the block under it is still
// read for errors of its own, so each mistake is reported once and at its own place.

import { isRecognitionException, EOF, type IToken } from "chevrotain";
import type * as ast from "./ast.ts";
import { ExpressionGrammar } from "./expression-grammar.ts";
import type { Rule } from "./grammar-base.ts";
import { errorLimit } from "./problems.ts";
import * as t from "./tokens.ts";

/** Any unused index: consuming a token of whatever type is only a step forward. */
export const skipIndex = 99;

export abstract class BlockGrammar extends ExpressionGrammar {
  abstract readonly statement: Rule<ast.Stmt>;
  abstract readonly simpleStatement: Rule<ast.Stmt>;

  /** `: statement` or `:` and an indented block. */
  readonly suite: Rule<ast.Stmt[]> = this.RULE("suite", (): ast.Stmt[] => {
    const head = this.LA(0);
    const statements: ast.Stmt[] = [];
    this.CONSUME(t.Colon);
    this.OR({
      DEF: [
        {
          ALT: () => {
            const lineEnd = this.CONSUME(t.Newline);
            // A missing block is reported and read as empty: what follows is fine.
            if (!this.RECORDING_PHASE && !this.nextIs(t.Indent)) this.missingBlock(head, lineEnd);
            else {
              const inner = this.SUBRULE(this.block);
              this.ACTION(() => statements.push(...inner));
            }
          },
        },
        {
          ALT: () => {
            const statement = this.SUBRULE(this.simpleStatement);
            this.CONSUME1(t.Newline);
            this.ACTION(() => statements.push(statement));
          },
        },
      ],
      ERR_MSG: "a statement",
    });
    return statements;
  });

  readonly block: Rule<ast.Stmt[]> = this.RULE("block", (): ast.Stmt[] => {
    const statements: ast.Stmt[] = [];
    this.CONSUME(t.Indent);
    if (this.RECORDING_PHASE) this.AT_LEAST_ONE(() => this.SUBRULE(this.statement));
    else {
      while (!this.nextIs(t.Dedent, EOF)) {
        const statement = this.orRecover(() => this.SUBRULE(this.statement));
        if (statement) statements.push(statement);
      }
    }
    this.CONSUME(t.Dedent);
    return statements;
  });

  private missingBlock(head: IToken, lineEnd: IToken): void {
    let ahead = 1;
    while (this.LA(ahead).tokenType === t.Dedent) ahead++;
    if (this.problems.givenUp && this.LA(ahead).tokenType === EOF) return;
    const at = this.problems.span(lineEnd.startOffset, lineEnd.startOffset);
    const what = head.tokenType === t.Else ? "`else:`" : "this line";
    this.problems.report("K0109", { what }, at, { fix: { text: "write `pass` if it is to do nothing" } });
  }

  /** Runs one rule; after an error, skips the rest of the line and reads an orphaned block for its errors. */
  protected orRecover<T>(parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof Error) || !isRecognitionException(error)) throw error;
      this.skipLine();
      // `else` after a failed `if` is no mistake of its own.
      while (this.nextIs(t.Else, t.Elif)) this.skipLine();
      return undefined;
    }
  }

  private skipLine(): void {
    const ends =
      this.errors.length > errorLimit * 2 || this.problems.full
        ? [EOF]
        : [EOF, t.Newline, t.Dedent, t.Indent];
    while (!this.nextIs(...ends)) this.step();
    if (this.nextIs(t.Newline)) this.step();
    if (this.nextIs(t.Indent)) this.orRecover(() => this.SUBRULE(this.block));
  }

  private step(): void {
    this.consume(skipIndex, this.LA(1).tokenType);
  }
}
