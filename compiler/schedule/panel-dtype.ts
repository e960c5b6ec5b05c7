// In which dtype a panel holds what it copies: that of the buffer, but for bytes that are only read as factors of products
// which are summed along vectors. Those are widened to 16 bits once, when the panel is packed, instead of in every step:
// 16 bits are what the pair products of the machine take.

import { dtypeInfo, valueDtype, type Dtype } from "../../lang/dtypes.ts";
import { op, type Buffer, type Expr, type LoadExpr } from "../ir/ir.ts";
import { visitBlock, visitExprs, type Block } from "../ir/walk.ts";
import { narrowFactor, narrowOf, type Quads } from "../passes/vectorize/pair-sums.ts";
import { isReduction, type Level } from "./band.ts";

/** The dtype for a panel of `buffer`, as `body` reads it inside the loops `rest`. */
export function panelDtype(
  buffer: Buffer,
  body: Block,
  rest: readonly Level[],
  quads: Quads | undefined,
): Dtype {
  if (dtypeInfo(buffer.dtype).bits !== 8 || buffer.dtype === "bool") return buffer.dtype;
  const summed = rest.some((level) => isReduction(level) && level.marks.vectorize);
  return summed && onlyFactors(buffer.name, body, quads) ? "i16" : buffer.dtype;
}

/** Whether every load of a buffer is a factor of a product of narrow integers that a sum is given. */
function onlyFactors(buffer: string, body: Block, quads: Quads | undefined): boolean {
  const factors = new Set<Expr>();
  visitBlock(body, (sum) => {
    if (sum.kind !== "reduce" || sum.op !== "sum") return;
    visitBlock(sum.body, (each) => {
      if (each.kind !== "yield") return;
      for (const value of each.values) {
        const narrow = value.kind === "op" && value.op === "mul" ? value.args.map(narrowOf) : [];
        const [x, y] = narrow;
        if (!x || !y || quads?.take([narrowFactor(x), narrowFactor(y)])) continue;
        factors.add(x).add(y);
      }
    });
  });
  let only = true;
  visitExprs(body, (part) => {
    if (part.kind === "load" && part.buffer === buffer && !factors.has(part)) only = false;
  });
  return only;
}

/** A load of a panel in place of one of the buffer, whose values the panel's dtype holds. */
export function fromPanel(load: LoadExpr, dtype: Dtype): Expr {
  const read = valueDtype(dtype);
  if (read === load.type.dtype) return load;
  const held: LoadExpr = { ...load, type: { ...load.type, dtype: read } };
  return op("convert", load.type, [held], load.span);
}

/** `convert[T](convert[u8](panel[…]))` as `convert[T](panel[…])`, for panels that were widened: nothing is cut off. */
export function withoutDetour(expr: Expr, widened: ReadonlySet<string>): Expr {
  const [inner] = expr.kind === "op" && expr.op === "convert" ? expr.args : [];
  if (expr.kind !== "op" || inner?.kind !== "op" || inner.op !== "convert") return expr;
  const [held] = inner.args;
  if (held?.kind !== "load" || !widened.has(held.buffer)) return expr;
  return op("convert", expr.type, [held], expr.span);
}
