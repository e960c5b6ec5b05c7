// Pass `cse`: an expression that is computed again where an equal one was computed for certain gets a `let` in front
// of the first, and both mention it. Loads count while nothing wrote their buffer. What is trivial (one cheap op) is
// left alone: naming it would only lengthen the time that a register is taken. In nest form so are subscripts made of
// names: later passes read strides and lanes off them.
//
// Two runs of one walk: the first counts, the second, which meets the same expressions in the same order, rewrites.

import { buffersIn, costOf, readOnlyBuffers, writtenIn } from "../ir/facts.ts";
import { ExprTable } from "../ir/intern.ts";
import { ref, type Expr, type IrKernel, type Stmt } from "../ir/ir.ts";
import { assignedIn, FreshNames, namesIn } from "../ir/names.ts";
import {
  blocksOf,
  expandBlock,
  mapBlocksOf,
  mapCombine,
  mapExprsOf,
  mapOperands,
  mapSame,
  someExpr,
  withBody,
  type Block,
} from "../ir/walk.ts";

/** Names every expression that is computed twice. */
export function eliminateCommon(kernel: IrKernel): IrKernel {
  const count = new Walk(kernel, undefined);
  count.block(kernel.body);
  if (count.hits === 0) return kernel;
  const rewrite = new Walk(kernel, count.uses);
  return withBody(kernel, rewrite.block(kernel.body));
}

/** An expression whose value is at hand. */
interface Entry {
  /** Where its uses are counted; a `let` of the source has none, it is named already. */
  readonly serial: number | undefined;
  name: string | undefined;
  readonly names: ReadonlySet<string>;
  readonly buffers: ReadonlySet<string>;
}

type Available = Map<number, Entry>;

class Walk {
  /** How often each new entry was met, by serial number. */
  readonly uses: number[] = [];
  /** How often anything was at hand. */
  hits = 0;
  private readonly table = new ExprTable();
  private readonly fresh: FreshNames;
  private readonly planned: readonly number[] | undefined;
  private readonly constantBuffers: ReadonlySet<string>;
  private readonly variables: ReadonlySet<string>;
  /** What is available, from the kernel's block to the innermost. */
  private scopes: Available[] = [];
  /** `let`s that go in front of the statement at hand. */
  private pending: Stmt[] = [];
  /** `let`s of the source that turned out to be names for something named before. */
  private readonly copies = new Map<string, Expr>();

  /** Whether subscripts stay as they are. */
  private readonly keepsSubscripts: boolean;

  constructor(kernel: IrKernel, planned: readonly number[] | undefined) {
    this.planned = planned;
    this.keepsSubscripts = kernel.form === "nest";
    this.fresh = new FreshNames(kernel);
    this.constantBuffers = readOnlyBuffers(kernel);
    this.variables = assignedIn(kernel.body);
  }

  /** The block with equal expressions named. */
  readonly block = (block: Block): Block => {
    this.scopes.push(new Map());
    const named = expandBlock(block, (stmt) => this.stmt(stmt));
    this.scopes.pop();
    return named;
  };

  private stmt(stmt: Stmt): readonly Stmt[] {
    if (stmt.kind === "let") return this.definition(stmt);
    const outer = this.pending;
    this.pending = [];
    // A loop's condition is evaluated again after the body, so nothing may be named in front of the loop for it, and
    // what the body changes isn't available to it.
    if (stmt.kind === "while") this.forget(stmt.body);
    const own = this.ownExprs(stmt);
    const before = this.pending;
    this.pending = outer;
    const whole = this.inside(own);
    if (stmt.kind === "assign") this.forget([stmt]);
    if (stmt.kind === "store" || stmt.kind === "alloc") this.forget([stmt]);
    return before.length > 0 ? [...before, whole] : [whole];
  }

  private ownExprs(stmt: Stmt): Stmt {
    if (stmt.kind !== "store") return mapExprsOf(stmt, (expr) => this.expr(expr, stmt.kind !== "while"));
    const index = mapSame(stmt.index, (part) => this.subscript(part, true));
    const value = this.expr(stmt.value, true);
    const guard = stmt.guard && this.expr(stmt.guard, true);
    const same = index === stmt.index && value === stmt.value && guard === stmt.guard;
    return same ? stmt : { ...stmt, index, value, ...(guard && { guard }) };
  }

  private inside(stmt: Stmt): Stmt {
    const blocks = blocksOf(stmt);
    if (blocks.length === 0) return stmt;
    if (stmt.kind === "for" || stmt.kind === "reduce") blocks.forEach((block) => this.forget(block));
    const outer = this.scopes;
    // A parallel loop may become a function of its own, which would have to compute the names anew.
    if (stmt.kind === "for" && (stmt.marks.parallel || stmt.marks.threads)) this.scopes = [];
    let whole: Stmt;
    if (stmt.kind === "reduce" && stmt.combine) {
      const combine = mapCombine(stmt.combine, this.block, (value) => this.expr(value, false));
      const body = this.block(stmt.body);
      whole = body === stmt.body && combine === stmt.combine ? stmt : { ...stmt, body, combine };
    } else {
      whole = mapBlocksOf(stmt, this.block);
    }
    this.scopes = outer;
    // What a branch did may or may not have happened.
    blocks.forEach((block) => this.forget(block));
    return whole;
  }

  /** `let`s name their value themselves; one for a value that has a name becomes a copy of that name. */
  private definition(stmt: Stmt & { kind: "let" }): readonly Stmt[] {
    const known = this.named(stmt.value);
    if (known) {
      this.copies.set(stmt.name, known);
      return [];
    }
    const outer = this.pending;
    this.pending = [];
    const value = this.operands(stmt.value, true);
    const before = this.pending;
    this.pending = outer;
    if (stmt.value.kind === "op" || stmt.value.kind === "load") {
      this.scopes
        .at(-1)!
        .set(this.table.of(this.resolved(stmt.value)), this.entry(stmt.value, undefined, stmt.name));
    } else if (stmt.value.kind === "ref") {
      const name = this.resolved(stmt.value);
      return [...before, name === stmt.value ? stmt : { ...stmt, value: name }];
    }
    return [...before, value === stmt.value ? stmt : { ...stmt, value }];
  }

  private expr(expr: Expr, mayName: boolean): Expr {
    if (expr.kind === "ref") return this.copies.get(expr.name) ?? expr;
    if (expr.kind === "const") return expr;
    const whole = this.resolved(expr);
    const number = this.table.of(whole);
    const found = this.lookup(number);
    if (found) {
      this.hits++;
      if (found.serial !== undefined) this.uses[found.serial]!++;
      return found.name === undefined ? expr : ref(found.name, expr.type, expr.span);
    }
    if (!mayName || !isWorthNaming(whole)) return this.operands(expr, mayName);
    const serial = this.uses.push(1) - 1;
    const entry = this.entry(whole, serial, undefined);
    const rewritten = this.operands(expr, mayName);
    this.scopes.at(-1)!.set(number, entry);
    if ((this.planned?.[serial] ?? 0) < 2) return rewritten;
    entry.name = this.fresh.value("t");
    this.pending.push({ kind: "let", name: entry.name, value: rewritten, span: expr.span });
    return ref(entry.name, expr.type, expr.span);
  }

  private operands(expr: Expr, mayName: boolean): Expr {
    if (expr.kind !== "load") return mapOperands(expr, (operand) => this.expr(operand, mayName));
    const index = mapSame(expr.index, (part) => this.subscript(part, mayName));
    const guard = expr.guard && this.expr(expr.guard, mayName);
    return index === expr.index && guard === expr.guard ? expr : { ...expr, index, ...(guard && { guard }) };
  }

  /**
   * Part of an access. A vector of positions stays whole: that its lanes are neighbours must be plain to see. In nest
   * form names and arithmetic stay together too, while what is loaded for a position is an expression like others.
   */
  private subscript(expr: Expr, mayName: boolean): Expr {
    if (expr.kind === "op" && expr.type.lanes > 1) {
      return mapOperands(expr, (operand) => this.subscript(operand, mayName));
    }
    if (!this.keepsSubscripts || someExpr(expr, (part) => part.kind === "load"))
      return this.expr(expr, mayName);
    return this.copies.size === 0 ? expr : this.resolved(expr);
  }

  /** The name of an equal value, counting it as a use. */
  private named(value: Expr): Expr | undefined {
    if (value.kind !== "op" && value.kind !== "load") return undefined;
    const found = this.lookup(this.table.of(this.resolved(value)));
    if (!found) return undefined;
    this.hits++;
    if (found.serial !== undefined) this.uses[found.serial]!++;
    // In the counting walk an entry has no name yet; any will do, the text is thrown away.
    return ref(found.name ?? `#${found.serial}`, value.type, value.span);
  }

  /** With copies replaced, so that equal values look equal. In both walks alike: by what was first, not by name. */
  private resolved(expr: Expr): Expr {
    if (this.copies.size === 0) return expr;
    const replace = (part: Expr): Expr =>
      part.kind === "ref" ? (this.copies.get(part.name) ?? part) : mapOperands(part, replace);
    return replace(expr);
  }

  private entry(expr: Expr, serial: number | undefined, name: string | undefined): Entry {
    const names = new Set([...namesIn(expr)].filter((each) => this.variables.has(each)));
    const buffers = new Set([...buffersIn(expr)].filter((each) => !this.constantBuffers.has(each)));
    return { serial, name, names, buffers };
  }

  private lookup(number: number): Entry | undefined {
    for (let at = this.scopes.length - 1; at >= 0; at--) {
      const found = this.scopes[at]!.get(number);
      if (found) return found;
    }
    return undefined;
  }

  /** Drops what the block may change. */
  private forget(block: Block): void {
    const assigned = assignedIn(block);
    const written = writtenIn(block);
    if (assigned.size === 0 && written.size === 0) return;
    for (const scope of this.scopes) {
      for (const [number, { names, buffers }] of scope) {
        const stale =
          [...names].some((name) => assigned.has(name)) || [...buffers].some((name) => written.has(name));
        if (stale) scope.delete(number);
      }
    }
  }
}

/** Loads, and more than one cheap op: less isn't worth a register. */
function isWorthNaming(expr: Expr): boolean {
  return costOf(expr) >= 2;
}
