// What `get` reads outside of a staged buffer: the panel holds the default there, so the body needs no test of its own.
// A test is dropped only if it asks nothing but whether the load's own subscripts lie in the buffer; anything else that
// a load is guarded by stays.

import { int, type Buffer, type Expr, type LoadExpr } from "../ir/ir.ts";
import { sameExpr } from "../ir/same.ts";
import { visitExprs, type Block } from "../ir/walk.ts";
import { and, compare } from "../passes/fold.ts";

/** `select(inside, load if inside, default)`, which is what a `get` with a default other than 0 is. */
export interface Defaulted {
  readonly load: LoadExpr;
  readonly value: Expr;
}

/** The parts of an expression, if it reads the buffer or, outside of it, a constant. */
export function defaulted(expr: Expr, buffer: Buffer): Defaulted | undefined {
  if (expr.kind !== "op" || expr.op !== "select") return undefined;
  const [test, load, value] = expr.args as readonly [Expr, Expr, Expr];
  if (load.kind !== "load" || load.buffer !== buffer.name || value.kind !== "const") return undefined;
  if (!load.guard || !sameExpr(test, load.guard)) return undefined;
  return conjuncts(test).every((each) => asksInside(each, load, buffer)) ? { load, value } : undefined;
}

/**
 * The constant that all loads of the buffer in a block read outside of it, or undefined for 0: the value of the guarded
 * loads that no `select` stands around, or where defaults differ.
 */
export function defaultOf(body: Block, buffer: Buffer): Expr | undefined {
  const found: Defaulted[] = [];
  let guarded = 0;
  visitExprs(body, (part) => {
    if (part.kind === "load" && part.buffer === buffer.name && part.guard) guarded++;
    const each = defaulted(part, buffer);
    if (each) found.push(each);
  });
  const [first] = found;
  if (!first || found.length < guarded) return undefined;
  return found.every(({ value }) => sameExpr(value, first.value)) ? first.value : undefined;
}

/** The guard of a load that finds zeros outside of the buffer: without the tests whether it is inside. */
export function guardWithoutTests(load: LoadExpr, buffer: Buffer): Expr | undefined {
  if (!load.guard) return undefined;
  const kept = conjuncts(load.guard).filter((each) => !asksInside(each, load, buffer));
  return kept.length === 0 ? undefined : kept.reduce(and);
}

function conjuncts(expr: Expr): readonly Expr[] {
  return expr.kind === "op" && expr.op === "and" ? expr.args.flatMap(conjuncts) : [expr];
}

/** Whether a condition is that one of the load's subscripts isn't below 0, or not beyond the end. */
function asksInside(cond: Expr, load: LoadExpr, buffer: Buffer): boolean {
  return load.index.some(
    (part, axis) =>
      sameExpr(cond, compare("ge", part, int(0))) || sameExpr(cond, compare("lt", part, buffer.shape[axis]!)),
  );
}
