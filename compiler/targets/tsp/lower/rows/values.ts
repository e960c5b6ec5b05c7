// Values while a kernel is followed: numbers known when compiling, numbers that follow from a lane's coordinates, and graphs
// over rows. Ops over the first two are carried out by the op table, as the interpreter does.

import type { Dtype } from "../../../../../lang/dtypes.ts";
import type { Span } from "../../../../../lang/source.ts";
import type { Expr, OpExpr, Scalar } from "../../../../ir/ir.ts";
import { ops } from "../../../../ir/ops.ts";
import { normalise } from "../../../../ir/values.ts";
import { Unfit, type Node } from "../dag.ts";
import { constantNode, selected, tspType } from "../selection.ts";
import type { Families } from "./families.ts";
import type { Loads } from "./operations.ts";

export type Value =
  /** `literal`: it stands in the source, so that it is the same whenever the expression is evaluated. */
  | { readonly kind: "known"; readonly value: Scalar; readonly literal: boolean }
  | {
      readonly kind: "lane";
      readonly key: string;
      /** The lanes' loop whose variable it is, if it is one. */
      readonly loop: number | undefined;
      readonly at: (coordinates: readonly number[]) => Scalar;
    }
  | { readonly kind: "node"; readonly node: Node };

export const known = (value: Scalar, literal = true): Value => ({ kind: "known", value, literal });
export const ofNode = (node: Node): Value => ({ kind: "node", node });

/** A value as a graph's node. */
export function nodeOf(value: Value, dtype: Dtype, families: Families, loads: Loads, expr?: Expr): Node {
  if (value.kind === "node") return value.node;
  const type = tspType(dtype, expr?.span);
  if (value.kind === "known")
    return value.literal
      ? constantNode(Number(value.value), type)
      : loads.node(families.number(Number(value.value), type, "numbers"));
  return loads.node(families.ofLanes(value.key, type, (coordinates) => Number(value.at(coordinates))));
}

/** An op over values. */
export function applied(
  expr: OpExpr,
  args: readonly Value[],
  toNode: (value: Value, of: Expr) => Node,
): Value {
  const { op } = expr;
  const row = ops[op];
  const own = expr.type.dtype;
  const [first, second, third] = args;
  if (op === "select" && first!.kind === "known") return first!.value ? second! : third!;
  if (op === "and" && own === "bool")
    for (const [at, each] of args.entries())
      if (each.kind === "known") return each.value ? args[1 - at]! : each;
  if (op === "or" && own === "bool")
    for (const [at, each] of args.entries())
      if (each.kind === "known") return each.value ? each : args[1 - at]!;
  const { lane } = row;
  const from = expr.args[op === "select" ? 1 : 0]!.type.dtype;
  if (lane && args.every((each) => each.kind === "known")) {
    const literal = args.every((each) => each.literal);
    return known(
      normalise(
        lane(
          args.map((each) => each.value),
          from,
          own,
        ),
        own,
      ),
      literal,
    );
  }
  if (lane && args.every((each) => each.kind !== "node")) {
    const parts = args.map((each) =>
      each.kind === "lane" ? each : { key: String(each.value), at: () => each.value },
    );
    return {
      kind: "lane",
      key: `${op}:${own}(${parts.map(({ key }) => key).join(" ")})`,
      loop: undefined,
      at: (coordinates) =>
        normalise(
          lane(
            parts.map(({ at }) => at(coordinates)),
            from,
            own,
          ),
          own,
        ),
    };
  }
  if (expr.type.lanes !== 1) throw new Unfit("vectors in the source", expr.span);
  return ofNode(
    selected(
      expr,
      args.map((each, at) => toNode(each, expr.args[at]!)),
    ),
  );
}

/** A value where a condition holds, zero elsewhere. */
export function where(value: Node, holds: Node, span: Span | undefined): Node {
  const type = value.kind === "alu" ? value.gives : value.type;
  return { kind: "alu", op: "mask", type, gives: type, rounding: 0, args: [value, holds], span };
}
