// Linear forms: a sum of atoms with constant coefficients. The passes that move bounds and conditions about speak of
// indices this way. Arithmetic on forms is exact; what an i32 computes is the same where the form's range fits one.

import { i32, int, type Expr } from "../ir/ir.ts";
import { printExpr } from "../ir/print.ts";
import { rangeOf, type Range, type Ranges } from "../ir/ranges.ts";
import { add, intValue, mul, sub } from "./fold.ts";

export interface Linear {
  /** By the atom's text. */
  readonly terms: ReadonlyMap<string, { readonly atom: Expr; readonly by: number }>;
  readonly constant: number;
}

export const constantForm = (constant: number): Linear => ({ terms: new Map(), constant });

export function atomForm(atom: Expr): Linear {
  return { terms: new Map([[printExpr(atom), { atom, by: 1 }]]), constant: 0 };
}

/** a + times * b */
export function plus(a: Linear, b: Linear, times = 1): Linear {
  const terms = new Map(a.terms);
  for (const [key, { atom, by }] of b.terms) {
    const sum = (terms.get(key)?.by ?? 0) + times * by;
    if (sum === 0) terms.delete(key);
    else terms.set(key, { atom, by: sum });
  }
  return { terms, constant: a.constant + times * b.constant };
}

/** The form of an i32 scalar; `leaf` says what names and other expressions are, undefined for nothing linear. */
export function linearOf(expr: Expr, leaf: (expr: Expr) => Linear | undefined): Linear | undefined {
  const value = intValue(expr);
  if (value !== undefined) return constantForm(value);
  if (
    expr.kind === "op" &&
    (expr.op === "add" || expr.op === "sub" || expr.op === "mul" || expr.op === "neg")
  ) {
    const [a, b] = expr.args.map((arg) => linearOf(arg, leaf));
    if (a && expr.op === "neg") return plus(constantForm(0), a, -1);
    if (a && b && expr.op === "add") return plus(a, b);
    if (a && b && expr.op === "sub") return plus(a, b, -1);
    if (a && b && expr.op === "mul") {
      if (b.terms.size === 0) return plus(constantForm(0), a, b.constant);
      if (a.terms.size === 0) return plus(constantForm(0), b, a.constant);
    }
  }
  return leaf(expr);
}

/** The exact values that a form can have. */
export function rangeOfForm(form: Linear, ranges: Ranges): Range {
  let { constant: low, constant: high } = form;
  for (const { atom, by } of form.terms.values()) {
    const range = rangeOf(atom, ranges);
    low += by * (by > 0 ? range.low : range.high);
    high += by * (by > 0 ? range.high : range.low);
  }
  return { low, high };
}

/** Whether i32 arithmetic gives a form's exact value. */
export function fitsInt(form: Linear, ranges: Ranges): boolean {
  const { low, high } = rangeOfForm(form, ranges);
  return low >= -(2 ** 31) && high < 2 ** 31;
}

/** The form as an i32 expression. */
export function exprOfForm(form: Linear): Expr {
  let sum: Expr | undefined;
  for (const { atom, by } of [...form.terms.values()].toSorted((a, b) => b.by - a.by)) {
    if (!sum) sum = mul(atom, int(by));
    else sum = by < 0 ? sub(sum, mul(atom, int(-by))) : add(sum, mul(atom, int(by)));
  }
  return sum ? add(sum, int(form.constant)) : int(form.constant, undefined);
}

/** Whether an expression is a scalar i32. */
export const isInt = (expr: Expr): boolean => expr.type.dtype === i32.dtype && expr.type.lanes === 1;
