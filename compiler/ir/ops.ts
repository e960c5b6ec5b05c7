// The op table: every operation of the IR, one row each, with its operands, result, reference semantics and
// cost. The verifier, the printer and text parser, the interpreter, the passes, the documentation and the
// targets read it; a fact about an op is a column here, not an `if` elsewhere.
//
// Reference semantics work on one lane; the interpreter maps them over vectors. Rows of band `vector` see whole
// vectors. Values are normalised to their dtype before and after (see `normalise` in values.ts).

import { dtypeInfo, isInteger, type Dtype } from "../../lang/dtypes.ts";
import type { IrType, Scalar } from "./ir.ts";
import * as value from "./values.ts";

export type Band = "arithmetic" | "float" | "bits" | "compare" | "logic" | "convert" | "vector";

/** Which dtypes the operands may have. */
export type OperandClass = "number" | "float" | "integer" | "integer-or-bool" | "bool" | "any";

/** How the result type follows from the operands' types. */
export type ResultRule =
  /** That of operand 0 (all operands agree). */
  | "same"
  /** bool, with operand 0's lanes. */
  | "bool"
  /** That of operand 1; operand 0 is a bool mask with as many lanes, or one. */
  | "select"
  /** The node's own type, whose lanes are operand 0's. */
  | "stated"
  /** The node's own type, of operand 0's dtype, with other lanes. */
  | "lanes"
  /** The node's own type; the row's `check` decides. */
  | "special";

export interface OpInfo {
  readonly band: Band;
  /** Number of operands; -1 for any number from 1 on. */
  readonly arity: number;
  readonly operands: OperandClass;
  readonly result: ResultRule;
  /** Number of immediates, -1 for any; 0 if absent. */
  readonly immediates?: number;
  /** Immediates that may be left out. */
  readonly optional?: true;
  readonly commutative?: true;
  /** Associative in exact arithmetic (floats: only as a declared reduction). */
  readonly associative?: true;
  /** May not be evaluated speculatively: the operands must be proved fit (a divisor nonzero, a shift in range). */
  readonly partial?: true;
  /** Partial rows: what is wrong with one lane's operands, or undefined where they are fit. */
  readonly unfit?: (args: readonly Scalar[], dtype: Dtype) => string | undefined;
  /** Rows whose result has `lanes`: stated by the node, one for each operand or immediate, or a number. */
  readonly lanes?: "stated" | "operands" | "immediates" | 1;
  /** `special` rows: the operand whose type the result has. */
  readonly typeOf?: number;
  /** What is wrong with the operands beyond their class and the result rule, or undefined. */
  readonly check?: (args: readonly IrType[], result: IrType, imm: readonly number[]) => string | undefined;
  /** Rough cost of one scalar execution, add = 1; the cost model scales it. */
  readonly cost: number;
  /** One lane: operands' values and dtype in, the result's dtype for conversions. */
  readonly lane?: (args: readonly Scalar[], dtype: Dtype, result: Dtype) => Scalar;
  /** Whole vectors, for rows without `lane`; scalars come as arrays of one. */
  readonly vector?: (
    args: readonly (readonly Scalar[])[],
    types: readonly IrType[],
    result: IrType,
    imm: readonly number[],
  ) => readonly Scalar[];
  /** One line for the reference. */
  readonly doc: string;
}

const zeroDivisor = ([, b]: readonly Scalar[]): string | undefined =>
  b === 0 || b === 0n ? "the divisor is 0" : undefined;
const wideShift = ([, b]: readonly Scalar[], dtype: Dtype): string | undefined =>
  Number(b) >= 0 && Number(b) < dtypeInfo(dtype).bits
    ? undefined
    : `a shift by ${b} in a type of ${dtypeInfo(dtype).bits} bits`;

type Check = NonNullable<OpInfo["check"]>;
const scalars: Check = (args) =>
  args.every((arg) => arg.lanes === 1) ? undefined : "the operands are scalars";
const integral: Check = (_args, result) => (isInteger(result.dtype) ? undefined : "the result is an integer");
const sameWidth: Check = ([a], result) =>
  a!.dtype === "bool" || result.dtype === "bool" || dtypeInfo(a!.dtype).bits !== dtypeInfo(result.dtype).bits
    ? "both dtypes have one width, and neither is bool"
    : undefined;
const lanesExist: Check = ([a], _result, imm) =>
  imm.every((lane) => Number.isInteger(lane) && lane >= 0 && lane < a!.lanes) ? undefined : "no such lane";
const inserted: Check = (args, result, imm) =>
  args[1]!.lanes !== 1 || args[1]!.dtype !== args[0]!.dtype
    ? "operand 1 is a scalar of operand 0's dtype"
    : lanesExist(args, result, imm);
const dotted: Check = ([a, b, acc]) =>
  dtypeInfo(a!.dtype).bits !== 8 || dtypeInfo(b!.dtype).bits !== 8 || a!.lanes !== b!.lanes
    ? "operands 0 and 1 are 8-bit vectors of one length"
    : acc!.dtype !== "i32" || acc!.lanes * 4 !== a!.lanes
      ? "operand 2 is an i32 vector of a quarter of the lanes"
      : undefined;
const paired: Check = ([a, b, acc]) =>
  [a!, b!].some(({ dtype, lanes }) => !(dtypeInfo(dtype).bits === 8 || dtype === "i16") || lanes !== a!.lanes)
    ? "operands 0 and 1 are vectors of one length, of 8-bit integers or i16"
    : acc!.dtype !== "i32" || acc!.lanes * 2 !== a!.lanes
      ? "operand 2 is an i32 vector of half of the lanes"
      : undefined;

function row<const R extends OpInfo>(info: R): OpInfo {
  return info;
}

// prettier-ignore
export const ops = {
  // ---- arithmetic: integers wrap as their width says, floats round to nearest even ----
  add: row({ band: "arithmetic", arity: 2, operands: "number", result: "same", commutative: true, associative: true, cost: 1, lane: ([a, b], t) => value.add(a!, b!, t), doc: "a + b" }),
  sub: row({ band: "arithmetic", arity: 2, operands: "number", result: "same", cost: 1, lane: ([a, b], t) => value.sub(a!, b!, t), doc: "a - b" }),
  mul: row({ band: "arithmetic", arity: 2, operands: "number", result: "same", commutative: true, associative: true, cost: 1, lane: ([a, b], t) => value.mul(a!, b!, t), doc: "a * b" }),
  div: row({ band: "float", arity: 2, operands: "float", result: "same", cost: 8, lane: ([a, b], t) => value.div(a!, b!, t), doc: "a / b, floats only" }),
  floordiv: row({ band: "arithmetic", arity: 2, operands: "integer", result: "same", partial: true, unfit: zeroDivisor, cost: 12, lane: ([a, b], t) => value.floordiv(a!, b!, t), doc: "the greatest integer <= a / b; b is not 0" }),
  mod: row({ band: "arithmetic", arity: 2, operands: "integer", result: "same", partial: true, unfit: zeroDivisor, cost: 12, lane: ([a, b], t) => value.mod(a!, b!, t), doc: "a - b * floordiv(a, b), with b's sign; b is not 0" }),
  min: row({ band: "arithmetic", arity: 2, operands: "number", result: "same", commutative: true, associative: true, cost: 1, lane: ([a, b], t) => value.min(a!, b!, t), doc: "the smaller; NaN if either is; -0 is below +0" }),
  max: row({ band: "arithmetic", arity: 2, operands: "number", result: "same", commutative: true, associative: true, cost: 1, lane: ([a, b], t) => value.max(a!, b!, t), doc: "the greater; NaN if either is; +0 is above -0" }),
  neg: row({ band: "arithmetic", arity: 1, operands: "number", result: "same", cost: 1, lane: ([a], t) => value.neg(a!, t), doc: "-a" }),
  abs: row({ band: "arithmetic", arity: 1, operands: "number", result: "same", cost: 1, lane: ([a], t) => value.abs(a!, t), doc: "|a|; the most negative integer stays itself" }),
  // ---- floats ----
  fma: row({ band: "float", arity: 3, operands: "float", result: "same", cost: 1, lane: ([a, b, c], t) => value.fma(a!, b!, c!, t), doc: "a * b + c rounded once; a target may round twice" }),
  sqrt: row({ band: "float", arity: 1, operands: "float", result: "same", cost: 10, lane: ([a], t) => value.unaryFloat(Math.sqrt, a!, t), doc: "the square root, correctly rounded" }),
  floor: row({ band: "float", arity: 1, operands: "float", result: "same", cost: 1, lane: ([a], t) => value.unaryFloat(Math.floor, a!, t), doc: "the greatest integer <= a" }),
  ceil: row({ band: "float", arity: 1, operands: "float", result: "same", cost: 1, lane: ([a], t) => value.unaryFloat(Math.ceil, a!, t), doc: "the smallest integer >= a" }),
  trunc: row({ band: "float", arity: 1, operands: "float", result: "same", cost: 1, lane: ([a], t) => value.unaryFloat(Math.trunc, a!, t), doc: "a without its fraction" }),
  round: row({ band: "float", arity: 1, operands: "float", result: "same", cost: 1, lane: ([a], t) => value.unaryFloat(value.roundHalfEven, a!, t), doc: "the nearest integer, halves to even" }),
  // ---- bits ----
  and: row({ band: "bits", arity: 2, operands: "integer-or-bool", result: "same", commutative: true, associative: true, cost: 1, lane: ([a, b], t) => value.and(a!, b!, t), doc: "bitwise or logical and; both sides are evaluated" }),
  or: row({ band: "bits", arity: 2, operands: "integer-or-bool", result: "same", commutative: true, associative: true, cost: 1, lane: ([a, b], t) => value.or(a!, b!, t), doc: "bitwise or logical or; both sides are evaluated" }),
  xor: row({ band: "bits", arity: 2, operands: "integer-or-bool", result: "same", commutative: true, associative: true, cost: 1, lane: ([a, b], t) => value.xor(a!, b!, t), doc: "bitwise or logical exclusive or" }),
  not: row({ band: "bits", arity: 1, operands: "integer-or-bool", result: "same", cost: 1, lane: ([a], t) => value.not(a!, t), doc: "bitwise complement, or logical not" }),
  shl: row({ band: "bits", arity: 2, operands: "integer", result: "same", partial: true, unfit: wideShift, cost: 1, lane: ([a, b], t) => value.shl(a!, b!, t), doc: "a << b; 0 <= b < width" }),
  shr: row({ band: "bits", arity: 2, operands: "integer", result: "same", partial: true, unfit: wideShift, cost: 1, lane: ([a, b], t) => value.shr(a!, b!, t), doc: "a >> b, arithmetic for signed types; 0 <= b < width" }),
  clz: row({ band: "bits", arity: 1, operands: "integer", result: "same", cost: 1, lane: ([a], t) => value.clz(a!, t), doc: "leading zero bits" }),
  ctz: row({ band: "bits", arity: 1, operands: "integer", result: "same", cost: 1, lane: ([a], t) => value.ctz(a!, t), doc: "trailing zero bits; the width for 0" }),
  popcount: row({ band: "bits", arity: 1, operands: "integer", result: "same", cost: 1, lane: ([a], t) => value.popcount(a!, t), doc: "bits set" }),
  // ---- comparison: IEEE, so every comparison with NaN but `ne` is false ----
  eq: row({ band: "compare", arity: 2, operands: "any", result: "bool", commutative: true, cost: 1, lane: ([a, b]) => a === b, doc: "a == b" }),
  ne: row({ band: "compare", arity: 2, operands: "any", result: "bool", commutative: true, cost: 1, lane: ([a, b]) => a !== b, doc: "a != b" }),
  lt: row({ band: "compare", arity: 2, operands: "number", result: "bool", cost: 1, lane: ([a, b]) => a! < b!, doc: "a < b" }),
  le: row({ band: "compare", arity: 2, operands: "number", result: "bool", cost: 1, lane: ([a, b]) => a! <= b!, doc: "a <= b" }),
  gt: row({ band: "compare", arity: 2, operands: "number", result: "bool", cost: 1, lane: ([a, b]) => a! > b!, doc: "a > b" }),
  ge: row({ band: "compare", arity: 2, operands: "number", result: "bool", cost: 1, lane: ([a, b]) => a! >= b!, doc: "a >= b" }),
  select: row({ band: "logic", arity: 3, operands: "any", result: "select", cost: 1, lane: ([c, a, b]) => (c ? a! : b!), doc: "a where c, else b; both are evaluated" }),
  // ---- conversion ----
  convert: row({ band: "convert", arity: 1, operands: "any", result: "stated", cost: 1, lane: ([a], t, r) => value.convert(a!, t, r), doc: "to the stated dtype: floats round, float to integer truncates and saturates (NaN to 0), integers wrap, bool is 0 or 1, to bool is != 0" }),
  saturate: row({ band: "convert", arity: 1, operands: "number", result: "stated", check: integral, cost: 2, lane: ([a], t, r) => value.saturate(a!, t, r), doc: "to the stated integer dtype, clamped to its range; floats round half to even first" }),
  bitcast: row({ band: "convert", arity: 1, operands: "any", result: "stated", check: sameWidth, cost: 0, lane: ([a], t, r) => value.bitcast(a!, t, r), doc: "the same bits as another dtype of one width" }),
  // ---- vectors ----
  splat: row({ band: "vector", arity: 1, operands: "any", result: "lanes", lanes: "stated", check: scalars, cost: 1, vector: ([a], _t, r) => Array.from({ length: r.lanes }, () => a![0]!), doc: "one scalar in every lane" }),
  ramp: row({ band: "vector", arity: 2, operands: "integer", result: "lanes", lanes: "stated", check: scalars, cost: 1, vector: ([a, b], t, r) => Array.from({ length: r.lanes }, (_, lane) => value.add(a![0]!, value.mul(b![0]!, value.convert(lane, "i32", t[0]!.dtype), t[0]!.dtype), t[0]!.dtype)), doc: "base, base + stride, … from two scalars" }),
  vec: row({ band: "vector", arity: -1, operands: "any", result: "lanes", lanes: "operands", check: scalars, cost: 2, vector: (args) => args.map((lane) => lane[0]!), doc: "a vector of as many scalars" }),
  lane: row({ band: "vector", arity: 1, operands: "any", result: "lanes", immediates: 1, lanes: 1, check: lanesExist, cost: 1, vector: ([a], _t, _r, [lane]) => [a![lane!]!], doc: "one lane as a scalar" }),
  insert: row({ band: "vector", arity: 2, operands: "any", result: "special", immediates: 1, typeOf: 0, check: inserted, cost: 1, vector: ([a, b], _t, _r, [lane]) => a!.map((old, at) => (at === lane ? b![0]! : old)), doc: "the vector with one lane replaced" }),
  shuffle: row({ band: "vector", arity: 1, operands: "any", result: "lanes", immediates: -1, lanes: "immediates", check: lanesExist, cost: 1, vector: ([a], _t, _r, imm) => imm.map((lane) => a![lane]!), doc: "lanes picked by number" }),
  vsum: row({ band: "vector", arity: 1, operands: "number", result: "lanes", lanes: 1, cost: 4, vector: ([a], [t]) => [value.halve(a!, (x, y) => value.add(x, y, t!.dtype))], doc: "the sum of the lanes: halves added until one is left" }),
  vprod: row({ band: "vector", arity: 1, operands: "number", result: "lanes", lanes: 1, cost: 4, vector: ([a], [t]) => [value.halve(a!, (x, y) => value.mul(x, y, t!.dtype))], doc: "the product of the lanes, in halves" }),
  vmax: row({ band: "vector", arity: 1, operands: "number", result: "lanes", lanes: 1, cost: 4, vector: ([a], [t]) => [value.halve(a!, (x, y) => value.max(x, y, t!.dtype))], doc: "the greatest lane" }),
  vmin: row({ band: "vector", arity: 1, operands: "number", result: "lanes", lanes: 1, cost: 4, vector: ([a], [t]) => [value.halve(a!, (x, y) => value.min(x, y, t!.dtype))], doc: "the smallest lane" }),
  vany: row({ band: "vector", arity: 1, operands: "bool", result: "lanes", lanes: 1, cost: 2, vector: ([a]) => [a!.some(Boolean)], doc: "whether any lane is true" }),
  vall: row({ band: "vector", arity: 1, operands: "bool", result: "lanes", lanes: 1, cost: 2, vector: ([a]) => [a!.every(Boolean)], doc: "whether every lane is true" }),
  dot4: row({ band: "vector", arity: 3, operands: "integer", result: "special", immediates: 1, optional: true, typeOf: 2, check: dotted, cost: 2, vector: ([a, b, acc]) => acc!.map((sum, l) => [0, 1, 2, 3].reduce((total, q) => (total + Number(a![4 * l + q]) * Number(b![4 * l + q])) | 0, Number(sum))), doc: "acc[l] + the sum over q < 4 of a[4l+q] * b[4l+q], in i32; a and b are 8-bit, signed or not; bit 0 (1) of an immediate says that the lanes of a (b) lie in 0 … 127" }),
  dot2: row({ band: "vector", arity: 3, operands: "integer", result: "special", typeOf: 2, check: paired, cost: 2, vector: ([a, b, acc]) => acc!.map((sum, l) => [0, 1].reduce((total, q) => (total + Number(a![2 * l + q]) * Number(b![2 * l + q])) | 0, Number(sum))), doc: "acc[l] + the sum over q < 2 of a[2l+q] * b[2l+q], in i32; a and b are 8-bit, signed or not, or i16" }),
} as const satisfies Record<string, OpInfo>;

export type OpName = keyof typeof ops;

/** The row of an op. */
export function opInfo(name: OpName): OpInfo {
  return ops[name];
}

export function isOpName(name: string): name is OpName {
  return Object.hasOwn(ops, name);
}
