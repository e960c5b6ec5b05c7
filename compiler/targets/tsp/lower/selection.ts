// Instruction selection: an op of the IR as one or a few ALU instructions. What the machine lacks is made of what it has:
// `select` of masks, roots and quotients of `rsqrt`, rounding of conversions there and back.
//
// Bounds, f32: quotients, square roots and their inverses are within 3 ulp; a quotient loses its low end where 1 / |b|
// underflows. Everything else, division of integers too (`division.ts`), is exact or rounds as the language says.

import { isFloat, type Dtype } from "../../../../lang/dtypes.ts";
import type { Span } from "../../../../lang/source.ts";
import type { OpExpr } from "../../../ir/ir.ts";
import type { Op } from "../machine/table.ts";
import { constantBits, constantOf, widths, type TspType } from "../machine/values.ts";
import { Unfit, type Node } from "./dag.ts";
import { divided } from "./division.ts";

/** The element type that the machine has for a dtype. */
export function tspType(dtype: Dtype, span: Span | undefined): TspType {
  if (dtype === "bool") return "u8";
  if (Object.hasOwn(widths, dtype)) return dtype as TspType;
  throw new Unfit(`the type \`${dtype}\``, span);
}

/** A constant in every lane. */
export function constantNode(value: number, type: TspType): Extract<Node, { kind: "constant" }> {
  return { kind: "constant", type, bits: constantBits(value, type) >>> 0 };
}

/** An op of the IR over operands that are nodes already. */
export function selected(expr: OpExpr, args: readonly Node[]): Node {
  const { span, op } = expr;
  const own = expr.type.dtype;
  const from = expr.args[op === "select" ? 1 : 0]!.type.dtype;
  const type = tspType(from, span);
  const gives = tspType(own, span);
  const make = (
    name: Op,
    args: readonly Node[],
    options: { type?: TspType; gives?: TspType; rounding?: number } = {},
  ): Node => {
    const operand = options.type ?? type;
    return {
      kind: "alu",
      op: name,
      type: operand,
      gives: options.gives ?? operand,
      rounding: options.rounding ?? 0,
      args,
      span,
    };
  };
  const [a, b, c] = args as [Node, Node, Node];
  const bits: TspType = widths[type] === 4 ? "u32" : widths[type] === 2 ? "u16" : "u8";
  const asBits = (node: Node): Node => ({ kind: "cast", type: bits, of: node });
  const select = (cond: Node, yes: Node, no: Node): Node => ({
    kind: "cast",
    type,
    of: make("or", [asBits(make("mask", [yes, cond])), asBits(make("mask_not", [no, cond]))], {
      type: bits,
    }),
  });
  const whole = (rounding: number): Node => {
    const back = make("convert", [make("convert", [a], { gives: "i32", rounding })], {
      type: "i32",
      gives: type,
    });
    return select(make("lt", [make("abs", [a]), constantNode(2 ** 30, type)], { gives: "u8" }), back, a);
  };
  const one = (cond: Node): Node => make("convert", [cond], { type: "u8", gives: type });
  switch (op) {
    case "add":
    case "sub":
    case "mul":
    case "min":
    case "max":
    case "shl":
    case "shr":
    case "and":
    case "or":
    case "xor":
      return make(op, [a, b]);
    case "neg":
    case "abs":
      return make(op, [a]);
    case "not":
      return from === "bool" ? make("xor", [a, constantNode(1, "u8")]) : make("not", [a]);
    case "eq":
    case "ne":
    case "lt":
    case "le":
      return make(op, [a, b], { gives: "u8" });
    case "gt":
      return make("lt", [b, a], { gives: "u8" });
    case "ge":
      return make("le", [b, a], { gives: "u8" });
    case "select":
      return select(a, b, c);
    case "fma":
      return make("add", [make("mul", [a, b]), c]);
    case "sqrt": {
      // 1 / √(1 / x): exact at 0 and at infinity, unlike x / √x.
      const inverse = make("rsqrt", [a]);
      return make("rsqrt", [make("mul", [inverse, inverse])]);
    }
    case "div": {
      const divisor = b;
      if (divisor.kind === "constant") {
        const value = constantOf(divisor.bits, type);
        return make("mul", [a, constantNode(1 / value, type)]);
      }
      // The machine has no reciprocal: 1 / |b| is rsqrt(|b|)², and the sign is b's.
      const inverse = make("rsqrt", [make("abs", [b])]);
      const quotient = make("mul", [a, make("mul", [inverse, inverse])]);
      const sign: Node = { kind: "constant", type: bits, bits: type === "f16" ? 0x8000 : 0x80000000 };
      const signed = make("xor", [asBits(quotient), make("and", [asBits(b), sign], { type: bits })], {
        type: bits,
      });
      return { kind: "cast", type, of: signed };
    }
    case "floordiv":
    case "mod":
      return divided(op, a, b, type, span);
    case "round":
      return whole(2);
    case "trunc":
      return whole(1);
    case "floor": {
      const cut = whole(1);
      return make("sub", [cut, one(make("lt", [a, cut], { gives: "u8" }))]);
    }
    case "ceil": {
      const cut = whole(1);
      return make("add", [cut, one(make("lt", [cut, a], { gives: "u8" }))]);
    }
    case "convert":
    case "saturate": {
      if (own === "bool") return make("ne", [a, constantNode(0, type)], { gives: "u8" });
      if (type === gives) return a;
      // Conversions cut floats off, `saturate` rounds them; both saturate. Integers wrap or saturate.
      const rounding = op === "saturate" ? (isFloat(from) ? 2 : 1) : isFloat(from) ? 1 : 0;
      return make("convert", [a], { gives, rounding });
    }
    case "bitcast":
      return { kind: "cast", type: gives, of: a };
    default:
      throw new Unfit(`\`${op}\``, span);
  }
}
