// Sums of products of 8- or 16-bit integers, widened to i32: neighbouring lanes share an accumulator, two of them fed by
// the pair product `dot2`, or four of bytes by `dot4` where the target has such. Integer sums wrap, so the grouping changes
// nothing.

import { dtypeInfo } from "../../../lang/dtypes.ts";
import type { Expr, LetStmt, ReduceStmt, Stmt } from "../../ir/ir.ts";
import { rangeOf } from "../../ir/ranges.ts";
import { visitBlock, type Block } from "../../ir/walk.ts";
import type { Expanded } from "../expand-reductions.ts";

/** Fewest lanes that fill a vector of 16-bit pairs. */
const leastPairs = 8;

/** How a target multiplies bytes in fours as fast as they are. */
export interface Quads {
  /** Fewest bytes that it does so with. */
  readonly lanes: number;
  /** Whether it does, for factors of these dtypes and ranges. */
  readonly take: (factors: readonly [NarrowFactor, NarrowFactor]) => boolean;
}
export interface NarrowFactor {
  readonly dtype: LetStmt["value"]["type"]["dtype"];
  /** Whether its values are known to lie in 0 … 127. */
  readonly small: boolean;
}

/** How many neighbouring lanes share an accumulator of a reduction: 1, or 2 or 4 where every step adds such products. */
export function groupOf(
  { reduce, expanded }: { readonly reduce: ReduceStmt; readonly expanded: Expanded },
  body: Block,
  width: number,
  quads: Quads | undefined,
): 1 | 2 | 4 {
  const quadruple = quads !== undefined && width >= quads.lanes;
  if ((width < leastPairs && !quadruple) || reduce.op !== "sum") return 1;
  if (reduce.results.some(({ type }) => type.dtype !== "i32")) return 1;
  const names = new Set(expanded.accumulators);
  const lets = letsOf(body);
  let steps = 0;
  visitBlock(body, (statement) => {
    if (statement.kind === "assign" && names.has(statement.name)) steps += 1;
  });
  const pairs = body.flatMap((each) =>
    each.kind === "assign" && names.has(each.name) ? [pairOf(each, lets)] : [],
  );
  if (steps === 0 || pairs.length < steps || !pairs.every(Boolean)) return 1;
  const four =
    quadruple &&
    pairs.every((pair) => {
      const [x, y] = pair!.map((factor) => narrowFactor(sourceOf(factor, lets)!));
      return x!.bits === 8 && y!.bits === 8 && quads.take([x!, y!]);
    });
  return four ? 4 : width < leastPairs ? 1 : 2;
}

/** The narrow expression that a factor is. */
function sourceOf(factor: Factor, lets: ReadonlyMap<string, LetStmt>): Expr | undefined {
  return typeof factor === "string" ? narrowOf(lets.get(factor)!.value) : factor;
}

/** What is known of a narrow expression. */
export function narrowFactor(narrow: Expr): NarrowFactor & { readonly bits: number } {
  const { dtype } = narrow.type;
  const { low, high } = rangeOf(narrow, new Map());
  return { dtype, small: low >= 0 && high <= 127, bits: dtypeInfo(dtype).bits };
}

/** The values that a block names at its top, by name. */
export function letsOf(body: Block): ReadonlyMap<string, LetStmt> {
  return new Map(body.flatMap((each) => (each.kind === "let" ? [[each.name, each] as const] : [])));
}

/** A factor of a product: narrow itself, or the name of what was widened from something narrow. */
export type Factor = Expr | string;

/** The narrow factors x and y of `name = name + convert(x) * convert(y)`; either may have been named before. */
export function pairOf(
  statement: Stmt,
  lets: { get(name: string): LetStmt | undefined },
): readonly [Factor, Factor] | undefined {
  if (statement.kind !== "assign") return undefined;
  const sum = statement.value;
  if (sum.kind !== "op" || sum.op !== "add") return undefined;
  const [held, product] = sum.args;
  if (held?.kind !== "ref" || held.name !== statement.name || product?.kind !== "op" || product.op !== "mul")
    return undefined;
  const [x, y] = product.args.map((wide): Factor | undefined => {
    const named = wide.kind === "ref" ? lets.get(wide.name) : undefined;
    if (named) return narrowOf(named.value) && named.name;
    return narrowOf(wide);
  });
  return x !== undefined && y !== undefined ? [x, y] : undefined;
}

/** What an i32 is widened from, if it fits into 16 bits with its sign. */
export function narrowOf(wide: Expr): Expr | undefined {
  if (wide.kind !== "op" || wide.op !== "convert" || wide.type.dtype !== "i32") return undefined;
  const [from] = wide.args;
  if (!from) return undefined;
  const { kind, bits } = dtypeInfo(from.type.dtype);
  return (bits === 8 && kind !== "bool") || from.type.dtype === "i16" ? from : undefined;
}
