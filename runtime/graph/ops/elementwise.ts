// Operators on elements: rows of expressions in Kern. `$0`, `$1` are the operands, `$T` the dtype of the result.

import type { Dtype } from "../../../lang/dtypes.ts";
import { isFloating } from "../builder.ts";
import type { Value } from "../program.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

interface Expression {
  readonly text: string;
  /** Where floats and integers differ. */
  readonly ints?: string;
  readonly uses?: readonly string[];
  readonly since?: number;
}

/** From one tensor to one of the same dtype. */
const unary: Readonly<Record<string, Expression>> = {
  Abs: { text: "abs($0)" },
  Ceil: { text: "ceil($0)" },
  Cos: { text: "cos($0)", uses: ["std.math.cos"] },
  Erf: { text: "erf($0)", uses: ["std.math.erf"] },
  Exp: { text: "exp($0)", uses: ["std.math.exp"] },
  Floor: { text: "floor($0)" },
  Identity: { text: "$0" },
  Log: { text: "log($0)", uses: ["std.math.log"] },
  Neg: { text: "-$0" },
  Not: { text: "not $0" },
  Reciprocal: { text: "$T(1) / $0" },
  Relu: { text: "max($0, $T(0))" },
  Round: { text: "round($0)" },
  Sigmoid: { text: "$T(1) / ($T(1) + exp(-$0))", uses: ["std.math.exp"] },
  Sign: { text: "$T(1) if $0 > $T(0) else ($T(-1) if $0 < $T(0) else $T(0))" },
  Sin: { text: "sin($0)", uses: ["std.math.sin"] },
  Softplus: { text: "max($0, $T(0)) + log1p(exp(-abs($0)))", uses: ["std.math.exp", "std.math.log1p"] },
  Softsign: { text: "$0 / ($T(1) + abs($0))" },
  Sqrt: { text: "sqrt($0)", uses: ["std.math.sqrt"] },
  Tanh: { text: "tanh($0)", uses: ["std.math.tanh"] },
};

/** From two tensors of one dtype to one of it. */
const binary: Readonly<Record<string, Expression>> = {
  Add: { text: "$0 + $1" },
  Sub: { text: "$0 - $1" },
  Mul: { text: "$0 * $1" },
  And: { text: "$0 and $1" },
  Or: { text: "$0 or $1" },
  Xor: { text: "$0 != $1" },
  BitwiseAnd: { text: "$0 & $1", since: 18 },
  BitwiseOr: { text: "$0 | $1", since: 18 },
  BitwiseXor: { text: "$0 ^ $1", since: 18 },
};

/** From two tensors of one dtype to truth values. */
const comparisons: Readonly<Record<string, string>> = {
  Equal: "$0 == $1",
  Greater: "$0 > $1",
  GreaterOrEqual: "$0 >= $1",
  Less: "$0 < $1",
  LessOrEqual: "$0 <= $1",
};

function unaryBuild({ text, ints, uses }: Expression): Build {
  return (node) => {
    const x = node.in(0);
    return node.b.map(ints !== undefined && !isFloating(x.dtype) ? ints : text, [x], { uses });
  };
}

function binaryBuild({ text, ints, uses }: Expression, dtype?: Dtype): Build {
  return (node) => {
    const [a, b] = [node.in(0), node.in(1)];
    const shared = node.sameDtype(a, b);
    const chosen = ints !== undefined && !isFloating(shared) ? ints : text;
    return node.b.map(chosen, [a, b], { uses, dtype: dtype ?? shared });
  };
}

/** Any number of tensors, two at a time. */
function variadic(text: string, after?: (node: NodeContext, sum: Value) => Value): Build {
  return (node) => {
    const values = node.inputs.map((_, at) => node.in(at));
    node.sameDtype(...values);
    const all = values.reduce((left, right) => node.b.map(text, [left, right]));
    return after ? after(node, all) : all;
  };
}

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const elementwise: readonly OpRow[] = [
  ...Object.entries(unary).map(([op, expression]) => row(op, unaryBuild(expression), expression.since)),
  ...Object.entries(binary).map(([op, expression]) => row(op, binaryBuild(expression), expression.since)),
  ...Object.entries(comparisons).map(([op, text]) => row(op, binaryBuild({ text }, "bool"))),
  row("Max", variadic("max($0, $1)")),
  row("Min", variadic("min($0, $1)")),
  row("Sum", variadic("$0 + $1")),
  row(
    "Mean",
    variadic("$0 + $1", (node, sum) =>
      node.b.map("$0 / $1", [sum, node.b.scalar(sum.dtype, node.inputs.length)]),
    ),
  ),
];
