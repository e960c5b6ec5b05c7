// Operators on elements: rows of expressions in Kern. `$0`, `$1` are the operands, `$T` the dtype of the result.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import { dtypeOf } from "../../onnx/tensors.ts";
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
  Log: { text: "log($0)", uses: ["std.math.log"] },
  Neg: { text: "-$0" },
  BitwiseNot: { text: "~$0", since: 18 },
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
  ...Object.fromEntries(
    ["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh", "Tan"].map((op) => {
      const name = op.toLowerCase();
      return [op, { text: `${name}($0)`, uses: [`std.trigonometry.${name}`] }];
    }),
  ),
};

/** From two tensors of one dtype to one of it. */
const binary: Readonly<Record<string, Expression>> = {
  Add: { text: "$0 + $1" },
  Div: { text: "$0 / $1", ints: "divided($0, $1)", uses: ["std.integer.divided"] },
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
    const values = node.all();
    node.sameDtype(...values);
    const all = values.reduce((left, right) => node.b.map(text, [left, right]));
    return after ? after(node, all) : all;
  };
}

/** Powers that are simple functions, by their exponents. */
const simplePowers: Readonly<Record<string, Expression>> = {
  "0.5": { text: "sqrt($0)", uses: ["std.math.sqrt"] },
  "1": { text: "$0" },
  "2": { text: "$0 * $0" },
  "3": { text: "$0 * $0 * $0" },
  "-1": { text: "$T(1) / $0" },
};

const power: Build = async (node) => {
  const { b } = node;
  const [x, given] = [node.in(0), node.in(1)];
  if (isFloating(x.dtype) && given.fixed && given.shape.every((dim) => dim === 1)) {
    const simple = simplePowers[String(await node.number(1))];
    if (simple && given.shape.length <= x.shape.length) return b.map(simple.text, [x], { uses: simple.uses });
  }
  if (isFloating(x.dtype))
    return b.map("pow($0, $1)", [x, b.cast(given, x.dtype)], { uses: ["std.math.pow"] });
  if (!isFloating(given.dtype))
    return b.map("raised($0, $1)", [x, b.cast(given, x.dtype)], { uses: ["std.integer.raised"] });
  const wide = b.map("pow($0, $1)", [b.cast(x, given.dtype), given], { uses: ["std.math.pow"] });
  return b.cast(wide, x.dtype);
};

const mod: Build = (node) => {
  const [x, y] = [node.in(0), node.in(1)];
  const dtype = node.sameDtype(x, y);
  if (!isFloating(dtype)) {
    const name = node.flag("fmod") ? "remainder" : "modulo";
    return node.b.map(`${name}($0, $1)`, [x, y], { uses: [`std.integer.${name}`] });
  }
  if (!node.flag("fmod")) node.fail("floats take fmod=1");
  const quotient = node.b.map("$0 / $1", [x, y]);
  const whole = node.b.map("floor($0) if $0 >= $T(0) else ceil($0)", [quotient]);
  return node.b.map("$0 - $1 * $2", [x, y, whole]);
};

/** By at most one place less than there are: unsigned operands, as the standard has it. */
const shift: Build = (node) => {
  const [x, by] = [node.in(0), node.in(1)];
  const sign = node.text("direction", "LEFT") === "LEFT" ? "<<" : ">>";
  const { bits } = dtypeInfo(node.sameDtype(x, by));
  // By as many places as there are bits, or more, nothing is left.
  return node.b.map(`$0 ${sign} min($1, $T(${bits - 1})) if $1 < $T(${bits}) else $T(0)`, [x, by]);
};

const where: Build = (node) => {
  const dtype = node.sameDtype(node.in(1), node.in(2));
  return node.b.map("$1 if $0 else $2", [node.in(0), node.in(1), node.in(2)], { dtype });
};

/** Bounds were attributes up to version 10, and are inputs since. */
const clip: Build = (node) => {
  const x = node.in(0);
  const bound = (name: string, at: number): Value | undefined => {
    const given = node.node.attributes[name];
    if (typeof given === "number") return node.b.scalar(x.dtype, given);
    return node.has(at) ? node.in(at) : undefined;
  };
  const [low, high] = [bound("min", 1), bound("max", 2)];
  const raised = low ? node.b.map("max($0, $1)", [x, low]) : x;
  return high ? node.b.map("min($0, $1)", [raised, high]) : raised;
};

const cast: Build = (node) => node.b.cast(node.in(0), dtypeOf(node.int("to", 0), "what a Cast makes"));

const castLike: Build = (node) => node.b.cast(node.in(0), node.in(1).dtype);

/** The slopes of a PRelu broadcast to the input only, never the other way round. */
function slopes(node: NodeContext): Value[] {
  const [x, slope] = [node.in(0), node.in(1)];
  // Before version 7 a slope for each channel stood alone; it belongs to axis 1.
  const channel =
    slope.shape.length === 1 &&
    x.shape.length > 2 &&
    slope.shape[0] === x.shape[1] &&
    slope.shape[0] !== x.shape.at(-1);
  return [x, channel ? node.b.reshape(slope, [slope.shape[0]!, ...x.shape.slice(2).map(() => 1)]) : slope];
}

/** An operator with numbers as attributes, each with a default; they become `$1`, `$2`, …. */
function withNumbers(
  text: string,
  numbers: readonly (readonly [string, number])[],
  uses: readonly string[] = [],
): Build {
  return (node) => {
    const x = node.in(0);
    const given = numbers.map(([name, otherwise]) => node.b.scalar(x.dtype, node.float(name, otherwise)));
    return node.b.map(text, [x, ...given], { uses });
  };
}

const parametric: Readonly<Record<string, Build>> = {
  LeakyRelu: withNumbers("$0 if $0 >= $T(0) else $0 * $1", [["alpha", 0.01]]),
  Elu: withNumbers("$0 if $0 > $T(0) else $1 * expm1($0)", [["alpha", 1]], ["std.math.expm1"]),
  Celu: withNumbers("max($0, $T(0)) + min($T(0), $1 * expm1($0 / $1))", [["alpha", 1]], ["std.math.expm1"]),
  Selu: withNumbers(
    "$2 * ($0 if $0 > $T(0) else $1 * expm1($0))",
    [
      ["alpha", 1.67326319217681884765625],
      ["gamma", 1.05070102214813232421875],
    ],
    ["std.math.expm1"],
  ),
  HardSigmoid: withNumbers("max($T(0), min($T(1), $1 * $0 + $2))", [
    ["alpha", 0.2],
    ["beta", 0.5],
  ]),
  HardSwish: (node) =>
    node.b.map("$0 * max($T(0), min($T(1), $0 * $1 + $T(0.5)))", [
      node.in(0),
      node.b.scalar(node.in(0).dtype, 1 / 6),
    ]),
  ThresholdedRelu: withNumbers("$0 if $0 > $1 else $T(0)", [["alpha", 1]]),
  Shrink: withNumbers("$0 + $1 if $0 < -$2 else ($0 - $1 if $0 > $2 else $T(0))", [
    ["bias", 0],
    ["lambd", 0.5],
  ]),
  Mish: withNumbers("mish_of($0)", [], ["std.activations.mish_of"]),
  Gelu: (node) => {
    const name = node.text("approximate", "none") === "tanh" ? "gelu_tanh_of" : "gelu_of";
    return node.b.map(`${name}($0)`, [node.in(0)], { uses: [`std.activations.${name}`] });
  },
  Swish: withNumbers("$0 * sigmoid($0 * $1)", [["alpha", 1]], ["std.math.sigmoid"]),
};

/** In inference nothing is dropped. */
const dropout: Build = async (node) => {
  const x = node.in(0);
  const training = node.has(2) && (await node.number(2)) !== 0;
  if (training && (!node.has(1) || (await node.number(1)) !== 0)) node.fail("it is in training mode");
  if (!node.wants(1)) return x;
  return [x, node.b.map("True", [], { dtype: "bool", shape: x.shape })];
};

const isInf: Build = (node) => {
  const x = node.in(0);
  const signs = [node.flag("detect_positive", true), node.flag("detect_negative", true)] as const;
  const dtype = "bool" as const;
  const limits = [node.b.scalar(x.dtype, Infinity), node.b.scalar(x.dtype, -Infinity)];
  if (signs[0] && signs[1]) return node.b.map("$0 == $1 or $0 == $2", [x, ...limits], { dtype });
  if (!signs[0] && !signs[1]) return node.b.map("False", [], { dtype, shape: x.shape });
  return node.b.map("$0 == $1", [x, limits[signs[0] ? 0 : 1]!], { dtype });
};

const row = (op: string, build: Build, since = 1): OpRow => ({ op, since, build });

export const elementwise: readonly OpRow[] = [
  ...Object.entries(unary).map(([op, expression]) => row(op, unaryBuild(expression), expression.since)),
  ...Object.entries(binary).map(([op, expression]) => row(op, binaryBuild(expression), expression.since)),
  ...Object.entries(comparisons).map(([op, text]) => row(op, binaryBuild({ text }, "bool"))),
  row("Pow", power),
  row("Mod", mod),
  row("BitShift", shift),
  row("Where", where, 9),
  row("Clip", clip),
  row("Cast", cast),
  row("CastLike", castLike, 15),
  row("PRelu", (node) => node.b.map("$0 if $0 >= $T(0) else $0 * $1", slopes(node))),
  ...Object.entries(parametric).map(([op, build]) => row(op, build)),
  row("Dropout", dropout),
  row("IsNaN", (node) => node.b.map("$0 != $0", [node.in(0)], { dtype: "bool" })),
  row("IsInf", isInf),
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
