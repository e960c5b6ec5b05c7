// Simplifies statements in order: names that stand for constants or other names are replaced, branches with a known
// condition are taken, loops that run never or once disappear, as do reductions that combine one value.

import type { ForStmt, IfStmt, Stmt, ReduceStmt, Expr } from "../../ir/ir.ts";
import { ref } from "../../ir/ir.ts";
import { rangeOf, rangeOfLoop, type Ranges } from "../../ir/ranges.ts";
import { isSelfContained } from "../../ir/facts.ts";
import { combiningOpOf } from "../../ir/reducing.ts";
import { mapCombine, mapExprsOf, someExpr, visitBlock, type Block } from "../../ir/walk.ts";
import { jumpsOut } from "../workspace.ts";
import { ExprSimplifier } from "./expressions.ts";
import { isFalse, isTrue, valueOf } from "./rules.ts";

export class StmtSimplifier {
  private readonly exprs: ExprSimplifier;
  /** Variables that something assigns; the others are `let`s by another name. */
  private readonly assigned: ReadonlySet<string>;

  constructor(ranges: Ranges, assigned: ReadonlySet<string>) {
    this.exprs = new ExprSimplifier(ranges);
    this.assigned = assigned;
  }

  readonly expr = (expr: Expr): Expr => this.exprs.expr(expr);

  /** The same block if nothing in it changed. */
  readonly block = (block: Block): Block => {
    const out: Stmt[] = [];
    let changed = false;
    for (const stmt of block) {
      const next = this.stmt(stmt);
      if (next.length !== 1 || next[0] !== stmt) changed = true;
      out.push(...next);
      const last = out.at(-1);
      if (last && (last.kind === "break" || last.kind === "continue")) {
        // What follows a jump is never reached.
        changed ||= stmt !== block.at(-1);
        break;
      }
    }
    return changed ? out : block;
  };

  private stmt(original: Stmt): readonly Stmt[] {
    const stmt = mapExprsOf(original, this.expr);
    switch (stmt.kind) {
      case "let":
        return this.definition(stmt, stmt.name, stmt.value);
      case "var":
        if (this.assigned.has(stmt.name)) return [stmt];
        return this.definition(
          { kind: "let", name: stmt.name, value: stmt.init, span: stmt.span },
          stmt.name,
          stmt.init,
        );
      case "assign":
        return stmt.value.kind === "ref" && stmt.value.name === stmt.name ? [] : [stmt];
      case "store": {
        if (isFalse(stmt.guard)) return [];
        if (!isTrue(stmt.guard)) return [stmt];
        const { guard: _always, ...unguarded } = stmt;
        return [unguarded];
      }
      case "assert":
        return isTrue(stmt.cond) ? [] : [stmt];
      case "if":
        return this.conditional(stmt);
      case "while": {
        if (isFalse(stmt.cond)) return [];
        const body = this.under([[stmt.cond, true]], () => this.block(stmt.body));
        return [body === stmt.body ? stmt : { ...stmt, body }];
      }
      case "for":
        return this.loop(stmt);
      case "reduce":
        return this.reduce(stmt);
      default:
        return [stmt];
    }
  }

  /** A value that is a constant or an unchanging name needs no name of its own. */
  private definition(stmt: Stmt, name: string, value: Expr): readonly Stmt[] {
    if (value.kind === "const" || (value.kind === "ref" && !this.assigned.has(value.name))) {
      this.exprs.values.set(name, value);
      return [];
    }
    if (value.type.dtype === "i32") this.exprs.ranges.set(name, rangeOf(value, this.exprs.ranges));
    return [stmt];
  }

  private conditional(stmt: IfStmt): readonly Stmt[] {
    if (isTrue(stmt.cond)) return this.block(stmt.then);
    if (isFalse(stmt.cond)) return this.block(stmt.orelse);
    const then = this.under([[stmt.cond, true]], () => this.block(stmt.then));
    const orelse = this.under([[stmt.cond, false]], () => this.block(stmt.orelse));
    if (then.length === 0 && orelse.length === 0) return [];
    if (then.length === 0) {
      const cond = this.exprs.make("not", [stmt.cond]);
      return [{ ...stmt, cond, then: orelse, orelse: [] }];
    }
    return [then === stmt.then && orelse === stmt.orelse ? stmt : { ...stmt, then, orelse }];
  }

  /** Runs with conditions known, where they're made of what can't change meanwhile. */
  private under<T>(conditions: readonly (readonly [Expr, boolean])[], run: () => T): T {
    return this.exprs.knowing(
      conditions.filter(([cond]) => this.isConstantly(cond)),
      run,
    );
  }

  private isConstantly(expr: Expr): boolean {
    return !someExpr(
      expr,
      (part) => part.kind === "load" || (part.kind === "ref" && this.assigned.has(part.name)),
    );
  }

  private loop(stmt: ForStmt): readonly Stmt[] {
    const [lo, hi] = [valueOf(stmt.lo), valueOf(stmt.hi)];
    const { ranges } = this.exprs;
    if (rangeOf(stmt.hi, ranges).high <= rangeOf(stmt.lo, ranges).low) return [];
    if (this.exprs.table.equal(stmt.lo, stmt.hi)) return [];
    const once = typeof lo === "number" && typeof hi === "number" && hi - lo <= stmt.step;
    const { parallel, threads } = stmt.marks;
    // A loop over invocations tells a target what each of them does, even if there's one.
    if (once && !parallel && !threads && !jumpsOut(stmt.body)) {
      this.exprs.values.set(stmt.name, stmt.lo);
      return this.block(stmt.body);
    }
    ranges.set(stmt.name, rangeOfLoop(stmt, ranges));
    const variable = ref(stmt.name, stmt.lo.type);
    const facts = [
      [this.exprs.make("lt", [variable, stmt.hi]), true],
      [this.exprs.make("ge", [variable, stmt.lo]), true],
    ] as const;
    const body = this.under(facts, () => this.block(stmt.body));
    return [body === stmt.body ? stmt : { ...stmt, body }];
  }

  private reduce(stmt: ReduceStmt): readonly Stmt[] {
    const combine = stmt.combine && mapCombine(stmt.combine, this.block, this.expr);
    const body = this.block(stmt.body);
    const single = this.singleYield(stmt, body);
    if (single) return single;
    const into = stmt.results[0]!.name;
    let yields = 0;
    visitBlock(body, (inner) => inner.kind === "yield" && inner.into === into && yields++);
    if (yields === 0 && isSelfContained([stmt])) {
      // Nothing is combined: the results are what they started as.
      return stmt.results.flatMap(({ name }, at) => {
        const value = stmt.init[at]!;
        return this.definition({ kind: "let", name, value, span: stmt.span }, name, value);
      });
    }
    return [body === stmt.body && combine === stmt.combine ? stmt : { ...stmt, combine, body }];
  }

  /** A reduction of exactly one value is one operation. */
  private singleYield(stmt: ReduceStmt, body: Block): readonly Stmt[] | undefined {
    const name = combiningOpOf(stmt.op);
    const last = body.at(-1);
    if (!name || last?.kind !== "yield" || last.into !== stmt.results[0]!.name) return undefined;
    const plain = body.slice(0, -1).every((inner) => inner.kind === "let");
    if (!plain) return undefined;
    return [
      ...body.slice(0, -1),
      ...stmt.results.flatMap((result, at) => {
        const value = this.exprs.make(name, [stmt.init[at]!, last.values[at]!]);
        const definition: Stmt = { kind: "let", name: result.name, value, span: stmt.span };
        return this.definition(definition, result.name, value);
      }),
    ];
  }
}
