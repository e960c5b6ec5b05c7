// Lexical facts of the text form that the printer and the parser share: what a bare name is, which words are
// taken, how tightly operators bind.

import { isDtype } from "../../lang/dtypes.ts";
import type { OpName } from "./ops.ts";

/** A name that needs no quotes: letters, digits, `_` and `$`, with single dots inside. */
export const barePattern = /[A-Za-z_$][\w$]*(?:\.[\w$]+)*/y;
const bareWhole = /^[A-Za-z_$][\w$]*(?:\.[\w$]+)*$/;

const reserved = new Set(
  (
    "kernel dims flat require local panel scratch let var alloc atomic for parallel threads vectorize unroll while if else " +
    "break continue assert obligation reduce combine over yield step as in true false nan inf " +
    "saturate bitcast splat ramp lane insert shuffle"
  ).split(" "),
);

/** A name as it stands in text: in backquotes where it would be read as something else. */
export function nameText(name: string): string {
  const plain = bareWhole.test(name) && !reserved.has(name) && !isDtype(name);
  return plain ? name : `\`${name}\``;
}

/** Binary operators, by how tightly they bind; one level is left-associative, comparisons don't chain. */
export const infix: Partial<Record<OpName, { readonly text: string; readonly level: number }>> = {
  or: { text: "|", level: 1 },
  xor: { text: "^", level: 2 },
  and: { text: "&", level: 3 },
  eq: { text: "==", level: 4 },
  ne: { text: "!=", level: 4 },
  lt: { text: "<", level: 4 },
  le: { text: "<=", level: 4 },
  gt: { text: ">", level: 4 },
  ge: { text: ">=", level: 4 },
  shl: { text: "<<", level: 5 },
  shr: { text: ">>", level: 5 },
  add: { text: "+", level: 6 },
  sub: { text: "-", level: 6 },
  mul: { text: "*", level: 7 },
  div: { text: "/", level: 7 },
  floordiv: { text: "//", level: 7 },
  mod: { text: "%", level: 7 },
};

export const infixByText = new Map(
  Object.entries(infix).map(([name, { text, level }]) => [text, { op: name as OpName, level }]),
);
