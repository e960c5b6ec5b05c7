// A scalar that is loaded only to stand in every lane of vectors is loaded as a vector: engines broadcast from memory
// in one instruction, but not from a register that was loaded before.
//
// Assumes: nothing of the form; names are unique.

import { sameType, ref, op, type Expr, type IrKernel, type IrType, type LetStmt } from "../ir/ir.ts";
import { mapAllExprs, mapBlock, mapExpr, visitBlock, visitExpr, visitRoots, withBody } from "../ir/walk.ts";

/** Turns `let a = x[i]`, used as `splat(a)` alone, into `let a = splat(x[i])`. */
export function splatLoads(kernel: IrKernel): IrKernel {
  const wanted = splattedLoads(kernel);
  if (wanted.size === 0) return kernel;
  const uses = (expr: Expr): Expr =>
    mapExpr(expr, (part) => {
      const arg = part.kind === "op" && part.op === "splat" ? part.args[0] : undefined;
      const type = arg?.kind === "ref" ? wanted.get(arg.name) : undefined;
      return arg?.kind === "ref" && type ? ref(arg.name, type, part.span) : part;
    });
  const body = mapBlock(kernel.body, (stmt) => {
    const type = stmt.kind === "let" ? wanted.get(stmt.name) : undefined;
    if (stmt.kind !== "let" || !type) return stmt;
    return { ...stmt, value: op("splat", type, [stmt.value], stmt.span) } satisfies LetStmt;
  });
  return withBody(
    kernel,
    body.map((stmt) => mapAllExprs(stmt, uses)),
  );
}

/** Loaded names that occur in splats of one type and nowhere else. */
function splattedLoads(kernel: IrKernel): ReadonlyMap<string, IrType> {
  const loaded = new Set<string>();
  visitBlock(kernel.body, (stmt) => {
    if (stmt.kind === "let" && stmt.value.kind === "load" && stmt.value.type.lanes === 1)
      loaded.add(stmt.name);
  });
  const splats = new Map<string, IrType>();
  const refused = new Set<string>();
  const mentions = new Map<string, number>();
  visitRoots(kernel.body, (root) =>
    visitExpr(root, (part) => {
      if (part.kind === "ref") mentions.set(part.name, (mentions.get(part.name) ?? 0) + 1);
      const arg = part.kind === "op" && part.op === "splat" ? part.args[0]! : undefined;
      if (arg?.kind !== "ref") return;
      mentions.set(arg.name, (mentions.get(arg.name) ?? 0) - 1);
      const before = splats.get(arg.name);
      if (before && !sameType(before, part.type)) refused.add(arg.name);
      splats.set(arg.name, part.type);
    }),
  );
  for (const name of splats.keys())
    if (!loaded.has(name) || refused.has(name) || mentions.get(name) !== 0) splats.delete(name);
  return splats;
}
