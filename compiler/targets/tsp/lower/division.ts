// Quotients and remainders of integers, exactly, on a machine without division. Of magnitudes A and B as u32, with B > 0:
//
//   inverse = rsqrt(f32(B))² · (1 - 2⁻²⁰)
//   q = trunc(f32(A) · inverse), R = A - q·B;  then once more with R for A;  then twice: where B ≤ R, q + 1 and R - B.
//
// Each of the seven roundings to f32 is off by 2⁻²⁴ at most, rsqrt's counts twice: less than 2⁻²⁰ together, so a q is never above A / B,
// no R is negative, and u32 holds it. The first q is short of A / B by less than 2⁻¹⁹·A / B + 1 ≤ 2¹³ + 1, so that of R by less than
// 1 + 2⁻⁵, and the two together by at most 2, which the last two steps add.

import type { Span } from "../../../../lang/source.ts";
import type { Op } from "../machine/table.ts";
import type { TspType } from "../machine/values.ts";
import { constantBits, constantOf } from "../machine/values.ts";
import type { Node } from "./dag.ts";

const short = 1 - 2 ** -20;

/** ⌊a / b⌋, or (`mod`) a - b ⌊a / b⌋, for integers of one type; anything where b is 0. */
export function divided(
  op: "floordiv" | "mod",
  a: Node,
  b: Node,
  type: TspType,
  span: Span | undefined,
): Node {
  const make = (name: Op, args: readonly Node[], of: TspType, gives = of, rounding = 0): Node => ({
    kind: "alu",
    op: name,
    type: of,
    gives,
    rounding,
    args,
    span,
  });
  const constant = (value: number, of: TspType): Node => ({
    kind: "constant",
    type: of,
    bits: constantBits(value, of) >>> 0,
  });
  const as = (of: TspType, node: Node): Node => ({ kind: "cast", type: of, of: node });
  const signed = !type.startsWith("u");
  const whole: TspType = signed ? "i32" : "u32";
  const known = b.kind === "constant" ? constantOf(b.bits, type) : undefined;
  const wide = (node: Node): Node => (type === whole ? node : make("convert", [node], type, whole));
  const [x, y] = [wide(a), known === undefined ? wide(b) : constant(known, whole)];
  const magnitude = (node: Node): Node => (signed ? as("u32", make("abs", [node], "i32")) : node);
  const A = magnitude(x);
  const B = known === undefined ? magnitude(y) : constant(Math.abs(known), "u32");
  const float = (node: Node): Node => make("convert", [node], "u32", "f32");
  let inverse: Node;
  if (known === undefined) {
    const root = make("rsqrt", [float(B)], "f32");
    inverse = make("mul", [make("mul", [root, root], "f32"), constant(short, "f32")], "f32");
  } else {
    inverse = constant(short / Math.abs(known), "f32");
  }
  let quotient: Node | undefined;
  let rest = A;
  const add = (more: Node): void => {
    quotient = quotient ? make("add", [quotient, more], "u32") : more;
  };
  for (let turn = 0; turn < 2; turn++) {
    const part = make("convert", [make("mul", [float(rest), inverse], "f32")], "f32", "u32", 1);
    rest = make("sub", [rest, make("mul", [part, B], "u32")], "u32");
    add(part);
  }
  for (let turn = 0; turn < 2; turn++) {
    const more = make("le", [B, rest], "u32", "u8");
    rest = make("sub", [rest, make("mask", [B, more], "u32")], "u32");
    add(make("convert", [more], "u8", "u32"));
  }
  const narrow = (node: Node): Node => (type === whole ? node : make("convert", [node], whole, type));
  if (!signed) return narrow(op === "floordiv" ? quotient! : rest);
  // Of different signs: a rest of another one, and the quotient one further from zero.
  const negative = (node: Node): Node => make("lt", [node, constant(0, "i32")], "i32", "u8");
  const differ = known === undefined ? make("xor", [negative(x), negative(y)], "u8") : undefined;
  const opposite = differ ?? (known! < 0 ? make("le", [constant(0, "i32"), x], "i32", "u8") : negative(x));
  const rests = make("ne", [rest, constant(0, "u32")], "u32", "u8");
  const further = make("and", [opposite, rests], "u8");
  // -v is ~v + 1, and ~v is v less one beyond: v ^ -c, plus c.
  const negated = (node: Node, where: Node): Node => {
    const one = make("convert", [where], "u8", "u32");
    const all = make("neg", [as("i32", one)], "i32");
    return make("add", [make("xor", [node, as("u32", all)], "u32"), one], "u32");
  };
  if (op === "floordiv") {
    const up = make("add", [quotient!, make("convert", [further], "u8", "u32")], "u32");
    return narrow(as("i32", negated(up, opposite)));
  }
  const other = make("sub", [make("mask", [B, further], "u32"), rest], "u32");
  const kept = make(
    "or",
    [make("mask", [other, further], "u32"), make("mask_not", [rest, further], "u32")],
    "u32",
  );
  return narrow(as("i32", negated(kept, negative(y))));
}
