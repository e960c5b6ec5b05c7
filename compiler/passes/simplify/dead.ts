// Drops what nobody can notice: values that are never mentioned, variables and local buffers that are never read,
// branches, loops and reductions that do nothing else.

import { isSelfContained } from "../../ir/facts.ts";
import type { IrKernel, Stmt } from "../../ir/ir.ts";
import { mapBlock, visitBlock, visitExpr, visitRoots, type Block } from "../../ir/walk.ts";

/** The kernel without dead statements, and without the local buffers that went with them. */
export function dropDead(kernel: IrKernel): IrKernel {
  const body = untilStable(kernel.body, (block) => sweep(block, kernel));
  const alive = new Set<string>();
  visitBlock(body, (stmt) => stmt.kind === "alloc" && alive.add(stmt.buffer));
  const buffers = kernel.buffers.filter(
    ({ name, space }) => space === "param" || space === "kernel" || alive.has(name),
  );
  if (body === kernel.body && buffers.length === kernel.buffers.length) return kernel;
  return { ...kernel, body, buffers };
}

function untilStable(block: Block, step: (block: Block) => Block): Block {
  let current = block;
  for (;;) {
    const next = step(current);
    if (next === current) return current;
    current = next;
  }
}

function sweep(body: Block, kernel: IrKernel): Block {
  const mentioned = new Set<string>();
  const read = new Set<string>();
  visitRoots(body, (root) =>
    visitExpr(root, (expr) => {
      if (expr.kind === "ref") mentioned.add(expr.name);
      if (expr.kind === "load") read.add(expr.buffer);
    }),
  );
  const local = new Set(
    kernel.buffers.filter(({ space }) => space === "local" || space === "panel").map(({ name }) => name),
  );
  const isDead = (stmt: Stmt): boolean => {
    switch (stmt.kind) {
      case "let":
      case "var":
      case "assign":
        return !mentioned.has(stmt.name);
      case "alloc":
      case "store":
        return local.has(stmt.buffer) && !read.has(stmt.buffer);
      case "if":
        return stmt.then.length === 0 && stmt.orelse.length === 0;
      case "for":
        return stmt.body.length === 0;
      case "reduce":
        return stmt.results.every((result) => !mentioned.has(result.name)) && isSelfContained([stmt]);
      default:
        return false;
    }
  };
  return mapBlock(body, (stmt) => (isDead(stmt) ? [] : stmt));
}
