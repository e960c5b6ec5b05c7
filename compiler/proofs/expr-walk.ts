// The walker's part for expressions: reports loads and partial operations with the facts of their place, and
// rebuilds the expression without guards and selections that are settled.

import { dtypeInfo } from "../../lang/dtypes.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { constant, type Buffer, type Expr, type LoadExpr, type OpExpr, type StoreStmt } from "../ir/ir.ts";
import { opInfo } from "../ir/ops.ts";
import { mapSame } from "../ir/walk.ts";
import { isWide } from "../../lang/dtypes.ts";
import { and, ge, isNotZero, lt, not, yes, type Cond } from "../symbolic/cond.ts";
import { constantPoly, zero } from "../symbolic/poly.ts";
import { effort, proves } from "./facts.ts";
import type { Listener, Loop } from "./listener.ts";
import type { Scope } from "./scope.ts";
import type { Terms } from "./terms.ts";

export class ExprWalk {
  private readonly terms: Terms;
  private readonly buffers: ReadonlyMap<string, Buffer>;
  private readonly loops: readonly Loop[];
  private readonly listener: () => Listener | undefined;
  private order = 0;

  constructor(
    terms: Terms,
    buffers: ReadonlyMap<string, Buffer>,
    loops: readonly Loop[],
    listener: () => Listener | undefined,
  ) {
    this.terms = terms;
    this.buffers = buffers;
    this.loops = loops;
    this.listener = listener;
  }

  /** A number later than all before. */
  next(): number {
    return this.order++;
  }

  visit(expr: Expr, scope: Scope): Expr {
    if (expr.kind === "op") return this.op(expr, scope);
    return expr.kind === "load" ? this.load(expr, scope) : expr;
  }

  private op(expr: OpExpr, scope: Scope): Expr {
    const args = mapSame(expr.args, (arg) => this.visit(arg, scope));
    const next = args === expr.args ? expr : { ...expr, args };
    if (opInfo(expr.op).partial) this.partial(expr, next.args[1]!, scope);
    return expr.op === "select" ? this.selection(next, scope) : next;
  }

  private partial(expr: OpExpr, operand: Expr, scope: Scope): void {
    const listener = this.listener();
    if (
      operand.kind === "const" &&
      !opInfo(expr.op).unfit?.([operand.value, operand.value], operand.type.dtype)
    )
      return;
    const value = this.terms.poly(operand, scope);
    const bits = dtypeInfo(expr.type.dtype).bits;
    const shift = expr.op === "shl" || expr.op === "shr";
    const fit = shift ? and(ge(value, zero), lt(value, constantPoly(bits))) : isNotZero(value);
    listener?.partial(expr, fit, scope.facts, this.loops.slice());
    scope.assume(fit);
  }

  /** A selection whose condition is settled is one of its sides. */
  private selection(expr: OpExpr, scope: Scope): Expr {
    const [mask, then, orelse] = expr.args;
    if (mask!.type.lanes !== then!.type.lanes) return expr;
    const cond = this.terms.cond(mask!, scope);
    if (!isArithmetic(cond)) return expr;
    if (proves(scope.facts, cond, effort.optional)) return then!;
    return proves(scope.facts, not(cond), effort.optional) ? orelse! : expr;
  }

  private load(expr: LoadExpr, scope: Scope): Expr {
    const index = mapSame(expr.index, (part) => this.visit(part, scope));
    let guard = expr.guard && this.visit(expr.guard, scope);
    const cond = guard ? this.terms.cond(guard, scope) : yes;
    if (guard && cond.kind !== "true" && isArithmetic(cond)) {
      if (proves(scope.facts, not(cond), effort.optional)) {
        this.listener()?.guarded(expr, "false");
        return nothing(expr);
      }
    }
    if (guard && proves(scope.facts, cond, effort.optional)) {
      this.listener()?.guarded(expr, "true");
      guard = undefined;
    }
    this.access(expr, index, guard ? cond : yes, scope);
    return index === expr.index && guard === expr.guard ? expr : { ...expr, index, guard };
  }

  /** A store: its index, value and guard, and then the access itself. */
  store(stmt: StoreStmt, scope: Scope): StoreStmt {
    const index = mapSame(stmt.index, (part) => this.visit(part, scope));
    const value = this.visit(stmt.value, scope);
    const guard = stmt.guard && this.visit(stmt.guard, scope);
    this.access(stmt, index, guard ? this.terms.cond(guard, scope) : yes, scope);
    if (index === stmt.index && value === stmt.value && guard === stmt.guard) return stmt;
    return { ...stmt, index, value, guard };
  }

  private access(node: LoadExpr | StoreStmt, index: readonly Expr[], guard: Cond, scope: Scope): void {
    const polys = index.map((part) => this.terms.poly(part, scope));
    const order = this.next();
    if (scope.dead) return;
    const facts = scope.facts.under(guard);
    this.listener()?.access({
      kind: node.kind,
      node,
      buffer: this.buffers.get(node.buffer) ?? internalError("proofs", `no buffer ${node.buffer}`),
      index: polys,
      facts,
      unguarded: scope.facts,
      guard,
      loops: this.loops.slice(),
      order,
    });
  }
}

/** What a load that reads nothing gives. */
function nothing(expr: LoadExpr): Expr {
  const { dtype } = expr.type;
  return constant(dtype === "bool" ? false : isWide(dtype) ? 0n : 0, expr.type, expr.span);
}

/** Whether the condition says anything that arithmetic could settle. */
function isArithmetic(cond: Cond): boolean {
  if (cond.kind === "and" || cond.kind === "or") return cond.parts.some(isArithmetic);
  if (cond.kind === "true" || cond.kind === "false") return true;
  const only = cond.poly.terms[0];
  const opaque =
    cond.poly.terms.length === 1 &&
    only!.atoms.length === 1 &&
    (only!.atoms[0]!.kind === "app" || only!.atoms[0]!.kind === "name");
  return !(opaque && only!.atoms[0]!.kind === "app" && only!.atoms[0]!.hi === 1);
}
