// The walker's part for expressions: reports loads and partial operations with the facts of their place, and
// rebuilds the expression without guards and selections that are settled.

import { dtypeInfo } from "../../lang/dtypes.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { constant, type Buffer, type Expr, type LoadExpr, type OpExpr, type StoreStmt } from "../ir/ir.ts";
import { opInfo } from "../ir/ops.ts";
import { mapSame } from "../ir/walk.ts";
import { isWide } from "../../lang/dtypes.ts";
import { and, condKey, conjuncts, ge, isNotZero, lt, not, yes, type Cond } from "../symbolic/cond.ts";
import { Intervals } from "../symbolic/intervals.ts";
import { constantPoly, one, zero, type Poly } from "../symbolic/poly.ts";
import { effort, proves } from "./facts.ts";
import type { Listener, Loop } from "./listener.ts";
import type { Scope } from "./scope.ts";
import type { Terms } from "./terms.ts";

export class ExprWalk {
  private readonly terms: Terms;
  private readonly buffers: ReadonlyMap<string, Buffer>;
  private readonly shapes: ReadonlyMap<string, readonly Poly[]>;
  private readonly loops: readonly Loop[];
  private readonly listener: () => Listener | undefined;
  private order = 0;

  constructor(
    terms: Terms,
    buffers: ReadonlyMap<string, Buffer>,
    shapes: ReadonlyMap<string, readonly Poly[]>,
    loops: readonly Loop[],
    listener: () => Listener | undefined,
  ) {
    this.terms = terms;
    this.buffers = buffers;
    this.shapes = shapes;
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

  /** Conditions where the value being walked is used at all: a selection drops it elsewhere. */
  private masks: readonly Cond[] = [];

  private op(expr: OpExpr, scope: Scope): Expr {
    let at = 0;
    const args = mapSame(expr.args, (arg) => this.masked(expr, at++, arg, scope));
    const next = args === expr.args ? expr : { ...expr, args };
    if (opInfo(expr.op).partial) this.partial(expr, next.args[1]!, scope);
    return expr.op === "select" ? this.selection(next, scope) : next;
  }

  private masked(expr: OpExpr, at: number, arg: Expr, scope: Scope): Expr {
    const test = expr.args[0]!;
    const dropping =
      expr.op === "select" || ((expr.op === "and" || expr.op === "or") && test.type.dtype === "bool");
    if (at === 0 || !dropping) return this.visit(arg, scope);
    const before = this.masks;
    const cond = this.terms.cond(test, scope);
    const kept = expr.op === "select" ? at === 1 : expr.op === "and";
    this.masks = [...before, ...conjuncts(kept ? cond : not(cond))];
    const next = this.visit(arg, scope);
    this.masks = before;
    return next;
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
    // A size that isn't 0 is at least 1: the sharper fact saves every later question a case.
    const sized = !shift && new Intervals().ofPoly(value).lo >= 0;
    scope.assume(sized ? ge(value, one) : fit);
  }

  /** A selection whose condition is settled is one of its sides. */
  private selection(expr: OpExpr, scope: Scope): Expr {
    const [mask, then, orelse] = expr.args;
    if (mask!.type.lanes !== then!.type.lanes) return expr;
    const cond = this.terms.cond(mask!, scope);
    if (!isArithmetic(cond)) return expr;
    const test = this.simplified(mask!, scope);
    if (!test) return then!;
    if (proves(scope.facts, not(cond), effort.optional)) return orelse!;
    return test === mask ? expr : { ...expr, args: [test, then!, orelse!] };
  }

  /** The condition without the conjuncts that hold anyway; undefined if nothing is left. */
  private simplified(expr: Expr, scope: Scope): Expr | undefined {
    if (expr.kind !== "op" || expr.op !== "and" || expr.type.dtype !== "bool")
      return proves(scope.facts, this.terms.cond(expr, scope), effort.optional) ? undefined : expr;
    const [left, right] = [this.simplified(expr.args[0]!, scope), this.simplified(expr.args[1]!, scope)];
    if (!left || !right) return left ?? right;
    return left === expr.args[0] && right === expr.args[1] ? expr : { ...expr, args: [left, right] };
  }

  /** Whether a load's value is used only where its guard holds, and nothing ever writes what it reads. */
  private idle(expr: LoadExpr, guard: Cond, scope: Scope): boolean {
    if (scope.versions.has(expr.buffer)) return false;
    const keys = new Set(this.masks.map(condKey));
    return conjuncts(guard).every((part) => keys.has(condKey(part)));
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
    if (guard) {
      const left = this.simplified(guard, scope);
      if (!left) this.listener()?.guarded(expr, "true");
      guard = left;
    }
    // Read where it isn't needed, it spares the machine the test.
    if (guard && this.idle(expr, cond, scope) && this.inside(expr, index, scope)) guard = undefined;
    this.access(expr, index, guard ? cond : yes, scope);
    return index === expr.index && guard === expr.guard ? expr : { ...expr, index, guard };
  }

  private inside(expr: LoadExpr, index: readonly Expr[], scope: Scope): boolean {
    const shape = this.shapes.get(expr.buffer);
    return index.every((part, axis) => {
      const value = this.terms.poly(part, scope);
      return shape && proves(scope.facts, and(ge(value, zero), lt(value, shape[axis]!)), effort.optional);
    });
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
