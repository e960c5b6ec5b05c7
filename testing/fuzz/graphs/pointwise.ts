// Operators that compute each element by itself, of one operand or of several that are broadcast.

import type { Dtype } from "../../../lang/dtypes.ts";
import { tensor } from "../../../runtime/index.ts";
import { broadcast, isExact, isFloat, rounded, type Attributes, type Sketch, type Value } from "./sketch.ts";

/** Adds an operator to a sketch; it may find that there is nothing to add. */
export type Maker = (sketch: Sketch) => void;

/** One operand, floats, a result that was rounded. `of` makes a shape-preserving operand tame first. */
const smooth: readonly (readonly [op: string, since: number, attributes?: (sketch: Sketch) => Attributes])[] =
  [
    ["Sigmoid", 6],
    ["Tanh", 6],
    ["Erf", 9],
    ["Softplus", 1],
    ["Softsign", 1],
    ["Sin", 7],
    ["Cos", 7],
    ["Atan", 7],
    ["Asinh", 9],
    ["Elu", 6, (s) => ({ alpha: { float: s.dice.pick([0.5, 1, 2]) } })],
    ["Selu", 6],
    ["Celu", 12, (s) => ({ alpha: { float: s.dice.pick([0.5, 1, 2]) } })],
    ["LeakyRelu", 6, (s) => (s.dice.chance(0.5) ? { alpha: { float: 0.2 } } : {})],
    ["HardSigmoid", 6, (s) => (s.dice.chance(0.5) ? { alpha: { float: 0.3 }, beta: { float: 0.4 } } : {})],
    ["HardSwish", 14],
    ["Gelu", 20, (s) => (s.dice.chance(0.5) ? { approximate: s.dice.pick(["none", "tanh"]) } : {})],
    ["Mish", 18],
  ];

/** Steep, or not defined everywhere: of a value within [-1, 1] or so. */
const steep = ["Exp", "Sinh", "Cosh", "Asin", "Acos", "Atanh", "Tan"];

/** Exact on what is exact. */
const plain: readonly (readonly [op: string, dtypes: readonly Dtype[], since?: number])[] = [
  ["Relu", ["f32", "f64", "i32", "i64"], 14],
  ["Relu", ["f32", "f64"]],
  ["Neg", ["f32", "f64", "i32", "i64"]],
  ["Abs", ["f32", "f64", "i32", "i64", "u8"]],
  ["Identity", ["f32", "i32", "i64", "bool", "u8"]],
  ["Sign", ["f32", "i32", "i64"], 9],
  ["Floor", ["f32", "f64"]],
  ["Ceil", ["f32", "f64"]],
  ["Round", ["f32"], 11],
  ["BitwiseNot", ["i32", "u8", "i64"], 18],
];

const stepped = new Set(["Sign", "Floor", "Ceil", "Round"]);

const casts: readonly Dtype[] = ["f32", "f32", "i32", "i64", "bool", "u8", "i8", "f64", "f16"];
const castNumber: Partial<Record<Dtype, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
};

const unary: Maker[] = [
  (s) => {
    const [op, , attributes] = s.dice.pick(smooth.filter(([, since]) => since <= s.version));
    const x = s.any(s.dice.chance(0.9) ? "f32" : "f64");
    s.emit(op, [x], [[x.dtype, x.shape, rounded]], attributes ? { attributes: attributes(s) } : {});
  },
  (s) => {
    const op = s.dice.pick(steep);
    const x = s.any("f32");
    const [tame] = s.emit(s.dice.pick(["Tanh", "Sin"]), [x], [["f32", x.shape, rounded]]);
    // Away from the ends, where the slope is infinite.
    const [half] = s.emit("Mul", [tame!, half32(s)], [["f32", x.shape, rounded]]);
    s.emit(op, [half!], [["f32", x.shape, rounded]]);
  },
  (s) => {
    const x = s.any("f32");
    const [positive] = s.emit("Softplus", [x], [["f32", x.shape, rounded]]);
    s.emit(s.dice.pick(["Sqrt", "Log", "Reciprocal"]), [positive!], [["f32", x.shape, rounded]]);
  },
  (s) => {
    const [op, dtypes] = s.dice.pick(plain.filter(([, , since = 0]) => since <= s.version));
    const x = s.any(s.dice.pick(dtypes), stepped.has(op) ? isExact : undefined);
    s.emit(op, [x], [[x.dtype, x.shape, x.bits]]);
  },
  (s) => {
    const x = s.any(s.dice.pick(casts), isExact);
    const to = s.dice.pick(casts);
    // A negative float as an unsigned integer, or one too large, is left open.
    if (isFloat(x.dtype) && !isFloat(to) && (to.startsWith("u") || x.bits > 8)) return;
    s.emit("Cast", [x], [[to, x.shape, x.bits]], { attributes: { to: castNumber[to]! } });
  },
  (s) => {
    const x = s.any("bool");
    s.emit("Not", [x], [["bool", x.shape, 4]]);
  },
  (s) => {
    const x = s.any("f32");
    if (s.version < 11) {
      s.emit("Clip", [x], [["f32", x.shape, x.bits]], {
        attributes: { min: { float: -1 }, max: { float: 1.5 } },
      });
      return;
    }
    const bound = (value: number) => (s.dice.chance(0.3) ? "" : s.constant(scalar(s, value)).name);
    s.emit("Clip", [x, bound(-1), bound(1.5)], [["f32", x.shape, x.bits]]);
  },
  (s) => {
    const x = s.any("f32", isExact);
    s.emit("ThresholdedRelu", [x], [["f32", x.shape, x.bits]], { attributes: { alpha: { float: 0.5 } } });
  },
  (s) => {
    const x = s.any("f32", isExact);
    const attributes: Attributes = s.dice.chance(0.5)
      ? { lambd: { float: 0.75 }, bias: { float: 0.25 } }
      : {};
    s.emit("Shrink", [x], [["f32", x.shape, x.bits + 1]], { attributes });
  },
  (s) => {
    const x = s.any("f32");
    s.emit("IsNaN", [x], [["bool", x.shape, 4]]);
  },
];

const scalar = (_: Sketch, value: number) => tensor([value], [], "f32");
const half32 = (s: Sketch): Value => s.constant(tensor([0.5], [], "f32"));

/** Two operands that fit, one of them maybe broadcast. */
function pair(
  s: Sketch,
  dtype: Dtype,
  test?: (value: Value) => boolean,
): readonly [Value, Value, number[]] | undefined {
  const a = s.any(dtype, test);
  const b = s.like(dtype, a.shape, true);
  if (test && !test(b)) return undefined;
  const [x, y] = s.dice.chance(0.5) ? [a, b] : [b, a];
  const shape = broadcast(x.shape, y.shape);
  return shape && [x, y, shape];
}

const numeric: readonly Dtype[] = ["f32", "f32", "f32", "i32", "i64", "f64"];

const binary: Maker[] = [
  (s) => {
    const op = s.dice.pick(["Add", "Sub", "Mul"]);
    const found = pair(s, s.dice.pick(numeric));
    if (!found) return;
    const [a, b, shape] = found;
    s.emit(op, [a, b], [[a.dtype, shape, op === "Mul" ? a.bits + b.bits : Math.max(a.bits, b.bits) + 1]]);
  },
  (s) => {
    const found = pair(s, "f32");
    if (!found) return;
    const [a, b, shape] = found;
    const [positive] = s.emit("Softplus", [b], [["f32", b.shape, rounded]]);
    s.emit("Div", [a, positive!], [["f32", shape, rounded]]);
  },
  (s) => {
    // Of integers, never by nothing.
    const dtype = s.dice.pick<Dtype>(["i32", "i64"]);
    const a = s.any(dtype);
    const by = s.constant(tensor([s.dice.pick([-3, -2, 2, 3, 7])], s.dice.chance(0.5) ? [] : [1], dtype));
    const shape = broadcast(a.shape, by.shape)!;
    const op = s.version >= 10 ? s.dice.pick(["Div", "Mod"]) : "Div";
    s.emit(op, [a, by], [[dtype, shape, a.bits]]);
  },
  (s) => {
    if (s.version < 10) return;
    const a = s.any("f32", isExact);
    const by = s.constant(tensor([s.dice.pick([-1.5, 0.75, 2])], [], "f32"));
    s.emit("Mod", [a, by], [["f32", a.shape, a.bits]], { attributes: { fmod: 1 } });
  },
  (s) => {
    const x = s.any("f32");
    const [positive] = s.emit("Softplus", [x], [["f32", x.shape, rounded]]);
    const power = s.constant(tensor([s.dice.pick([-1, 0, 0.5, 2, 3])], s.dice.chance(0.5) ? [] : [1], "f32"));
    s.emit("Pow", [positive!, power], [["f32", broadcast(x.shape, power.shape)!, rounded]]);
  },
  (s) => {
    const dtype = s.version >= 12 ? s.dice.pick(numeric) : "f32";
    const op = s.dice.pick(dtype === "f32" ? ["Max", "Min", "Sum", "Mean"] : ["Max", "Min"]);
    const first = s.any(dtype);
    const operands = [first];
    while (operands.length < 4 && s.dice.chance(0.6)) operands.push(s.like(dtype, first.shape, true));
    const bits = Math.max(...operands.map((each) => each.bits));
    const shape = broadcast(...operands.map((each) => each.shape))!;
    s.emit(op, operands, [[dtype, shape, op === "Mean" ? rounded : op === "Sum" ? bits + 2 : bits]]);
  },
  (s) => {
    const x = s.any("f32");
    const slope = s.like("f32", x.shape, true);
    s.emit("PRelu", [x, slope], [["f32", x.shape, x.bits + slope.bits]]);
  },
  (s) => {
    const op = s.dice.pick(["And", "Or", "Xor"]);
    const found = pair(s, "bool");
    if (found) s.emit(op, [found[0], found[1]], [["bool", found[2], 4]]);
  },
  (s) => {
    const op = s.dice.pick([
      "Equal",
      "Less",
      "Greater",
      ...(s.version >= 12 ? ["LessOrEqual", "GreaterOrEqual"] : []),
    ]);
    const found = pair(
      s,
      s.dice.pick<Dtype>(op === "Equal" && s.version < 11 ? ["i32", "i64"] : numeric),
      isExact,
    );
    if (found) s.emit(op, [found[0], found[1]], [["bool", found[2], 4]]);
  },
  (s) => {
    if (s.version < 18) return;
    const found = pair(s, s.dice.pick<Dtype>(["i32", "u8", "i64"]));
    const op = s.dice.pick(["BitwiseAnd", "BitwiseOr", "BitwiseXor"]);
    if (found) s.emit(op, [found[0], found[1]], [[found[0].dtype, found[2], 8]]);
  },
  (s) => {
    if (s.version < 11) return;
    const x = s.any("u8");
    const by = s.like("u8", x.shape, true);
    s.emit("BitShift", [x, by], [["u8", x.shape, 8]], {
      attributes: { direction: s.dice.pick(["LEFT", "RIGHT"]) },
    });
  },
  (s) => {
    const dtype = s.dice.pick<Dtype>(["f32", "f32", "i32", "i64"]);
    const found = pair(s, dtype);
    if (!found) return;
    const [a, b, shape] = found;
    const condition = s.like("bool", shape, true);
    s.emit("Where", [condition, a, b], [[dtype, shape, Math.max(a.bits, b.bits)]]);
  },
  (s) => {
    const x = s.any("f32");
    const last = x.shape.at(-1);
    if (last === undefined) return;
    const op = s.dice.pick(["Gelu", "FastGelu", "BiasGelu", "QuickGelu"]);
    const inputs = op === "BiasGelu" ? [x, s.like("f32", [last])] : [x];
    s.emit(op, inputs, [["f32", x.shape, rounded]], { domain: "com.microsoft" });
  },
];

export const pointwise: readonly Maker[] = [...unary, ...binary];
