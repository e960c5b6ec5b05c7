// What all parts of the grammar share: the parser’s settings, spans and names of tokens. The grammar is a
// chain of classes (expressions, blocks, statements, declarations), since Chevrotain wants one parser object.

import { EmbeddedActionsParser, type IToken, type ParserMethod, type TokenType } from "chevrotain";
import type * as ast from "./ast.ts";
import type { SourceFile, Span } from "../source.ts";
import { expectedOf } from "./faults.ts";
import { Problems } from "./problems.ts";
import * as t from "./tokens.ts";

/** A rule that takes `A` and gives `T`. Rules are recursive, so their types have to be written out. */
export type Rule<T, A extends unknown[] = []> = ParserMethod<A, T>;

export class GrammarBase extends EmbeddedActionsParser {
  protected problems = new Problems({ path: "", text: "" });

  constructor(validate: boolean) {
    super(t.vocabulary, {
      maxLookahead: 1,
      recoveryEnabled: false,
      skipValidations: !validate,
      errorMessageProvider: expectedOf,
    });
  }

  protected get file(): SourceFile {
    return this.problems.file;
  }

  protected spanOf(token: IToken): Span {
    return { file: this.file, start: token.startOffset, end: t.endOf(token) };
  }

  /** From the beginning of `first` to the end of the token read last. */
  protected spanFrom(first: IToken): Span {
    return { file: this.file, start: first.startOffset, end: t.endOf(this.LA(0)) };
  }

  protected nameOf(token: IToken): ast.Name {
    return { text: token.image, span: this.spanOf(token) };
  }

  /** Is the next token one of these? Only while parsing, never while the grammar is recorded. */
  protected nextIs(...types: TokenType[]): boolean {
    return !this.RECORDING_PHASE && types.includes(this.LA(1).tokenType);
  }
}
