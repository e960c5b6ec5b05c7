// Loops over strips, `for t: … for j in range(C t, min(C t + C, N))`, undone where the strips are independent: lanes and time
// are cut up anew. Loops of one turn go as well. Assumes dims are constants and `simplify` has run.

import { int, type Expr, type IrKernel, type Stmt } from "../../../../ir/ir.ts";
import { substituteIn } from "../../../../ir/names.ts";
import {
  blocksOf,
  exprsOf,
  mapBlock,
  mapBlocksOf,
  visitExpr,
  withBody,
  type Block,
} from "../../../../ir/walk.ts";

export function withoutStrips(kernel: IrKernel): IrKernel {
  return withBody(kernel, undone(kernel.body));
}

function undone(block: Block): Block {
  return mapBlock(block, (stmt) => {
    const inner = mapBlocksOf(stmt, undone);
    const only = onlyTurn(inner);
    if (only) return only;
    if (inner.kind !== "for" || !inner.marks.parallel) return inner;
    const { name, body } = inner;
    const ends = new Set<number>();
    if (!stripsIn(body, name, ends) || ends.size !== 1) return inner;
    const [end] = [...ends];
    return whole(body, name, end!);
  });
}

/** The body of a loop that runs once, which `simplify` leaves alone where it has marks. */
function onlyTurn(stmt: Stmt): Block | undefined {
  if (stmt.kind !== "for" || stmt.lo.kind !== "const" || stmt.hi.kind !== "const") return undefined;
  const [lo, hi] = [Number(stmt.lo.value), Number(stmt.hi.value)];
  return lo < hi && lo + stmt.step >= hi
    ? substituteIn(stmt.body, new Map([[stmt.name, stmt.lo]]))
    : undefined;
}

/** Finds the strips' ends; false if the variable is used otherwise than in bounds of strips. */
function stripsIn(block: Block, name: string, ends: Set<number>): boolean {
  return block.every((stmt) => {
    if (stmt.kind === "for") {
      const end = stripEnd(stmt.lo, stmt.hi, name);
      if (end !== undefined) ends.add(end);
      else if (mentions(stmt.lo, name) || mentions(stmt.hi, name)) return false;
    } else if (exprsOf(stmt).some((expr) => mentions(expr, name))) return false;
    return blocksOf(stmt).every((each) => stripsIn(each, name, ends));
  });
}

function whole(block: Block, name: string, end: number): Block {
  return mapBlock(block, (stmt): Stmt => {
    const inner = mapBlocksOf(stmt, (each) => whole(each, name, end));
    return inner.kind === "for" && stripEnd(inner.lo, inner.hi, name) !== undefined
      ? { ...inner, lo: int(0), hi: int(end) }
      : inner;
  });
}

/** N, if the bounds are C t and min(C t + C, N). */
function stripEnd(lo: Expr, hi: Expr, name: string): number | undefined {
  const size = multiple(lo, name);
  if (size === undefined || hi.kind !== "op" || hi.op !== "min") return undefined;
  const end = hi.args.find((each) => each.kind === "const");
  const other = hi.args.find((each) => each.kind === "op" && each.op === "add");
  if (end?.kind !== "const" || other?.kind !== "op") return undefined;
  const more = other.args.find((each) => each.kind === "const");
  const base = other.args.find((each) => each.kind === "op");
  return more?.kind === "const" && Number(more.value) === size && base && multiple(base, name) === size
    ? Number(end.value)
    : undefined;
}

function multiple(expr: Expr, name: string): number | undefined {
  if (expr.kind !== "op") return undefined;
  const [a, b] = expr.args;
  const [variable, factor] = a?.kind === "ref" ? [a, b] : [b, a];
  if (variable?.kind !== "ref" || variable.name !== name || factor?.kind !== "const") return undefined;
  if (expr.op === "shl" && a === variable) return 2 ** Number(factor.value);
  return expr.op === "mul" ? Number(factor.value) : undefined;
}

function mentions(expr: Expr, name: string): boolean {
  let found = false;
  visitExpr(expr, (part) => {
    if (part.kind === "ref" && part.name === name) found = true;
  });
  return found;
}
