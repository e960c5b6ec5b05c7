// Checks that a kernel is well-formed: a walk that knows what is in scope, and lists of rules over every
// expression, statement and header. It runs after each pass, so that a broken rewrite is named where it happens.

import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { Expr, IrKernel, IrType, Stmt } from "./ir.ts";
import { i32 } from "./ir.ts";
import { printExpr, printStmt } from "./print.ts";
import { Scope } from "./verify-scope.ts";
import { exprRules, headerRules, stmtRules } from "./verify-rules.ts";
import { exprsOf, operandsOf, type Block } from "./walk.ts";

/** Raises an internal error that names `where` (the pass that ran last) if the kernel breaks a rule. */
export function verify(kernel: IrKernel, where: string): void {
  const problem = problemOf(kernel);
  if (problem) internalError(where, `kernel "${kernel.name}" ${problem}`);
}

/** What is wrong with a kernel, or undefined. */
export function problemOf(kernel: IrKernel): string | undefined {
  const walk = new Walk(kernel);
  return walk.header() ?? walk.body();
}

class Walk {
  private readonly kernel: IrKernel;
  private readonly scope: Scope;

  constructor(kernel: IrKernel) {
    this.kernel = kernel;
    this.scope = new Scope(kernel);
  }

  header(): string | undefined {
    for (const rule of headerRules) {
      const problem = rule(this.kernel);
      if (problem) return problem;
    }
    for (const dim of this.kernel.dims) {
      const problem = this.scope.declare(dim.name, i32, "dim");
      if (problem) return problem;
    }
    for (const param of this.kernel.params) {
      if (param.kind !== "scalar") continue;
      const problem = this.scope.declare(param.name, { dtype: param.dtype, lanes: 1 }, "scalar");
      if (problem) return problem;
    }
    for (const buffer of this.kernel.buffers) {
      for (const dim of buffer.shape) {
        const problem =
          this.expr(dim) ?? (isPlainI32(dim) ? undefined : "is no scalar i32 over dims and scalars");
        if (problem) return `has the buffer "${buffer.name}" whose shape ${printExpr(dim)} ${problem}`;
      }
    }
    for (const clause of this.kernel.requires) {
      const scalar = clause.cond.type.dtype === "bool" && clause.cond.type.lanes === 1;
      const problem = this.expr(clause.cond) ?? (scalar ? undefined : "is no scalar bool");
      if (problem) return `requires ${printExpr(clause.cond)}, which ${problem}`;
    }
    return undefined;
  }

  body(): string | undefined {
    return this.block(this.kernel.body);
  }

  private block(block: Block): string | undefined {
    const mark = this.scope.enter();
    for (const stmt of block) {
      const problem = this.stmt(stmt);
      if (problem) return problem;
    }
    this.scope.leave(mark);
    return undefined;
  }

  private stmt(stmt: Stmt): string | undefined {
    for (const expr of exprsOf(stmt)) {
      const problem = this.expr(expr);
      if (problem) return this.at(stmt, problem);
    }
    for (const rule of stmtRules) {
      const problem = rule(stmt, this.scope);
      if (problem) return this.at(stmt, problem);
    }
    return this.inside(stmt) ?? this.declare(stmt);
  }

  /** The blocks of a statement, each in its surroundings. */
  private inside(stmt: Stmt): string | undefined {
    const { scope } = this;
    switch (stmt.kind) {
      case "for": {
        const mark = scope.enter();
        const taken = scope.declare(stmt.name, i32, "loop");
        const problem = taken
          ? this.at(stmt, taken)
          : scope.within({ loop: stmt }, () => this.block(stmt.body));
        if (!problem) scope.leave(mark);
        return problem;
      }
      case "while":
        return scope.within({ loop: stmt }, () => this.block(stmt.body));
      case "if":
        return this.block(stmt.then) ?? this.block(stmt.orelse);
      case "reduce":
        return this.combiner(stmt) ?? scope.within({ reduce: stmt }, () => this.block(stmt.body));
      default:
        return undefined;
    }
  }

  private combiner(stmt: Stmt & { kind: "reduce" }): string | undefined {
    if (!stmt.combine) return undefined;
    const { left, right, body, values } = stmt.combine;
    const mark = this.scope.enter();
    for (const names of [left, right]) {
      for (const [at, name] of names.entries()) {
        const taken = this.scope.declare(name, stmt.results[at]?.type ?? i32, "let");
        if (taken) return this.at(stmt, taken);
      }
    }
    const problem = this.scope.within({ combiner: stmt }, () => {
      for (const part of body) {
        const found = this.stmt(part);
        if (found) return found;
      }
      for (const value of values) {
        const found = this.expr(value);
        if (found) return this.at(stmt, `combines to ${printExpr(value)}, which ${found}`);
      }
      return undefined;
    });
    if (!problem) this.scope.leave(mark);
    return problem;
  }

  private declare(stmt: Stmt): string | undefined {
    const declare = (name: string, type: IrType, sort: "let" | "var"): string | undefined => {
      const taken = this.scope.declare(name, type, sort);
      return taken && this.at(stmt, taken);
    };
    if (stmt.kind === "let") return declare(stmt.name, stmt.value.type, "let");
    if (stmt.kind === "var") return declare(stmt.name, stmt.init.type, "var");
    if (stmt.kind === "alloc") this.scope.allocate(stmt.buffer);
    if (stmt.kind !== "reduce") return undefined;
    for (const result of stmt.results) {
      const problem = declare(result.name, result.type, "let");
      if (problem) return problem;
    }
    return undefined;
  }

  private expr(expr: Expr): string | undefined {
    for (const operand of operandsOf(expr)) {
      const problem = this.expr(operand);
      if (problem) return problem;
    }
    for (const rule of exprRules) {
      const problem = rule(expr, this.scope);
      if (problem) return `has ${printExpr(expr)}, which ${problem}`;
    }
    return undefined;
  }

  private at(stmt: Stmt, problem: string): string {
    const [first = ""] = printStmt(stmt);
    return `is broken at "${first.trim()}": ${problem}`;
  }
}

/** No loads, and one i32: what a shape may be. */
function isPlainI32(expr: Expr): boolean {
  const plain = (part: Expr): boolean => part.kind !== "load" && operandsOf(part).every(plain);
  return expr.type.dtype === "i32" && expr.type.lanes === 1 && plain(expr);
}
