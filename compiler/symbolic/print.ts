// Polys and conditions in Kern's own syntax, for messages and reports.

import type { Cond } from "./cond.ts";
import { combine, constantPoly, mul, negate, Poly, sub, type Atom, type Term } from "./poly.ts";

/** The poly as a Kern expression: positive terms first, remainders as `%`. */
export function printPoly(poly: Poly): string {
  const { rest, remainders } = takeRemainders(poly);
  const pieces = [
    ...remainders,
    ...rest.terms.map((term) => ({ negative: term.coef < 0, text: printTerm(term) })),
  ];
  if (rest.constant !== 0 || pieces.length === 0)
    pieces.push({ negative: rest.constant < 0, text: String(Math.abs(rest.constant)) });
  pieces.sort((a, b) => Number(a.negative) - Number(b.negative));
  return pieces
    .map(({ negative, text }, at) =>
      at === 0 ? (negative ? `-${text}` : text) : `${negative ? "-" : "+"} ${text}`,
    )
    .join(" ");
}

function printTerm(term: Term): string {
  const factors = term.atoms.map(printAtom);
  const size = Math.abs(term.coef);
  return (size === 1 ? factors : [String(size), ...factors]).join(" * ");
}

/** An atom as an operand of a product. */
export function printAtom(atom: Atom): string {
  switch (atom.kind) {
    case "name":
      return atom.shown ?? atom.name;
    case "app":
      return atom.shown ?? `${atom.fn}(${atom.args.map(printPoly).join(", ")})`;
    case "div":
      return `(${parenthesised(atom.num)} // ${parenthesised(atom.den)})`;
    case "min":
    case "max":
      return `${atom.kind}(${atom.args.map(printPoly).join(", ")})`;
  }
}

function parenthesised(poly: Poly): string {
  const simple =
    poly.isConstant || (poly.terms.length === 1 && poly.constant === 0 && poly.terms[0]!.atoms.length === 1);
  return simple && (poly.isConstant ? poly.constant >= 0 : poly.terms[0]!.coef === 1)
    ? printPoly(poly)
    : `(${printPoly(poly)})`;
}

/** a - b·(a // b) reads as a % b: finds such parts where taking them out makes the rest shorter. */
function takeRemainders(poly: Poly): { rest: Poly; remainders: { negative: boolean; text: string }[] } {
  const remainders: { negative: boolean; text: string }[] = [];
  let rest = poly;
  for (const term of poly.terms) {
    for (const atom of term.atoms) {
      if (atom.kind !== "div") continue;
      const remainder = sub(
        atom.num,
        mul(atom.den, new Poly([{ key: atom.key, atoms: [atom], coef: 1 }], 0)),
      );
      for (const factor of factorsOf(term, atom)) {
        const next = combine(rest, remainder, -factor);
        if (next.terms.length >= rest.terms.length) continue;
        rest = next;
        const text = `${parenthesised(atom.num)} % ${parenthesised(atom.den)}`;
        remainders.push({
          negative: factor < 0,
          text: Math.abs(factor) === 1 ? text : `${Math.abs(factor)} * (${text})`,
        });
        break;
      }
    }
  }
  return { rest, remainders };
}

function factorsOf(term: Term, atom: Extract<Atom, { kind: "div" }>): number[] {
  if (!atom.den.isConstant) return [1, -1];
  const factor = -term.coef / atom.den.constant;
  return Number.isInteger(factor) ? [factor] : [];
}

/** The condition as a Kern expression, with what is subtracted brought to the other side. */
export function printCond(cond: Cond): string {
  switch (cond.kind) {
    case "true":
      return "True";
    case "false":
      return "False";
    case "and":
    case "or":
      return cond.parts
        .map((part) => (part.kind === "or" ? `(${printCond(part)})` : printCond(part)))
        .join(` ${cond.kind} `);
    default: {
      const left = new Poly(
        cond.poly.terms.filter((term) => term.coef > 0),
        Math.max(cond.poly.constant, 0),
      );
      const right = negate(sub(cond.poly, left));
      const strict = cond.kind === "ge" && right.constant === 1 && left.terms.length > 0;
      const operator = { ge: strict ? ">" : ">=", eq: "==", ne: "!=" }[cond.kind];
      return `${printPoly(left)} ${operator} ${printPoly(strict ? sub(right, constantPoly(1)) : right)}`;
    }
  }
}
