// `[e for i in …]` and `(e for i in …)` outside a call: a generator is only ever the argument of a reduction.

import { endsOperand, type LineEditor } from "./line-editor.ts";
import * as t from "../tokens.ts";

export function checkComprehensions(editor: LineEditor): void {
  const { tokens } = editor.line;
  const openers: { index: number; value: boolean }[] = [];
  for (const [index, token] of tokens.entries()) {
    const type = token.tokenType;
    if (type === t.LParen || type === t.LSquare) {
      // After an operand a bracket is a call or a subscript, elsewhere a tuple, a list or a grouping.
      openers.push({ index, value: !endsOperand(editor.type(index - 1)) });
    } else if (type === t.RParen || type === t.RSquare) openers.pop();
    else if (type === t.For && openers.length > 0) {
      const { index: at, value } = openers.at(-1)!;
      const opener = tokens[at]!;
      const square = opener.tokenType === t.LSquare;
      if (square && value)
        editor.report("K0133", {}, opener, token, { notes: ["reduce at once: `sum(e for i in …)`"] });
      else if (square) {
        editor.report("K0121", { why: "a subscript takes indices" }, token, token);
      } else if (value) {
        editor.report(
          "K0121",
          { why: "only a reduction takes one, as in `sum(e for i in …)`" },
          opener,
          token,
        );
      } else continue;
      return;
    }
  }
}
