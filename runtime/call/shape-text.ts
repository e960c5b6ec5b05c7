// Shape expressions as Kern writes them, for messages.

import type { ShapeExpr, ShapeOp } from "../../compiler/artifact.ts";

const strength: Partial<Record<ShapeOp, number>> = {
  or: 1,
  and: 2,
  not: 3,
  "==": 4,
  "!=": 4,
  "<": 4,
  "<=": 4,
  ">": 4,
  ">=": 4,
  "<<": 5,
  ">>": 5,
  "+": 6,
  "-": 6,
  "*": 7,
  "//": 7,
  "%": 7,
};

/** `["+", "M", ["*", 2, "K"]]` as `M + 2 * K`. */
export function printShape(expr: ShapeExpr, outer = 0): string {
  if (typeof expr !== "object") return String(expr);
  const [operator, ...operands] = expr;
  const own = strength[operator];
  if (operator === "select") {
    const [cond, then, orelse] = operands.map((part) => printShape(part));
    return `(${then} if ${cond} else ${orelse})`;
  }
  if (own === undefined) return `${operator}(${operands.map((part) => printShape(part)).join(", ")})`;
  const text =
    operands.length === 1
      ? `${operator}${operator === "not" ? " " : ""}${printShape(operands[0]!, own)}`
      : operands.map((part, at) => printShape(part, at === 0 ? own : own + 1)).join(` ${operator} `);
  return own < outer ? `(${text})` : text;
}
