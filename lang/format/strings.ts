// Strings as they are written back: double quotes wherever that needs no more escapes than before.

import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import type { StringLit } from "../syntax/ast.ts";
import { textOf } from "../source.ts";
import { quoteLength } from "../syntax/literals.ts";

const { join, literalline } = builders;

/** The string with its quotes; its value stays the same, so its lines keep their indentation. */
export function stringText(string: StringLit): Doc {
  return join(literalline, normalised(textOf(string.span)).replaceAll("\r\n", "\n").split("\n"));
}

function normalised(image: string): string {
  if (!image.startsWith("'")) return image;
  const quotes = quoteLength(image);
  const body = image.slice(quotes, -quotes);
  if (body.includes('"')) return image;
  const double = '"'.repeat(quotes);
  return (
    double +
    (quotes === 1 ? body.replaceAll(/\\([^])/g, (all, char) => (char === "'" ? "'" : all)) : body) +
    double
  );
}
