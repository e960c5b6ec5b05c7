// The op table's lane functions with a fast path: for the dtypes that kernels spend their time in, closures that
// skip the table's general normalising. They compute the same; a test compares them with the table.

import { isFloat, type Dtype } from "../../lang/dtypes.ts";
import type { Scalar } from "./ir.ts";
import { opInfo, type OpName } from "./ops.ts";

export type LaneFunction = (a: Scalar, b: Scalar, c: Scalar) => Scalar;
type Numeric = (a: number, b: number, c: number) => Scalar;
type Table = Partial<Record<OpName, Numeric>>;

const f32: Table = {
  add: (a, b) => Math.fround(a + b),
  sub: (a, b) => Math.fround(a - b),
  mul: (a, b) => Math.fround(a * b),
  div: (a, b) => Math.fround(a / b),
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  neg: (a) => -a,
  abs: (a) => Math.abs(a),
  sqrt: (a) => Math.fround(Math.sqrt(a)),
  floor: (a) => Math.floor(a),
  ceil: (a) => Math.ceil(a),
  trunc: (a) => Math.trunc(a),
};

const f64: Table = {
  ...f32,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  sqrt: (a) => Math.sqrt(a),
};

const i32: Table = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  floordiv: (a, b) => Math.floor(a / b) | 0,
  mod: (a, b) => (a - b * Math.floor(a / b)) | 0,
  min: (a, b) => (a < b ? a : b),
  max: (a, b) => (a > b ? a : b),
  neg: (a) => -a | 0,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => ~a,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
};

const fast: Partial<Record<Dtype, Table>> = { f32, f64, i32 };

const comparisons: Partial<Record<OpName, LaneFunction>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

/** The conversions that lose nothing: the value is the same number. */
function widens(from: Dtype, to: Dtype): boolean {
  if (to === "f64") return isFloat(from) || ["i8", "i16", "i32", "u8", "u16", "u32"].includes(from);
  if (to === "f32") return ["i8", "i16", "u8", "u16", "f16", "bf16"].includes(from);
  return to === "i32" && ["i8", "i16", "u8", "u16"].includes(from);
}

/** What one lane of an op computes, or undefined for ops on whole vectors. */
export function laneFunction(name: OpName, dtype: Dtype, result: Dtype): LaneFunction | undefined {
  const { lane, arity } = opInfo(name);
  if (!lane) return undefined;
  const direct = fast[dtype]?.[name];
  if (direct) return direct as LaneFunction;
  const comparison = comparisons[name];
  if (comparison) return comparison;
  if (name === "convert" && widens(dtype, result)) return (a) => a;
  if (name === "convert" && dtype === "i32" && result === "f32") return (a) => Math.fround(a as number);
  if (dtype === "bool") {
    if (name === "and") return (a, b) => a === true && b === true;
    if (name === "or") return (a, b) => a === true || b === true;
    if (name === "not") return (a) => a !== true;
  }
  if (arity === 1) return (a) => lane([a], dtype, result);
  if (arity === 2) return (a, b) => lane([a, b], dtype, result);
  return (a, b, c) => lane([a, b, c], dtype, result);
}
