// Facts that passes ask about pieces of IR: what they read and write, whether they may be evaluated where the
// source doesn't evaluate them, what they cost.

import type { Expr, IrKernel } from "./ir.ts";
import { allocatedIn, assignedIn, declaredIn } from "./names.ts";
import { opInfo } from "./ops.ts";
import { operandsOf, someExpr, visitBlock, visitExpr, visitExprs, type Block } from "./walk.ts";

/** The buffers that a block stores into. */
export function writtenIn(block: Block): Set<string> {
  const names = new Set<string>();
  visitBlock(block, (stmt) => (stmt.kind === "store" || stmt.kind === "alloc") && names.add(stmt.buffer));
  return names;
}

/** The buffers that a block loads from. */
export function readIn(block: Block): Set<string> {
  const names = new Set<string>();
  visitExprs(block, (expr) => expr.kind === "load" && names.add(expr.buffer));
  return names;
}

/** The buffers that an expression loads from. */
export function buffersIn(expr: Expr): Set<string> {
  const names = new Set<string>();
  visitExpr(expr, (part) => part.kind === "load" && names.add(part.buffer));
  return names;
}

/** The tensor arguments that nothing writes: their elements are what they were, for the whole call. */
export function readOnlyBuffers(kernel: IrKernel): Set<string> {
  const names = new Set<string>();
  for (const param of kernel.params)
    if (param.kind === "tensor" && param.mode === "in") names.add(param.buffer);
  return names;
}

/** Evaluating it where the source doesn't can neither go wrong nor touch memory. */
export function isTotal(expr: Expr): boolean {
  return !someExpr(expr, (part) => part.kind === "load" || isPartial(part));
}

/** A partial op whose operands don't show that they fit: constants that do are as good as a total op. */
export function isPartial(expr: Expr): boolean {
  if (expr.kind !== "op") return false;
  const info = opInfo(expr.op);
  if (!info.partial) return false;
  const right = expr.args[1]!;
  const constant = right.kind === "const" ? right : undefined;
  return !constant || info.unfit?.([constant.value, constant.value], right.type.dtype) !== undefined;
}

/** Rough cost of evaluating an expression once, by the op table; a load counts 3. */
export function costOf(expr: Expr): number {
  const own = expr.kind === "op" ? opInfo(expr.op).cost : expr.kind === "load" ? 3 : 0;
  return operandsOf(expr).reduce((sum, operand) => sum + costOf(operand), own);
}

/** Whether a block touches nothing that outlives it: no stores, assignments, yields or jumps to outside. */
export function isSelfContained(block: Block): boolean {
  return isQuiet(block, declaredIn(block), allocatedIn(block), 0);
}

function isQuiet(
  block: Block,
  names: ReadonlySet<string>,
  buffers: ReadonlySet<string>,
  loops: number,
): boolean {
  return block.every((stmt) => {
    switch (stmt.kind) {
      case "let":
      case "var":
      case "alloc":
        return true;
      case "assign":
        return names.has(stmt.name);
      case "store":
        return buffers.has(stmt.buffer);
      case "yield":
        return names.has(stmt.into);
      case "break":
      case "continue":
        return loops > 0;
      case "for":
        return isQuiet(stmt.body, names, buffers, loops + 1);
      case "if":
        return isQuiet(stmt.then, names, buffers, loops) && isQuiet(stmt.orelse, names, buffers, loops);
      case "reduce":
        return isQuiet(stmt.body, names, buffers, 0);
      // An endless loop and a failing check can be noticed.
      case "while":
      case "assert":
        return false;
    }
  });
}

/** The outside variables that a block assigns. */
export function outsideAssigned(block: Block): Set<string> {
  const names = assignedIn(block);
  for (const name of declaredIn(block)) names.delete(name);
  return names;
}
