// Loads by their subscripts: what a sum over elements of tensors reads, as multiples of loops, and where in a dense tensor that is.

import type { Span } from "../../../../../lang/source.ts";
import type { Expr, ForStmt, LoadExpr } from "../../../../ir/ir.ts";
import { fixedInt, Unfit, type Access } from "../dag.ts";
import type { Strided } from "./spec.ts";

export interface Loop {
  readonly name: string;
  readonly extent: number;
}

/** Σ factor · loop + first */
export interface Linear {
  readonly factors: ReadonlyMap<string, number>;
  readonly first: number;
}

export interface Factor {
  readonly load: LoadExpr;
  readonly subscripts: readonly Linear[];
  readonly pad: number;
}

export function loopOf({ name, lo, hi, step, span }: ForStmt): Loop {
  if (fixedInt(lo, "a loop’s bound", span) !== 0 || step !== 1)
    throw new Unfit("a loop that doesn’t count every element from 0 on", span);
  return { name, extent: Math.max(0, fixedInt(hi, "a loop’s bound", span)) };
}

/** Without conversions, which exact sums don't need, and with names resolved. */
export function stripped(expr: Expr, named: ReadonlyMap<string, Expr>): Expr {
  if (expr.kind === "ref" && named.has(expr.name)) return stripped(named.get(expr.name)!, named);
  return expr.kind === "op" && expr.op === "convert" ? stripped(expr.args[0]!, named) : expr;
}

export function factorOf(
  expr: Expr,
  named: ReadonlyMap<string, Expr>,
  span: Span | undefined,
): Factor | undefined {
  if (expr.kind === "op" && expr.op === "select") {
    const [, inside, outside] = expr.args.map((arg) => stripped(arg, named));
    if (inside?.kind !== "load" || !inside.guard || outside?.kind !== "const") return undefined;
    const found = factorOf(inside, named, span);
    return found && { ...found, pad: Number(outside.value) };
  }
  if (expr.kind !== "load") return undefined;
  return { load: expr, subscripts: expr.index.map((each) => linearOf(each, named, span)), pad: 0 };
}

export function linearOf(expr: Expr, named: ReadonlyMap<string, Expr>, span: Span | undefined): Linear {
  if (expr.kind === "const") return { factors: new Map(), first: Number(expr.value) };
  if (expr.kind === "ref") {
    const value = named.get(expr.name);
    return value ? linearOf(value, named, span) : { factors: new Map([[expr.name, 1]]), first: 0 };
  }
  const parts = expr.kind === "op" ? expr.args.map((arg) => linearOf(arg, named, span)) : [];
  const [a, b] = parts;
  const scaled = (of: Linear, by: number): Linear => ({
    factors: new Map([...of.factors].map(([name, value]) => [name, value * by])),
    first: of.first * by,
  });
  const sum = (x: Linear, y: Linear): Linear => {
    const factors = new Map(x.factors);
    for (const [name, value] of y.factors) factors.set(name, (factors.get(name) ?? 0) + value);
    return { factors, first: x.first + y.first };
  };
  if (expr.kind === "op" && a && b) {
    if (expr.op === "add") return sum(a, b);
    if (expr.op === "sub") return sum(a, scaled(b, -1));
    if (expr.op === "mul" && a.factors.size === 0) return scaled(b, a.first);
    if (expr.op === "mul" && b.factors.size === 0) return scaled(a, b.first);
  }
  throw new Unfit("a subscript that isn’t a sum of loops’ multiples", expr.span ?? span);
}

export type Names = Readonly<
  Record<"y" | "x" | "r" | "q" | "channel" | "column" | "item", string | undefined>
> & {
  readonly batch: readonly string[];
};

export const operandKey = ({ buffer, axes }: Access): string => `${buffer} ${JSON.stringify(axes)}`;

export const stepOf = (shape: readonly number[], at: number): number =>
  shape.slice(at + 1).reduce((a, b) => a * b, 1);

export function stridedOf(
  buffer: string,
  shape: readonly number[],
  subscripts: readonly Linear[],
  names: Names,
): Strided {
  const of = (name: string | undefined): number =>
    name === undefined
      ? 0
      : subscripts.reduce((sum, { factors }, at) => sum + (factors.get(name) ?? 0) * stepOf(shape, at), 0);
  return {
    buffer,
    batch: names.batch.map(of),
    y: of(names.y),
    x: of(names.x),
    r: of(names.r),
    q: of(names.q),
    channel: of(names.channel),
    column: of(names.column),
    item: of(names.item),
    first: subscripts.reduce((sum, { first }, at) => sum + first * stepOf(shape, at), 0),
  };
}
