// Python's operator precedence as one table, used by the parser to build trees and by the formatter to drop
// needless parentheses; and the builder that turns a flat sequence of operands and operators into a tree.
// The builder keeps a stack of its own, so a chain of ten thousand operators costs no call stack.

import type { BinaryOp, CompareOp, Expr, UnaryOp } from "./ast.ts";
import { cover, type Span } from "../source.ts";

/** Higher binds tighter. `a if c else b` (0) stands below them all. */
export const precedence = {
  cond: 0,
  or: 1,
  and: 2,
  not: 3,
  compare: 4,
  "|": 5,
  "^": 6,
  "&": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "//": 10,
  "%": 10,
  sign: 11,
  "**": 12,
} as const;

export type InfixOp = BinaryOp | CompareOp | "and" | "or";

/** Binding strength of a unary operator. */
export function prefixPrecedence(op: UnaryOp): number {
  return op === "not" ? precedence.not : precedence.sign;
}

/** Binding strength of an infix operator. */
export function infixPrecedence(op: InfixOp): number {
  return op in precedence ? precedence[op as keyof typeof precedence] : precedence.compare;
}

/** Spans of parenthesised expressions with their parentheses; the tree itself has no node for them. */
const parenthesised = new WeakMap<Expr, Span>();

/** Remembers that `expr` was written in parentheses that cover `span`. */
export function markParentheses(expr: Expr, span: Span): void {
  parenthesised.set(expr, span);
}

/** Where an expression was written in parentheses: their span. */
export function parenthesesOf(expr: Expr): Span | undefined {
  return parenthesised.get(expr);
}

/** The span of an expression with the parentheses around it. */
export function outerSpan(expr: Expr): Span {
  return parenthesised.get(expr) ?? expr.span;
}

type Pending =
  | { readonly prefix: true; readonly op: UnaryOp; readonly level: number; readonly span: Span }
  | { readonly prefix: false; readonly op: InfixOp; readonly level: number; readonly span: Span };

/** Shunting-yard: feed it prefixes, operands and infixes in the order written, then `finish()`. */
export class ExpressionBuilder {
  private readonly operands: Expr[] = [];
  private readonly pending: Pending[] = [];

  /** False where Python, too, wants parentheses: `a == not b`. */
  prefix(op: UnaryOp, span: Span): boolean {
    const level = prefixPrecedence(op);
    const outer = this.pending.at(-1);
    this.pending.push({ prefix: true, op, level, span });
    return op !== "not" || outer === undefined || outer.level <= level;
  }

  operand(expr: Expr): void {
    this.operands.push(expr);
  }

  infix(op: InfixOp, span: Span): void {
    const level = infixPrecedence(op);
    // `**` groups to the right, everything else to the left.
    const least = op === "**" ? level + 1 : level;
    while (this.pending.length > 0 && this.pending.at(-1)!.level >= least) this.reduce();
    this.pending.push({ prefix: false, op, level, span });
  }

  finish(): Expr {
    while (this.pending.length > 0) this.reduce();
    return this.operands.pop()!;
  }

  private reduce(): void {
    const { prefix, op, span: opSpan, level } = this.pending.pop()!;
    const right = this.operands.pop()!;
    if (prefix) {
      this.operands.push({ kind: "unary", op, operand: right, span: cover(opSpan, outerSpan(right)) });
      return;
    }
    const left = this.operands.pop()!;
    const span = cover(outerSpan(left), outerSpan(right));
    if (op === "and" || op === "or") {
      this.operands.push({ kind: "logical", op, left, right, span });
    } else if (level === precedence.compare) {
      const compare = op as CompareOp;
      // `a < b < c` is one chain, `(a < b) < c` is not.
      const chain = left.kind === "compare" && !parenthesised.has(left);
      this.operands.push(
        chain
          ? { kind: "compare", operands: [...left.operands, right], ops: [...left.ops, compare], span }
          : { kind: "compare", operands: [left, right], ops: [compare], span },
      );
    } else {
      this.operands.push({ kind: "binary", op: op as BinaryOp, left, right, opSpan, span });
    }
  }
}
