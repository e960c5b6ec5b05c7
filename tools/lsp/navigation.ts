// From a name to where it is declared and to everything else that means the same, and its new name in all those places.

import type { DocumentHighlight, Location, Range, WorkspaceEdit } from "vscode-languageserver/node";
import { isBuiltin } from "../../lang/builtins.ts";
import { isDtype, isTrait } from "../../lang/dtypes.ts";
import { textOf, type SourceFile, type Span } from "../../lang/source.ts";
import { hardKeywords } from "../../lang/syntax/tokens.ts";
import type { Analysis } from "./analysis.ts";
import { isSame } from "./names.ts";
import { locationOf, rangeOf } from "./places.ts";

type UriOf = (file: SourceFile) => string;

export function definitionAt(analysis: Analysis, offset: number, uriOf: UriOf): Location | undefined {
  const use = analysis.names.at(offset);
  return use && locationOf(use.declared, uriOf);
}

export function highlightsAt(analysis: Analysis, offset: number): DocumentHighlight[] {
  const use = analysis.names.at(offset);
  return use ? analysis.names.of(use.declared).map((span) => ({ range: rangeOf(span) })) : [];
}

/** Places of all files that mean what the name at an offset means. */
export function referencesAt(
  analysis: Analysis,
  offset: number,
  others: readonly Analysis[],
): readonly Span[] {
  const use = analysis.names.at(offset);
  if (!use) return [];
  const files = [analysis, ...others.filter(({ file }) => file.path !== analysis.file.path)];
  return files.flatMap(({ names }) => names.of(use.declared));
}

export function referenceLocations(
  analysis: Analysis,
  offset: number,
  others: readonly Analysis[],
  { uriOf, withDeclaration }: { readonly uriOf: UriOf; readonly withDeclaration: boolean },
): Location[] {
  const declared = analysis.names.at(offset)?.declared;
  return referencesAt(analysis, offset, others)
    .filter((span) => withDeclaration || !declared || !isSame(span, declared))
    .map((span) => locationOf(span, uriOf));
}

/** Why a name can't be changed, or where it stands. */
export function renamable(
  analysis: Analysis,
  offset: number,
  isOwn: (file: SourceFile) => boolean,
): Range | string {
  const use = analysis.names.at(offset);
  if (!use) return "there is no name of your own here";
  if (use.what === "module") return "a module is called as its file is";
  if (!isOwn(use.declared.file) && textOf(use.span) === textOf(use.declared))
    return "the library declares this name";
  return rangeOf(use.span);
}

/** Why something can't be a name. */
export function nameFault(name: string): string | undefined {
  if (!/^[A-Za-z_]\w*$/.test(name)) return `\`${name}\` is no name: letters, digits and _, no digit first`;
  if (hardKeywords.has(name)) return `\`${name}\` is a word of the language`;
  if (isBuiltin(name) || isDtype(name) || isTrait(name) || name === "index") return `\`${name}\` is built in`;
  return undefined;
}

/** Renames what stands at an offset. Another name that an import gives it is one of that file alone. */
export function renameEdit(
  analysis: Analysis,
  offset: number,
  {
    name,
    others,
    uriOf,
  }: { readonly name: string; readonly others: readonly Analysis[]; readonly uriOf: UriOf },
): WorkspaceEdit {
  const use = analysis.names.at(offset)!;
  const before = textOf(use.span);
  const files = before === textOf(use.declared) ? others : [];
  const places = referencesAt(analysis, offset, files).filter((span) => textOf(span) === before);
  const changes: NonNullable<WorkspaceEdit["changes"]> = {};
  for (const span of places) (changes[uriOf(span.file)] ??= []).push({ range: rangeOf(span), newText: name });
  return { changes };
}
