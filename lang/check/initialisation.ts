// `var x: T` without a value: every way to a read of it must pass an assignment. A walk over the typed body
// that carries the set of variables not yet assigned; loops count as not run.

import type { Sym, TExpr, TStmt } from "../typed.ts";
import { operandsOf } from "./operands.ts";
import { diagnostic, type DiagnosticSink } from "../diagnostics/diagnostic.ts";

/** Reports reads of variables that may have no value yet. */
export function checkInitialised(body: readonly TStmt[], sink: DiagnosticSink): void {
  new Walk(sink).block(body, new Set());
}

class Walk {
  private readonly sink: DiagnosticSink;
  private readonly reported = new Set<Sym>();

  constructor(sink: DiagnosticSink) {
    this.sink = sink;
  }

  /** The variables still unassigned after a block; undefined if control never leaves it by its end. */
  block(stmts: readonly TStmt[], before: ReadonlySet<Sym>): ReadonlySet<Sym> | undefined {
    let open: ReadonlySet<Sym> = before;
    for (const stmt of stmts) {
      const after = this.statement(stmt, open);
      if (!after) return undefined;
      open = after;
    }
    return open;
  }

  private statement(stmt: TStmt, open: ReadonlySet<Sym>): ReadonlySet<Sym> | undefined {
    switch (stmt.kind) {
      case "let":
        if (stmt.value) this.reads(stmt.value, open);
        return stmt.value ? open : new Set([...open, ...stmt.syms]);
      case "assign": {
        this.reads(stmt.value, open);
        const { target } = stmt;
        if (stmt.op) this.reads(target, open);
        const whole = target.kind === "tuple" ? target.items : [target];
        const assigned = new Set<Sym>();
        for (const place of whole) {
          if (place.kind === "ref") assigned.add(place.sym);
          else this.reads(place, open);
        }
        return stmt.op || assigned.size === 0 || open.size === 0
          ? open
          : new Set([...open].filter((sym) => !assigned.has(sym)));
      }
      case "if": {
        this.reads(stmt.cond, open);
        const then = this.block(stmt.then, open);
        const orelse = this.block(stmt.orelse, open);
        if (!then || !orelse) return then ?? orelse;
        return new Set([...then, ...orelse]);
      }
      case "for":
        for (const loop of stmt.loops) {
          this.reads(loop.low, open);
          this.reads(loop.high, open);
        }
        this.block(stmt.body, open);
        return open;
      case "while":
        this.reads(stmt.cond, open);
        this.block(stmt.body, open);
        return open;
      case "break":
      case "continue":
        return undefined;
      case "return":
        if (stmt.value) this.reads(stmt.value, open);
        return undefined;
      case "assert":
        this.reads(stmt.cond, open);
        return open;
      case "simd-store":
        for (const index of stmt.indices) this.reads(index, open);
        this.reads(stmt.value, open);
        return open;
      case "expr":
        this.reads(stmt.value, open);
        return open;
    }
  }

  private reads(expr: TExpr, open: ReadonlySet<Sym>): void {
    if (open.size === 0) return;
    if (expr.kind === "ref") {
      if (!open.has(expr.sym) || this.reported.has(expr.sym)) return;
      this.reported.add(expr.sym);
      const related = [{ span: expr.sym.span, text: "it is declared without a value" }];
      this.sink.add(diagnostic("K0335", { name: expr.sym.name }, expr.span, { related }));
      return;
    }
    for (const part of operandsOf(expr)) this.reads(part, open);
  }
}
