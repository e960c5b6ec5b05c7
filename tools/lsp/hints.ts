// Types that the text leaves out, shown behind the names of `let` and `var`.

import type { InlayHint } from "vscode-languageserver/node";
import type { Analysis } from "./analysis.ts";
import { positionOf } from "./places.ts";
import { hintKind } from "./protocol.ts";

/** Of the declarations between two offsets. */
export function hintsIn({ file, declarations, names }: Analysis, start: number, end: number): InlayHint[] {
  return declarations.flatMap(({ kind, name, text }) => {
    const { span } = name;
    if ((kind !== "let" && kind !== "var") || span.start < start || span.end > end) return [];
    const types = names.typesOf(span);
    // A type that stands there, and one that a generic definition leaves open, need no hint.
    if (types.length !== 1 || /^\w+\s+\w+\s*:/.test(text)) return [];
    return [
      {
        position: positionOf(file, span.end),
        label: `: ${types[0]}`,
        kind: hintKind.type,
        paddingLeft: false,
      },
    ];
  });
}
