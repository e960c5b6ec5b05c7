// Kernels on elements: rows of expressions in Kern. `$0`, `$1` are the operands, `$T` the dtype of the result, as in the operator table of
// the graph compiler; what differs from it is what TensorFlow.js defines otherwise.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Value } from "../../graph/program.ts";
import type { Build, KernelRow, TfNode } from "../node.ts";
import { dtypes } from "../types.ts";

interface Expression {
  readonly text: string;
  /** For integers; without it they are computed as floats and truncated, as TensorFlow.js does. */
  readonly ints?: string;
  readonly uses?: readonly string[];
  /** Of the result, if it isn't the operands'. */
  readonly dtype?: Dtype;
  /** Numbers among the attributes, which become the operands behind the tensors, with what they are if they aren't there. */
  readonly attributes?: readonly (readonly [string, number])[];
}

const math = (name: string, module = "math"): Expression => ({
  text: `${name}($0)`,
  uses: [`std.${module}.${name}`],
});
const trigonometric = (name: string): Expression => math(name, "trigonometry");

export const relu = "max($0, $T(0))";
export const relu6 = "min(max($0, $T(0)), $T(6))";
export const elu: Expression = { text: "$0 if $0 >= $T(0) else expm1($0)", uses: ["std.math.expm1"] };
export const sloped = "$1 * $0 if $0 < $T(0) else $0";
/** Where it is below 1e-38, it is 6e-39. */
export const sigmoid: Expression = {
  text: "$T(1) / ($T(1) + exp_bounded(-$0))",
  uses: ["std.math.exp_bounded"],
};

const unary: Readonly<Record<string, Expression>> = {
  Abs: { text: "abs($0)", ints: "abs($0)" },
  Acos: trigonometric("acos"),
  Acosh: trigonometric("acosh"),
  Asin: trigonometric("asin"),
  Asinh: trigonometric("asinh"),
  Atan: trigonometric("atan"),
  Atanh: trigonometric("atanh"),
  Ceil: { text: "ceil($0)", ints: "$0" },
  ClipByValue: {
    text: "$2 if $0 > $2 else ($1 if $0 < $1 else $0)",
    attributes: [
      ["clipValueMin", 0],
      ["clipValueMax", 0],
    ],
  },
  Cos: math("cos"),
  Cosh: trigonometric("cosh"),
  Elu: elu,
  Erf: math("erf"),
  Exp: { ...math("exp"), dtype: "f32" },
  Expm1: math("expm1"),
  Floor: { text: "floor($0)", ints: "$0" },
  IsFinite: { text: "$0 - $0 == $0 - $0", ints: "True", dtype: "bool" },
  IsInf: { text: "$0 == $0 and $0 - $0 != $0 - $0", ints: "False", dtype: "bool" },
  IsNan: { text: "$0 != $0", ints: "False", dtype: "bool" },
  LeakyRelu: { text: sloped, attributes: [["alpha", 0]], dtype: "f32" },
  Log: math("log"),
  Log1p: math("log1p"),
  Neg: { text: "-$0", ints: "-$0" },
  Reciprocal: { text: "$T(1) / $0" },
  Relu: { text: relu, ints: relu },
  Relu6: { text: relu6, ints: relu6 },
  Round: { text: "round($0)", ints: "$0" },
  Rsqrt: { text: "$T(1) / sqrt($0)", uses: ["std.math.sqrt"] },
  Selu: {
    text: "$T(1.0507009873554805) * $0 if $0 >= $T(0) else $T(1.7580993408473768) * expm1($0)",
    uses: ["std.math.expm1"],
  },
  Sigmoid: sigmoid,
  Sign: {
    text: "$T(1) if $0 > $T(0) else ($T(-1) if $0 < $T(0) else $T(0))",
    ints: "$T(1) if $0 > $T(0) else ($T(-1) if $0 < $T(0) else $T(0))",
  },
  Sin: math("sin"),
  Sinh: trigonometric("sinh"),
  Softplus: {
    text: "max($0, $T(0)) + log1p(exp(-abs($0)))",
    uses: ["std.math.exp", "std.math.log1p"],
  },
  Sqrt: math("sqrt"),
  Square: { text: "$0 * $0", ints: "$0 * $0" },
  Step: { text: "$0 if $0 != $0 else ($T(1) if $0 > $T(0) else $1)", attributes: [["alpha", 0]] },
  // Near its poles a tangent is known to as many digits as its argument has, which f32's sine and cosine don't keep.
  Tan: { text: "$T(tan(f64($0)))", uses: ["std.trigonometry.tan"] },
  Tanh: math("tanh"),
};

const binary: Readonly<Record<string, Expression>> = {
  Add: { text: "$0 + $1", ints: "$0 + $1" },
  Atan2: { text: "atan2($0, $1)", uses: ["std.trigonometry.atan2"] },
  Maximum: { text: "max($0, $1)", ints: "max($0, $1)" },
  Minimum: { text: "min($0, $1)", ints: "min($0, $1)" },
  // Of the sign of the divisor.
  Mod: { text: "$0 - $1 * floor($0 / $1)", ints: "modulo($0, $1)", uses: ["std.integer.modulo"] },
  Multiply: { text: "$0 * $1", ints: "$0 * $1" },
  Pow: { text: "pow($0, $1)", ints: "raised($0, $1)", uses: ["std.math.pow", "std.integer.raised"] },
  RealDiv: { text: "$0 / $1", ints: "divided($0, $1)", uses: ["std.integer.divided"] },
  SquaredDifference: { text: "($0 - $1) * ($0 - $1)", ints: "($0 - $1) * ($0 - $1)" },
  Sub: { text: "$0 - $1", ints: "$0 - $1" },
};

/** To truth values. */
const comparisons: Readonly<Record<string, string>> = {
  Equal: "$0 == $1",
  Greater: "$0 > $1",
  GreaterEqual: "$0 >= $1",
  Less: "$0 < $1",
  LessEqual: "$0 <= $1",
  NotEqual: "$0 != $1",
};

/** An expression on operands of one dtype. */
export function apply(
  node: TfNode,
  { text, ints, uses, dtype, attributes = [] }: Expression,
  operands: readonly Value[],
): Value {
  const { b } = node;
  const given = operands[0]!.dtype;
  if (given === "bool") node.decline("it does arithmetic on truth values");
  const whole = given !== "f32" && ints !== undefined;
  const working = whole ? given : "f32";
  const values = operands.map((value) => b.cast(value, working));
  const numbers = attributes.map(([name, otherwise]) => b.scalar(working, node.number(name, otherwise)));
  const result = b.map(whole ? ints : text, [...values, ...numbers], {
    dtype: dtype ?? working,
    // A name that an expression doesn't use isn't imported.
    uses: uses?.filter((name) => (whole ? ints : text).includes(`${name.split(".").at(-1)}(`)),
  });
  return b.cast(result, dtype ?? given);
}

const unaryBuild =
  (expression: Expression): Build =>
  (node) =>
    apply(node, expression, [node.in("x")]);

/** Operands of one dtype, as TensorFlow.js makes them before a kernel is called. */
function pair(node: TfNode, first = "a", second = "b"): [Value, Value] {
  const [a, b] = [node.in(first), node.in(second)];
  if (a.dtype !== b.dtype) node.decline(`its operands are of ${a.dtype} and ${b.dtype}`);
  return [a, b];
}

const binaryBuild =
  (expression: Expression): Build =>
  (node) =>
    apply(node, expression, pair(node));

const compare =
  (text: string): Build =>
  (node) =>
    node.b.map(
      text,
      pair(node).map((value) => node.numeric(value)),
      { dtype: "bool" },
    );

const logical =
  (text: string, names: readonly string[]): Build =>
  (node) =>
    node.b.map(
      text,
      names.map((name) => node.b.cast(node.in(name), "bool")),
      { dtype: "bool" },
    );

/** ⌊a / b⌋ as an integer, of floats too. */
const floorDiv: Build = (node) => {
  const [a, b] = pair(node);
  if (a.dtype === "f32") return node.b.map("$T(floor($0 / $1))", [a, b], { dtype: "i32" });
  return apply(node, { text: "", ints: "floored($0, $1)", uses: ["std.integer.floored"] }, [a, b]);
};

const cast: Build = (node) => {
  const x = node.in("x");
  const dtype = dtypes[node.text("dtype")];
  if (!dtype || dtype === x.dtype)
    return node.decline("it casts to what it has, or to what only TensorFlow.js knows");
  return node.b.cast(x, dtype);
};

const prelu: Build = (node) =>
  node.b.map(
    sloped,
    [node.in("x"), node.in("alpha")].map((value) => node.b.cast(value, "f32")),
  );

/** A condition of one dimension chooses rows. */
const select: Build = (node) => {
  const { b } = node;
  const [condition, t, e] = [node.in("condition"), node.in("t"), node.in("e")];
  if (t.dtype !== e.dtype) node.decline("its branches differ in dtype");
  const rank = t.shape.length;
  const rows = condition.shape.length === 1 && rank > 1;
  const chosen = rows
    ? b.reshape(condition, [condition.shape[0]!, ...t.shape.slice(1).map(() => 1)])
    : condition;
  return b.map("$1 if $0 else $2", [b.cast(chosen, "bool"), t, e], { dtype: t.dtype, shape: t.shape });
};

const addN: Build = (node) => {
  const values = node.all().map((value) => node.numeric(value));
  return values.reduce((sum, value) => apply(node, binary["Add"]!, [sum, value]));
};

const row = (kernel: string, build: Build): KernelRow => ({ kernel, build });

export const elementwise: readonly KernelRow[] = [
  ...Object.entries(unary).map(([kernel, expression]) => row(kernel, unaryBuild(expression))),
  ...Object.entries(binary).map(([kernel, expression]) => row(kernel, binaryBuild(expression))),
  ...Object.entries(comparisons).map(([kernel, text]) => row(kernel, compare(text))),
  row("AddN", addN),
  row("Cast", cast),
  row("FloorDiv", floorDiv),
  row("LogicalAnd", logical("$0 and $1", ["a", "b"])),
  row("LogicalNot", logical("not $0", ["x"])),
  row("LogicalOr", logical("$0 or $1", ["a", "b"])),
  row("Prelu", prelu),
  row("Select", select),
];
