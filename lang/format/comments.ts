// Comments, printed by a cursor: the printer walks the tree in source order and takes every comment that
// stands before what it is about to print. So none is lost and none is printed twice, wherever it stands.

import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import type { Comment } from "../syntax/ast.ts";
import { positionAt, type SourceFile } from "../source.ts";

const { breakParent, hardline, lineSuffix } = builders;

/** `#x` becomes `# x`; `#!`, `##` and `#:` keep their form. */
export function commentText(comment: Comment): string {
  const text = comment.text.trimEnd();
  return /^#[^\s#!:]/.test(text) ? `# ${text.slice(1)}` : text;
}

export class CommentCursor {
  private next = 0;
  private readonly comments: readonly Comment[];
  private readonly file: SourceFile;
  /** End of what was printed last, to find the blank lines behind it. */
  lastEnd = 0;

  constructor(comments: readonly Comment[], file: SourceFile) {
    this.comments = comments;
    this.file = file;
  }

  /** Takes the comments that begin before `offset`. */
  before(offset: number): Comment[] {
    const start = this.next;
    while (this.next < this.comments.length && this.comments[this.next]!.span.start < offset) this.next++;
    return this.comments.slice(start, this.next);
  }

  /** Takes the comments before `offset` that stand at least `column` deep (zero-based). */
  indented(offset: number, column: number): Comment[] {
    const start = this.next;
    for (; this.next < this.comments.length; this.next++) {
      const { span, ownLine } = this.comments[this.next]!;
      if (span.start >= offset || !ownLine || positionAt(this.file, span.start).column - 1 < column) break;
    }
    return this.comments.slice(start, this.next);
  }

  /**
   * Takes the comment behind code that ends at `offset`, on the same line, as a suffix of that line. `between`
   * tells what may stand before it.
   */
  trailing(offset: number, between: RegExp): Doc {
    const comment = this.comments[this.next];
    if (!comment || comment.ownLine || comment.span.start < offset) return "";
    if (!between.test(this.file.text.slice(offset, comment.span.start))) return "";
    this.next++;
    this.lastEnd = comment.span.end;
    return [lineSuffix(`  ${commentText(comment)}`), breakParent];
  }

  /** The comments before `offset`, each on a line of its own. */
  lead(offset: number): Doc {
    return this.before(offset).map((comment) => [commentText(comment), hardline]);
  }

  /** The comments before `offset`, behind the line that ends here; they break the group around, or nothing. */
  suffixes(offset: number, breaks: boolean): Doc {
    return this.before(offset).map((comment) => [
      lineSuffix(`  ${commentText(comment)}`),
      breaks ? breakParent : "",
    ]);
  }

  /** The comments before `offset`, between two operands: behind the first or on lines of their own. */
  between(offset: number): Doc {
    return this.before(offset).map((comment) =>
      comment.ownLine
        ? [hardline, commentText(comment), breakParent]
        : [lineSuffix(`  ${commentText(comment)}`), breakParent],
    );
  }

  /** An item of a bracketed list with the comments above and in it, and the one behind it and its comma. */
  item(start: number, end: number, print: () => Doc): { readonly body: Doc; readonly trail: Doc } {
    const lead = this.lead(start);
    const body = print();
    return { body: [lead, body, this.suffixes(end, true)], trail: this.trailing(end, /^[ \t\f,]*$/) };
  }

  /** The comments inside empty brackets that open somewhere behind `offset`. */
  inEmpty(offset: number): Doc[] {
    const gap = /[^([]*[([](?:\s|#[^\n]*)*/y;
    gap.lastIndex = offset;
    gap.test(this.file.text);
    return this.before(gap.lastIndex).map((comment) => [hardline, commentText(comment)]);
  }

  /** The comments on lines of their own between the last item of a list and its closing bracket. */
  closing(end: number): Doc {
    const gap = /(?:[\s,]|#[^\n]*)*/y;
    gap.lastIndex = end;
    gap.test(this.file.text);
    return this.before(gap.lastIndex).map((comment) => [hardline, commentText(comment), breakParent]);
  }

  /** Was there a blank line between what was printed last and `offset`? */
  blankBefore(offset: number): boolean {
    return /\n[ \t\f\r]*\n/.test(this.file.text.slice(this.lastEnd, offset));
  }
}
