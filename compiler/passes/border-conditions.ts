// The conditions of a loop's border: which clamps and guards in its body depend on its variable, and between which
// values of it all of them let the index through.

import { int, type Expr, type ForStmt, type OpExpr, type Stmt } from "../ir/ir.ts";
import { isTotal } from "../ir/facts.ts";
import { printExpr } from "../ir/print.ts";
import { rangeOfLoop, type Ranges, rangeOf } from "../ir/ranges.ts";
import { declaredBy } from "../ir/names.ts";
import { blocksOf, exprsOf, operandsOf, someExpr, visitBlock, type Block } from "../ir/walk.ts";
import { add, apply, neg } from "./fold.ts";
import { atomForm, constantForm, exprOfForm, fitsInt, isInt, linearOf, plus, type Linear } from "./linear.ts";
import type { Workspace } from "./workspace.ts";

type Comparison = "lt" | "le" | "gt" | "ge";
const comparisons: readonly string[] = ["lt", "le", "gt", "ge"] satisfies Comparison[];

export class BorderConditions {
  /** By an expression's text: it is true in the interior, or it is its operand of this number. */
  readonly known = new Map<string, true | number>();
  /** The interior begins at the greatest of these … */
  readonly lows: Expr[] = [];
  /** … and ends before the least of these. */
  readonly highs: Expr[] = [];
  private readonly forms = { low: [] as Linear[], high: [] as Linear[] };
  private readonly workspace: Workspace;
  private readonly loop: ForStmt;
  private readonly ranges: Ranges;
  private readonly inside = new Set<string>();
  private readonly lets = new Map<string, Expr>();
  private readonly loops = new Map<string, ForStmt>();

  constructor(workspace: Workspace, loop: ForStmt, ranges: Ranges) {
    this.workspace = workspace;
    this.loop = loop;
    this.ranges = ranges;
    visitBlock(loop.body, (each) => declaredBy(each).forEach((name) => this.inside.add(name)));
    this.block(loop.body);
  }

  /** Iterations of a border where that is a constant: the most that any condition cuts off. */
  width(side: "low" | "high"): number | undefined {
    const bound = linearOf(side === "low" ? this.loop.lo : this.loop.hi, atomForm);
    let most = 0;
    for (const form of this.forms[side]) {
      const distance = bound && (side === "low" ? plus(form, bound, -1) : plus(bound, form, -1));
      if (!distance || distance.terms.size > 0) return undefined;
      most = Math.max(most, distance.constant);
    }
    return most;
  }

  // ---- finding them ----

  private block(block: Block): void {
    for (const statement of block) {
      if (statement.kind === "for") {
        this.ranges.set(statement.name, rangeOfLoop(statement, this.ranges));
        this.loops.set(statement.name, statement);
      }
      if (statement.kind === "let") {
        this.lets.set(statement.name, statement.value);
        if (statement.value.type.dtype === "i32")
          this.ranges.set(statement.name, rangeOf(statement.value, this.ranges));
      }
      this.accesses(statement);
      blocksOf(statement).forEach((inner) => this.block(inner));
    }
  }

  private accesses(statement: Stmt): void {
    if (statement.kind === "store") this.access(statement.index, statement.guard);
    const visit = (expr: Expr): void => {
      if (expr.kind === "load") this.access(expr.index, expr.guard);
      operandsOf(expr).forEach(visit);
    };
    exprsOf(statement).forEach(visit);
  }

  private access(index: readonly Expr[], guard: Expr | undefined): void {
    for (const each of index) this.clamps(each);
    if (guard) this.guards(guard);
  }

  /** `min` and `max` in an index, inner ones first, through the lets of the body. */
  private clamps(expr: Expr): void {
    if (expr.kind === "ref") {
      const value = this.lets.get(expr.name);
      if (value) this.clamps(value);
      return;
    }
    if (expr.kind !== "op" || !isInt(expr)) return;
    expr.args.forEach((arg) => this.clamps(arg));
    if (expr.op === "min" || expr.op === "max") this.clamp(expr);
  }

  private clamp(expr: OpExpr): void {
    const forms = expr.args.map((arg) => this.form(arg));
    const moving = forms.map((form) => form !== undefined && this.slope(form) !== 0);
    const [a, b] = forms;
    if (!a || !b || moving[0] === moving[1]) return;
    const kept = moving[0] ? 0 : 1;
    const above = kept === 0 ? plus(a, b, -1) : plus(b, a, -1);
    this.require(expr, kept, expr.op === "max" ? above : plus(constantForm(0), above, -1));
  }

  /** The parts of a guard that are comparisons, through the lets of the body. */
  private guards(expr: Expr): void {
    if (expr.kind === "ref") {
      const value = this.lets.get(expr.name);
      if (value) this.guards(value);
      return;
    }
    if (expr.kind !== "op") return;
    if (expr.op === "and") return expr.args.forEach((arg) => this.guards(arg));
    const [a, b] = expr.args;
    if (!comparisons.includes(expr.op) || !a || !b || !isInt(a)) return;
    [a, b].forEach((arg) => this.clamps(arg));
    const [left, right] = [this.form(a), this.form(b)];
    if (!left || !right) return;
    const upwards = expr.op === "gt" || expr.op === "ge";
    const margin = upwards ? plus(left, right, -1) : plus(right, left, -1);
    const strict = expr.op === "lt" || expr.op === "gt";
    this.require(expr, true, plus(margin, constantForm(strict ? 1 : 0), -1));
  }

  // ---- solving them ----

  /** By how much a form grows with the loop variable. */
  private slope(form: Linear): number {
    return form.terms.get(printExpr({ kind: "ref", name: this.loop.name, type: this.loop.lo.type }))?.by ?? 0;
  }

  /** Adds the values of the loop variable at which `margin` >= 0, whatever the variables of loops inside are. */
  private require(expr: Expr, fact: true | number, margin: Linear): void {
    const slope = this.slope(margin);
    const key = printExpr(expr);
    if (slope === 0 || this.known.has(key)) return;
    const variable = atomForm({ kind: "ref", name: this.loop.name, type: this.loop.lo.type });
    const rest = this.least(plus(margin, variable, -slope));
    if (!rest || !fitsInt(rest, this.ranges)) return;
    this.known.set(key, fact);
    // slope * v + rest >= 0
    if (slope === 1) return this.bound("low", plus(constantForm(0), rest, -1));
    if (slope === -1) return this.bound("high", plus(rest, constantForm(1)));
    const by = Math.abs(slope);
    const quotient = apply("floordiv", this.loop.lo.type, [exprOfForm(rest), int(by)]);
    if (slope > 0) this.bound("low", atomForm(neg(quotient)));
    else this.bound("high", atomForm(add(quotient, int(1))));
  }

  private bound(side: "low" | "high", form: Linear): void {
    const sign = side === "low" ? 1 : -1;
    const list = side === "low" ? this.lows : this.highs;
    const forms = this.forms[side];
    // Where two bounds are a constant apart, the tighter one counts; the loop's own bounds hold anyway.
    const tighter = (other: Linear | undefined): number | undefined => {
      const distance = other && plus(form, other, -1);
      return distance && distance.terms.size === 0 ? sign * distance.constant : undefined;
    };
    if ((tighter(linearOf(side === "low" ? this.loop.lo : this.loop.hi, atomForm)) ?? 1) <= 0) return;
    const at = forms.findIndex((other) => tighter(other) !== undefined);
    if (at >= 0 && tighter(forms[at])! <= 0) return;
    list.splice(at < 0 ? list.length : at, 1, exprOfForm(form));
    forms.splice(at < 0 ? forms.length : at, 1, form);
  }

  /** The least value of a form over the loops inside, over what is known before the loop. */
  private least(form: Linear): Linear | undefined {
    let left = form;
    for (let round = 0; round <= this.loops.size; round++) {
      const inner = [...left.terms.values()].find(
        ({ atom }) => atom.kind === "ref" && this.loops.has(atom.name),
      );
      if (!inner || inner.atom.kind !== "ref") return left;
      const loop = this.loops.get(inner.atom.name)!;
      const extreme = this.form(inner.by > 0 ? loop.lo : loop.hi);
      if (!extreme || this.slope(extreme) !== 0) return undefined;
      const end = inner.by > 0 ? extreme : plus(extreme, constantForm(1), -1);
      left = plus(plus(left, atomForm(inner.atom), -inner.by), end, inner.by);
    }
    return undefined;
  }

  /** The form of an index, if i32 arithmetic computes it exactly and it holds nothing that changes inside. */
  private form(expr: Expr): Linear | undefined {
    if (!isInt(expr)) return undefined;
    const form = linearOf(expr, (part) => this.leaf(part));
    return form && fitsInt(form, this.ranges) ? form : undefined;
  }

  private leaf(expr: Expr): Linear | undefined {
    if (expr.kind === "op") {
      const fact = this.known.get(printExpr(expr));
      if (typeof fact === "number") return this.form(expr.args[fact]!);
    }
    if (expr.kind === "ref") {
      if (expr.name === this.loop.name || this.loops.has(expr.name)) return atomForm(expr);
      const value = this.lets.get(expr.name);
      if (value) return this.form(value);
    }
    const changes = (part: Expr): boolean =>
      part.kind === "ref" &&
      (part.name === this.loop.name || this.inside.has(part.name) || this.workspace.isVariable(part.name));
    return isTotal(expr) && !someExpr(expr, changes) ? atomForm(expr) : undefined;
  }
}
