// What a file consists of, as an editor lists it.

import type { DocumentSymbol } from "vscode-languageserver/node";
import type { Span } from "../../lang/source.ts";
import type { Item, Module, Name } from "../../lang/syntax/ast.ts";
import { headOf } from "./declarations.ts";
import { rangeOf } from "./places.ts";
import { symbolKind as kinds } from "./protocol.ts";

export const symbolsOf = (ast: Module): DocumentSymbol[] => ast.items.flatMap(symbolOf);

function symbolOf(item: Item): DocumentSymbol[] {
  switch (item.kind) {
    case "kernel":
    case "function":
      return [
        symbol(item.name, item.span, item.kind === "kernel" ? kinds.function : kinds.method, headOf(item)),
      ];
    case "comptime":
      return [symbol(item.name, item.span, kinds.constant)];
    case "struct": {
      const children = item.fields.map(({ name, span }) => symbol(name, span, kinds.field));
      return [{ ...symbol(item.name, item.span, kinds.struct), children }];
    }
    case "test":
      return [symbol({ text: `test "${item.title.value}"`, span: item.title.span }, item.span, kinds.event)];
    default:
      return [];
  }
}

const symbol = (name: Name, span: Span, kind: DocumentSymbol["kind"], detail?: string): DocumentSymbol => ({
  name: name.text === "" ? "?" : name.text,
  kind,
  ...(detail === undefined ? {} : { detail }),
  range: rangeOf(span),
  selectionRange: rangeOf(name.span),
});
