// The shape that products and windows have in common: loops around a block that reduces, and stores an element of the result
// made of that; inside of the reduction loops again, around one value.

import type { Expr, IrKernel, ReduceStmt, Stmt } from "../../../../ir/ir.ts";
import { withKnown } from "../dag.ts";
import { loopOf, type Loop } from "./subscripts.ts";

export interface ReducedNest {
  /** With its sizes and scalar arguments in place. */
  readonly kernel: IrKernel;
  readonly loops: readonly Loop[];
  /** What the innermost loop holds: `let`s, the reduction, and the store at the end. */
  readonly body: readonly Stmt[];
  readonly reduce: ReduceStmt;
}

/** The one nest that a kernel is, or `undefined` if it is something else; throws `Unfit` for loops that can't be counted. */
export function reducedNest(
  given: IrKernel,
  known: ReadonlyMap<string, number>,
  reductions: readonly string[],
): ReducedNest | undefined {
  // Not simplified: loops of one turn would be gone, which say what a subscript stands for.
  const kernel = withKnown(given, known);
  if (kernel.body.length !== 1) return undefined;
  const loops: Loop[] = [];
  let body: readonly Stmt[] = kernel.body;
  while (body.length === 1 && body[0]!.kind === "for") {
    loops.push(loopOf(body[0]));
    body = body[0].body;
  }
  const reduce = body.find((stmt): stmt is ReduceStmt => stmt.kind === "reduce");
  const store = body.at(-1);
  if (!reduce || store?.kind !== "store" || !reductions.includes(reduce.op) || reduce.results.length !== 1)
    return undefined;
  if (body.some((stmt) => stmt !== reduce && stmt !== store && stmt.kind !== "let")) return undefined;
  return { kernel, loops, body, reduce };
}

/** What a reduction is of: its loops, and the value that they yield with the names that stand in it. */
export interface Reduced {
  readonly loops: readonly Loop[];
  readonly named: ReadonlyMap<string, Expr>;
  readonly value: Expr;
}

/** Undefined where there is more than loops and `let`s around the value. */
export function reducedValue({ body: outer }: ReduceStmt): Reduced | undefined {
  const loops: Loop[] = [];
  const named = new Map<string, Expr>();
  let body = outer;
  for (;;) {
    const last = body.at(-1);
    for (const stmt of body.slice(0, -1)) {
      if (stmt.kind !== "let") return undefined;
      named.set(stmt.name, stmt.value);
    }
    if (last?.kind === "yield") return { loops, named, value: last.values[0]! };
    if (last?.kind !== "for") return undefined;
    loops.push(loopOf(last));
    body = last.body;
  }
}
