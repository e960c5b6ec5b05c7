// Names: what a piece of IR declares and mentions, fresh names, substitution, and copies of blocks whose
// declarations are renamed (names are unique in a kernel, so a block copied by unrolling or inlining can't
// keep its own).

import type { Buffer, Combine, Expr, IrKernel, Stmt } from "./ir.ts";
import {
  exprsOf,
  mapExpr,
  mapExprsOf,
  mapSame,
  visitBlock,
  visitExpr,
  visitExprs,
  type Block,
} from "./walk.ts";

/** The value names that a statement itself declares, not those of its blocks (a loop's own name included). */
export function declaredBy(stmt: Stmt): readonly string[] {
  switch (stmt.kind) {
    case "let":
    case "var":
    case "for":
      return [stmt.name];
    case "reduce": {
      const results = stmt.results.map((result) => result.name);
      return stmt.combine ? [...results, ...stmt.combine.left, ...stmt.combine.right] : results;
    }
    default:
      return [];
  }
}

/** Every value name declared anywhere in a block. */
export function declaredIn(block: Block): Set<string> {
  const names = new Set<string>();
  visitBlock(block, (stmt) => declaredBy(stmt).forEach((name) => names.add(name)));
  return names;
}

/** Every buffer that comes to life in a block. */
export function allocatedIn(block: Block): Set<string> {
  const names = new Set<string>();
  visitBlock(block, (stmt) => stmt.kind === "alloc" && names.add(stmt.buffer));
  return names;
}

/** The variables that a block assigns, wherever they're declared. */
export function assignedIn(block: Block): Set<string> {
  const names = new Set<string>();
  visitBlock(block, (stmt) => stmt.kind === "assign" && names.add(stmt.name));
  return names;
}

/** The value names that an expression mentions. */
export function namesIn(expr: Expr): Set<string> {
  const names = new Set<string>();
  visitExpr(expr, (part) => part.kind === "ref" && names.add(part.name));
  return names;
}

/** The names that a block mentions (in expressions, assignments and yields) and doesn't declare. */
export function freeNames(block: Block): Set<string> {
  const names = new Set<string>();
  visitExprs(block, (part) => part.kind === "ref" && names.add(part.name));
  visitBlock(block, (stmt) => {
    if (stmt.kind === "assign") names.add(stmt.name);
    if (stmt.kind === "yield") names.add(stmt.into);
  });
  for (const name of declaredIn(block)) names.delete(name);
  return names;
}

/** Hands out names that a kernel doesn't use, and remembers them; values and buffers are separate spaces. */
export class FreshNames {
  private readonly values = new Set<string>();
  private readonly buffers = new Set<string>();
  private readonly counters = new Map<string, number>();

  constructor(kernel: IrKernel) {
    for (const param of kernel.params) if (param.kind === "scalar") this.values.add(param.name);
    for (const dim of kernel.dims) this.values.add(dim.name);
    for (const name of declaredIn(kernel.body)) this.values.add(name);
    for (const buffer of kernel.buffers) this.buffers.add(buffer.name);
  }

  /** A value name like `base`: itself if it's free, else with a number. */
  value(base: string): string {
    return this.unused(base, this.values);
  }
  buffer(base: string): string {
    return this.unused(base, this.buffers);
  }

  private unused(base: string, taken: Set<string>): string {
    const stem = base.replace(/_\d+$/, "");
    let name = stem;
    let count = this.counters.get(stem) ?? 0;
    while (taken.has(name)) name = `${stem}_${++count}`;
    this.counters.set(stem, count);
    taken.add(name);
    return name;
  }
}

/** Replaces references by expressions. */
export function substitute(expr: Expr, values: ReadonlyMap<string, Expr>): Expr {
  if (values.size === 0) return expr;
  return mapExpr(expr, (part) => (part.kind === "ref" && values.get(part.name)) || part);
}

/** Replaces references by expressions throughout a block; the names must be assigned nowhere in it. */
export function substituteIn(block: Block, values: ReadonlyMap<string, Expr>): Block {
  if (values.size === 0) return block;
  return new Copier(undefined, values).block(block);
}

/** A copy of a block in which every declaration, buffers included, has a fresh name. */
export function copyBlock(
  block: Block,
  fresh: FreshNames,
  values: ReadonlyMap<string, Expr> = new Map(),
): { readonly block: Block; readonly buffers: ReadonlyMap<string, string> } {
  const copier = new Copier(fresh, values);
  for (const name of declaredIn(block)) copier.rename(name);
  for (const name of allocatedIn(block)) copier.buffers.set(name, fresh.buffer(name));
  return { block: copier.block(block), buffers: copier.buffers };
}

/** The declarations of copied buffers, to be added to the kernel's. */
export function copiedBuffers(kernel: IrKernel, copies: ReadonlyMap<string, string>): readonly Buffer[] {
  return kernel.buffers.flatMap((buffer) => {
    const name = copies.get(buffer.name);
    return name === undefined ? [] : [{ ...buffer, name }];
  });
}

class Copier {
  readonly buffers = new Map<string, string>();
  private readonly names = new Map<string, string>();
  private readonly fresh: FreshNames | undefined;
  private readonly values: ReadonlyMap<string, Expr>;

  constructor(fresh: FreshNames | undefined, values: ReadonlyMap<string, Expr>) {
    this.fresh = fresh;
    this.values = values;
  }

  rename(name: string): void {
    if (this.fresh) this.names.set(name, this.fresh.value(name));
  }

  private readonly name = (name: string): string => this.names.get(name) ?? name;
  private readonly expr = (expr: Expr): Expr =>
    mapExpr(expr, (part) => {
      if (part.kind === "ref") {
        const value = this.values.get(part.name);
        if (value) return value;
        const name = this.name(part.name);
        return name === part.name ? part : { ...part, name };
      }
      const buffer = part.kind === "load" && this.buffers.get(part.buffer);
      return buffer && part.kind === "load" ? { ...part, buffer } : part;
    });
  readonly block = (block: Block): Block => mapSame(block, this.stmt);

  private readonly stmt = (stmt: Stmt): Stmt => {
    const own = exprsOf(stmt).length > 0 ? mapExprsOf(stmt, this.expr) : stmt;
    switch (own.kind) {
      case "let":
      case "var":
      case "assign":
        return this.names.has(own.name) ? { ...own, name: this.name(own.name) } : own;
      case "alloc":
      case "store":
        return this.buffers.has(own.buffer) ? { ...own, buffer: this.buffers.get(own.buffer)! } : own;
      case "for": {
        const body = this.block(own.body);
        const name = this.name(own.name);
        return body === own.body && name === own.name ? own : { ...own, name, body };
      }
      case "while": {
        const body = this.block(own.body);
        return body === own.body ? own : { ...own, body };
      }
      case "if": {
        const then = this.block(own.then);
        const orelse = this.block(own.orelse);
        return then === own.then && orelse === own.orelse ? own : { ...own, then, orelse };
      }
      case "reduce": {
        const results = mapSame(own.results, (result) =>
          this.names.has(result.name) ? { ...result, name: this.name(result.name) } : result,
        );
        const combine = own.combine && this.combine(own.combine);
        const body = this.block(own.body);
        if (results === own.results && combine === own.combine && body === own.body) return own;
        return { ...own, results, combine, body };
      }
      case "yield":
        return this.names.has(own.into) ? { ...own, into: this.name(own.into) } : own;
      case "assert":
      case "break":
      case "continue":
        return own;
    }
  };

  private combine(combine: Combine): Combine {
    const left = mapSame(combine.left, this.name);
    const right = mapSame(combine.right, this.name);
    const body = this.block(combine.body);
    const values = mapSame(combine.values, this.expr);
    const same =
      left === combine.left && right === combine.right && body === combine.body && values === combine.values;
    return same ? combine : { left, right, body, values };
  }
}
