// The built-in functions of the language, one row each: the checker dispatches on a row's `form`, and the
// documentation and completion show its signatures and text. A row of form `lanes` is data alone: it works on
// scalars and SIMD values, its operands have one type, and `over` says which dtypes that may be.

import type { TBinaryOp, TUnaryOp } from "./typed.ts";

/** Dtypes that a lanewise built-in takes. */
export type BuiltinDomain = "Float" | "Int" | "Number";

export interface LanesForm {
  readonly kind: "lanes";
  readonly over: BuiltinDomain;
  /** Fewest and most operands. */
  readonly operands: readonly [number, number];
  readonly emit:
    | { readonly kind: "unary"; readonly op: TUnaryOp }
    /** Pairwise from the left. */
    | { readonly kind: "fold"; readonly op: TBinaryOp }
    | { readonly kind: "clamp" }
    | { readonly kind: "fma" };
}

export interface Builtin {
  readonly signatures: readonly string[];
  readonly doc: string;
  readonly form:
    | LanesForm
    | { readonly kind: "select" }
    | { readonly kind: "dot4" }
    /** Takes a generator; `also` is what it does without one. */
    | { readonly kind: "reduction"; readonly also?: LanesForm }
    | { readonly kind: "convert"; readonly mode: "saturate" | "bitcast" }
    | { readonly kind: "iteration" }
    | { readonly kind: "type" }
    | { readonly kind: "test" }
    | { readonly kind: "constant" };
}

const lanes = (
  over: BuiltinDomain,
  operands: readonly [number, number],
  emit: LanesForm["emit"],
): LanesForm => ({ kind: "lanes", over, operands, emit });
const many = 64;

const table = {
  min: {
    signatures: ["min(a: T, b: T, …) -> T", "min(e for i in range(n)) -> T"],
    doc: "The smallest of its arguments, or of a generator’s values. A NaN among them is the result. Over nothing: the highest value of the type.",
    form: { kind: "reduction", also: lanes("Number", [2, many], { kind: "fold", op: "min" }) },
  },
  max: {
    signatures: ["max(a: T, b: T, …) -> T", "max(e for i in range(n)) -> T"],
    doc: "The largest of its arguments, or of a generator’s values. A NaN among them is the result. Over nothing: the lowest value of the type.",
    form: { kind: "reduction", also: lanes("Number", [2, many], { kind: "fold", op: "max" }) },
  },
  abs: {
    signatures: ["abs(x: T) -> T"],
    doc: "The absolute value. The lowest integer of a type is its own.",
    form: lanes("Number", [1, 1], { kind: "unary", op: "abs" }),
  },
  clamp: {
    signatures: ["clamp(x: T, lo: T, hi: T) -> T"],
    doc: "`min(max(x, lo), hi)`.",
    form: lanes("Number", [3, 3], { kind: "clamp" }),
  },
  round: {
    signatures: ["round(x: T) -> T"],
    doc: "The nearest integer as a float, halves to the even one.",
    form: lanes("Float", [1, 1], { kind: "unary", op: "round" }),
  },
  floor: {
    signatures: ["floor(x: T) -> T"],
    doc: "The largest integer not above x, as a float.",
    form: lanes("Float", [1, 1], { kind: "unary", op: "floor" }),
  },
  ceil: {
    signatures: ["ceil(x: T) -> T"],
    doc: "The smallest integer not below x, as a float.",
    form: lanes("Float", [1, 1], { kind: "unary", op: "ceil" }),
  },
  fma: {
    signatures: ["fma(a: T, b: T, c: T) -> T"],
    doc: "`a * b + c`; a target may round once or twice.",
    form: lanes("Float", [3, 3], { kind: "fma" }),
  },
  select: {
    signatures: [
      "select(c: bool, a: T, b: T) -> T",
      "select(m: SIMD[bool, n], a: SIMD[T, n], b: SIMD[T, n]) -> SIMD[T, n]",
    ],
    doc: "`a` where the condition holds, else `b`. Both are evaluated; with a SIMD mask it chooses lane by lane.",
    form: { kind: "select" },
  },
  dot4: {
    signatures: ["dot4(a: SIMD[i8, 4n], b: SIMD[i8, 4n], acc: SIMD[i32, n]) -> SIMD[i32, n]"],
    doc: "Adds to each lane of `acc` the sum of four products of 8-bit integers. `a` and `b` may each be i8 or u8.",
    form: { kind: "dot4" },
  },
  sum: {
    signatures: ["sum(e for i in range(n)) -> T", "sum[W](e for i in range(n)) -> W"],
    doc: "The sum in any order. f16 and bf16 are added in f32 and rounded once; 8- and 16-bit integers in i32. `sum[W]` accumulates in W and gives a W.",
    form: { kind: "reduction" },
  },
  prod: {
    signatures: ["prod(e for i in range(n)) -> T", "prod[W](e for i in range(n)) -> W"],
    doc: "The product in any order; accumulates as `sum` does.",
    form: { kind: "reduction" },
  },
  any: {
    signatures: ["any(c for i in range(n)) -> bool"],
    doc: "Whether the condition holds at least once.",
    form: { kind: "reduction" },
  },
  all: {
    signatures: ["all(c for i in range(n)) -> bool"],
    doc: "Whether the condition holds every time.",
    form: { kind: "reduction" },
  },
  mean: {
    signatures: ["mean(e for i in range(n)) -> T", "mean[W](e for i in range(n)) -> W"],
    doc: "The sum divided by the number of values; floats only. Over nothing: NaN.",
    form: { kind: "reduction" },
  },
  argmax: {
    signatures: ["argmax(e for i in range(n)) -> index"],
    doc: "The value of the loop variable at the largest e, the first of equals. There must be an element.",
    form: { kind: "reduction" },
  },
  argmin: {
    signatures: ["argmin(e for i in range(n)) -> index"],
    doc: "The value of the loop variable at the smallest e, the first of equals. There must be an element.",
    form: { kind: "reduction" },
  },
  reduce: {
    signatures: ["reduce(combine: def(T, T) -> T, init: T, e for i in range(n)) -> T"],
    doc: "Combines values with a `def` of your own, in any order; `init` is its identity. T may be a tuple or a struct.",
    form: { kind: "reduction" },
  },
  saturate: {
    signatures: ["saturate[T](x) -> T"],
    doc: "Converts to an integer dtype, floats rounded half to even first; what lies outside its range becomes its nearest end. NaN becomes 0.",
    form: { kind: "convert", mode: "saturate" },
  },
  bitcast: {
    signatures: ["bitcast[T](x) -> T"],
    doc: "The same bits read as another dtype of the same size.",
    form: { kind: "convert", mode: "bitcast" },
  },
  range: {
    signatures: ["range(stop)", "range(start, stop)", "range(start, stop, step)"],
    doc: "What a `for` runs over: from start while below stop. The step is a nonzero constant.",
    form: { kind: "iteration" },
  },
  grid: {
    signatures: ["grid(M, N, …)", "grid(*S)"],
    doc: "A nest of loops, one for each size, the first outermost.",
    form: { kind: "iteration" },
  },
  Tensor: {
    signatures: ["Tensor[T, M, N, …]"],
    doc: "A tensor argument: its dtype and its shape, in dimensions and integer expressions.",
    form: { kind: "type" },
  },
  Array: {
    signatures: ["Array[T, n, …](fill)", "Array[T, n, …]()"],
    doc: "Local storage, the value of a `var`.",
    form: { kind: "type" },
  },
  SIMD: {
    signatures: ["SIMD[T, n](v)", "SIMD[T, n](a, b, …)"],
    doc: "A vector of n lanes: one value for all of them, or one for each.",
    form: { kind: "type" },
  },
  inf: {
    signatures: ["inf"],
    doc: "Infinity, in the float type of its context.",
    form: { kind: "constant" },
  },
  nan: {
    signatures: ["nan"],
    doc: "Not a number, in the float type of its context.",
    form: { kind: "constant" },
  },
  random: {
    signatures: ["random[T](M, N, …, seed=1, low=-1, high=1)"],
    doc: "In a test: a tensor of pseudo-random values, the same for the same seed.",
    form: { kind: "test" },
  },
  zeros: { signatures: ["zeros[T](M, N, …)"], doc: "In a test: a tensor of zeros.", form: { kind: "test" } },
  ones: { signatures: ["ones[T](M, N, …)"], doc: "In a test: a tensor of ones.", form: { kind: "test" } },
  full: {
    signatures: ["full[T](v, M, N, …)"],
    doc: "In a test: a tensor of one value.",
    form: { kind: "test" },
  },
  arange: {
    signatures: ["arange[T](n)"],
    doc: "In a test: the tensor 0, 1, … n - 1.",
    form: { kind: "test" },
  },
  tensor: {
    signatures: ["tensor[T]([[a, b], [c, d]])"],
    doc: "In a test: a tensor written out.",
    form: { kind: "test" },
  },
  close: {
    signatures: ["close(a: T, b: T, tol=1e-5) -> bool"],
    doc: "In a test: whether two numbers differ by at most `tol`, absolutely or relative to the larger one.",
    form: { kind: "test" },
  },
} as const satisfies Record<string, Builtin>;

export type BuiltinName = keyof typeof table;

export const builtins: Readonly<Record<BuiltinName, Builtin>> = table;
export const builtinNames = Object.keys(table) as BuiltinName[];

export function isBuiltin(name: string): name is BuiltinName {
  return Object.hasOwn(table, name);
}

/** `intrinsic.NAME(x)`, for the standard library alone: operations that its functions wrap. */
export const intrinsics: Readonly<Record<string, LanesForm>> = {
  sqrt: lanes("Float", [1, 1], { kind: "unary", op: "sqrt" }),
  trunc: lanes("Float", [1, 1], { kind: "unary", op: "trunc" }),
  floor: lanes("Float", [1, 1], { kind: "unary", op: "floor" }),
  ceil: lanes("Float", [1, 1], { kind: "unary", op: "ceil" }),
  round: lanes("Float", [1, 1], { kind: "unary", op: "round" }),
  abs: lanes("Number", [1, 1], { kind: "unary", op: "abs" }),
  fma: lanes("Float", [3, 3], { kind: "fma" }),
  clz: lanes("Int", [1, 1], { kind: "unary", op: "clz" }),
  ctz: lanes("Int", [1, 1], { kind: "unary", op: "ctz" }),
  popcount: lanes("Int", [1, 1], { kind: "unary", op: "popcount" }),
};

/** What a dtype is asked for: `T.max`, `T.inf`. */
export const dtypeAttributes = {
  max: "the highest finite value",
  min: "the lowest finite value",
  inf: "infinity (floats)",
  nan: "not a number (floats)",
  epsilon: "the gap between 1 and the next value (floats)",
  bits: "the number of bits in storage",
} as const;

/** Methods and attributes of run-time values, for completion and for near-miss names. */
export const methods = {
  tensor: ["shape", "get", "load", "store"],
  array: ["shape", "get", "load", "store"],
  simd: ["sum", "prod", "max", "min", "any", "all", "shuffle"],
} as const;
