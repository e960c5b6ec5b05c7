// What a kernel needs at the least, known before it is followed: one that is far too large is refused at once. Whatever isn't
// certain counts as nothing, so that nothing is refused here which would have had room.

import { exprsOf, blocksOf, visitExpr, type Block } from "../../../../ir/walk.ts";
import type { Expr } from "../../../../ir/ir.ts";
import { slicesOfSide } from "../../machine/geometry.ts";
import { widths } from "../../machine/values.ts";
import { Unfit } from "../dag.ts";
import type { Tensor } from "./families.ts";
import { tripsOf, type Choice } from "./lanes.ts";

/** Iterations of loops in time beyond which a kernel counts as too large. */
export const fuel = 400_000;
/** Rows of 320 lanes that operations may read in all: beyond it neither the checks nor the simulator come to an end. */
export const limit = 2_000_000;
/** Stores that one operation carries out at most. */
export const storesTogether = 4;

export const tooLong = `more than ${fuel} iterations of loops in time`;
export const tooManyRows = `more than ${limit} rows of 320 elements, of tensors, tables and steps between`;
export const tooMany = `more than ${limit} rows to stream`;

/**
 * Throws `Unfit` where a choice of loops in lanes can't have room, however its rows are placed; `words` is how many of each slice
 * may be taken.
 */
export function checkChoice(
  body: Block,
  tensors: ReadonlyMap<string, Tensor>,
  { loops, space }: Choice,
  words: number,
): void {
  const extents = new Map<string, number>();
  const rows = new Map<string, number>();
  /** Named values that differ from lane to lane. */
  const varying = new Set<string>();
  let iterations = 0;
  let streamed = 0;
  const touch = (buffer: string, index: readonly Expr[]): void => {
    const names = index.flatMap((each) => (each.kind === "ref" ? [each.name] : []));
    const plain = index.every(({ kind }) => kind === "ref" || kind === "const");
    if (!plain || new Set(names).size < names.length) return;
    let own = names.some((name) => loops.has(name)) ? space.tiles : 1;
    for (const name of names) if (!loops.has(name)) own *= extents.get(name) ?? 0;
    rows.set(buffer, Math.max(rows.get(buffer) ?? 0, own));
  };
  const varies = (expr: Expr): boolean => {
    let found = false;
    visitExpr(expr, (part) => {
      if (part.kind === "ref" && varying.has(part.name)) found = true;
      if (part.kind === "load" && !tensors.get(part.buffer)?.written)
        found ||= part.index.some((each) => each.kind === "ref" && loops.has(each.name));
    });
    return found;
  };
  const visit = (block: Block, times: number): void => {
    for (const stmt of block) {
      for (const expr of exprsOf(stmt))
        visitExpr(expr, (part) => {
          if (part.kind === "load" && !part.guard) touch(part.buffer, part.index);
        });
      if (stmt.kind === "let" && varies(stmt.value)) varying.add(stmt.name);
      if (stmt.kind === "store" && !stmt.guard && varies(stmt.value)) {
        touch(stmt.buffer, stmt.index);
        streamed += (times * space.tiles) / storesTogether;
      }
      if (stmt.kind === "for" && loops.has(stmt.name)) visit(stmt.body, times);
      else if (stmt.kind === "for") {
        const own = tripsOf(stmt);
        if (own === undefined || own === 0) continue;
        extents.set(stmt.name, own);
        iterations += times * own;
        visit(stmt.body, times * own);
      } else if (stmt.kind !== "if" && stmt.kind !== "while")
        for (const each of blocksOf(stmt)) visit(each, times);
    }
  };
  visit(body, 1);
  let needed = 0;
  for (const [buffer, count] of rows) {
    const { mode, type } = tensors.get(buffer)!;
    if (mode === "local") continue;
    const own = count * widths[type];
    // A tensor's rows lie in one hemisphere.
    if (own > slicesOfSide * words) throw new Unfit(tooWide(own, words));
    needed += own;
  }
  if (needed > 2 * slicesOfSide * words) throw new Unfit(tooWide(needed, words));
  if (iterations > fuel) throw new Unfit(tooLong);
  if (streamed > limit) throw new Unfit(tooMany);
}

const tooWide = (needed: number, words: number): string =>
  `tensors of at least ${needed} words of 320 bytes the way its loops lie in lanes, and SRAM has ${2 * slicesOfSide * words}, half of it in each hemisphere`;
