// The typed tree: what the checker hands to the compiler. Every name is resolved to a Sym, every expression
// has its type, every generic is an instance (dtypes, values and function parameters known), `comptime if`
// and `comptime for` are carried out, packs `*S` are spelled out for one rank, and literals have their dtype.
// Calls of `def`s and kernels still stand as calls; lowering inlines them.

import type { Dtype } from "./dtypes.ts";
import type { Comment, KernelDecl, Module, TestDecl } from "./syntax/ast.ts";
import type { SourceFile, Span } from "./source.ts";
import type { Diagnostic, DiagnosticSink } from "./diagnostics/diagnostic.ts";

// ---- types ---------------------------------------------------------------------------------------

export type Type =
  | ScalarType
  | SimdType
  | TensorType
  | ArrayType
  | TupleType
  | StructType
  | { readonly kind: "none" }
  /** The type of what was already reported; agrees with everything. */
  | { readonly kind: "error" };

/** `index` is i32 under another name; `index: true` only keeps the spelling for messages. */
export interface ScalarType {
  readonly kind: "scalar";
  readonly dtype: Dtype;
  readonly index?: boolean;
}
/** `SIMD[T, n]`; comparisons of two give lanes of bool. */
export interface SimdType {
  readonly kind: "simd";
  readonly dtype: Dtype;
  readonly lanes: number;
}
/** A tensor argument, or a view of one. Shapes are index expressions over dims and immutable values. */
export interface TensorType {
  readonly kind: "tensor";
  readonly dtype: Dtype;
  readonly shape: readonly TExpr[];
}
/** Local storage. Shapes are index expressions over constants and dims. */
export interface ArrayType {
  readonly kind: "array";
  readonly elem: ScalarType | SimdType;
  readonly shape: readonly TExpr[];
}
export interface TupleType {
  readonly kind: "tuple";
  readonly items: readonly Type[];
}
export interface StructType {
  readonly kind: "struct";
  readonly name: string;
  readonly fields: readonly { readonly name: string; readonly type: Type }[];
}

// ---- names ---------------------------------------------------------------------------------------

export type SymKind = "dim" | "tensor" | "scalar" | "let" | "var" | "loop";

/**
 * One declared name of one instance; compared by identity. `dim`: a dimension of the signature, an i32.
 * `tensor`, `scalar`: parameters. `let`: immutable (tensor views, tuples and structs included). `var`: mutable
 * scalars, SIMD values, tuples and structs, and all Arrays. `loop`: a loop variable, an i32.
 */
export interface Sym {
  readonly kind: SymKind;
  readonly name: string;
  readonly type: Type;
  readonly span: Span;
}

// ---- expressions ---------------------------------------------------------------------------------

/** Arithmetic as the IR's op table names it; operands and result share a dtype unless said otherwise. */
export type TBinaryOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "floordiv"
  | "mod"
  | "pow"
  | "shl"
  | "shr"
  | "and"
  | "or"
  | "xor"
  | "min"
  | "max";
export type TCompareOp = "eq" | "ne" | "lt" | "le" | "gt" | "ge";
export type TUnaryOp =
  | "neg"
  | "not"
  | "bitnot"
  | "abs"
  | "round"
  | "floor"
  | "ceil"
  | "trunc"
  | "sqrt"
  | "clz"
  | "ctz"
  | "popcount";

export type TExpr =
  | TConst
  | TRef
  | TUnary
  | TBinary
  | TCompare
  | TLogical
  | TCond
  | TSelect
  | TFma
  | TDot4
  | TConvert
  | TCall
  | TKernelCall
  | TIndex
  | TGet
  | TView
  | TShape
  | TReduce
  | TTuple
  | TTupleItem
  | TStructNew
  | TField
  | TArrayNew
  | TSimdLoad
  | TSimdNew
  | TSimdReduce
  | TShuffle
  | TLane
  | TTestValue;

interface Typed {
  readonly type: Type;
  readonly span: Span;
}

/** A scalar or (splat) SIMD constant; bigint for 64-bit integers, boolean for bool, already rounded to its dtype. */
export interface TConst extends Typed {
  readonly kind: "const";
  readonly value: number | bigint | boolean;
}
export interface TRef extends Typed {
  readonly kind: "ref";
  readonly sym: Sym;
}
export interface TUnary extends Typed {
  readonly kind: "unary";
  readonly op: TUnaryOp;
  readonly operand: TExpr;
}
/** Scalars or SIMD of one type. `shl`/`shr`: the right side has the left side's type. */
export interface TBinary extends Typed {
  readonly kind: "binary";
  readonly op: TBinaryOp;
  readonly left: TExpr;
  readonly right: TExpr;
}
export interface TCompare extends Typed {
  readonly kind: "compare";
  readonly op: TCompareOp;
  readonly left: TExpr;
  readonly right: TExpr;
}
/** Short-circuit: the right side is not evaluated (nor need be in bounds) where the left decides. */
export interface TLogical extends Typed {
  readonly kind: "logical";
  readonly op: "and" | "or";
  readonly left: TExpr;
  readonly right: TExpr;
}
/** `then if cond else orelse`: only one side is evaluated. */
export interface TCond extends Typed {
  readonly kind: "cond";
  readonly cond: TExpr;
  readonly then: TExpr;
  readonly orelse: TExpr;
}
/** `select(mask, a, b)`: both sides are evaluated; lanewise for SIMD. */
export interface TSelect extends Typed {
  readonly kind: "select";
  readonly cond: TExpr;
  readonly then: TExpr;
  readonly orelse: TExpr;
}
/** `fma(a, b, c)` = a * b + c; a target may round once or twice. */
export interface TFma extends Typed {
  readonly kind: "fma";
  readonly a: TExpr;
  readonly b: TExpr;
  readonly c: TExpr;
}
/** `dot4(a, b, acc)`: acc[l] + the sum over q < 4 of a[4l+q] * b[4l+q]; a, b SIMD of i8/u8 with 4n lanes, acc SIMD[i32, n]. */
export interface TDot4 extends Typed {
  readonly kind: "dot4";
  readonly a: TExpr;
  readonly b: TExpr;
  readonly acc: TExpr;
}
/** `f32(x)` (floats to integers truncate and saturate, NaN to 0; integers wrap), `saturate[i8](x)`, `bitcast[u32](x)`. */
export interface TConvert extends Typed {
  readonly kind: "convert";
  readonly mode: "convert" | "saturate" | "bitcast";
  readonly operand: TExpr;
}
export interface TCall extends Typed {
  readonly kind: "call";
  readonly fn: TFunction;
  readonly args: readonly TExpr[];
}
/** A kernel called in a kernel (a statement, every argument given, `out`s too) or in a test (`out`s are the value). */
export interface TKernelCall extends Typed {
  readonly kind: "kernel-call";
  readonly kernel: TKernel;
  /** In a kernel: one per parameter. In a test: one per parameter that isn't `out`. */
  readonly args: readonly TExpr[];
}
/** An element of a tensor, a view or an Array; must be proved in bounds. As many indices as dims. */
export interface TIndex extends Typed {
  readonly kind: "index";
  readonly base: TExpr;
  readonly indices: readonly TExpr[];
}
/** `x.get(i, j, default=d)` */
export interface TGet extends Typed {
  readonly kind: "get";
  readonly base: TExpr;
  readonly indices: readonly TExpr[];
  readonly fallback: TExpr;
}
/** `x[i, :]`, `x[lo:hi, j]`: a tensor of fewer or as many dims. */
export interface TView extends Typed {
  readonly kind: "view";
  readonly base: TExpr;
  readonly items: readonly (
    | { readonly kind: "at"; readonly index: TExpr }
    | { readonly kind: "slice"; readonly low?: TExpr; readonly high?: TExpr }
  )[];
}
/** `x.shape[k]` */
export interface TShape extends Typed {
  readonly kind: "shape";
  readonly base: TExpr;
  readonly axis: number;
}

export type ReduceOp =
  "sum" | "prod" | "max" | "min" | "any" | "all" | "mean" | "argmax" | "argmin" | "custom";

/** A generator reduction. Clauses nest from the first to the last; a filter sees the loops before it. */
export interface TReduce extends Typed {
  readonly kind: "reduce";
  readonly op: ReduceOp;
  readonly clauses: readonly TClause[];
  readonly value: TExpr;
  /** What it accumulates in (f32 for f16 values, i32 for 8- and 16-bit integers); `type` is the result's. */
  readonly accumulator: Dtype;
  /** `custom` only. `combine` takes (T, T) and gives T; `init` is its identity. T is `type`: scalar, tuple or struct. */
  readonly combine?: TFunction;
  readonly init?: TExpr;
  /** Annotations of the statement that the generator stands in. */
  readonly annotations: readonly TAnnotation[];
}
export type TClause =
  { readonly kind: "loop"; readonly loop: TLoop } | { readonly kind: "filter"; readonly cond: TExpr };

export interface TTuple extends Typed {
  readonly kind: "tuple";
  readonly items: readonly TExpr[];
}
export interface TTupleItem extends Typed {
  readonly kind: "tuple-item";
  readonly base: TExpr;
  readonly index: number;
}
export interface TStructNew extends Typed {
  readonly kind: "struct-new";
  readonly fields: readonly TExpr[];
}
export interface TField extends Typed {
  readonly kind: "field";
  readonly base: TExpr;
  readonly field: number;
}
/** `Array[T, n, …](fill)`: stands only as the initial value of a `var`. Without a fill, elements are undefined until written. */
export interface TArrayNew extends Typed {
  readonly kind: "array-new";
  readonly fill?: TExpr;
}
/** `x.load[n](i, j)`: n elements from (i, j) on along the last dim; all must be in bounds. */
export interface TSimdLoad extends Typed {
  readonly kind: "simd-load";
  readonly base: TExpr;
  readonly indices: readonly TExpr[];
}
/** `SIMD[T, n](v)` (splat, one arg) or `SIMD[T, n](a, b, …)`. */
export interface TSimdNew extends Typed {
  readonly kind: "simd-new";
  readonly args: readonly TExpr[];
}
/** `v.sum()`, `v.max()`, `v.min()`, `m.any()`, `m.all()`: lanes in pairs, low half with high half. */
export interface TSimdReduce extends Typed {
  readonly kind: "simd-reduce";
  readonly op: "sum" | "prod" | "max" | "min" | "any" | "all";
  readonly operand: TExpr;
}
/** `v.shuffle(3, 2, 1, 0)`: constant lane numbers. */
export interface TShuffle extends Typed {
  readonly kind: "shuffle";
  readonly operand: TExpr;
  readonly lanes: readonly number[];
}
/** `v[2]`: one lane; the number is known when compiling. */
export interface TLane extends Typed {
  readonly kind: "lane";
  readonly base: TExpr;
  readonly lane: number;
}
/** Values that exist only in `test` blocks: `random[f32](3, 17, seed=1)`, `zeros`, `ones`, `full`, `arange`, `tensor`, `close`. */
export interface TTestValue extends Typed {
  readonly kind: "test-value";
  readonly name: "random" | "zeros" | "ones" | "full" | "arange" | "tensor" | "close";
  readonly args: readonly TExpr[];
  readonly options: Readonly<Record<string, TExpr>>;
}

// ---- statements ----------------------------------------------------------------------------------

export type TStmt =
  | TLet
  | TAssign
  | TStore
  | TIf
  | TFor
  | TWhile
  | { readonly kind: "break" | "continue"; readonly span: Span }
  | { readonly kind: "return"; readonly value?: TExpr; readonly span: Span }
  | { readonly kind: "assert"; readonly cond: TExpr; readonly message: string; readonly span: Span }
  | { readonly kind: "expr"; readonly value: TCall | TKernelCall; readonly span: Span };

/** Declares `syms`; more than one takes a tuple apart. `value` is absent for `var x: T`, to be assigned before use. */
export interface TLet {
  readonly kind: "let";
  readonly syms: readonly Sym[];
  readonly value?: TExpr;
  readonly annotations: readonly TAnnotation[];
  readonly span: Span;
}
export type TPlace = TRef | TIndex | TField | TTupleItem | TLane | TTuple;
/** `target = value`, or `target = target op value` with the target evaluated once. */
export interface TAssign {
  readonly kind: "assign";
  readonly target: TPlace;
  readonly op?: TBinaryOp;
  readonly value: TExpr;
  /** `@atomic`, with `op` one of add, min, max, and, or, xor. */
  readonly atomic: boolean;
  readonly annotations: readonly TAnnotation[];
  readonly span: Span;
}
/** `y.store(v, i, j)` */
export interface TStore {
  readonly kind: "simd-store";
  readonly base: TExpr;
  readonly indices: readonly TExpr[];
  readonly value: TExpr;
  readonly span: Span;
}
export interface TIf {
  readonly kind: "if";
  readonly cond: TExpr;
  readonly then: readonly TStmt[];
  readonly orelse: readonly TStmt[];
  readonly span: Span;
}
/** `sym` runs from `low` while below `high` by `step`; a negative step counts down while above `high`. */
export interface TLoop {
  readonly sym: Sym;
  readonly low: TExpr;
  readonly high: TExpr;
  /** A nonzero constant. */
  readonly step: number;
  readonly span: Span;
}
/** A `grid` (or a pack) has several loops, the first outermost. */
export interface TFor {
  readonly kind: "for";
  readonly loops: readonly TLoop[];
  readonly annotations: readonly TAnnotation[];
  readonly body: readonly TStmt[];
  readonly span: Span;
}
export interface TWhile {
  readonly kind: "while";
  readonly cond: TExpr;
  readonly body: readonly TStmt[];
  readonly span: Span;
}

// ---- annotations ---------------------------------------------------------------------------------

export type TargetName = "wasm" | "wgsl" | "tsp";

/** A loop as an annotation names it: `i`, `i.tile` (level 0), `i.tile[1]`. */
export interface LoopName {
  readonly name: string;
  readonly level?: number;
  readonly span: Span;
}
export type AnnotationValue =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  /** Nested tile sizes `(64, 4)`. */
  | { readonly kind: "tuple"; readonly items: readonly AnnotationValue[] }
  /** A search space `[4, 6, 8]`; the first is the default. */
  | { readonly kind: "list"; readonly items: readonly AnnotationValue[] }
  | { readonly kind: "loop"; readonly loop: LoopName }
  /** A tensor or Array to stage. */
  | { readonly kind: "ref"; readonly sym: Sym };

/** One decorator, its names and value shapes checked against the annotation table. */
export interface TAnnotation {
  readonly name: "tile" | "order" | "fuse" | "parallel" | "threads" | "vectorize" | "unroll" | "stage";
  /** Undefined: every target. */
  readonly target?: TargetName;
  readonly args: readonly AnnotationValue[];
  readonly options: Readonly<Record<string, AnnotationValue>>;
  readonly span: Span;
}

// ---- declarations --------------------------------------------------------------------------------

/** An instance of a `def`. A nested one reads the Syms of the function around it. */
export interface TFunction {
  readonly name: string;
  readonly params: readonly Sym[];
  readonly result: Type;
  readonly body: readonly TStmt[];
  /** What the dims that its tensor parameters introduce are bound to: filled from the arguments, axis by axis. */
  readonly dims: readonly TDim[];
  /** Stands for a function parameter that nobody has given a value: its body is unknown (and empty). */
  readonly opaque?: true;
  readonly span: Span;
}

/** A dimension and where callers get it from: the first parameter that shows it bare. */
export interface TDim {
  readonly sym: Sym;
  readonly param: number;
  readonly axis: number;
}

export interface TParam {
  readonly sym: Sym;
  readonly mode: "in" | "out" | "mut";
  readonly span: Span;
}

export type ComptimeValue =
  | { readonly kind: "dtype"; readonly dtype: Dtype }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "real"; readonly numerator: bigint; readonly denominator: bigint }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "function"; readonly fn: TFunction };

/** Which inputs of a node the tensors of an op's kernel are, where they aren't the first ones in order. */
export interface OpInputs {
  /** By tensor: the number of the input, ascending from 0. The node leaves all others out. */
  readonly numbers?: readonly number[];
  /** The node may have more than two inputs: the result takes the place of the first, and the next one that of the second. */
  readonly fold?: true;
}

/** An instance of a kernel. */
export interface TKernel {
  /** The name in the source. */
  readonly name: string;
  /** `softmax`, or `softmax_f16`, `relu_r2`: the name of this instance; the default instance has the plain one. */
  readonly instance: string;
  /** `kern::softmax`, from `@op`. */
  readonly op?: string;
  readonly opInputs?: OpInputs;
  readonly doc?: string;
  readonly module: SourceFile;
  readonly comptime: ReadonlyMap<string, ComptimeValue>;
  /** The rank that stands for each pack. */
  readonly packs: ReadonlyMap<string, number>;
  readonly params: readonly TParam[];
  readonly dims: readonly TDim[];
  /** Clauses that callers must meet: bool expressions over dims and scalar parameters. */
  readonly where: readonly TExpr[];
  readonly body: readonly TStmt[];
  readonly decl: KernelDecl;
  readonly span: Span;
}

export interface TTest {
  readonly title: string;
  readonly body: readonly TStmt[];
  readonly decl: TestDecl;
  readonly span: Span;
}

/** What a kernel can be instantiated with. */
export interface KernelTemplate {
  readonly name: string;
  readonly op?: string;
  readonly decl: KernelDecl;
  /** Compile-time parameters in order; `choices` are a dtype parameter's possible dtypes. */
  readonly compParams: readonly {
    readonly name: string;
    readonly kind: "dtype" | "int" | "bool" | "number" | "string" | "function";
    readonly choices?: readonly Dtype[];
    readonly fallback?: ComptimeValue;
  }[];
  /** Names of its packs, `S` of `*S`. */
  readonly packs: readonly string[];
}

export interface InstanceRequest {
  readonly comptime?: Readonly<Record<string, ComptimeValue>>;
  /** Rank for each pack; 1 if nothing is said. */
  readonly packs?: Readonly<Record<string, number>>;
}

/** A checked module. `instantiate` gives the same object for the same request. */
export interface TypedModule {
  readonly file: SourceFile;
  readonly ast: Module;
  readonly comments: readonly Comment[];
  readonly kernels: readonly KernelTemplate[];
  readonly tests: readonly TTest[];
  /** Every file that the module imports, itself included. */
  readonly files: readonly SourceFile[];
  instantiate(kernel: string, request: InstanceRequest, sink: DiagnosticSink): TKernel | undefined;
}

/** Where imports come from. Absolute names (`std.math`) and relative ones (with the importing file) end here. */
export interface ModuleHost {
  /** The file, or undefined where there is none, or a diagnostic-worthy reason (outside the source root, say). */
  resolve(
    level: number,
    path: readonly string[],
    from: SourceFile,
  ): SourceFile | { readonly why: string } | undefined;
}

/** What a name means: where it is declared, as what, and its type where it has one by itself. */
export interface Meaning {
  readonly declared: Span;
  /** A `SymKind`, or in words: `function`, `kernel`, `constant`. */
  readonly what: string;
  readonly type?: Type;
}

/**
 * Hears what the names of a module mean, for editors: at their uses, and at declarations themselves. A generic definition is checked
 * for each dtype, so the same name may be told several times, with other types.
 */
export type NameObserver = (at: Span, meaning: Meaning) => void;

/** Signature of the checker. */
export type CheckModule = (
  file: SourceFile,
  host: ModuleHost,
  sink: DiagnosticSink,
  observer?: NameObserver,
) => TypedModule;
export type { Diagnostic };
