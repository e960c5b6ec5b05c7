// f16 and bf16: rounding an f32 to their grid, and their bits to and from f32; the same steps on a scalar and on
// a v128 of four. All exact: what a step computes is representable, or rounds to nearest even just once.

import type { Dtype } from "../../../lang/dtypes.ts";
import { isHalf } from "./representation.ts";
import type { Writer } from "./writer.ts";

/** The instructions that the steps take, for one f32 or for four. */
interface Kit {
  readonly type: "f32" | "v128";
  readonly int: (op: string, a: string, b: string) => string;
  readonly float: (op: string, a: string, b: string) => string;
  readonly shift: (op: string, a: string, count: number) => string;
  readonly bits: (op: "and" | "or" | "xor", a: string, b: string) => string;
  readonly intConst: (value: number) => string;
  readonly floatConst: (value: string) => string;
  /** yes where the comparison holds. */
  readonly choose: (condition: string, yes: string, no: string) => string;
  readonly asInt: (value: string) => string;
  readonly asFloat: (value: string) => string;
  readonly keepInt: (value: string, w: Writer) => string;
}

const scalarKit: Kit = {
  type: "f32",
  int: (op, a, b) => `(i32.${op} ${a} ${b})`,
  float: (op, a, b) => `(f32.${op} ${a} ${b})`,
  shift: (op, a, count) => `(i32.${op} ${a} (i32.const ${count}))`,
  bits: (op, a, b) => `(i32.${op} ${a} ${b})`,
  intConst: (value) => `(i32.const ${value})`,
  floatConst: (value) => `(f32.const ${value})`,
  choose: (condition, yes, no) => `(select ${yes} ${no} ${condition})`,
  asInt: (value) => `(i32.reinterpret_f32 ${value})`,
  asFloat: (value) => `(f32.reinterpret_i32 ${value})`,
  keepInt: (value, w) => w.bind(value, "i32"),
};

const vectorKit: Kit = {
  type: "v128",
  int: (op, a, b) => `(i32x4.${op} ${a} ${b})`,
  float: (op, a, b) => `(f32x4.${op} ${a} ${b})`,
  shift: (op, a, count) => `(i32x4.${op} ${a} (i32.const ${count}))`,
  bits: (op, a, b) => `(v128.${op} ${a} ${b})`,
  intConst: (value) => `(v128.const i32x4 ${[value, value, value, value].join(" ")})`,
  floatConst: (value) => `(v128.const f32x4 ${[value, value, value, value].join(" ")})`,
  choose: (condition, yes, no) => `(v128.bitselect ${yes} ${no} ${condition})`,
  asInt: (value) => value,
  asFloat: (value) => value,
  keepInt: (value, w) => w.bind(value, "v128"),
};

/** Rounds an f32 to the grid of f16 or bf16; other dtypes are left alone. */
export const roundScalar = (value: string, dtype: Dtype, w: Writer): string =>
  round(value, dtype, w, scalarKit);
/** The same for four lanes. */
export const roundVector = (value: string, dtype: Dtype, w: Writer): string =>
  round(value, dtype, w, vectorKit);

function round(value: string, dtype: Dtype, w: Writer, kit: Kit): string {
  if (!isHalf(dtype)) return value;
  const bits = kit.keepInt(kit.asInt(value), w);
  const magnitude = kit.keepInt(kit.bits("and", bits, kit.intConst(0x7fffffff)), w);
  const dropped = dtype === "f16" ? 13 : 16;
  // Half a unit less one, plus the last bit that stays: ties go to even.
  const odd = kit.bits("and", kit.shift("shr_u", magnitude, dropped), kit.intConst(1));
  const raised = kit.int("add", kit.int("add", magnitude, odd), kit.intConst(2 ** (dropped - 1) - 1));
  let result = kit.bits("and", raised, kit.intConst(-(2 ** dropped)));
  if (dtype === "f16") {
    // Below 2^-14 the grid is uniform: at 0.5 an f32's unit is 2^-24 too, so an addition does the rounding.
    const small = kit.asInt(
      kit.float(
        "sub",
        kit.float("add", kit.asFloat(magnitude), kit.floatConst("0.5")),
        kit.floatConst("0.5"),
      ),
    );
    result = kit.choose(kit.int("lt_s", magnitude, kit.intConst(0x38800000)), small, result);
    const rounded = kit.keepInt(result, w);
    result = kit.choose(
      kit.int("ge_s", rounded, kit.intConst(0x47800000)),
      kit.intConst(0x7f800000),
      rounded,
    );
  }
  result = kit.choose(kit.int("gt_s", magnitude, kit.intConst(0x7f800000)), kit.intConst(0x7fc00000), result);
  const sign = kit.bits("and", bits, kit.intConst(-0x80000000));
  return kit.asFloat(kit.bits("or", result, sign));
}

/** The 16 bits of an f16 or bf16, zero-extended, to its value. */
export const fromBitsScalar = (raw: string, dtype: Dtype, w: Writer): string =>
  fromBits(raw, dtype, w, scalarKit);
export const fromBitsVector = (raw: string, dtype: Dtype, w: Writer): string =>
  fromBits(raw, dtype, w, vectorKit);

function fromBits(raw: string, dtype: Dtype, w: Writer, kit: Kit): string {
  if (dtype === "bf16") return kit.asFloat(kit.shift("shl", raw, 16));
  const bits = kit.keepInt(raw, w);
  const magnitude = kit.keepInt(kit.shift("shl", kit.bits("and", bits, kit.intConst(0x7fff)), 13), w);
  // 2^112 moves the exponent's bias from 15 to 127, subnormals included.
  const scaled = kit.asInt(
    kit.float("mul", kit.asFloat(magnitude), kit.floatConst("5192296858534827628530496329220096")),
  );
  const special = kit.bits("or", magnitude, kit.intConst(0x7f800000));
  const value = kit.choose(kit.int("ge_s", magnitude, kit.intConst(0x7c00 << 13)), special, scaled);
  const sign = kit.shift("shl", kit.bits("and", bits, kit.intConst(0x8000)), 16);
  return kit.asFloat(kit.bits("or", value, sign));
}

/** The 16 bits, zero-extended, of a value that lies on the grid. */
export const toBitsScalar = (value: string, dtype: Dtype, w: Writer): string =>
  toBits(value, dtype, w, scalarKit);
export const toBitsVector = (value: string, dtype: Dtype, w: Writer): string =>
  toBits(value, dtype, w, vectorKit);

function toBits(value: string, dtype: Dtype, w: Writer, kit: Kit): string {
  if (dtype === "bf16") return kit.shift("shr_u", kit.asInt(value), 16);
  const bits = kit.keepInt(kit.asInt(value), w);
  const magnitude = kit.keepInt(kit.bits("and", bits, kit.intConst(0x7fffffff)), w);
  const scaled = kit.asInt(
    kit.float("mul", kit.asFloat(magnitude), kit.floatConst("1.925929944387235853e-34")),
  );
  const finite = kit.shift("shr_u", scaled, 13);
  const infinite = kit.choose(
    kit.int("gt_s", magnitude, kit.intConst(0x7f800000)),
    kit.intConst(0x7e00),
    kit.intConst(0x7c00),
  );
  const result = kit.choose(kit.int("ge_s", magnitude, kit.intConst(0x7f800000)), infinite, finite);
  const sign = kit.bits("and", kit.shift("shr_u", bits, 16), kit.intConst(0x8000));
  return kit.bits("or", result, sign);
}
