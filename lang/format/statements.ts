// Statements and blocks as documents: one statement a line, four spaces a level, at most one blank line.

import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import type * as ast from "../syntax/ast.ts";
import { positionAt, type SourceFile } from "../source.ts";
import { outerSpan } from "../syntax/operators.ts";
import { commentText, type CommentCursor } from "./comments.ts";
import { ExpressionPrinter, targetList } from "./expressions.ts";
import { stringText } from "./strings.ts";

const { hardline, indent, join } = builders;

/** What may stand between a statement and the comment behind it: nothing, or the brackets of its header. */
const lineGap = /^[ \t\f\r,]*$/;
export const headGap = /^[ \t\f\r,:()[\]]*$/;

/** Something that stands on lines of its own. `limit` is where the next such thing begins. */
interface Entry {
  readonly start: number;
  readonly end: number;
  print(limit: number): Doc;
}

export class StatementPrinter extends ExpressionPrinter {
  protected readonly file: SourceFile;

  constructor(comments: CommentCursor, file: SourceFile) {
    super(comments);
    this.file = file;
  }

  // ---- lines ----------------------------------------------------------------------------------------

  /**
   * Entries one below the other with the comments between them. `between` forces blank lines before an entry
   * or says undefined, to keep what was written.
   */
  protected entries(
    entries: readonly Entry[],
    limit: number,
    between?: (index: number) => boolean | undefined,
  ): Doc[] {
    const out: Doc[] = [];
    const add = (start: number, content: () => Doc, forced?: boolean): void => {
      if (out.length > 0) {
        const blank = forced ?? this.comments.blankBefore(start);
        out.push(hardline, blank ? hardline : "");
      }
      out.push(content());
    };
    for (const [index, entry] of entries.entries()) {
      let forced = between?.(index);
      for (const comment of this.comments.before(entry.start)) {
        add(comment.span.start, () => commentText(comment), forced);
        this.comments.lastEnd = comment.span.end;
        forced = undefined;
      }
      add(entry.start, () => entry.print(entries[index + 1]?.start ?? limit), forced);
    }
    return out;
  }

  /** The own-line comments at the end of a block that are indented as deep as the block is. */
  protected blockEnd(limit: number, column: number, empty: boolean): Doc[] {
    return this.comments.indented(limit, column).map((comment, index) => {
      const blank = this.comments.blankBefore(comment.span.start);
      this.comments.lastEnd = comment.span.end;
      return [empty && index === 0 ? "" : [hardline, blank ? hardline : ""], commentText(comment)];
    });
  }

  /** `:` with its trailing comment, and the indented block. `headEnd` is the end of what stands before it. */
  protected suite(
    headEnd: number,
    limit: number,
    body: readonly ast.Stmt[],
    documentation?: ast.StringLit,
  ): Doc {
    const trailing = this.comments.trailing(headEnd, headGap);
    const entries: Entry[] = [];
    if (documentation) entries.push(this.docEntry(documentation));
    for (const statement of body) entries.push(this.statementEntry(statement));
    const first = entries[0];
    const column = first ? positionAt(this.file, first.start).column - 1 : 0;
    this.comments.lastEnd = Math.max(this.comments.lastEnd, headEnd, first ? first.start : 0);
    const lines = this.entries(entries, limit);
    const rest = this.blockEnd(limit, column, false);
    return [":", trailing, indent([hardline, lines, rest])];
  }

  protected docEntry(documentation: ast.StringLit): Entry {
    const { start, end } = documentation.span;
    return { start, end, print: () => this.finished(stringText(documentation), end) };
  }

  /** Ends a line: leftovers of its brackets go above it, a comment on its line behind it. */
  protected finished(content: Doc, end: number): Doc {
    const above = this.leftovers(end);
    this.comments.lastEnd = end;
    return [above, content, this.comments.trailing(end, lineGap)];
  }

  // ---- statements -----------------------------------------------------------------------------------

  protected statementEntry(statement: ast.Stmt): Entry {
    const decorators = "decorators" in statement ? statement.decorators : [];
    const start = decorators[0]?.span.start ?? statement.span.start;
    const end = statement.span.end;
    return {
      start,
      end,
      print: (limit) => [this.decorators(decorators, statement.span.start), this.statement(statement, limit)],
    };
  }

  /** Decorators, one a line; comments between them stay between them. */
  protected decorators(decorators: readonly ast.Decorator[], start: number): Doc {
    const parts: Doc[] = [];
    for (const { path, args, span } of decorators) {
      for (const comment of this.comments.before(span.start)) parts.push(commentText(comment), hardline);
      const name = ["@", path.map(({ text }) => text).join(".")];
      const content = args ? [name, this.argumentList({ args }, path.at(-1)!.span.end)] : name;
      parts.push(this.finished(content, span.end), hardline);
    }
    if (decorators.length > 0)
      for (const comment of this.comments.before(start)) parts.push(commentText(comment), hardline);
    return parts;
  }

  private statement(statement: ast.Stmt, limit: number): Doc {
    const { end } = statement.span;
    switch (statement.kind) {
      case "let":
        return this.finished(this.declared(statement), end);
      case "assign":
        return this.finished(
          [this.loose(statement.target, true), ` ${statement.op ?? ""}= `, this.loose(statement.value)],
          end,
        );
      case "if":
      case "comptime-if":
        return this.conditionalStatement(statement, limit);
      case "for":
        return this.loop(
          ["for ", targetList(statement.targets), " in ", this.loose(statement.iter)],
          statement.iter,
          statement.body,
          limit,
        );
      case "comptime-for":
        return this.loop(
          ["comptime for ", statement.target.text, " in ", this.loose(statement.iter)],
          statement.iter,
          statement.body,
          limit,
        );
      case "while":
        return this.loop(["while ", this.loose(statement.cond)], statement.cond, statement.body, limit);
      case "break":
      case "continue":
      case "pass":
        return this.finished(statement.kind, end);
      case "return":
        return this.finished(statement.value ? ["return ", this.loose(statement.value)] : "return", end);
      case "assert":
        return this.finished(this.assertion("assert ", statement), end);
      case "comptime-assert":
        return this.finished(this.assertion("comptime assert ", statement), end);
      case "comptime":
        return this.finished(this.constant(statement), end);
      case "expr":
        return this.finished(this.loose(statement.value), end);
      case "function":
        return this.callable("def ", statement, limit);
    }
  }

  private declared({ mutable, names, type, value }: ast.LetStmt): Doc {
    return [
      mutable ? "var " : "let ",
      names.map(({ text }) => text).join(", "),
      type ? [": ", this.loose(type, value !== undefined)] : "",
      value ? [" = ", this.loose(value)] : "",
    ];
  }

  protected constant({ name, type, value }: ast.ComptimeDecl): Doc {
    return [
      "comptime ",
      name.text,
      type ? [": ", this.loose(type, value !== undefined)] : "",
      " = ",
      this.loose(value),
    ];
  }

  protected assertion(head: string, { cond, message }: ast.AssertStmt | ast.ComptimeAssert): Doc {
    return [head, this.loose(cond, message !== undefined), message ? [", ", stringText(message)] : ""];
  }

  private loop(head: Doc, last: ast.Expr, body: readonly ast.Stmt[], limit: number): Doc {
    const headEnd = outerSpan(last).end;
    return [this.leftovers(headEnd), head, this.suite(headEnd, limit, body)];
  }

  private conditionalStatement(statement: ast.IfStmt | ast.ComptimeIf, limit: number): Doc {
    const { cond, then, orelse, elif, kind } = statement;
    const word = elif ? "elif " : kind === "if" ? "if " : "comptime if ";
    const head = [word, this.loose(cond)];
    const headEnd = outerSpan(cond).end;
    const above = this.leftovers(headEnd);
    const elseAt = orelse ? this.skipBlank(then.at(-1)?.span.end ?? headEnd) : limit;
    const parts: Doc[] = [above, head, this.suite(headEnd, elseAt, then)];
    const [only] = orelse ?? [];
    if (only && (only.kind === "if" || only.kind === "comptime-if") && only.elif) {
      // A comment above `elif` that isn't indented as the block before stays above it.
      for (const comment of this.comments.before(only.span.start)) parts.push(hardline, commentText(comment));
      parts.push(hardline, this.conditionalStatement(only, limit));
    } else if (orelse) {
      for (const comment of this.comments.before(elseAt)) parts.push(hardline, commentText(comment));
      parts.push(hardline, "else", this.suite(elseAt + "else".length, limit, orelse));
    }
    return parts;
  }

  /** The first offset from `offset` on that is neither blank nor comment: where `else` stands. */
  private skipBlank(offset: number): number {
    const blank = /(?:\s|#[^\n]*)*/y;
    blank.lastIndex = offset;
    blank.test(this.file.text);
    return blank.lastIndex;
  }

  // ---- functions and kernels ------------------------------------------------------------------------

  protected callable(word: string, declaration: ast.FunctionDecl | ast.KernelDecl, limit: number): Doc {
    const { name, compParams, params, where, body, doc: documentation } = declaration;
    const result = declaration.kind === "function" ? declaration.result : undefined;
    const head: Doc[] = [word, name.text];
    if (compParams.length > 0)
      head.push(this.brackets("[", compParams, "]", name.span.end, (param) => this.compParam(param)));
    head.push(
      this.brackets("(", params, ")", compParams.at(-1)?.span.end ?? name.span.end, (param) =>
        this.param(param),
      ),
    );
    if (result) head.push(" -> ", this.loose(result, where.length > 0));
    if (where.length > 0)
      head.push(
        " where ",
        join(
          ", ",
          where.map((each, index) => this.loose(each, index < where.length - 1)),
        ),
      );
    const last = where.at(-1) ?? result;
    const headEnd = last
      ? outerSpan(last).end
      : (params.at(-1)?.span.end ?? compParams.at(-1)?.span.end ?? name.span.end);
    return [this.leftovers(headEnd), head, this.suite(headEnd, limit, body, documentation)];
  }

  private compParam({ name, type, fallback }: ast.CompParam): Doc {
    return [name.text, ": ", this.expression(type), fallback ? [" = ", this.expression(fallback)] : ""];
  }

  private param({ mode, name, type }: ast.Param): Doc {
    return [mode === "in" ? "" : `${mode} `, name.text, ": ", this.expression(type)];
  }
}
