// What stands under the pointer: how it was declared, its type, and what its author says about it.

import type { Hover } from "vscode-languageserver/node";
import { annotations, isAnnotation } from "../../lang/annotations.ts";
import { builtins, dtypeAttributes, isBuiltin } from "../../lang/builtins.ts";
import { dtypeInfo, isDtype, isTrait, traits } from "../../lang/dtypes.ts";
import type { SourceFile } from "../../lang/source.ts";
import { outlineOf, type Analysis } from "./analysis.ts";
import type { Declaration } from "./declarations.ts";
import { isSame, type Use } from "./names.ts";
import { rangeOf } from "./places.ts";

const fenced = (code: string): string => `\`\`\`kern\n${code}\n\`\`\``;
const either = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

export function hoverAt(analysis: Analysis, offset: number): Hover | undefined {
  const use = analysis.names.at(offset);
  if (use) {
    const value = describe(analysis, use);
    return value === undefined ? undefined : { contents: markdown(value), range: rangeOf(use.span) };
  }
  const word = wordAt(analysis.file, offset);
  const value = word && wordText(word.text, analysis.file.text[word.start - 1] ?? "");
  if (!word || value === undefined) return undefined;
  const { start, end } = word;
  return { contents: markdown(value), range: rangeOf({ file: analysis.file, start, end }) };
}

const markdown = (value: string): { kind: "markdown"; value: string } => ({ kind: "markdown", value });

/** The declaration that a name stands for, in whichever file it is. */
export function declarationOf(analysis: Analysis, { declared }: Use): Declaration | undefined {
  const { declarations } = declared.file === analysis.file ? analysis : outlineOf(declared.file);
  return declarations.find(({ name }) => isSame(name.span, declared));
}

function describe(analysis: Analysis, use: Use): string | undefined {
  if (use.what === "module") return fenced(`import ${use.declared.file.path}`);
  const found = declarationOf(analysis, use);
  if (!found) return undefined;
  return [
    fenced(shown(found, analysis.names.typesOf(use.declared))),
    ...(found.doc === undefined ? [] : [found.doc]),
  ].join("\n\n");
}

/** A declaration in a line, with its type where the text doesn't say it. */
export function shown({ kind, name, text }: Declaration, types: readonly string[]): string {
  const type = types.length > 0 && types.length <= 4 ? `: ${either(types)}` : "";
  switch (kind) {
    case "dim":
      return `${name.text}: index  # a dimension`;
    case "loop":
      return `for ${name.text} in ${text}`;
    case "let":
    case "var":
      return `${kind} ${name.text}${type}`;
    default:
      return text;
  }
}

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The word that an offset lies in or behind. */
export function wordAt({ text }: SourceFile, offset: number): Word | undefined {
  let [start, end] = [offset, offset];
  while (start > 0 && /\w/.test(text[start - 1]!)) start--;
  while (end < text.length && /\w/.test(text[end]!)) end++;
  return start === end ? undefined : { text: text.slice(start, end), start, end };
}

/** Words of the language itself. */
function wordText(word: string, before: string): string | undefined {
  if (before === "@" || before === ".") {
    if (isAnnotation(word)) return `${fenced(annotations[word].example)}\n\n${annotations[word].doc}`;
    if (before === "." && Object.hasOwn(dtypeAttributes, word))
      return dtypeAttributes[word as keyof typeof dtypeAttributes];
  }
  if (isBuiltin(word)) return `${fenced(builtins[word].signatures.join("\n"))}\n\n${builtins[word].doc}`;
  if (isTrait(word)) return `Any of ${either(traits[word])}.`;
  if (word === "index") return "An i32 that counts elements: what a tensor is indexed by.";
  if (!isDtype(word)) return undefined;
  const { kind, bits, min, max, storageOnly } = dtypeInfo(word);
  const kinds = {
    bool: "A truth value",
    int: "A signed integer",
    uint: "An unsigned integer",
    float: "A floating-point number",
  };
  const range = kind === "bool" ? "" : `, from ${min} to ${max}`;
  const stored = storageOnly ? " Elements of tensors only: read as i32, and written from it." : "";
  return `${kinds[kind]} of ${bits} bits${range}.${stored}`;
}
