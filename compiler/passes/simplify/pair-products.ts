// Sums of products of neighbouring lanes. Written out, as the language has it, they take the even lanes of two vectors, the odd lanes, and add
// the products of both, widened; machines have that as one instruction, which the op `dot2` stands for. Only products whose shuffles name
// every lane once, in order, are meant: others are left as they are.

import type { Expr } from "../../ir/ir.ts";
import { asOp, isValue, literal, type Rule, type RuleContext } from "./rules.ts";

/** The vector whose even (0) or odd (1) lanes an expression is, widened to 32 bits. */
function lanesOf(expr: Expr, first: 0 | 1): Expr | undefined {
  const picked = asOp(asOp(expr, "convert")?.args[0], "shuffle");
  const [vector] = picked?.args ?? [];
  if (!vector || !["i8", "u8", "i16"].includes(vector.type.dtype)) return undefined;
  const all =
    picked!.imm!.length * 2 === vector.type.lanes && picked!.imm!.every((at, l) => at === 2 * l + first);
  return all ? vector : undefined;
}

/** The vectors of a product of even or odd lanes. */
function factorsOf(expr: Expr, first: 0 | 1): readonly [Expr, Expr] | undefined {
  const product = asOp(expr, "mul");
  const [a, b] = product?.args.map((factor) => lanesOf(factor, first)) ?? [];
  return a && b && [a, b];
}

/** Even products + odd products, in either order. */
function pairProducts(left: Expr, right: Expr, { table, make }: RuleContext): Expr | undefined {
  for (const [even, odd] of [
    [left, right],
    [right, left],
  ] as const) {
    const [a, b] = factorsOf(even, 0) ?? [];
    const [x, y] = (a && factorsOf(odd, 1)) ?? [];
    if (!a || !b || !x || !y) continue;
    // The instruction widens both in the same way.
    if (a.type.dtype !== b.type.dtype) continue;
    const same = table.equal(a, x) && table.equal(b, y);
    if (same || (table.equal(a, y) && table.equal(b, x)))
      return make("dot2", [a, b, literal(0, even.type)], even.type);
  }
  return undefined;
}

/** A sum of pair products, or one more of them onto a sum. */
export const addPairs: Rule = (expr, context) => {
  const { type } = expr;
  const [left, right] = expr.args as [Expr, Expr];
  if (type.dtype !== "i32" || type.lanes === 1) return undefined;
  const made = pairProducts(left, right, context);
  if (made) return made;
  for (const [dot, sum] of [
    [right, left],
    [left, right],
  ] as const) {
    const own = asOp(dot, "dot2");
    if (own && isValue(own.args[2], 0)) return context.make("dot2", [own.args[0]!, own.args[1]!, sum], type);
  }
  return undefined;
};
