// Sums of products of 8- or 16-bit integers, widened to i32: two neighbouring lanes share an accumulator, which the pair
// product `dot2` feeds. Integer sums wrap, so the grouping changes nothing.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Expr, Stmt } from "../../ir/ir.ts";
import { visitBlock, type Block } from "../../ir/walk.ts";
import type { OpenReduction } from "./reductions.ts";

/** Fewest lanes that fill a vector of 16-bit pairs. */
const leastLanes = 8;

/** Whether every step of a reduction in an unmasked body adds a product that `dot2` computes. */
export function isPairSum({ reduce, expanded }: OpenReduction, body: Block, width: number): boolean {
  const [name] = expanded.accumulators;
  if (width < leastLanes || reduce.op !== "sum" || reduce.results.length !== 1) return false;
  if (name === undefined || reduce.results[0]!.type.dtype !== "i32") return false;
  let steps = 0;
  visitBlock(body, (statement) => {
    if (statement.kind === "assign" && statement.name === name) steps += 1;
  });
  return steps > 0 && body.filter((statement) => pairOf(statement, name)).length === steps;
}

/** The narrow factors x and y of `name = name + convert(x) * convert(y)`. */
export function pairOf(statement: Stmt, name: string): readonly [Expr, Expr] | undefined {
  if (statement.kind !== "assign" || statement.name !== name) return undefined;
  const sum = statement.value;
  if (sum.kind !== "op" || sum.op !== "add") return undefined;
  const [held, product] = sum.args;
  if (held?.kind !== "ref" || held.name !== name || product?.kind !== "op" || product.op !== "mul")
    return undefined;
  const [x, y] = product.args.map(narrow);
  return x && y ? [x, y] : undefined;
}

/** What an i32 is widened from, if it fits into 16 bits with its sign. */
function narrow(wide: Expr): Expr | undefined {
  if (wide.kind !== "op" || wide.op !== "convert" || wide.type.dtype !== "i32") return undefined;
  const [from] = wide.args;
  if (!from) return undefined;
  const { kind, bits } = dtypeInfo(from.type.dtype);
  return (bits === 8 && kind !== "bool") || from.type.dtype === "i16" ? from : undefined;
}
