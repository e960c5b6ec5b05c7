// A whole module as a document: declarations with one blank line around everything that has a block, imports
// and constants as close together as they were written.

import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import type * as ast from "../syntax/ast.ts";
import { CommentCursor, commentText } from "./comments.ts";
import { headGap, StatementPrinter } from "./statements.ts";
import { stringText } from "./strings.ts";

const { group, hardline, ifBreak, indent, line, softline } = builders;

/** The document of a module that was parsed without errors. */
export function printModule(module: ast.Module): Doc {
  return new ModulePrinter(module).print();
}

class ModulePrinter extends StatementPrinter {
  private readonly module: ast.Module;

  constructor(module: ast.Module) {
    super(new CommentCursor(module.comments, module.file), module.file);
    this.module = module;
  }

  print(): Doc {
    const { doc: documentation, items, file } = this.module;
    const entries = documentation ? [this.docEntry(documentation)] : [];
    const blocks = documentation ? [false] : [];
    for (const item of items) {
      const start =
        "decorators" in item ? (item.decorators[0]?.span.start ?? item.span.start) : item.span.start;
      entries.push({ start, end: item.span.end, print: (limit) => this.item(item, limit) });
      blocks.push(
        item.kind === "function" || item.kind === "kernel" || item.kind === "struct" || item.kind === "test",
      );
    }
    const end = file.text.length;
    const lines = this.entries(entries, end, (index) =>
      blocks[index] || blocks[index - 1] ? true : undefined,
    );
    const rest = this.comments.before(end + 1).map((comment, index) => {
      const blank = this.comments.blankBefore(comment.span.start);
      this.comments.lastEnd = comment.span.end;
      return [
        entries.length === 0 && index === 0 ? "" : [hardline, blank ? hardline : ""],
        commentText(comment),
      ];
    });
    return lines.length + rest.length === 0 ? "" : [lines, rest, hardline];
  }

  private item(item: ast.Item, limit: number): Doc {
    const { end, start } = item.span;
    switch (item.kind) {
      case "import":
        return this.finished(this.importDeclaration(item), end);
      case "comptime":
        return this.finished(this.constant(item), end);
      case "comptime-assert":
        return this.finished(this.assertion("comptime assert ", item), end);
      case "function":
        return [this.decorators(item.decorators, start), this.callable("def ", item, limit)];
      case "kernel":
        return [this.decorators(item.decorators, start), this.callable("kernel ", item, limit)];
      case "struct":
        return this.struct(item, limit);
      case "test":
        return ["test ", stringText(item.title), this.suite(item.title.span.end, limit, item.body)];
    }
  }

  private importDeclaration({ level, path, alias, names, span }: ast.ImportDecl): Doc {
    const module = ".".repeat(level) + path.map(({ text }) => text).join(".");
    if (!names) return ["import ", module, alias ? ` as ${alias.text}` : ""];
    const parts: Doc[] = [];
    for (const [index, each] of names.entries()) {
      const last = index === names.length - 1;
      const { start } = each.name.span;
      const stop = (each.alias ?? each.name).span.end;
      const text = each.name.text + (each.alias ? ` as ${each.alias.text}` : "");
      const { body, trail } = this.comments.item(start, stop, () => text);
      parts.push(body, last ? ifBreak(",") : ",", trail, last ? "" : line);
    }
    // Without brackets a comment below belongs to what comes next, not into a list.
    if (this.file.text[span.end - 1] === ")")
      parts.push(this.comments.closing((names.at(-1)!.alias ?? names.at(-1)!.name).span.end));
    const content = [indent([softline, group(parts)]), softline];
    return group(["from ", module, " import ", ifBreak("("), content, ifBreak(")")]);
  }

  private struct({ name, doc: documentation, fields }: ast.StructDecl, limit: number): Doc {
    const trailing = this.comments.trailing(name.span.end, headGap);
    const entries = documentation ? [this.docEntry(documentation)] : [];
    for (const { name: field, type, span } of fields) {
      const print = (): Doc => this.finished([field.text, ": ", this.loose(type)], span.end);
      entries.push({ start: span.start, end: span.end, print });
    }
    this.comments.lastEnd = entries[0]?.start ?? name.span.end;
    const lines = this.entries(entries, limit);
    const rest = this.blockEnd(limit, 1, entries.length === 0);
    const empty = fields.length === 0 && !documentation ? [rest.length > 0 ? hardline : "", "pass"] : "";
    return ["struct ", name.text, ":", trailing, indent([hardline, lines, rest, empty])];
  }
}
