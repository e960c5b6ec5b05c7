// Which instruction does which op: one row an op, a cell a kind of operand. `?` stands for s or u, as the dtype
// is signed. What has no cell is written as a function in scalar-ops.ts or vector-ops.ts.

import type { OpName } from "../../ir/ops.ts";

/** Scalars: suffixes of i32/i64 and of f32/f64 instructions. */
export interface ScalarRow {
  readonly int?: string;
  readonly float?: string;
  /** The result leaves the range of integers narrower than 32 bits and must be wrapped. */
  readonly wraps?: true;
  /** The result leaves the grid of f16 and bf16 and must be rounded. */
  readonly rounds?: true;
}

// prettier-ignore
export const scalarTable: Readonly<Partial<Record<OpName, ScalarRow>>> = {
  add:   { int: "add", float: "add", wraps: true, rounds: true },
  sub:   { int: "sub", float: "sub", wraps: true, rounds: true },
  mul:   { int: "mul", float: "mul", wraps: true, rounds: true },
  div:   { float: "div", rounds: true },
  min:   { float: "min" },
  max:   { float: "max" },
  neg:   { float: "neg" },
  abs:   { float: "abs" },
  sqrt:  { float: "sqrt", rounds: true },
  floor: { float: "floor" },
  ceil:  { float: "ceil" },
  trunc: { float: "trunc" },
  round: { float: "nearest" },
  and:   { int: "and" },
  or:    { int: "or" },
  xor:   { int: "xor" },
  shl:   { int: "shl", wraps: true },
  shr:   { int: "shr_?" },
  eq:    { int: "eq", float: "eq" },
  ne:    { int: "ne", float: "ne" },
  lt:    { int: "lt_?", float: "lt" },
  le:    { int: "le_?", float: "le" },
  gt:    { int: "gt_?", float: "gt" },
  ge:    { int: "ge_?", float: "ge" },
};

/** Vectors: suffixes by shape; `ints` and `floats` stand for all shapes of their kind. */
export interface VectorRow {
  readonly ints?: string;
  readonly floats?: string;
  readonly i8x16?: string | null;
  readonly i16x8?: string | null;
  readonly i32x4?: string | null;
  readonly i64x2?: string | null;
  readonly rounds?: true;
}

// prettier-ignore
export const vectorTable: Readonly<Partial<Record<OpName, VectorRow>>> = {
  add:   { ints: "add", floats: "add", rounds: true },
  sub:   { ints: "sub", floats: "sub", rounds: true },
  mul:   { ints: "mul", i8x16: null, floats: "mul", rounds: true },
  div:   { floats: "div", rounds: true },
  min:   { ints: "min_?", i64x2: null, floats: "min" },
  max:   { ints: "max_?", i64x2: null, floats: "max" },
  neg:   { ints: "neg", floats: "neg" },
  abs:   { floats: "abs" },
  sqrt:  { floats: "sqrt", rounds: true },
  floor: { floats: "floor" },
  ceil:  { floats: "ceil" },
  trunc: { floats: "trunc" },
  round: { floats: "nearest" },
  eq:    { ints: "eq", floats: "eq" },
  ne:    { ints: "ne", floats: "ne" },
  // i64x2 compares as signed only.
  lt:    { ints: "lt_?", i64x2: "lt_s", floats: "lt" },
  le:    { ints: "le_?", i64x2: "le_s", floats: "le" },
  gt:    { ints: "gt_?", i64x2: "gt_s", floats: "gt" },
  ge:    { ints: "ge_?", i64x2: "ge_s", floats: "ge" },
};

/** Whole-register bit operations, the same for every shape and for masks. */
export const bitTable: Readonly<Partial<Record<OpName, string>>> = {
  and: "v128.and",
  or: "v128.or",
  xor: "v128.xor",
};
