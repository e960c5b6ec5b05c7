// Identities of integers. They hold for every width since arithmetic wraps; none of them relies on a value being in
// range but those that ask for a range. A constant operand ends up on the right, a subtraction of one as an addition.

import { dtypeInfo, isWide } from "../../../lang/dtypes.ts";
import type { Expr, OpExpr } from "../../ir/ir.ts";
import type { OpName } from "../../ir/ops.ts";
import {
  asOp,
  isIntegerExpr,
  isTrue,
  isValue,
  literal,
  powerOfTwo,
  valueOf,
  type Rule,
  type RuleContext,
} from "./rules.ts";

const add: Rule = (expr, { table, make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 0)) return a;
  const inner = asOp(a, "add");
  if (inner && b.kind === "const" && inner.args[1]!.kind === "const") {
    return make("add", [inner.args[0]!, make("add", [inner.args[1]!, b])]);
  }
  // Constants travel outwards, where they meet: (x + c) + y = (x + y) + c.
  if (inner && inner.args[1]!.kind === "const") {
    return make("add", [make("add", [inner.args[0]!, b]), inner.args[1]!]);
  }
  const right = asOp(b, "add");
  if (right && right.args[1]!.kind === "const") {
    return make("add", [make("add", [a, right.args[0]!]), right.args[1]!]);
  }
  const negated = asOp(b, "neg");
  if (negated) return make("sub", [a, negated.args[0]!]);
  const difference = asOp(a, "sub");
  if (difference && table.equal(difference.args[1]!, b)) return difference.args[0];
  const other = asOp(b, "sub");
  return other && table.equal(other.args[1]!, a) ? other.args[0] : undefined;
};

const sub: Rule = (expr, { table, make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (table.equal(a, b)) return literal(0, expr.type);
  if (b.kind === "const") return make("add", [a, make("neg", [b])]);
  if (isValue(a, 0)) return make("neg", [b]);
  const negated = asOp(b, "neg");
  if (negated) return make("add", [a, negated.args[0]!]);
  const left = asOp(a, "add");
  if (left) {
    const [x, y] = left.args as [Expr, Expr];
    if (table.equal(x, b)) return y;
    if (table.equal(y, b)) return x;
    // (x + c) - y = (x - y) + c
    if (y.kind === "const") return make("add", [make("sub", [x, b]), y]);
  }
  const right = asOp(b, "add");
  if (!right) return undefined;
  const [x, y] = right.args as [Expr, Expr];
  if (table.equal(x, a)) return make("neg", [y]);
  if (table.equal(y, a)) return make("neg", [x]);
  return y.kind === "const" ? make("add", [make("sub", [a, x]), make("neg", [y])]) : undefined;
};

const mul: Rule = (expr, { make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 0)) return b;
  if (isValue(b, 1)) return a;
  if (isValue(b, -1)) return make("neg", [a]);
  const inner = asOp(a, "mul");
  if (inner && b.kind === "const" && inner.args[1]!.kind === "const") {
    return make("mul", [inner.args[0]!, make("mul", [inner.args[1]!, b])]);
  }
  return undefined;
};

const floordiv: Rule = (expr, { make, range }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 1)) return a;
  if (range(a).low >= 0 && isTrue(make("lt", [a, b]))) return literal(0, expr.type);
  // An arithmetic shift floors as `//` does.
  const by = powerOfTwo(b);
  return by === undefined ? undefined : make("shr", [a, literal(by, b.type)]);
};

const mod: Rule = (expr, { make, range }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 1)) return literal(0, expr.type);
  if (range(a).low >= 0 && isTrue(make("lt", [a, b]))) return a;
  if (powerOfTwo(b) === undefined) return undefined;
  return make("and", [a, make("sub", [b, literal(1, b.type)])]);
};

/** min and max of operands whose order is known; NaN and the zeros keep floats out. */
function extreme(isMin: boolean): Rule {
  return (expr, { make }) => {
    const [a, b] = expr.args as [Expr, Expr];
    if (isTrue(make("le", [a, b]))) return isMin ? a : b;
    if (isTrue(make("ge", [a, b]))) return isMin ? b : a;
    return undefined;
  };
}

const and: Rule = (expr, { table, range, make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 0)) return b;
  if (isAllOnes(b) || table.equal(a, b)) return a;
  const inner = asOp(a, "and");
  if (inner && b.kind === "const" && inner.args[1]!.kind === "const") {
    return make("and", [inner.args[0]!, make("and", [inner.args[1]!, b])]);
  }
  // A mask of low bits that cover the whole range changes nothing.
  const mask = valueOf(b);
  if (typeof mask !== "number" || mask < 0 || !Number.isInteger(Math.log2(mask + 1))) return undefined;
  const { low, high } = range(a);
  return low >= 0 && high <= mask ? a : undefined;
};

const or: Rule = (expr, { table }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isAllOnes(b)) return b;
  return isValue(b, 0) || table.equal(a, b) ? a : undefined;
};

const xor: Rule = (expr, { table, make }) => {
  const [a, b] = expr.args as [Expr, Expr];
  if (isValue(b, 0)) return a;
  if (table.equal(a, b)) return literal(0, expr.type);
  return isAllOnes(b) ? make("not", [a]) : undefined;
};

const shift: Rule = (expr) =>
  isValue(expr.args[1], 0) || isValue(expr.args[0], 0) ? expr.args[0] : undefined;

const inverse: Rule = (expr) => asOp(expr.args[0], expr.op)?.args[0];

const abs: Rule = (expr, { range }) => (range(expr.args[0]!).low >= 0 ? expr.args[0] : undefined);

function isAllOnes(expr: Expr): boolean {
  if (expr.kind !== "const") return false;
  const info = dtypeInfo(expr.type.dtype);
  return info.kind === "uint" ? expr.value === info.max : isValue(expr, -1);
}

/** Comparisons by ranges, and constants moved to one side where that can't overflow. */
function compare(name: OpName): Rule {
  return (expr, context) => {
    const [a, b] = expr.args as [Expr, Expr];
    if (!isIntegerExpr(a)) return undefined;
    if (context.table.equal(a, b)) return bool(expr, name === "eq" || name === "le" || name === "ge");
    const known = byRange(name, a, b, context);
    if (known !== undefined) return bool(expr, known);
    const strict = withoutOne(name, a, b, context);
    if (strict) return strict;
    const inner = asOp(a, "add");
    if ((name === "eq" || name === "ne") && inner && b.kind === "const" && inner.args[1]!.kind === "const") {
      return context.make(name, [inner.args[0]!, context.make("sub", [b, inner.args[1]!])]);
    }
    return undefined;
  };
}

/** a <= n - 1 is a < n, and a >= n + 1 is a > n, where n - 1 and n + 1 don't wrap: loops' bounds are known as a < n. */
function withoutOne(name: OpName, a: Expr, b: Expr, { range, make }: RuleContext): Expr | undefined {
  if (isWide(a.type.dtype)) return undefined;
  const { min, max } = dtypeInfo(a.type.dtype);
  const rest = (part: Expr, by: number): Expr | undefined => {
    const sum = asOp(part, "add");
    if (!sum || !isValue(sum.args[1], by)) return undefined;
    const { low, high } = range(sum.args[0]!);
    const fits = by < 0 ? low > Number(min) : high < Number(max);
    return fits ? sum.args[0] : undefined;
  };
  if (name === "le") {
    const [right, left] = [rest(b, -1), rest(a, 1)];
    return right ? make("lt", [a, right]) : left && make("lt", [left, b]);
  }
  if (name === "ge") {
    const [right, left] = [rest(b, 1), rest(a, -1)];
    return right ? make("gt", [a, right]) : left && make("gt", [left, b]);
  }
  return undefined;
}

const bool = (expr: OpExpr, value: boolean): Expr => ({ kind: "const", type: expr.type, value });

function byRange(name: OpName, a: Expr, b: Expr, { range }: RuleContext): boolean | undefined {
  // 64-bit values have no numeric range here.
  if (isWide(a.type.dtype)) return undefined;
  const [left, right] = [range(a), range(b)];
  const below = left.high < right.low;
  const above = left.low > right.high;
  const notAbove = left.high <= right.low;
  const notBelow = left.low >= right.high;
  switch (name) {
    case "lt":
      return below ? true : notBelow ? false : undefined;
    case "ge":
      return notBelow ? true : below ? false : undefined;
    case "gt":
      return above ? true : notAbove ? false : undefined;
    case "le":
      return notAbove ? true : above ? false : undefined;
    case "eq":
      return below || above ? false : undefined;
    case "ne":
      return below || above ? true : undefined;
    default:
      return undefined;
  }
}

export const integerRules: Partial<Record<OpName, Rule>> = {
  add,
  sub,
  mul,
  floordiv,
  mod,
  min: extreme(true),
  max: extreme(false),
  and,
  or,
  xor,
  shl: shift,
  shr: shift,
  neg: inverse,
  not: inverse,
  abs,
};

/** By op, for operands that are integers; the result is bool. */
export const integerComparisons: Partial<Record<OpName, Rule>> = {
  eq: compare("eq"),
  ne: compare("ne"),
  lt: compare("lt"),
  le: compare("le"),
  gt: compare("gt"),
  ge: compare("ge"),
};
