// Habits from Python, Mojo, C and JavaScript, seen in one logical line before it is parsed. What has a plain
// counterpart is reported with a fix and replaced, so that the rest of the line is still read.

import type { IToken } from "chevrotain";
import type { Line } from "../lines.ts";
import type { Problems } from "../problems.ts";
import { beginsOperand, endsOperand, LineEditor } from "./line-editor.ts";
import { absent, conventions, renamed } from "./words.ts";
import { checkOperators } from "./operators.ts";
import { checkComprehensions } from "./comprehensions.ts";
import * as t from "../tokens.ts";

/** Reports the habits of one line and replaces what can be replaced. The line may end up empty, or as two. */
export function mendHabits(line: Line, problems: Problems): Line[] {
  const editor = new LineEditor(line, problems);
  if (foreignComment(editor)) return [];
  braces(editor);
  leadingWord(editor);
  words(editor);
  checkOperators(editor);
  checkComprehensions(editor);
  return splitSemicolons(editor);
}

/** `/* …` at the beginning of a line; lines.ts sets `// …` apart, whose text may hold quotes and brackets. */
function foreignComment(editor: LineEditor): boolean {
  const { tokens } = editor.line;
  const [first, second] = tokens;
  if (first?.image !== "/" || second?.image[0] !== "*" || !editor.touches(1)) return false;
  editor.report("K0136", {}, first, second);
  return true;
}

/** `{` at the end of a line that opens a block is its colon; a `}` at the beginning of a line goes. */
function braces(editor: LineEditor): void {
  const { line } = editor;
  const first = line.tokens[0];
  if (first?.image === "}" && first.tokenType === t.Foreign) {
    editor.report("K0132", { mark: "}", instead: "a block ends where the indentation does" }, first, first);
    editor.replace(0, 1);
  }
  const last = line.tokens.at(-1);
  if (last?.image !== "{" || last.tokenType !== t.Foreign || line.tokens.length < 2) return;
  const index = line.tokens.length - 1;
  if (editor.type(index - 1) === t.Equals) return;
  const details = { mark: "{", instead: "a block begins with `:` and an indented line" };
  const hasColon = editor.type(index - 1) === t.Colon;
  editor.report("K0132", details, last, last, { replacement: hasColon ? "" : ":", advice: "write `:`" });
  if (hasColon) editor.replace(index, 1);
  else editor.replace(index, 1, t.replacing(last, t.Colon, ":"));
}

function leadingWord(editor: LineEditor): void {
  const { tokens } = editor.line;
  const [first, second] = tokens;
  if (!first || !second) return;
  if (first.tokenType === t.Else && second.tokenType === t.If) {
    editor.report("K0130", { word: "else if", instead: "`elif`" }, first, second, { replacement: "elif" });
    editor.replace(0, 2, t.replacing(first, t.Elif, "elif", second));
    return;
  }
  if (first.tokenType !== t.Identifier) return;
  const next = second.tokenType;
  const startsWord = next === t.Identifier || next === t.Def || next === t.For;
  if (first.image === "print" && (startsWord || next === t.StringToken || next === t.NumberToken)) {
    editor.report("K0138", {}, first, first);
    return;
  }
  const other = renamed.get(first.image);
  if (other && (startsWord || (other.type === t.Elif && beginsOperand(next)))) {
    editor.report("K0130", { word: first.image, instead: `\`${other.instead}\`` }, first, first, {
      replacement: other.instead,
    });
    t.retype(first, other.type);
    return;
  }
  const why = absent.get(first.image);
  if (why === undefined) return;
  if (
    startsWord ||
    next === t.NumberToken ||
    next === t.StringToken ||
    (next === t.Colon && tokens.length === 2)
  ) {
    editor.report("K0135", { word: first.image, why }, first, first);
    if (first.image === "async" && (next === t.Def || next === t.For)) editor.replace(0, 1);
  }
}

/** Words inside a line: Mojo's argument conventions, `lambda`, `await`, string prefixes. */
function words(editor: LineEditor): void {
  const { tokens } = editor.line;
  for (let index = 0; index < tokens.length && !editor.exhausted; index++) {
    const token = tokens[index]!;
    if (token.tokenType !== t.Identifier) continue;
    const before = editor.type(index - 1);
    const next = editor.type(index + 1);
    if (next === t.StringToken && editor.touches(index + 1) && /^[fFrRbBuU]{1,2}$/.test(token.image)) {
      editor.report("K0134", { prefix: token.image }, token, token, {
        replacement: "",
        advice: "leave the prefix out",
      });
      editor.replace(index, 1);
    } else if (
      conventions.has(token.image) &&
      (before === t.LParen || before === t.Comma) &&
      next === t.Identifier
    ) {
      const mut = token.image === "inout";
      editor.report(
        "K0130",
        { word: token.image, instead: mut ? "`mut`" : "the argument’s name alone" },
        token,
        token,
        {
          replacement: mut ? "mut" : "",
          advice: mut ? "write `mut`" : "an argument without a word is read only",
          notes: mut
            ? []
            : ["arguments without a word are read; `out` and `mut` are the ones a kernel writes"],
        },
      );
      if (mut) t.retype(token, t.Mut);
      else editor.replace(index, 1);
    } else if (token.image === "lambda" && (next === t.Identifier || next === t.Colon)) {
      editor.report("K0140", {}, token, token, {
        notes: ["write a `def`, nested in the kernel if it reads its arguments"],
      });
    } else if ((token.image === "await" || token.image === "yield") && index > 0 && next === t.Identifier) {
      if (!endsOperand(before))
        editor.report("K0135", { word: token.image, why: absent.get(token.image)! }, token, token);
    } else if (token.image === "fn" && next === t.LParen && (before === t.Colon || before === t.Arrow)) {
      editor.report("K0130", { word: "fn", instead: "`def`" }, token, token, { replacement: "def" });
      t.retype(token, t.Def);
    }
  }
}

/** `;` ends no statement; what stands behind one is read as a line of its own. */
function splitSemicolons(editor: LineEditor): Line[] {
  const { line } = editor;
  if (!line.tokens.some((token) => token.image === ";" && token.tokenType === t.Foreign)) {
    return line.tokens.length > 0 ? [line] : [];
  }
  const parts: IToken[][] = [[]];
  let depth = 0;
  for (const [index, token] of line.tokens.entries()) {
    const { tokenType: type } = token;
    if (type === t.LParen || type === t.LSquare) depth++;
    else if (type === t.RParen || type === t.RSquare) depth--;
    if (type !== t.Foreign || token.image !== ";") {
      parts.at(-1)!.push(token);
      continue;
    }
    const last = index === line.tokens.length - 1;
    const details = last
      ? { replacement: "", advice: "remove it" }
      : { notes: ["write each statement on a line of its own"] };
    editor.report("K0132", { mark: ";", instead: "a statement ends with its line" }, token, token, details);
    if (depth === 0) parts.push([]);
  }
  return parts
    .filter((tokens) => tokens.length > 0)
    .map((tokens) => ({ tokens, column: line.column, tainted: true }));
}
