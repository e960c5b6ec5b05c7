// The intermediate representation: immutable loop nests over buffers and named values. Lowering makes it,
// schedules and passes rewrite it, the interpreter defines what it means, targets print it. A kernel is in one
// of two forms: `nest` (accesses by logical coordinates) and, late, `flat` (one element offset an access).
//
// Names of values, loops, dims, scalar parameters and reduction results are unique in a kernel; names of
// buffers too, in a space of their own. A value is in scope from its statement to the end of the block.

import type { Dtype } from "../../lang/dtypes.ts";
import type { Span } from "../../lang/source.ts";
import type { OpName } from "./ops.ts";

/** A scalar (`lanes` 1) or a vector of lanes. */
export interface IrType {
  readonly dtype: Dtype;
  readonly lanes: number;
}

/** Values while compiling and interpreting: bigint for i64 and u64, boolean for bool, number otherwise. */
export type Scalar = number | bigint | boolean;

// ---- expressions: no effects, evaluated where they stand ---------------------------------------------

export type Expr = ConstExpr | RefExpr | OpExpr | LoadExpr;

export interface ConstExpr {
  readonly kind: "const";
  readonly type: IrType;
  /** One value; for a vector type, the same in every lane. */
  readonly value: Scalar;
  readonly span?: Span;
}
/** A `let`, `var`, loop variable, dim, scalar parameter, reduction result. */
export interface RefExpr {
  readonly kind: "ref";
  readonly type: IrType;
  readonly name: string;
  readonly span?: Span;
}
/** A row of the op table applied to operands; `imm` holds what the row calls immediates (lane numbers). */
export interface OpExpr {
  readonly kind: "op";
  readonly type: IrType;
  readonly op: OpName;
  readonly args: readonly Expr[];
  readonly imm?: readonly number[];
  readonly span?: Span;
}
/**
 * Reads a buffer. `nest` form: one index a dim, each a scalar i32 or a vector of `type.lanes` i32; flat form:
 * one element offset, from the element at coordinates 0. A vector load has at least one vector index. Where `guard`
 * (bool, as many lanes) is false, nothing is read and the value is zero; the index is evaluated all the same.
 * Sub-byte buffers are read as i32, and a store into one keeps the low bits of an i32.
 */
export interface LoadExpr {
  readonly kind: "load";
  readonly type: IrType;
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly guard?: Expr;
  readonly span?: Span;
}

// ---- statements --------------------------------------------------------------------------------------

export type Stmt =
  | LetStmt
  | VarStmt
  | AssignStmt
  | AllocStmt
  | StoreStmt
  | ForStmt
  | WhileStmt
  | IfStmt
  | JumpStmt
  | AssertStmt
  | ReduceStmt
  | YieldStmt;

export interface LetStmt {
  readonly kind: "let";
  readonly name: string;
  readonly value: Expr;
  readonly span?: Span;
}
/** Declares a mutable register. */
export interface VarStmt {
  readonly kind: "var";
  readonly name: string;
  readonly init: Expr;
  readonly span?: Span;
}
export interface AssignStmt {
  readonly kind: "assign";
  readonly name: string;
  readonly value: Expr;
  readonly span?: Span;
}
/** A local buffer comes to life here, at each execution anew: filled, or undefined until written. */
export interface AllocStmt {
  readonly kind: "alloc";
  readonly buffer: string;
  readonly fill?: Expr;
  readonly span?: Span;
}
/** Writes a buffer where `guard` is absent or true. `atomic`: the element becomes op(element, value) indivisibly. */
export interface StoreStmt {
  readonly kind: "store";
  readonly buffer: string;
  readonly index: readonly Expr[];
  readonly value: Expr;
  readonly guard?: Expr;
  readonly atomic?: "add" | "min" | "max" | "and" | "or" | "xor";
  readonly span?: Span;
}
/** `name` runs over lo, lo + step, … below hi; both are evaluated once, at entry. All scalars are i32; step >= 1. */
export interface ForStmt {
  readonly kind: "for";
  readonly name: string;
  readonly lo: Expr;
  readonly hi: Expr;
  readonly step: number;
  readonly marks: LoopMarks;
  /** Annotations of the statement that this loop begins, until the scheduler has carried them out. */
  readonly schedule?: readonly Directive[];
  readonly body: readonly Stmt[];
  readonly span?: Span;
}
/** A loop by its name in the IR, or one of the loops over its tiles: level 0 is the outermost. */
export interface LoopRef {
  readonly loop: string;
  readonly level?: number;
}
/** An annotation that a schedule carries out; of a search space, the first value. */
export type Directive = {
  readonly span?: Span;
  /** Written for the TSP alone: only such annotations steer its lowering. */
  readonly target?: "tsp";
} & (
  | {
      readonly kind: "tile";
      readonly sizes: readonly { readonly loop: string; readonly sizes: readonly number[] }[];
    }
  | { readonly kind: "order" | "fuse" | "parallel" | "threads"; readonly loops: readonly LoopRef[] }
  | { readonly kind: "stage"; readonly buffers: readonly string[]; readonly at?: LoopRef }
  | {
      readonly kind: "vectorize";
      readonly loops: readonly LoopRef[];
      readonly width?: number;
      readonly tail: Tail;
    }
  | { readonly kind: "unroll"; readonly loops: readonly LoopRef[]; readonly factor: number }
);
/** How a loop is to be executed; never what it computes. Legality was proved when a mark was set. */
export interface LoopMarks {
  readonly parallel?: true;
  readonly threads?: true;
  /**
   * Threads that take turns where there are more of them than invocations: the lanes of a loop that was marked `vectorize`, on
   * a target whose lanes are invocations; or a loop of the source that isn't one over tiles.
   */
  readonly lanes?: "vectorized" | "turns";
  readonly vectorize?: { readonly width?: number; readonly tail: Tail };
  /** A factor, or 0 for wholly. */
  readonly unroll?: number;
  /** Combines one value with all elements of an array; subgroups of a workgroup may do it, in any order. */
  readonly subgroups?: true;
  /** The variable's name in the source, where it has one; annotations and reports use it. */
  readonly label?: string;
}
/**
 * What becomes of the iterations that don't fill a vector: one more vector under a mask; ever narrower
 * vectors; scalar iterations; or none, the width being proved to divide.
 */
export type Tail = "mask" | "peel" | "scalar" | "exact";

export interface WhileStmt {
  readonly kind: "while";
  readonly cond: Expr;
  readonly body: readonly Stmt[];
  readonly span?: Span;
}
export interface IfStmt {
  readonly kind: "if";
  readonly cond: Expr;
  readonly then: readonly Stmt[];
  readonly orelse: readonly Stmt[];
  readonly span?: Span;
}
/** Of the nearest `for` or `while` around it. */
export interface JumpStmt {
  readonly kind: "break" | "continue";
  readonly span?: Span;
}
/** Where `cond` is false the call fails with this message and hands out no result. */
export interface AssertStmt {
  readonly kind: "assert";
  readonly cond: Expr;
  readonly message: string;
  /**
   * `source`: written by the user; a run-time check, unless proved. `obligation`: added by lowering (shapes that must
   * agree where a kernel calls a kernel, a divisor that must not be 0, a shift below the width, argmax of something):
   * the prover must prove and remove it, or report an error.
   */
  readonly origin: "source" | "obligation";
  readonly span?: Span;
}

/**
 * A declared reduction. Its accumulators start at `init`; each `yield` into it, anywhere in `body`, combines its
 * values into them, in any order and association; afterwards `results` name the accumulators' values. The body
 * neither writes buffers that outlive it nor assigns variables declared outside.
 *
 * `sum` … `all` may have several results: each combines with its own value of a yield, as in so many reductions over
 * the same loops. `argmax`/`argmin`: result 0 is the value, the others i32 positions; of equal values the lexicographically
 * smallest positions win, and NaN wins over numbers.
 */
export interface ReduceStmt {
  readonly kind: "reduce";
  readonly results: readonly { readonly name: string; readonly type: IrType }[];
  readonly op: "sum" | "prod" | "max" | "min" | "any" | "all" | "argmax" | "argmin" | "custom";
  readonly init: readonly Expr[];
  /** `custom` only. */
  readonly combine?: Combine;
  readonly body: readonly Stmt[];
  readonly span?: Span;
}
/** left ⊕ right = values, computed by `body`; associative and commutative by declaration, `init` its identity. */
export interface Combine {
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly body: readonly Stmt[];
  readonly values: readonly Expr[];
}
/** Combines `values` into the reduction whose first result is named `into`. */
export interface YieldStmt {
  readonly kind: "yield";
  readonly into: string;
  readonly values: readonly Expr[];
  readonly span?: Span;
}

// ---- kernels -----------------------------------------------------------------------------------------

export interface Buffer {
  readonly name: string;
  readonly dtype: Dtype;
  /**
   * `param`: a tensor argument. `local`: an Array, alive from its `alloc` to the end of the block, one for
   * each iteration. `panel`: a staged copy, the same but made by a schedule. `kernel`: scratch of one call that
   * all phases share.
   */
  readonly space: "param" | "local" | "panel" | "kernel";
  /** Scalar i32 expressions over dims, constants and scalar parameters. */
  readonly shape: readonly Expr[];
  readonly span?: Span;
}

export type IrParam =
  | {
      readonly kind: "tensor";
      readonly buffer: string;
      readonly mode: "in" | "out" | "mut";
      readonly span?: Span;
    }
  | { readonly kind: "scalar"; readonly name: string; readonly dtype: Dtype; readonly span?: Span };

/**
 * A dimension, taken from axis `axis` of parameter number `param`. With `of: "stride"` it's the distance in
 * elements between neighbours on that axis instead; flat kernels address strided arguments with it.
 */
export interface IrDim {
  readonly name: string;
  readonly param: number;
  readonly axis: number;
  readonly of?: "stride";
}

/** What a caller must meet: a bool expression over dims and scalar parameters, and how the source says it. */
export interface Requirement {
  readonly cond: Expr;
  readonly text: string;
  readonly span?: Span;
}

export interface IrKernel {
  readonly name: string;
  /** `bytes`: flat, with byte addresses, as strength-reduce makes them for targets that have such. */
  readonly form: "nest" | "flat" | "bytes";
  readonly params: readonly IrParam[];
  readonly dims: readonly IrDim[];
  readonly buffers: readonly Buffer[];
  readonly requires: readonly Requirement[];
  readonly body: readonly Stmt[];
  readonly span?: Span;
}

// ---- construction ------------------------------------------------------------------------------------

export const i32: IrType = { dtype: "i32", lanes: 1 };
export const bool: IrType = { dtype: "bool", lanes: 1 };

export function scalarType(dtype: Dtype): IrType {
  return { dtype, lanes: 1 };
}
export function vectorType(dtype: Dtype, lanes: number): IrType {
  return { dtype, lanes };
}
export function sameType(a: IrType, b: IrType): boolean {
  return a.dtype === b.dtype && a.lanes === b.lanes;
}
export function constant(value: Scalar, type: IrType, span?: Span): ConstExpr {
  return { kind: "const", type, value, span };
}
/** An i32 constant. */
export function int(value: number, span?: Span): ConstExpr {
  return { kind: "const", type: i32, value, span };
}
export function ref(name: string, type: IrType, span?: Span): RefExpr {
  return { kind: "ref", type, name, span };
}
/** Applies an op whose result type is given; the verifier checks it against the table. */
export function op(
  name: OpName,
  type: IrType,
  args: readonly Expr[],
  span?: Span,
  imm?: readonly number[],
): OpExpr {
  return imm ? { kind: "op", type, op: name, args, imm, span } : { kind: "op", type, op: name, args, span };
}
