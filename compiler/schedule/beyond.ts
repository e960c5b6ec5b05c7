// Points and steps that don't exist: those of a tile that its axis doesn't fill. Whether it does harm to run them all the same, and blocks
// that don't.

import { isInteger } from "../../lang/dtypes.ts";
import { isPartial } from "../ir/facts.ts";
import { int, type Expr, type Stmt, type YieldStmt } from "../ir/ir.ts";
import { namesIn } from "../ir/names.ts";
import { visitExprs, type Block } from "../ir/walk.ts";
import { and, compare } from "../passes/fold.ts";
import type { Axis } from "./band.ts";
import { endOf, stateOf, withState, type Context } from "./context.ts";

/** The points of a tile along an axis, those beyond its end among them. */
export function withoutEnd(cx: Context, axis: Axis): Context {
  const { hi: _end, ...open } = stateOf(cx, axis);
  return withState(cx, open);
}

/** Whether what is yielded is a product of integers one of which is loaded from where each axis leads: 0 if that is 0. */
export function vanishes({ values }: YieldStmt, axes: readonly Axis[]): boolean {
  const loadOf = (part: Expr | undefined): Expr | undefined =>
    part?.kind === "op" && part.op === "convert"
      ? loadOf(part.args[0])
      : part?.kind === "load"
        ? part
        : undefined;
  return values.every((value) => {
    if (!isInteger(value.type.dtype) || value.kind !== "op" || value.op !== "mul") return false;
    const names = value.args.map((factor) => namesIn(loadOf(factor) ?? int(0)));
    return axes.every(({ loop }) => names.some((each) => each.has(loop.name)));
  });
}

/** Whether running a block for a point that doesn't exist does no harm, if its loads are switched off. */
export function canRunBeyond(block: Block): boolean {
  if (!block.every((each) => each.kind === "let" || each.kind === "yield")) return false;
  let total = true;
  visitExprs(block, (part) => {
    if (isPartial(part)) total = false;
  });
  return total;
}

/** Whether all that a block reads are panels that hold zeros beyond what there is. */
export function readsPanels(body: Block, cx: Context): boolean {
  let all = true;
  visitExprs(body, (part) => {
    if (part.kind === "load" && !cx.panels.some((panel) => panel.padded && panel.replace(part, cx)))
      all = false;
  });
  return all;
}

/** A block that runs only for points that exist. */
export function guardedBy(cx: Context, block: readonly Stmt[]): readonly Stmt[] {
  if (cx.guarded.length === 0 || block.length === 0) return block;
  const cond = cx.guarded
    .map((axis) => {
      const state = stateOf(cx, axis);
      return compare("lt", state.value, endOf(state));
    })
    .reduce(and);
  return [{ kind: "if", cond, then: block, orelse: [] }];
}
