// What each word of a file is, for editors that have no grammar of the language: kinds from the lexer, and for names what they mean.

import type { SemanticTokens } from "vscode-languageserver/node";
import { isAnnotation } from "../../lang/annotations.ts";
import { isBuiltin } from "../../lang/builtins.ts";
import { isDtype, isTrait } from "../../lang/dtypes.ts";
import {
  CommentToken,
  hardKeywords,
  Identifier,
  lex,
  NumberToken,
  StringToken,
} from "../../lang/syntax/tokens.ts";
import { isSame } from "./names.ts";
import type { Analysis } from "./analysis.ts";
import { positionOf } from "./places.ts";
import { tokenModifiers, tokenTypes } from "./protocol.ts";

type Kind = (typeof tokenTypes)[number];
type Modifier = (typeof tokenModifiers)[number];

const byMeaning: Readonly<Record<string, Kind>> = {
  kernel: "function",
  function: "function",
  tensor: "parameter",
  scalar: "parameter",
  dim: "typeParameter",
  "compile-time parameter": "typeParameter",
  struct: "type",
  module: "namespace",
};
const contextual = /^(kernel|struct|test|where|out|mut|as)$/;

/** Five numbers a word, as the protocol has it: lines and columns since the word before, length, kind, modifiers. */
export function coloursOf({ file, names }: Analysis): SemanticTokens {
  const uses = new Map(names.all().map((use) => [use.span.start, use]));
  const data: number[] = [];
  let [line, column] = [0, 0];
  const add = (start: number, length: number, kind: Kind, modifiers: readonly Modifier[]): void => {
    const at = positionOf(file, start);
    const bits = modifiers.reduce((sum, each) => sum | (1 << tokenModifiers.indexOf(each)), 0);
    data.push(
      at.line - line,
      at.line === line ? at.character - column : at.character,
      length,
      tokenTypes.indexOf(kind),
      bits,
    );
    [line, column] = [at.line, at.character];
  };
  let before = "";
  for (const { tokenType, image, startOffset } of lex(file.text)) {
    const use = uses.get(startOffset);
    if (tokenType === CommentToken) add(startOffset, image.length, "comment", []);
    else if (tokenType === StringToken) addLines(file.text, startOffset, image, add);
    else if (tokenType === NumberToken) add(startOffset, image.length, "number", []);
    else if (use) {
      const constant = use.what !== "var" && use.what !== "mut";
      const modifiers: Modifier[] = isSame(use.span, use.declared) ? ["declaration"] : [];
      add(
        startOffset,
        image.length,
        byMeaning[use.what] ?? "variable",
        constant ? [...modifiers, "readonly"] : modifiers,
      );
    } else if (hardKeywords.has(image)) add(startOffset, image.length, "keyword", []);
    else if (tokenType === Identifier) {
      if (before === "@" || (before === "." && isAnnotation(image)))
        add(startOffset, image.length, "decorator", []);
      else if (isDtype(image) || isTrait(image) || image === "index")
        add(startOffset, image.length, "type", ["defaultLibrary"]);
      else if (before !== "." && isBuiltin(image))
        add(startOffset, image.length, "function", ["defaultLibrary"]);
      else if (contextual.test(image)) add(startOffset, image.length, "keyword", []);
      else if (before === ".") add(startOffset, image.length, "property", []);
    }
    before = image;
  }
  return { data };
}

type Add = (start: number, length: number, kind: Kind, modifiers: readonly Modifier[]) => void;

/** A string of several lines, a piece for each of them. */
function addLines(text: string, start: number, image: string, add: Add): void {
  let at = start;
  for (const piece of text.slice(start, start + image.length).split("\n")) {
    if (piece.length > 0) add(at, piece.length, "string", []);
    at += piece.length + 1;
  }
}
