// Nests that share nothing but tensors which nobody writes: each becomes a part with lanes of its own, so that two kernels in
// one don't have to agree on a space. Parts meet again in one program, where they overlap as all operations do.

import type { IrKernel, Stmt } from "../../../../ir/ir.ts";
import { blocksOf, exprsOf, visitExpr, type Block } from "../../../../ir/walk.ts";

/** The kernel's outermost statements by what they have to do with each other, in the order of the source. */
export function independentParts(kernel: IrKernel): readonly IrKernel[] {
  const written = new Set<string>();
  const uses = kernel.body.map((stmt) => usesOf(stmt, written));
  const owners = new Map<string, number>();
  const parents = kernel.body.map((_, at) => at);
  const root = (at: number): number => (parents[at] === at ? at : root(parents[at]!));
  for (const [at, own] of uses.entries())
    for (const key of own) {
      if (key.startsWith("buffer ") && !written.has(key)) continue;
      const before = owners.get(key);
      // The earlier statement stands for both, so that parts keep their order.
      if (before === undefined) owners.set(key, at);
      else {
        const [a, b] = [root(before), root(at)];
        parents[Math.max(a, b)] = Math.min(a, b);
      }
    }
  const parts = new Map<number, Stmt[]>();
  for (const [at, stmt] of kernel.body.entries()) parts.set(root(at), [...(parts.get(root(at)) ?? []), stmt]);
  return parts.size <= 1 ? [kernel] : [...parts.values()].map((body) => ({ ...kernel, body }));
}

/** Names and buffers that a statement speaks of; those that it writes go to `written` too. */
function usesOf(stmt: Stmt, written: Set<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (block: Block): void => {
    for (const each of block) {
      for (const expr of exprsOf(each))
        visitExpr(expr, (part) => {
          if (part.kind === "ref") found.add(part.name);
          if (part.kind === "load") found.add(`buffer ${part.buffer}`);
        });
      if (each.kind === "store" || each.kind === "alloc") {
        found.add(`buffer ${each.buffer}`);
        written.add(`buffer ${each.buffer}`);
      }
      if (each.kind === "let" || each.kind === "var" || each.kind === "assign" || each.kind === "for")
        found.add(each.name);
      if (each.kind === "reduce") for (const { name } of each.results) found.add(name);
      blocksOf(each).forEach(visit);
    }
  };
  visit([stmt]);
  return found;
}
