// Which names proofs can be about: those that subscripts, loop bounds, divisors, shifts and assertions depend on, and
// those that conditions tie to them. What only computes data needs no symbolic value, and giving it one is what
// made kernels full of bit tricks slow to prove.

import { isFloat, isInteger } from "../../lang/dtypes.ts";
import { namesIn } from "../ir/names.ts";
import type { Expr, IrKernel, Stmt } from "../ir/ir.ts";
import { opInfo, type OpName } from "../ir/ops.ts";
import { exprsOf, visitBlock, visitExpr } from "../ir/walk.ts";

/** The names whose values may matter to a proof; a superset of those that do. */
export function relevantNames(kernel: IrKernel): ReadonlySet<string> {
  const gathered = new Gathered();
  visitBlock(kernel.body, (stmt) => gathered.statement(stmt));
  return gathered.closure();
}

class Gathered {
  /** Names that a name's values are computed from. */
  private readonly sources = new Map<string, Set<string>>();
  private readonly seeds = new Set<string>();
  private readonly conditions: Set<string>[] = [];

  statement(stmt: Stmt): void {
    for (const expr of exprsOf(stmt)) this.accesses(expr);
    switch (stmt.kind) {
      case "let":
      case "assign":
        return this.from(stmt.name, [stmt.value]);
      case "var":
        return this.from(stmt.name, [stmt.init]);
      case "for": {
        // That a loop runs at all tells of what bounds it.
        const bounds = new Set<string>();
        addSources(stmt.lo, bounds);
        addSources(stmt.hi, bounds);
        this.conditions.push(bounds);
        return this.from(stmt.name, [stmt.lo, stmt.hi]);
      }
      case "reduce":
        for (const [at, { name }] of stmt.results.entries()) this.from(name, [stmt.init[at]!]);
        // What is yielded goes to the first result's name: the others hang on it.
        for (const { name } of stmt.results.slice(1)) this.sources.get(name)!.add(stmt.results[0]!.name);
        if (stmt.combine) for (const { name } of stmt.results) this.from(name, stmt.combine.values);
        return;
      case "yield":
        return this.from(stmt.into, stmt.values);
      case "store":
        stmt.index.forEach((index) => this.seed(index));
        if (stmt.guard) this.conditions.push(namesIn(stmt.guard));
        return;
      case "assert":
        return this.seed(stmt.cond);
      case "if":
        this.conditions.push(namesIn(stmt.cond));
        return;
      case "while":
        this.conditions.push(namesIn(stmt.cond));
        // Counters run in step: what ends the loop may bound another counter.
        visitExpr(stmt.cond, (part) => {
          if (part.kind === "ref" && isInteger(part.type.dtype)) this.seeds.add(part.name);
        });
        return;
      case "alloc":
      case "break":
      case "continue":
        return;
    }
  }

  private from(name: string, exprs: readonly Expr[]): void {
    const known = this.sources.get(name) ?? new Set();
    this.sources.set(name, known);
    for (const expr of exprs) addSources(expr, known);
  }

  private seed(expr: Expr): void {
    for (const name of namesIn(expr)) this.seeds.add(name);
  }

  /** Subscripts, guards, and operands that must be proved fit, anywhere in an expression. */
  private accesses(expr: Expr): void {
    visitExpr(expr, (part) => {
      if (part.kind === "load") {
        part.index.forEach((index) => this.seed(index));
        if (part.guard) this.conditions.push(namesIn(part.guard));
      }
      if (part.kind === "op" && opInfo(part.op).partial) part.args.slice(1).forEach((arg) => this.seed(arg));
      if (part.kind === "op" && part.op === "select") this.conditions.push(namesIn(part.args[0]!));
    });
  }

  closure(): ReadonlySet<string> {
    const relevant = this.reach(this.seeds);
    const open = this.conditions.map((names) => this.reach(names));
    for (let grown = true; grown;) {
      grown = false;
      for (const [at, names] of open.entries()) {
        if (![...names].some((name) => relevant.has(name))) continue;
        for (const name of names) relevant.add(name);
        open.splice(at, 1);
        grown = true;
        break;
      }
    }
    return relevant;
  }

  /** The names, and all that their values are computed from. */
  private reach(from: Iterable<string>): Set<string> {
    const reached = new Set<string>();
    const waiting = [...from];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (reached.has(name)) continue;
      reached.add(name);
      waiting.push(...(this.sources.get(name) ?? []));
    }
    return reached;
  }
}

/** Ops that the provers see through: a fact about the result is one about the operands. */
const transparent: ReadonlySet<OpName> = new Set<OpName>([
  ...([
    "add",
    "sub",
    "mul",
    "neg",
    "abs",
    "min",
    "max",
    "floordiv",
    "mod",
    "shl",
    "shr",
    "and",
    "not",
  ] as const),
  ...([
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "select",
    "convert",
    "saturate",
    "splat",
    "ramp",
    "lane",
  ] as const),
]);

/** The names that a value can tell of: what is behind an opaque op, float arithmetic above all, stays out. */
function addSources(expr: Expr, names: Set<string>): void {
  if (expr.kind === "ref") names.add(expr.name);
  if (expr.kind === "load") for (const index of expr.index) addSources(index, names);
  if (expr.kind !== "op") return;
  const seen =
    expr.type.dtype === "bool" ? transparent.has(expr.op) || expr.op === "or" : transparent.has(expr.op);
  if (seen && !isFloat(expr.type.dtype)) for (const arg of expr.args) addSources(arg, names);
}
