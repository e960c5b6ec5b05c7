// Pass `licm`: what a loop computes alike in every iteration moves in front of it. Total ops move from anywhere in
// the body, since evaluating them for nothing can't go wrong. A load or a partial op moves only from where the first
// iteration is certain to reach it; if the loop may not run at all, a scalar load gets the guard "it runs".
//
// Never out of `parallel` and `threads` loops: their iterations are elsewhere, and what lies between such loops is
// a phase.

import { costOf, isPartial, writtenIn } from "../ir/facts.ts";
import { ExprTable } from "../ir/intern.ts";
import {
  ref,
  type Expr,
  type ForStmt,
  type IrKernel,
  type LoadExpr,
  type Stmt,
  type WhileStmt,
} from "../ir/ir.ts";
import { allocatedIn, assignedIn, declaredIn, FreshNames } from "../ir/names.ts";
import { rangeOf, rangeOfLoop, rangesOfKernel, type Ranges } from "../ir/ranges.ts";
import {
  blocksOf,
  expandBlock,
  mapBlocksOf,
  mapCombine,
  mapExpr,
  mapExprsOf,
  mapOperands,
  mapSame,
  someExpr,
  withBody,
  type Block,
} from "../ir/walk.ts";
import { and, compare } from "./fold.ts";

type Loop = ForStmt | WhileStmt;

/** Moves invariants out of every loop, inner loops first, so that they travel as far as they can. */
export function hoistInvariants(kernel: IrKernel): IrKernel {
  const hoister = new Hoister(kernel);
  return withBody(kernel, hoister.block(kernel.body));
}

class Hoister {
  private readonly fresh: FreshNames;
  private readonly ranges: Ranges;

  constructor(kernel: IrKernel) {
    this.fresh = new FreshNames(kernel);
    this.ranges = rangesOfKernel(kernel);
  }

  readonly block = (block: Block): Block => expandBlock(block, (stmt) => this.stmt(stmt));

  private stmt(stmt: Stmt): readonly Stmt[] {
    if (stmt.kind === "for") this.ranges.set(stmt.name, rangeOfLoop(stmt, this.ranges));
    this.learn(stmt);
    const inner = mapBlocksOf(stmt, this.block);
    if (inner.kind === "for" && !inner.marks.parallel && !inner.marks.threads) return this.loop(inner);
    if (inner.kind === "while") return this.loop(inner);
    if (inner.kind === "reduce") return leadingLets(inner);
    return [inner];
  }

  private learn(stmt: Stmt): void {
    if (stmt.kind !== "let" || stmt.value.type.dtype !== "i32") return;
    this.ranges.set(stmt.name, rangeOf(stmt.value, this.ranges));
  }

  private loop(loop: Loop): readonly Stmt[] {
    const runs = loop.kind === "for" ? this.runs(loop) : undefined;
    const invariants = new Invariants(loop, runs, this.fresh);
    const body = invariants.block(loop.body, runs !== undefined);
    // A condition is evaluated at least once, so whatever it needs is needed.
    const cond = loop.kind === "while" ? invariants.expr(loop.cond, false) : undefined;
    if (body === loop.body && (loop.kind === "for" || cond === loop.cond)) return [loop];
    const whole: Stmt = loop.kind === "while" ? { ...loop, cond: cond!, body } : { ...loop, body };
    for (const each of invariants.lets) this.learn(each);
    return [...invariants.lets, whole];
  }

  /** `true`, or the condition under which the loop runs. */
  private runs(loop: ForStmt): true | Expr {
    const certain = rangeOf(loop.hi, this.ranges).low > rangeOf(loop.lo, this.ranges).high;
    return certain ? true : compare("lt", loop.lo, loop.hi);
  }
}

/** A reduction's body runs once: `let`s at its beginning that need nothing of it may as well stand in front. */
function leadingLets(stmt: Stmt & { kind: "reduce" }): readonly Stmt[] {
  let count = 0;
  while (stmt.body[count]?.kind === "let") count++;
  return count === 0 ? [stmt] : [...stmt.body.slice(0, count), { ...stmt, body: stmt.body.slice(count) }];
}

class Invariants {
  /** What goes in front of the loop. */
  readonly lets: Stmt[] = [];
  private readonly table = new ExprTable();
  private readonly hoisted = new Map<number, string>();
  /** Names that mean something else in each iteration. */
  private readonly varying: Set<string>;
  private readonly written: ReadonlySet<string>;
  private readonly local: ReadonlySet<string>;
  private readonly runs: true | Expr | undefined;
  private readonly fresh: FreshNames;

  constructor(loop: Loop, runs: true | Expr | undefined, fresh: FreshNames) {
    this.varying = new Set([...declaredIn([loop]), ...assignedIn(loop.body)]);
    this.written = writtenIn(loop.body);
    this.local = allocatedIn(loop.body);
    this.runs = runs;
    this.fresh = fresh;
  }

  /** `reached`: the first iteration gets here for certain, and nothing before could have ended it. */
  readonly block = (block: Block, reached: boolean): Block => {
    const out: Stmt[] = [];
    let changed = false;
    let certain = reached;
    for (const stmt of block) {
      const next = this.stmt(stmt, certain);
      if (next !== stmt) changed = true;
      if (next) out.push(next);
      if (mayEnd(stmt)) certain = false;
    }
    return changed ? out : block;
  };

  private stmt(stmt: Stmt, certain: boolean): Stmt | undefined {
    if (stmt.kind === "let" && this.isInvariant(stmt.value)) {
      const value = this.safe(stmt.value, certain);
      if (value) {
        this.lets.push(value === stmt.value ? stmt : { ...stmt, value });
        this.varying.delete(stmt.name);
        return undefined;
      }
    }
    // Inner conditions and bodies may be evaluated not at all, or after something that ends the iteration.
    const again = stmt.kind === "while";
    const own = this.ownExprs(stmt, certain && !again);
    if (blocksOf(own).length === 0) return own;
    if (own.kind === "reduce" && own.combine) {
      const combine = mapCombine(
        own.combine,
        (inner) => this.block(inner, false),
        (value) => this.expr(value, false),
      );
      const body = this.block(own.body, certain);
      return body === own.body && combine === own.combine ? own : { ...own, combine, body };
    }
    return mapBlocksOf(own, (inner) => this.block(inner, certain && own.kind === "reduce"));
  }

  private ownExprs(stmt: Stmt, certain: boolean): Stmt {
    if (stmt.kind !== "store") return mapExprsOf(stmt, (expr) => this.expr(expr, certain));
    const index = mapSame(stmt.index, (part) => this.subscript(part, certain));
    const value = this.expr(stmt.value, certain);
    const guard = stmt.guard && this.expr(stmt.guard, certain);
    const same = index === stmt.index && value === stmt.value && guard === stmt.guard;
    return same ? stmt : { ...stmt, index, value, ...(guard && { guard }) };
  }

  /** A vector of positions stays whole, so that later passes see its lanes to be neighbours; scalars in it may move. */
  private subscript(expr: Expr, certain: boolean): Expr {
    if (expr.kind !== "op" || expr.type.lanes === 1) return this.expr(expr, certain);
    return mapOperands(expr, (operand) => this.subscript(operand, certain));
  }

  /** Names the largest invariant parts. */
  expr(expr: Expr, certain: boolean): Expr {
    if (expr.kind === "const" || expr.kind === "ref") return expr;
    if (costOf(expr) > 0 && this.isInvariant(expr)) {
      const known = this.hoisted.get(this.table.of(expr));
      if (known !== undefined) return ref(known, expr.type, expr.span);
      const value = this.safe(expr, certain);
      if (value) {
        const name = this.fresh.value("t");
        this.hoisted.set(this.table.of(expr), name);
        this.lets.push({ kind: "let", name, value, span: expr.span });
        return ref(name, expr.type, expr.span);
      }
    }
    if (expr.kind !== "load") return mapOperands(expr, (operand) => this.expr(operand, certain));
    const index = mapSame(expr.index, (part) => this.subscript(part, certain));
    const guard = expr.guard && this.expr(expr.guard, certain);
    return index === expr.index && guard === expr.guard ? expr : { ...expr, index, ...(guard && { guard }) };
  }

  private isInvariant(expr: Expr): boolean {
    return !someExpr(
      expr,
      (part) =>
        (part.kind === "ref" && this.varying.has(part.name)) ||
        (part.kind === "load" && (this.written.has(part.buffer) || this.local.has(part.buffer))),
    );
  }

  /** The expression as it may be evaluated in front of the loop, or undefined if it may not. */
  private safe(expr: Expr, certain: boolean): Expr | undefined {
    const total = !someExpr(expr, (part) => part.kind === "load" || isPartial(part));
    if (total || (certain && this.runs === true)) return expr;
    const { runs } = this;
    if (!certain || runs === undefined || runs === true) return undefined;
    const guardable = !someExpr(
      expr,
      (part) => isPartial(part) || (part.kind === "load" && part.type.lanes > 1),
    );
    if (!guardable) return undefined;
    return mapExpr(expr, (part) => (part.kind === "load" ? guarded(part, runs) : part));
  }
}

function guarded(load: LoadExpr, runs: Expr): LoadExpr {
  return { ...load, guard: load.guard ? and(runs, load.guard) : runs };
}

/** Whether a statement may keep the rest of the iteration from being reached. */
function mayEnd(stmt: Stmt): boolean {
  switch (stmt.kind) {
    case "break":
    case "continue":
    case "assert":
    case "while":
      return true;
    case "for":
    case "if":
    case "reduce":
      return blocksOf(stmt).some((block) => block.some(mayEnd));
    default:
      return false;
  }
}
