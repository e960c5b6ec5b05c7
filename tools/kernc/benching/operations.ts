// How many operations a call does, from the kernel's IR and the sizes: arithmetic on floats, and on integers where they
// are values and not places. Index arithmetic, comparisons and conversions don't count; a fused multiplication and addition
// is two. A kernel whose path depends on its data has no such number.

import type { Expr, IrKernel, Stmt } from "../../../compiler/ir/ir.ts";
import { opInfo, type OpName } from "../../../compiler/ir/ops.ts";
import { isFloat } from "../../../lang/dtypes.ts";

/** Thrown inside, caught at the top. */
class Uncountable extends Error {}

type Known = ReadonlyMap<string, number>;

/** A loop whose trip count depends on other loops is gone through; not for longer than this. */
const patience = 1_000_000;

/** Operations of a call with these dims, or undefined where they depend on the data. */
export function operationsOf(kernel: IrKernel, dims: Readonly<Record<string, number>>): number | undefined {
  const counter = { steps: 0 };
  try {
    return countBlock(kernel.body, new Map(Object.entries(dims)), counter);
  } catch (error) {
    if (error instanceof Uncountable) return undefined;
    throw error;
  }
}

function countBlock(body: readonly Stmt[], outer: Known, counter: { steps: number }): number {
  const known = new Map(outer);
  let total = 0;
  for (const stmt of body) {
    if (++counter.steps > patience) throw new Uncountable();
    if (stmt.kind === "let") {
      const value = evaluate(stmt.value, known);
      if (value === undefined) known.delete(stmt.name);
      else known.set(stmt.name, value);
    }
    total += countStmt(stmt, known, counter);
  }
  return total;
}

function countStmt(stmt: Stmt, known: Known, counter: { steps: number }): number {
  switch (stmt.kind) {
    case "let":
      return floats(stmt.value);
    case "var":
      return floats(stmt.init);
    case "assign":
      return values(stmt.value);
    case "store":
      return values(stmt.value);
    case "alloc":
    case "assert":
      return 0;
    case "yield":
      // Bringing a value into the reduction is an operation too.
      return stmt.values.reduce((sum, value) => sum + values(value) + 1, 0);
    case "reduce":
      return countBlock(stmt.body, known, counter);
    case "for":
      return countLoop(stmt, known, counter);
    case "if": {
      const taken = evaluate(stmt.cond, known);
      if (taken !== undefined) return countBlock(taken ? stmt.then : stmt.orelse, known, counter);
      const [one, other] = [stmt.then, stmt.orelse].map((body) => countBlock(body, known, counter));
      if (one !== other) throw new Uncountable();
      return one!;
    }
    case "while":
    case "break":
    case "continue":
      throw new Uncountable();
  }
}

function countLoop(
  { name, lo, hi, step, body }: Extract<Stmt, { kind: "for" }>,
  known: Known,
  counter: { steps: number },
): number {
  const [from, to] = [evaluate(lo, known), evaluate(hi, known)];
  if (from === undefined || to === undefined) throw new Uncountable();
  const trips = Math.max(0, Math.ceil((to - from) / step));
  if (trips === 0) return 0;
  if (!steers(name, body)) return trips * countBlock(body, known, counter);
  let total = 0;
  for (let n = 0; n < trips; n++)
    total += countBlock(body, new Map(known).set(name, from + n * step), counter);
  return total;
}

/** Whether how often something inside runs may depend on `name`, directly or by a `let`. */
function steers(name: string, body: readonly Stmt[]): boolean {
  const names = new Set([name]);
  const reads = (expr: Expr): boolean => {
    if (expr.kind === "ref") return names.has(expr.name);
    return expr.kind === "op" && expr.args.some(reads);
  };
  const visit = (stmt: Stmt): boolean => {
    if (stmt.kind === "let" && reads(stmt.value)) names.add(stmt.name);
    if (stmt.kind === "for") return reads(stmt.lo) || reads(stmt.hi) || stmt.body.some(visit);
    if (stmt.kind === "if") return reads(stmt.cond) || [...stmt.then, ...stmt.orelse].some(visit);
    return stmt.kind === "reduce" && stmt.body.some(visit);
  };
  return body.some(visit);
}

/** The value of an index expression, where it follows from what is known. */
function evaluate(expr: Expr, known: Known): number | undefined {
  if (expr.kind === "const") return Number(expr.value);
  if (expr.kind === "ref") return known.get(expr.name);
  if (expr.kind === "load" || isFloat(expr.type.dtype)) return undefined;
  const args = expr.args.map((arg) => evaluate(arg, known));
  const info = opInfo(expr.op);
  if (!info.lane || args.includes(undefined)) return undefined;
  const { dtype } = expr.args[0]!.type;
  return Number(info.lane(args as number[], dtype, expr.type.dtype));
}

const weights: Partial<Record<OpName, number>> = {
  add: 1,
  sub: 1,
  mul: 1,
  div: 1,
  min: 1,
  max: 1,
  sqrt: 1,
  fma: 2,
};

/** Operations of an expression that is a value: of any dtype, its places aside. */
function values(expr: Expr): number {
  if (expr.kind !== "op") return 0;
  return expr.args.reduce((sum, arg) => sum + values(arg), (weights[expr.op] ?? 0) * expr.type.lanes);
}

/** Only the operations on floats: a `let` of an integer may be a place. */
function floats(expr: Expr): number {
  return isFloat(expr.type.dtype) ? values(expr) : 0;
}
