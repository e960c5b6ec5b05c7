// Walks a kernel in the order of execution and knows at each point what holds there. It reports every access,
// partial operation, assertion and marked loop to its listener, with the facts of the place, and hands back the
// kernel without the guards and checks that were proved. What it learns is used by the checks beside it; it
// judges nothing itself.

import type { Dtype } from "../../lang/dtypes.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import type { Buffer, Expr, ForStmt, IfStmt, IrKernel, ReduceStmt, Stmt, WhileStmt } from "../ir/ir.ts";
import { allocatedIn } from "../ir/names.ts";
import { writtenIn } from "../ir/facts.ts";
import { mapSame, type Block } from "../ir/walk.ts";
import { eq, ge, le, lt, not, or, and, type Cond } from "../symbolic/cond.ts";
import { Intervals } from "../symbolic/intervals.ts";
import { add, addConstant, atomPoly, max, scale, sub, type NameAtom, type Poly } from "../symbolic/poly.ts";
import { ExprWalk } from "./expr-walk.ts";
import { effort, proves } from "./facts.ts";
import { candidates, changedBy, valuesIn, type Candidate } from "./invariants.ts";
import type { Listener, Loop } from "./listener.ts";
import { relevantNames } from "./relevance.ts";
import { rangeOf, type Names, type Scope, type Value } from "./scope.ts";
import { textFor, type Terms } from "./terms.ts";
import { picks, rangeOfYields, type Yields } from "./yields.ts";

/** Where `break` and `continue` lead, while a loop's body is walked. */
interface Jumps {
  readonly breaks: Scope[];
  readonly continues: Scope[];
}

export class Walker {
  private readonly names: Names;
  private readonly terms: Terms;
  private readonly relevant: ReadonlySet<string>;
  private readonly exprs: ExprWalk;
  private readonly loops: Loop[] = [];
  private readonly jumps: Jumps[] = [];
  private readonly yields: Yields[] = [];
  private readonly dtypes = new Map<string, Dtype>();
  private readonly dtypeOf = (name: string): Dtype | undefined => this.dtypes.get(name);
  /** Unset while a loop is walked only to see whether its invariants hold. */
  private listener: Listener | undefined;

  constructor(
    kernel: IrKernel,
    shapes: ReadonlyMap<string, readonly Poly[]>,
    terms: Terms,
    names: Names,
    listener: Listener,
  ) {
    this.terms = terms;
    this.names = names;
    this.relevant = relevantNames(kernel);
    this.listener = listener;
    const buffers = new Map<string, Buffer>(kernel.buffers.map((buffer) => [buffer.name, buffer]));
    this.exprs = new ExprWalk(terms, buffers, shapes, this.loops, () => this.listener);
  }

  block(block: Block, scope: Scope): readonly Stmt[] {
    const out: Stmt[] = [];
    for (const stmt of block) {
      // What control never gets to can't go wrong.
      const next = scope.dead ? stmt : this.stmt(stmt, scope);
      if (next) out.push(next);
    }
    return out.length === block.length && out.every((stmt, at) => stmt === block[at]) ? block : out;
  }

  private stmt(stmt: Stmt, scope: Scope): Stmt | undefined {
    switch (stmt.kind) {
      case "let":
      case "var": {
        const source = stmt.kind === "let" ? stmt.value : stmt.init;
        const value = this.exprs.visit(source, scope);
        this.dtypes.set(stmt.name, source.type.dtype);
        scope.names.set(stmt.name, this.bind(stmt.name, value, scope));
        if (stmt.kind === "var") this.listener?.declared(stmt.name, this.loops.length);
        if (value === source) return stmt;
        return stmt.kind === "let" ? { ...stmt, value } : { ...stmt, init: value };
      }
      case "assign": {
        const value = this.exprs.visit(stmt.value, scope);
        if (scope.names.has(stmt.name)) scope.names.set(stmt.name, this.bind(stmt.name, value, scope));
        this.listener?.assigned(stmt, this.loops.slice());
        return value === stmt.value ? stmt : { ...stmt, value };
      }
      case "alloc": {
        const fill = stmt.fill && this.exprs.visit(stmt.fill, scope);
        this.written(stmt.buffer, scope);
        this.listener?.allocated(stmt, this.loops.slice(), this.exprs.next(), scope.facts);
        return fill === stmt.fill ? stmt : { ...stmt, fill };
      }
      case "store": {
        const next = this.exprs.store(stmt, scope);
        this.written(stmt.buffer, scope);
        return next;
      }
      case "for":
        return this.forLoop(stmt, scope);
      case "while":
        return this.whileLoop(stmt, scope);
      case "if":
        return this.branch(stmt, scope);
      case "break":
      case "continue": {
        const jumps = this.jumps.at(-1) ?? internalError("proofs", `a ${stmt.kind} outside of a loop`);
        if (!scope.dead) jumps[stmt.kind === "break" ? "breaks" : "continues"].push(scope.fork());
        if (stmt.kind === "break") this.listener?.leaves(this.loops.at(-1)!, stmt);
        scope.dead = true;
        return stmt;
      }
      case "assert": {
        const cond = this.exprs.visit(stmt.cond, scope);
        const claim = this.terms.cond(cond, scope);
        const proved = proves(scope.facts, claim);
        this.listener?.asserted(stmt, proved, claim, scope.facts, this.loops.slice());
        scope.assume(claim);
        return proved ? undefined : cond === stmt.cond ? stmt : { ...stmt, cond };
      }
      case "reduce":
        return this.reduce(stmt, scope);
      case "yield": {
        const values = mapSame(stmt.values, (value) => this.exprs.visit(value, scope));
        const target = this.yields.findLast((each) => each.into === stmt.into);
        if (!scope.dead)
          target?.found.push({
            values: values.map((value) => this.terms.value(value, scope)),
            scope: scope.fork(),
          });
        return values === stmt.values ? stmt : { ...stmt, values };
      }
    }
  }

  /** What a name stands for; values whose expression would only make keys long get a name of their own. */
  private bind(name: string, expr: Expr, scope: Scope): Value {
    // A name that lowering made is shown as what it stands for.
    const shown = name.includes(".") ? textFor(expr) : name;
    if (!this.relevant.has(name) && expr.type.lanes === 1)
      return this.names.value(name, expr.type.dtype, { shown });
    const value = this.terms.value(expr, scope);
    const integer = Number.isFinite(rangeOf(expr.type.dtype).lo);
    if (value.kind === "cond" || (integer && value.poly.key.length < 400)) return value;
    if (value.poly.key.length < 80) return value;
    // A value of each lane must not become one for all.
    if (expr.type.lanes > 1) return value;
    const fresh = this.names.value(name, expr.type.dtype, { shown });
    if (integer && fresh.kind === "poly")
      scope.assume(...this.terms.boundsOf(fresh.poly, expr, value.poly, scope));
    return fresh;
  }

  /** The buffer's elements aren't what they were. */
  private written(buffer: string, scope: Scope): void {
    scope.versions.set(buffer, atomPoly(this.names.fresh(`${buffer}@`, 0, Infinity)));
  }

  private branch(stmt: IfStmt, scope: Scope): Stmt {
    const cond = this.exprs.visit(stmt.cond, scope);
    const test = this.terms.cond(cond, scope);
    const [yes, no] = [scope.fork(test), scope.fork(not(test))];
    const then = this.block(stmt.then, yes);
    const orelse = this.block(stmt.orelse, no);
    scope.join([yes, no], this.names, this.dtypeOf);
    if (cond === stmt.cond && then === stmt.then && orelse === stmt.orelse) return stmt;
    return { ...stmt, cond, then, orelse };
  }

  // ---- loops ----

  /** Runs `walk` with nobody listening. */
  private quietly(walk: () => void): void {
    const listener = this.listener;
    this.listener = undefined;
    try {
      walk();
    } finally {
      this.listener = listener;
    }
  }

  /** Gives what the loop changes values of which only the invariants are known. */
  private havoc(scope: Scope, changed: readonly string[], buffers: Iterable<string>): void {
    for (const name of changed) {
      const dtype = this.dtypes.get(name);
      if (dtype && scope.names.has(name)) scope.names.set(name, this.names.value(name, dtype));
    }
    for (const buffer of buffers) this.written(buffer, scope);
  }

  /** The candidates that every iteration keeps, found by walking the body until none is lost. */
  private inductive(
    all: readonly Candidate[],
    enter: (kept: readonly Candidate[]) => { ends: readonly Scope[]; next: (end: Scope) => Poly | undefined },
  ): readonly Candidate[] {
    let kept = all;
    for (let round = 0; round < 5 && kept.length > 0; round++) {
      let lost = false;
      this.quietly(() => {
        const { ends, next } = enter(kept);
        const still = kept.filter((candidate) =>
          ends.every((end) => {
            const cond = candidate.at(valuesIn(end), next(end));
            return end.dead || (cond !== undefined && proves(end.facts, cond, effort.optional));
          }),
        );
        lost = still.length < kept.length;
        kept = still;
      });
      if (!lost) return kept;
    }
    return [];
  }

  private assumeAll(scope: Scope, kept: readonly Candidate[], iteration: Poly | undefined): void {
    for (const candidate of kept) {
      const cond = candidate.at(valuesIn(scope), iteration);
      if (cond) scope.assume(cond);
    }
  }

  /** Walks a loop's body; the scopes at its end and at each `continue`, and those at each `break`. */
  private iterate(body: Block, loop: Loop, scope: Scope): { block: Block; ends: Scope[]; breaks: Scope[] } {
    const jumps: Jumps = { breaks: [], continues: [] };
    this.loops.push(loop);
    this.jumps.push(jumps);
    const block = this.block(body, scope);
    this.jumps.pop();
    this.loops.pop();
    return { block, ends: [...(scope.dead ? [] : [scope]), ...jumps.continues], breaks: jumps.breaks };
  }

  /** Goes on behind a loop. What its last iteration met is known by then: no condition for getting here. */
  private resume(scope: Scope, ends: readonly Scope[]): void {
    const before = scope.facts;
    scope.join(ends, this.names, this.dtypeOf);
    scope.facts = before.knowing(...scope.facts.since(before));
  }

  private forLoop(stmt: ForStmt, scope: Scope): Stmt {
    const [loExpr, hiExpr] = [this.exprs.visit(stmt.lo, scope), this.exprs.visit(stmt.hi, scope)];
    const [lo, hi] = [this.terms.poly(loExpr, scope), this.terms.poly(hiExpr, scope)];
    const changed = changedBy(stmt);
    const buffers = outlivingWrites(stmt.body);
    const bounds = new Intervals();
    const [low, high] = [bounds.ofPoly(lo), bounds.ofPoly(hi)];
    const enter = (kept: readonly Candidate[]): { head: Scope; loop: Loop; index: Poly } => {
      const order = this.names.count;
      const head = scope.fork();
      const span = { lo: Math.max(low.lo, -(2 ** 31)), hi: Math.min(high.hi, 2 ** 31) - 1 };
      const made = this.names.fresh(stmt.name, span.lo, Math.max(span.lo, span.hi), stmt.marks.label);
      const atom: NameAtom = { ...made, origin: "loop" };
      const index = atomPoly(atom);
      head.names.set(stmt.name, { kind: "poly", poly: index });
      head.restrict(...within(index, lo, hi));
      let turn = sub(index, lo);
      if (stmt.step > 1) {
        turn = atomPoly(this.names.fresh(`${stmt.name}.turn`, 0, 2 ** 31));
        head.assume(eq(index, add(lo, scale(turn, stmt.step))));
      }
      this.havoc(head, changed, buffers);
      this.assumeAll(head, kept, index);
      const loop: Loop = {
        kind: "for",
        stmt,
        atom,
        lo,
        hi,
        step: stmt.step,
        turn,
        order,
        entry: scope.facts,
      };
      return { head, loop, index };
    };
    const kept = this.inductive(candidates(stmt, changed, scope, this.dtypeOf, this.terms, lo), (trusted) => {
      const { head, loop, index } = enter(trusted);
      return { ends: this.iterate(stmt.body, loop, head).ends, next: () => addConstant(index, stmt.step) };
    });
    const { head, loop } = enter(kept);
    this.listener?.enters(loop);
    const { block, breaks } = this.iterate(stmt.body, loop, head);
    this.listener?.left(loop);
    // Afterwards the loop variable would be the first value that isn't below hi.
    const end = scope.fork();
    this.havoc(end, changed, buffers);
    if (kept.length > 0) {
      if (stmt.step === 1) this.assumeAll(end, kept, proves(scope.facts, le(lo, hi)) ? hi : max(lo, hi));
      else {
        const past = atomPoly(this.names.fresh(`${stmt.name}.end`, -(2 ** 31), 2 ** 32));
        const last = addConstant(hi, stmt.step - 1);
        end.assume(ge(past, lo), or(eq(past, lo), and(ge(past, hi), le(past, last))));
        this.assumeAll(end, kept, past);
      }
    }
    this.resume(scope, [end, ...breaks]);
    if (block === stmt.body && loExpr === stmt.lo && hiExpr === stmt.hi) return stmt;
    return { ...stmt, lo: loExpr, hi: hiExpr, body: block };
  }

  private whileLoop(stmt: WhileStmt, scope: Scope): Stmt {
    const changed = changedBy(stmt);
    const buffers = outlivingWrites(stmt.body);
    const enter = (
      kept: readonly Candidate[],
    ): { head: Scope; loop: Loop; body: Scope; test: Cond; cond: Expr } => {
      const order = this.names.count;
      const head = scope.fork();
      this.havoc(head, changed, buffers);
      this.assumeAll(head, kept, undefined);
      const loop: Loop = {
        kind: "while",
        stmt,
        order,
        entry: scope.facts,
        head: new Map(head.names),
        start: new Map(scope.names),
      };
      this.loops.push(loop);
      const cond = this.exprs.visit(stmt.cond, head);
      const test = this.terms.cond(cond, head);
      this.loops.pop();
      return { head, loop, body: head.fork(test), test, cond };
    };
    const kept = this.inductive(
      candidates(stmt, changed, scope, this.dtypeOf, this.terms, undefined),
      (trusted) => {
        const { loop, body } = enter(trusted);
        return { ends: this.iterate(stmt.body, loop, body).ends, next: () => undefined };
      },
    );
    const { head, loop, body, test, cond } = enter(kept);
    this.listener?.enters(loop);
    const { block, breaks } = this.iterate(stmt.body, loop, body);
    this.listener?.left(loop);
    head.restrict(not(test));
    if (test.kind === "true") head.dead = true;
    this.resume(scope, [head, ...breaks]);
    return block === stmt.body && cond === stmt.cond ? stmt : { ...stmt, cond, body: block };
  }

  // ---- reductions ----

  private reduce(stmt: ReduceStmt, scope: Scope): Stmt {
    const init = mapSame(stmt.init, (value) => this.exprs.visit(value, scope));
    const yields: Yields = { into: stmt.results[0]!.name, found: [] };
    const order = this.names.count;
    const inner = scope.fork();
    this.yields.push(yields);
    this.listener?.reduces(stmt);
    const depth = this.loops.length;
    const body = this.block(stmt.body, inner);
    this.yields.pop();
    const combine = stmt.combine && this.combine(stmt, scope);
    for (const [at, { name, type }] of stmt.results.entries()) {
      const value = this.names.value(name, type.dtype);
      scope.names.set(name, value);
      this.dtypes.set(name, type.dtype);
      if (value.kind === "poly" && picks(stmt, at)) {
        const starts = stmt.op === "max" || stmt.op === "min" ? [this.terms.poly(init[at]!, scope)] : [];
        for (const cond of rangeOfYields(yields, at, value.poly, starts, scope, order)) scope.assume(cond);
      }
    }
    if (this.loops.length !== depth) internalError("proofs", "a reduction left a loop open");
    const same = init === stmt.init && body === stmt.body && combine === stmt.combine;
    return same ? stmt : { ...stmt, init, body, combine };
  }

  private combine(stmt: ReduceStmt, scope: Scope): ReduceStmt["combine"] {
    const combine = stmt.combine!;
    const inner = scope.fork();
    for (const side of [combine.left, combine.right])
      side.forEach((name, at) => inner.names.set(name, this.names.value(name, stmt.results[at]!.type.dtype)));
    const body = this.block(combine.body, inner);
    const values = mapSame(combine.values, (value) => this.exprs.visit(value, inner));
    return body === combine.body && values === combine.values ? combine : { ...combine, body, values };
  }
}

/** Buffers that a loop's body writes and that live longer than an iteration. */
function outlivingWrites(body: Block): Set<string> {
  const found = writtenIn(body);
  for (const name of allocatedIn(body)) found.delete(name);
  return found;
}

function within(index: Poly, lo: Poly, hi: Poly): Cond[] {
  return [ge(index, lo), lt(index, hi)];
}
