// Single tokens that can't be read: unknown characters, names beyond ASCII, malformed numbers, strings
// without an end.

import type { IToken } from "chevrotain";
import type { Problems } from "./problems.ts";
import { numberFault } from "./literals.ts";
import * as t from "./tokens.ts";

/** Characters that people paste, and what they meant. */
const lookalikes: ReadonlyMap<string, string> = new Map([
  ["×", "*"], ["·", "*"], ["∗", "*"], ["÷", "/"], ["−", "-"], ["–", "-"], ["—", "-"], ["≤", "<="], ["≥", ">="],
  ["≠", "!="], ["→", "->"], ["←", "="], ["“", '"'], ["”", '"'], ["„", '"'], ["‘", "'"], ["’", "'"], ["…", "..."],
  ["（", "("], ["）", ")"], ["［", "["], ["］", "]"], ["，", ","], ["：", ":"], ["＝", "="],
  ["\u00a0", " "], ["\u2007", " "], ["\u202f", " "], ["\u3000", " "], ["\u2002", " "], ["\u2003", " "], ["\u2009", " "],
  ["\u200b", ""], ["\u200c", ""], ["\u200d", ""], ["\u2060", ""], ["\ufeff", ""], ["\u2028", "\n"], ["\u2029", "\n"], ["\u0085", "\n"],
]); // prettier-ignore

/** Reports what is wrong with one token; true if nothing is. */
export function checkToken(token: IToken, problems: Problems): boolean {
  const start = token.startOffset;
  switch (token.tokenType) {
    case t.Identifier:
      return checkWord(token, problems);
    case t.NumberToken: {
      const why = numberFault(token.image);
      if (why === undefined) return true;
      problems.report("K0104", { text: excerpt(token.image), why }, problems.span(start, t.endOf(token)));
      return false;
    }
    case t.StringToken: {
      const quote: unknown = token.payload;
      if (typeof quote !== "string") return true;
      problems.report("K0103", { quote: `\`${quote}\`` }, problems.span(start, start + quote.length), {
        label: "the string begins here",
      });
      return false;
    }
    case t.LineJoin:
      problems.report("K0139", {}, problems.span(start, start + 1), {
        notes: ["lines are joined inside brackets: put the expression into parentheses"],
      });
      return false;
    case t.Unknown:
      problems.report("K0102", { character: describe(token.image) }, problems.span(start, t.endOf(token)));
      return false;
    default:
      return true;
  }
}

function checkWord(token: IToken, problems: Problems): boolean {
  const text = token.image;
  const beyond = /\P{ASCII}/u.exec(text);
  if (!beyond) return true;
  if (/^[\p{L}\p{M}\p{N}_]+$/u.test(text)) {
    problems.report("K0122", { name: excerpt(text) }, problems.span(token.startOffset, t.endOf(token)));
    return false;
  }
  const odd = /[^\p{L}\p{M}\p{N}_]/u.exec(text)!;
  const start = token.startOffset + odd.index;
  const span = problems.span(start, start + odd[0].length);
  const meant = lookalikes.get(odd[0]);
  problems.report("K0102", { character: describe(odd[0]) }, span, {
    fix:
      meant === undefined
        ? undefined
        : {
            text:
              meant.trim() === "" ? (meant ? "use an ordinary space" : "remove it") : `write \`${meant}\``,
            edits: [{ span, replacement: meant }],
          },
  });
  return false;
}

/** A character as people can read it: itself where it can be seen, and always its code point. */
export function describe(char: string): string {
  const code = `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  if (/^[\p{L}\p{N}\p{P}\p{S}]$/u.test(char))
    return /^[!-~]$/.test(char) ? `\`${char}\`` : `\`${char}\` (${code})`;
  return `the invisible character ${code}`;
}

function excerpt(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}…`;
}
