// Findings and accesses in words, for counterexamples: "with M = 17: i = 16 writes c[16, 0]".

import { textOf, type Span } from "../../lang/source.ts";
import type { Expr, LoadExpr, Scalar, StoreStmt } from "../ir/ir.ts";
import { printExpr } from "../ir/print.ts";
import type { Finding, Happened } from "./finding.ts";

/** "M = 17, N = 1", of the names that matter, or of all if none does. */
export function sizesText(finding: Finding, relevant: ReadonlySet<string>): string {
  const all = [...finding.sizes];
  const chosen = all.filter(([name]) => relevant.has(name));
  return (chosen.length > 0 ? chosen : all)
    .map(([name, value]) => `${name} = ${scalarText(value)}`)
    .join(", ");
}

const scalarText = (value: Scalar): string =>
  typeof value === "boolean" ? (value ? "True" : "False") : String(value);

/** "i = 16, j = 0" */
export function loopsText(loops: readonly (readonly [string, number])[]): string {
  return loops.map(([name, value]) => `${name} = ${value}`).join(", ");
}

export function elementText(access: Happened): string {
  return `${shownName(access.buffer)}[${access.index.join(", ")}]`;
}

/** "x has 4 elements", "c is 3 × 4" */
export function shapeText(access: Happened): string {
  const name = `\`${shownName(access.buffer)}\``;
  if (access.shape.length !== 1) return `${name} is ${access.shape.join(" × ")}`;
  const [size] = access.shape;
  return `${name} has ${size === 1 ? "1 element" : `${size} elements`}`;
}

/** "with M = 17: " or nothing where there are no sizes. */
export function withSizes(finding: Finding, relevant: ReadonlySet<string>): string {
  const sizes = sizesText(finding, relevant);
  return sizes === "" ? "" : `with ${sizes}: `;
}

/** "idx[0] = 5" for each read of one of the buffers; what is read again and unchanged is said once. */
export function readsText(finding: Finding, buffers: ReadonlySet<string>): string {
  const texts = finding.reads
    .filter((read) => buffers.has(read.buffer))
    .map((read) => `${elementText(read)} = ${scalarText(finding.values.get(read)!)}`);
  return [...new Set(texts)].join(", ");
}

/** A buffer's name without the number that tells it from others of that name. */
export function shownName(name: string): string {
  return name.replace(/[.#]\d+$/, "");
}

/** The access as the source writes it. */
export function accessText(node: LoadExpr | StoreStmt): string {
  const text = oneLine(node.span);
  // An update is one statement: the place before its operator is what it reads and writes.
  const place = text && /^[^=<>]*?\](?=\s*(\/\/|\*\*|<<|>>|[-+*/%&|^])?=[^=])/.exec(text);
  if (place) return place[0];
  if (node.kind === "load" && text !== undefined) return text;
  return `${shownName(node.buffer)}[${node.index.map((part) => exprText(part)).join(", ")}]`;
}

/** An expression as the source writes it, or in the IR's form. */
export function exprText(expr: Expr): string {
  return oneLine(expr.span) ?? printExpr(expr);
}

const longest = 200;

function oneLine(span: Span | undefined): string | undefined {
  const text = span
    ? textOf(span)
        .trim()
        .replaceAll(/\s*\n\s*/g, " ")
    : "";
  if (text === "") return undefined;
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
