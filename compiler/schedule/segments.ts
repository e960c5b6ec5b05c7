// The innermost block of a band as a sequence of parts that can each run for all points of a tile before the next
// does: what stands before a reduction, the reduction, and so on. Values that a later part needs are computed again
// where that is arithmetic on the loop variables, and are kept in an array of one element a point otherwise.

import { costOf, isTotal } from "../ir/facts.ts";
import { allocatedIn, assignedIn, declaredBy, freeNames, namesIn } from "../ir/names.ts";
import type { IrType, LetStmt, ReduceStmt, Stmt } from "../ir/ir.ts";
import { visitBlock, visitExprs, type Block } from "../ir/walk.ts";
import { jumpsOut } from "../passes/workspace.ts";
import { CannotApply } from "./context.ts";

/** Statements, and the reduction that follows them; the last segment has none. */
export interface Segment {
  readonly statements: Block;
  readonly reduce?: ReduceStmt;
  /** The reduction's place in the band's block. */
  readonly at?: number;
}

/** A value that a later segment needs. */
export interface Crossing {
  readonly name: string;
  readonly type: IrType;
  /** Of a `var`: later segments may assign it. */
  readonly variable: boolean;
}

export interface Segments {
  readonly list: readonly Segment[];
  /** Kept in arrays, by the name in the source. */
  readonly crossing: ReadonlyMap<string, Crossing>;
  /** Computed again wherever they are needed, in this order. */
  readonly cheap: readonly LetStmt[];
}

const cheapEnough = 8;

export function segmentsOf(body: Block): Segments {
  const list: Segment[] = [];
  let from = 0;
  body.forEach((each, at) => {
    if (each.kind !== "reduce") return;
    list.push({ statements: body.slice(from, at), reduce: each, at });
    from = at + 1;
  });
  list.push({ statements: body.slice(from) });
  if (jumpsOut(body)) throw new CannotApply("a `break` or `continue` leaves an iteration early");
  const cheap: LetStmt[] = [];
  const crossing = new Map<string, Crossing>();
  /** Computed once a point: what is made of them can't be computed again elsewhere. */
  const once = new Set<string>();
  const mutable = new Set<string>();
  visitBlock(body, (each) => each.kind === "var" && mutable.add(each.name));
  list.forEach((segment, number) => {
    const later = list
      .slice(number + 1)
      .flatMap((each) => [...each.statements, ...(each.reduce ? [each.reduce] : [])]);
    const needed = freeNames([...(segment.reduce ? [segment.reduce] : []), ...later]);
    for (const each of segment.statements) {
      const again =
        each.kind === "let" &&
        ![...namesIn(each.value)].some((part) => mutable.has(part) || once.has(part)) &&
        isTotal(each.value) &&
        costOf(each.value) <= cheapEnough;
      if (again) cheap.push(each);
      else
        for (const name of declaredBy(each)) {
          once.add(name);
          if (needed.has(name))
            crossing.set(name, { name, type: typeOf(each, name), variable: each.kind === "var" });
        }
      if (
        each.kind === "alloc" &&
        mentions([...(segment.reduce ? [segment.reduce] : []), ...later], each.buffer)
      )
        throw new CannotApply(`the Array \`${each.buffer}\` is used both before and after a reduction`);
    }
    // The results of a reduction are arrays in any case; those used later are loaded from there.
  });
  for (const { type } of crossing.values())
    if (type.lanes > 1) throw new CannotApply("a SIMD value would have to be kept for each point of a tile");
  return { list, crossing, cheap };
}

function typeOf(stmt: Stmt, name: string): IrType {
  if (stmt.kind === "let") return stmt.value.type;
  if (stmt.kind === "var") return stmt.init.type;
  if (stmt.kind === "reduce") {
    const found = stmt.results.find((result) => result.name === name);
    if (found) return found.type;
  }
  throw new CannotApply(`\`${name}\` would have to be kept for each point of a tile`);
}

function mentions(block: Block, buffer: string): boolean {
  let found = allocatedIn(block).has(buffer);
  visitExprs(block, (part) => part.kind === "load" && part.buffer === buffer && (found = true));
  visitBlock(block, (each) => each.kind === "store" && each.buffer === buffer && (found = true));
  return found;
}

/** The crossing variables that a block assigns. */
export function changedIn(block: Block, crossing: ReadonlyMap<string, Crossing>): string[] {
  const assigned = assignedIn(block);
  return [...crossing.values()].flatMap(({ name, variable }) =>
    variable && assigned.has(name) ? [name] : [],
  );
}
