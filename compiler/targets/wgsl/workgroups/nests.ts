// Loops over threads: which of them form a nest whose iterations are shared out to the invocations of a workgroup, how
// many iterations that can be, and so how many invocations a workgroup has.

import { isTotal } from "../../../ir/facts.ts";
import { namesIn, substitute } from "../../../ir/names.ts";
import type { Expr, ForStmt, LetStmt } from "../../../ir/ir.ts";
import { visitBlock, type Block } from "../../../ir/walk.ts";
import { atomForm, linearOf, plus, type Linear } from "../../../passes/linear.ts";

/** Perfectly nested loops over threads, outermost first; `lets` stand between them and depend on none but outer ones. */
export interface Nest {
  readonly loops: readonly ForStmt[];
  readonly lets: readonly LetStmt[];
  /** What one iteration does. */
  readonly body: Block;
}

/** What names stand for, where that is arithmetic which doesn't change. */
export type Values = ReadonlyMap<string, Expr>;

/** Invocations of a workgroup that works on loops whose length isn't known while compiling. */
const usualSize = 128;

export function hasThreads(block: Block): boolean {
  let found = false;
  visitBlock(block, (stmt) => {
    if (stmt.kind === "for" && stmt.marks.threads) found = true;
  });
  return found;
}

/** The nest that a loop over threads begins. A loop whose bounds come from one around it belongs to the body. */
export function nestOf(loop: ForStmt): Nest {
  const loops = [loop];
  const lets: LetStmt[] = [];
  let body: Block = loop.body;
  for (;;) {
    const last = body.at(-1);
    const before = body.slice(0, -1);
    if (last?.kind !== "for" || !last.marks.threads) break;
    if (!before.every((stmt): stmt is LetStmt => stmt.kind === "let" && isTotal(stmt.value))) break;
    const varying = new Set([...loops, ...lets, ...(before as LetStmt[])].map(({ name }) => name));
    if ([last.lo, last.hi].some((bound) => [...namesIn(bound)].some((name) => varying.has(name)))) break;
    lets.push(...(before as LetStmt[]));
    loops.push(last);
    body = last.body;
  }
  return { loops, lets, body };
}

/** `let`s of a block, at any depth, that are arithmetic on what doesn't change. */
export function valuesOf(block: Block): Values {
  const mutable = new Set<string>();
  const values = new Map<string, Expr>();
  visitBlock(block, (stmt) => {
    if (stmt.kind === "var") mutable.add(stmt.name);
    if (stmt.kind !== "let" || stmt.value.type.dtype !== "i32" || !isTotal(stmt.value)) return;
    if (![...namesIn(stmt.value)].some((name) => mutable.has(name))) values.set(stmt.name, stmt.value);
  });
  return values;
}

/** An expression with names replaced by what they stand for, as far down as that goes. */
export function resolved(expr: Expr, values: Values): Expr {
  let current = expr;
  for (let round = 0; round < 16; round++) {
    const next = substitute(current, values);
    if (next === current) return current;
    current = next;
  }
  return current;
}

/** A scalar as a sum of atoms; what isn't a sum is an atom itself. */
export function formOf(expr: Expr, values: Values): Linear {
  const whole = resolved(expr, values);
  return linearOf(whole, atomForm) ?? atomForm(whole);
}

/** How often a loop can run at most, where that is known. */
export function mostTrips(loop: ForStmt, values: Values): number | undefined {
  const lo = formOf(loop.lo, values);
  const most = (hi: Expr): number | undefined => {
    const length = plus(formOf(hi, values), lo, -1);
    if (length.terms.size === 0) return Math.max(0, Math.ceil(length.constant / loop.step));
    const whole = resolved(hi, values);
    if (whole.kind !== "op" || whole.op !== "min") return undefined;
    const known = whole.args.map(most).filter((count) => count !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  };
  return most(loop.hi);
}

/** Iterations of a nest where every loop has a known most of them. */
export function iterationsOf({ loops }: Nest, values: Values): number | undefined {
  let product = 1;
  for (const loop of loops) {
    const count = mostTrips(loop, values);
    if (count === undefined) return undefined;
    product *= count;
  }
  return product;
}

/** Calls `visit` with each nest of a block that lies in no other. */
export function visitNests(block: Block, visit: (nest: Nest) => void): void {
  for (const stmt of block) {
    if (stmt.kind === "for" && stmt.marks.threads) visit(nestOf(stmt));
    else if (stmt.kind === "for" || stmt.kind === "while") visitNests(stmt.body, visit);
    else if (stmt.kind === "if") [stmt.then, stmt.orelse].forEach((branch) => visitNests(branch, visit));
    else if (stmt.kind === "reduce") visitNests(stmt.body, visit);
  }
}

/** Whether a nest takes as many turns as it needs, instead of saying how many invocations there are. */
export function isMade({ loops }: Nest): boolean {
  return loops.every(({ marks }) => marks.label === undefined || marks.lanes !== undefined);
}

/**
 * Invocations of the workgroups that run a block: one for each iteration of the largest nest of the source whose length
 * is known. Copies of panels, which a schedule made, and lanes take as many turns as they need.
 */
export function workgroupSizeOf(block: Block, most: number): number {
  const values = valuesOf(block);
  let size = 0;
  let copies = 0;
  visitNests(block, (nest) => {
    const count = iterationsOf(nest, values);
    if (nest.loops.every((loop) => loop.marks.label === undefined))
      copies = Math.max(copies, count ?? usualSize);
    else if (count !== undefined && count <= most) size = Math.max(size, count);
    else copies = usualSize;
  });
  if (size === 0) size = copies === 0 ? usualSize : Math.min(copies, usualSize);
  return Math.min(size, most);
}
