// One text, understood as far as it goes: its tree, the meaning of its names, and, when asked for, its mistakes.

import { check } from "../../compiler/index.ts";
import { checkModule } from "../../lang/check/index.ts";
import { DiagnosticSink, type Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import type { Module } from "../../lang/syntax/ast.ts";
import { parse } from "../../lang/syntax/index.ts";
import type { ModuleHost } from "../../lang/typed.ts";
import { libraryHost } from "../../stdlib/index.ts";
import { declarationsOf, type Declaration } from "./declarations.ts";
import { Names } from "./names.ts";

export interface Analysis {
  readonly file: SourceFile;
  readonly ast: Module;
  readonly names: Names;
  readonly declarations: readonly Declaration[];
  /** With proofs, which take longer than all else. */
  mistakes(): readonly Diagnostic[];
}

/** Parses and type-checks. */
export function analyse(file: SourceFile, host: ModuleHost): Analysis {
  const names = new Names(file);
  const { ast } = checkModule(file, libraryHost(host), new DiagnosticSink(), (at, meaning) =>
    names.hear(at, meaning),
  );
  let found: readonly Diagnostic[] | undefined;
  return {
    file,
    ast,
    names,
    declarations: declarationsOf(ast),
    mistakes: () => (found ??= check(file, { host })),
  };
}

const trees = new WeakMap<
  SourceFile,
  { readonly ast: Module; readonly declarations: readonly Declaration[] }
>();

/** The declarations of a file that others import: no more than its tree. */
export function outlineOf(file: SourceFile): {
  readonly ast: Module;
  readonly declarations: readonly Declaration[];
} {
  let known = trees.get(file);
  if (!known) {
    const ast = parse(file, new DiagnosticSink());
    trees.set(file, (known = { ast, declarations: declarationsOf(ast) }));
  }
  return known;
}
