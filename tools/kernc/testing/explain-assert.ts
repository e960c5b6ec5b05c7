// Why an assert failed: the values of what it compares, and of the names in it.

import { textOf } from "../../../lang/source.ts";
import type { Sym, TExpr, TStmt } from "../../../lang/typed.ts";
import { format } from "../summary.ts";
import { evaluate, type Scope } from "./evaluator.ts";
import { TestFailure, type Value } from "./value.ts";

type TAssert = Extract<TStmt, { kind: "assert" }>;

export function explainAssert({ cond, message, span }: TAssert, scope: Scope): TestFailure {
  const notes: string[] = [];
  operands(cond, scope, notes);
  const names = new Map<Sym, Value>();
  collectNames(cond, scope, names);
  const listed = [...names].map(([sym, value]) => `${sym.name} = ${show(value)}`);
  if (listed.length > 0) notes.push(`with ${listed.join(", ")}`);
  return new TestFailure(message || `\`${textOf(cond.span)}\` doesn’t hold`, cond.span ?? span, notes);
}

/** The two sides of whatever decided against the condition. */
function operands(cond: TExpr, scope: Scope, notes: string[]): void {
  if (cond.kind === "logical") {
    const left = evaluate(cond.left, scope);
    if (cond.op === "or" || !left) operands(cond.left, scope, notes);
    if (cond.op === "or" || left) operands(cond.right, scope, notes);
    return;
  }
  const sides =
    cond.kind === "compare"
      ? [cond.left, cond.right]
      : cond.kind === "test-value" && cond.name === "close"
        ? cond.args
        : cond.kind === "unary" && cond.op === "not"
          ? [cond.operand]
          : [];
  for (const side of sides) {
    if (side.kind === "const" || side.kind === "ref") continue;
    notes.push(`\`${textOf(side.span)}\` is ${show(evaluate(side, scope))}`);
  }
}

/** Scalars that the condition names and that have a value outside of it. */
function collectNames(node: unknown, scope: Scope, names: Map<Sym, Value>): void {
  if (Array.isArray(node)) {
    for (const each of node) collectNames(each, scope, names);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  const expr = node as TExpr;
  if (expr.kind === "ref") {
    const value = scope.values.get(expr.sym);
    if (value !== undefined && typeof value !== "object") names.set(expr.sym, value);
    return;
  }
  // A generator's own loop variables mean nothing outside of it.
  if (expr.kind === "reduce") return;
  for (const [key, part] of Object.entries(node))
    if (!["type", "span", "fn", "kernel", "annotations", "combine"].includes(key))
      collectNames(part, scope, names);
}

function show(value: Value): string {
  if (Array.isArray(value)) return `(${value.map(show).join(", ")})`;
  return typeof value === "object" ? "a tensor" : format(value);
}
