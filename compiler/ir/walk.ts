// Walking and rewriting: one place knows which parts a node has. Rewriters keep identity: a node whose parts
// don't change is returned itself, so a pass can tell by `===` whether it did anything.

import type { Combine, Expr, IrKernel, Stmt } from "./ir.ts";

export type Block = readonly Stmt[];

/** Maps a list, keeping the list itself where no element changes. */
export function mapSame<T>(list: readonly T[], change: (item: T) => T): readonly T[] {
  let changed: T[] | undefined;
  list.forEach((item, at) => {
    const next = change(item);
    if (next !== item) (changed ??= list.slice())[at] = next;
  });
  return changed ?? list;
}

// ---- expressions ---------------------------------------------------------------------------------------

/** The direct operands of an expression: arguments, or index and guard. */
export function operandsOf(expr: Expr): readonly Expr[] {
  if (expr.kind === "op") return expr.args;
  if (expr.kind === "load") return expr.guard ? [...expr.index, expr.guard] : expr.index;
  return [];
}

/** Rebuilds an expression with changed operands. */
export function mapOperands(expr: Expr, change: (operand: Expr) => Expr): Expr {
  if (expr.kind === "op") {
    const args = mapSame(expr.args, change);
    return args === expr.args ? expr : { ...expr, args };
  }
  if (expr.kind === "load") {
    const index = mapSame(expr.index, change);
    const guard = expr.guard && change(expr.guard);
    return index === expr.index && guard === expr.guard ? expr : { ...expr, index, guard };
  }
  return expr;
}

/** Rebuilds an expression from the leaves up. */
export function mapExpr(expr: Expr, change: (expr: Expr) => Expr): Expr {
  return change(mapOperands(expr, (operand) => mapExpr(operand, change)));
}

/** Visits an expression and all its parts, operands first. */
export function visitExpr(expr: Expr, visit: (expr: Expr) => void): void {
  for (const operand of operandsOf(expr)) visitExpr(operand, visit);
  visit(expr);
}

/** Whether a part of the expression, or itself, satisfies a test. */
export function someExpr(expr: Expr, test: (expr: Expr) => boolean): boolean {
  return test(expr) || operandsOf(expr).some((operand) => someExpr(operand, test));
}

// ---- statements ----------------------------------------------------------------------------------------

/** The expressions that a statement evaluates itself, in order; not those of statements inside it. */
export function exprsOf(stmt: Stmt): readonly Expr[] {
  switch (stmt.kind) {
    case "let":
    case "assign":
      return [stmt.value];
    case "var":
      return [stmt.init];
    case "alloc":
      return stmt.fill ? [stmt.fill] : [];
    case "store":
      return stmt.guard ? [...stmt.index, stmt.value, stmt.guard] : [...stmt.index, stmt.value];
    case "for":
      return [stmt.lo, stmt.hi];
    case "while":
    case "if":
    case "assert":
      return [stmt.cond];
    case "reduce":
      return stmt.init;
    case "yield":
      return stmt.values;
    case "break":
    case "continue":
      return [];
  }
}

/** Rebuilds a statement with changed expressions of its own. A combiner's are its body's business. */
export function mapExprsOf(stmt: Stmt, change: (expr: Expr) => Expr): Stmt {
  switch (stmt.kind) {
    case "let":
    case "assign": {
      const value = change(stmt.value);
      return value === stmt.value ? stmt : { ...stmt, value };
    }
    case "var": {
      const init = change(stmt.init);
      return init === stmt.init ? stmt : { ...stmt, init };
    }
    case "alloc": {
      const fill = stmt.fill && change(stmt.fill);
      return fill === stmt.fill ? stmt : { ...stmt, fill };
    }
    case "store": {
      const index = mapSame(stmt.index, change);
      const value = change(stmt.value);
      const guard = stmt.guard && change(stmt.guard);
      if (index === stmt.index && value === stmt.value && guard === stmt.guard) return stmt;
      return { ...stmt, index, value, guard };
    }
    case "for": {
      const lo = change(stmt.lo);
      const hi = change(stmt.hi);
      return lo === stmt.lo && hi === stmt.hi ? stmt : { ...stmt, lo, hi };
    }
    case "while":
    case "if":
    case "assert": {
      const cond = change(stmt.cond);
      return cond === stmt.cond ? stmt : { ...stmt, cond };
    }
    case "reduce": {
      const init = mapSame(stmt.init, change);
      return init === stmt.init ? stmt : { ...stmt, init };
    }
    case "yield": {
      const values = mapSame(stmt.values, change);
      return values === stmt.values ? stmt : { ...stmt, values };
    }
    case "break":
    case "continue":
      return stmt;
  }
}

/** The blocks directly inside a statement; a custom reduction's combiner comes first. */
export function blocksOf(stmt: Stmt): readonly Block[] {
  switch (stmt.kind) {
    case "for":
    case "while":
      return [stmt.body];
    case "if":
      return [stmt.then, stmt.orelse];
    case "reduce":
      return stmt.combine ? [stmt.combine.body, stmt.body] : [stmt.body];
    default:
      return [];
  }
}

/** Rebuilds a statement with changed blocks. The `values` of a combiner are left alone; see `mapCombine`. */
export function mapBlocksOf(stmt: Stmt, change: (block: Block) => Block): Stmt {
  switch (stmt.kind) {
    case "for":
    case "while": {
      const body = change(stmt.body);
      return body === stmt.body ? stmt : { ...stmt, body };
    }
    case "if": {
      const then = change(stmt.then);
      const orelse = change(stmt.orelse);
      return then === stmt.then && orelse === stmt.orelse ? stmt : { ...stmt, then, orelse };
    }
    case "reduce": {
      const combineBody = stmt.combine && change(stmt.combine.body);
      const body = change(stmt.body);
      if (body === stmt.body && combineBody === stmt.combine?.body) return stmt;
      const combine = stmt.combine && combineBody ? { ...stmt.combine, body: combineBody } : stmt.combine;
      return { ...stmt, combine, body };
    }
    default:
      return stmt;
  }
}

/** Rebuilds a combiner: its statements as a block, then its values. */
export function mapCombine(
  combine: Combine,
  block: (block: Block) => Block,
  expr: (expr: Expr) => Expr,
): Combine {
  const body = block(combine.body);
  const values = mapSame(combine.values, expr);
  return body === combine.body && values === combine.values ? combine : { ...combine, body, values };
}

/** Rebuilds a block, inner statements first; `change` may return one statement or several, or none. */
export function mapBlock(block: Block, change: (stmt: Stmt) => Stmt | readonly Stmt[]): Block {
  let changed = false;
  const out: Stmt[] = [];
  for (const stmt of block) {
    const next = change(mapBlocksOf(stmt, (inner) => mapBlock(inner, change)));
    if (next !== stmt) changed = true;
    if (Array.isArray(next)) out.push(...(next as readonly Stmt[]));
    else out.push(next as Stmt);
  }
  return changed ? out : block;
}

/** Puts several statements, or none, in the place of each of a block's own. */
export function expandBlock(block: Block, change: (stmt: Stmt) => readonly Stmt[]): Block {
  const out: Stmt[] = [];
  let changed = false;
  for (const stmt of block) {
    const next = change(stmt);
    if (next.length !== 1 || next[0] !== stmt) changed = true;
    out.push(...next);
  }
  return changed ? out : block;
}

/** Rebuilds every expression under a statement (each once, at its root), the combiner's values included. */
export function mapAllExprs(stmt: Stmt, change: (expr: Expr) => Expr): Stmt {
  const own = mapExprsOf(stmt, change);
  const inner = mapBlocksOf(own, (block) => mapSame(block, (part) => mapAllExprs(part, change)));
  if (inner.kind !== "reduce" || !inner.combine) return inner;
  const values = mapSame(inner.combine.values, change);
  return values === inner.combine.values ? inner : { ...inner, combine: { ...inner.combine, values } };
}

/** Visits every statement of a block, outer statements first. */
export function visitBlock(block: Block, visit: (stmt: Stmt) => void): void {
  for (const stmt of block) {
    visit(stmt);
    for (const inner of blocksOf(stmt)) visitBlock(inner, visit);
  }
}

/** Visits every expression under a block at its root, the combiners' values included. */
export function visitRoots(block: Block, visit: (expr: Expr, stmt: Stmt) => void): void {
  visitBlock(block, (stmt) => {
    for (const expr of exprsOf(stmt)) visit(expr, stmt);
    if (stmt.kind === "reduce" && stmt.combine) for (const value of stmt.combine.values) visit(value, stmt);
  });
}

/** Visits every expression under a block and all parts of it. */
export function visitExprs(block: Block, visit: (expr: Expr) => void): void {
  visitRoots(block, (expr) => visitExpr(expr, visit));
}

/** The kernel with another body; itself where the body is the same. */
export function withBody(kernel: IrKernel, body: Block): IrKernel {
  return body === kernel.body ? kernel : { ...kernel, body };
}
