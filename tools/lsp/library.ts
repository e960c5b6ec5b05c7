// What the standard library offers by name, and how a file comes to import it.

import type { CodeAction, Diagnostic as Problem, TextEdit } from "vscode-languageserver/node";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import { textOf, type SourceFile } from "../../lang/source.ts";
import type { ImportDecl, Module } from "../../lang/syntax/ast.ts";
import { libraryFile, libraryModules } from "../../stdlib/index.ts";
import { outlineOf } from "./analysis.ts";
import type { Declaration } from "./declarations.ts";
import { rangeOf } from "./places.ts";

export interface Offer {
  /** `std.math` */
  readonly module: string;
  readonly declaration: Declaration;
}

let all: readonly Offer[] | undefined;

/** Every definition that the library's modules have for others: those with a text about them. */
export function offers(): readonly Offer[] {
  return (all ??= libraryModules.flatMap((name) =>
    exportsOf(libraryFile(name)!)
      .filter(({ doc }) => doc !== undefined)
      .map((declaration) => ({ module: `std.${name}`, declaration })),
  ));
}

/** What others may import of a file. */
export function exportsOf(file: SourceFile): readonly Declaration[] {
  return outlineOf(file).declarations.filter(({ within, kind }) => !within && kind !== "import");
}

/** The change that makes a file import a name. */
export function importEdit(ast: Module, module: string, name: string): TextEdit {
  const { file } = ast;
  const imports = ast.items.filter((item): item is ImportDecl => item.kind === "import");
  const same = imports.find(
    ({ level, path, names }) => names && level === 0 && path.map(({ text }) => text).join(".") === module,
  );
  const last = same?.names?.at(-1);
  if (last) {
    const { end } = (last.alias ?? last.name).span;
    return { range: rangeOf({ file, start: end, end }), newText: `, ${name}` };
  }
  const line = `from ${module} import ${name}\n`;
  const behind = imports.at(-1)?.span ?? ast.doc?.span;
  if (!behind) return { range: rangeOf({ file, start: 0, end: 0 }), newText: `${line}\n` };
  const end = file.text.indexOf("\n", behind.end);
  const start = end < 0 ? file.text.length : end + 1;
  const gap = end < 0 ? "\n" : "";
  return {
    range: rangeOf({ file, start, end: start }),
    newText: gap + (imports.length > 0 ? line : `\n${line}`),
  };
}

/** Imports that give a name to a file which uses it without. */
export function importsFor(found: Diagnostic, ast: Module, uri: string, problem: Problem): CodeAction[] {
  if ((found.code !== "K0201" && found.code !== "K0202") || !found.span) return [];
  const name = textOf(found.span);
  return offers()
    .filter(({ declaration }) => declaration.name.text === name)
    .map(({ module }) => ({
      title: `from ${module} import ${name}`,
      kind: "quickfix",
      diagnostics: [problem],
      edit: { changes: { [uri]: [importEdit(ast, module, name)] } },
    }));
}
