// Operators of other languages inside one line: `&&`, `!`, `x++`, `<>`, `is`, `in`, `:=`, `c ? a : b`, `=>`.

import { beginsOperand, endsOperand, type LineEditor } from "./line-editor.ts";
import type { TokenType } from "chevrotain";
import * as t from "../tokens.ts";

/** Foreign operators with one Kern operator of the same meaning. */
const plain: ReadonlyMap<string, { text: string; type: TokenType }> = new Map([
  ["&&", { text: "and", type: t.And }],
  ["||", { text: "or", type: t.Or }],
  ["!", { text: "not", type: t.Not }],
  ["<>", { text: "!=", type: t.CompareOperator }],
  ["===", { text: "==", type: t.CompareOperator }],
  ["!==", { text: "!=", type: t.CompareOperator }],
]);

/** Foreign marks that only words can replace. */
const described: ReadonlyMap<string, string> = new Map([
  ["?", "`a if condition else b`"],
  [":=", "a `let` on a line of its own"],
  ["=>", "`>=` to compare, or a nested `def` for a function"],
]);

export function checkOperators(editor: LineEditor): void {
  const { tokens } = editor.line;
  let pendingFor = 0;
  for (let index = 0; index < tokens.length && !editor.exhausted; index++) {
    const token = tokens[index]!;
    switch (token.tokenType) {
      case t.Foreign:
        foreign(editor, index);
        break;
      case t.For:
        pendingFor++;
        break;
      case t.In:
        if (pendingFor > 0) pendingFor--;
        else membership(editor, index);
        break;
      case t.Sign:
        increment(editor, index);
        break;
      case t.At:
        if (index > 0) {
          const instead = "`sum(a[i, k] * b[k, j] for k in range(K))`, or call a matmul kernel";
          if (endsOperand(editor.type(index - 1)))
            editor.report("K0131", { operator: "@", instead }, token, token);
        }
        break;
      case t.Identifier:
        if (
          token.image === "is" &&
          endsOperand(editor.type(index - 1)) &&
          beginsOperand(editor.type(index + 1))
        ) {
          identity(editor, index);
        }
        break;
      default:
    }
  }
}

function foreign(editor: LineEditor, index: number): void {
  const token = editor.line.tokens[index]!;
  const { image } = token;
  const other = plain.get(image);
  if (other) {
    // `!x` touches its operand, `not x` does not.
    const replacement = image === "!" ? "not " : other.text;
    editor.report("K0131", { operator: image, instead: `\`${other.text}\`` }, token, token, {
      replacement,
      advice: `write \`${other.text}\``,
    });
    editor.replace(index, 1, t.replacing(token, other.type, other.text));
    return;
  }
  const instead = described.get(image);
  if (instead) editor.report("K0131", { operator: image, instead }, token, token);
  else if (image === "{") {
    editor.report(
      "K0132",
      { mark: "{", instead: "there are no dictionaries or sets; a list is `[a, b]`" },
      token,
      token,
    );
  } else if (image === "}") {
    editor.report("K0132", { mark: "}", instead: "a block ends where the indentation does" }, token, token);
  } else if (image === "...") ellipsis(editor, index);
}

/** `...` alone is `pass`; a relative import has its dots; in a subscript it has no meaning. */
function ellipsis(editor: LineEditor, index: number): void {
  const token = editor.line.tokens[index]!;
  if (editor.type(0) === t.From) {
    editor.replace(
      index,
      1,
      ...[0, 1, 2].map((dot) =>
        t.synthetic(t.Dot, token.startOffset + dot, ".", token.startOffset + dot + 1),
      ),
    );
    return;
  }
  const alone =
    index === editor.line.tokens.length - 1 && (index === 0 || editor.type(index - 1) === t.Colon);
  const instead = alone ? "`pass`" : "a pack of dimensions, `*S`";
  editor.report("K0131", { operator: "...", instead }, token, token, alone ? { replacement: "pass" } : {});
  if (alone) editor.replace(index, 1, t.replacing(token, t.Pass, "pass"));
}

function identity(editor: LineEditor, index: number): void {
  const token = editor.line.tokens[index]!;
  const not = editor.type(index + 1) === t.Not ? editor.line.tokens[index + 1] : undefined;
  const operator = not ? "is not" : "is";
  const replacement = not ? "!=" : "==";
  editor.report("K0131", { operator, instead: `\`${replacement}\`` }, token, not ?? token, { replacement });
  editor.replace(index, not ? 2 : 1, t.replacing(token, t.CompareOperator, replacement, not ?? token));
}

/** `a in b` and `a not in b`: there is nothing to search. */
function membership(editor: LineEditor, index: number): void {
  const token = editor.line.tokens[index]!;
  const negated = editor.type(index - 1) === t.Not;
  const first = negated ? editor.line.tokens[index - 1]! : token;
  const instead = negated
    ? "`all(x[i] != value for i in range(n))`, or the comparisons themselves"
    : "`any(x[i] == value for i in range(n))`, or the comparisons themselves";
  editor.report("K0131", { operator: negated ? "not in" : "in", instead }, first, token, {
    notes: ["`in` only follows the variables of a `for`"],
  });
}

/** `x++` and `--x` as a statement. */
function increment(editor: LineEditor, index: number): void {
  const { tokens } = editor.line;
  const [first, second] = [tokens[index]!, tokens[index + 1]];
  if (second?.tokenType !== t.Sign || second.image !== first.image || !editor.touches(index + 1)) return;
  const postfix = index > 0 && endsOperand(editor.type(index - 1)) && !beginsOperand(editor.type(index + 2));
  if (!postfix && index !== 0) return;
  const operator = first.image + second.image;
  const instead = `${first.image}=`;
  const details = postfix ? { replacement: ` ${instead} 1`, advice: `write \`${instead} 1\`` } : {};
  editor.report("K0131", { operator, instead: `\`${instead} 1\`` }, first, second, details);
  const assign = t.replacing(first, t.AugmentedAssign, instead, second);
  const one = t.synthetic(t.NumberToken, t.endOf(second), "1");
  if (postfix) editor.replace(index, 2, assign, one);
  else {
    editor.replace(index, 2);
    tokens.push(assign, one);
  }
}
