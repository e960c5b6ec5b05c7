// The syntax tree: what the parser read, before any name means anything. Types, shapes and annotation
// arguments are ordinary expressions here; the checker gives them their meaning.

import type { SourceFile, Span } from "../source.ts";

/** A `#` comment. `ownLine` tells a comment that stands alone from one behind code. */
export interface Comment {
  readonly text: string;
  readonly span: Span;
  readonly ownLine: boolean;
}

export interface Name {
  readonly text: string;
  readonly span: Span;
}

export interface Module {
  readonly kind: "module";
  readonly file: SourceFile;
  readonly doc?: StringLit;
  readonly items: readonly Item[];
  readonly comments: readonly Comment[];
  readonly span: Span;
}

// ---- declarations --------------------------------------------------------------------------------

export type Item =
  ImportDecl | ComptimeDecl | FunctionDecl | KernelDecl | StructDecl | TestDecl | ComptimeAssert;

/** `import std.nn` (names empty) or `from std.math import exp, tanh as th`. */
export interface ImportDecl {
  readonly kind: "import";
  /** Leading dots of a relative import; 0 for an absolute one. */
  readonly level: number;
  readonly path: readonly Name[];
  /** `import a.b as c` */
  readonly alias?: Name;
  readonly names?: readonly { readonly name: Name; readonly alias?: Name }[];
  readonly span: Span;
}

export interface ComptimeDecl {
  readonly kind: "comptime";
  readonly name: Name;
  readonly type?: Expr;
  readonly value: Expr;
  readonly span: Span;
}

/** A compile-time parameter: `T: Float`, `S: int = 1`, `f: def(T) -> T = keep`. */
export interface CompParam {
  readonly name: Name;
  readonly type: Expr;
  readonly fallback?: Expr;
  readonly span: Span;
}

export interface Param {
  readonly mode: "in" | "out" | "mut";
  readonly name: Name;
  readonly type: Expr;
  readonly span: Span;
}

export interface FunctionDecl {
  readonly kind: "function";
  readonly decorators: readonly Decorator[];
  readonly name: Name;
  readonly compParams: readonly CompParam[];
  readonly params: readonly Param[];
  readonly result?: Expr;
  readonly where: readonly Expr[];
  readonly doc?: StringLit;
  readonly body: readonly Stmt[];
  readonly span: Span;
}

export interface KernelDecl {
  readonly kind: "kernel";
  readonly decorators: readonly Decorator[];
  readonly name: Name;
  readonly compParams: readonly CompParam[];
  readonly params: readonly Param[];
  readonly where: readonly Expr[];
  readonly doc?: StringLit;
  readonly body: readonly Stmt[];
  readonly span: Span;
}

export interface StructDecl {
  readonly kind: "struct";
  readonly name: Name;
  readonly doc?: StringLit;
  readonly fields: readonly { readonly name: Name; readonly type: Expr; readonly span: Span }[];
  readonly span: Span;
}

export interface TestDecl {
  readonly kind: "test";
  readonly title: StringLit;
  readonly body: readonly Stmt[];
  readonly span: Span;
}

/** `@name`, `@target.name`, `@name(args)`. */
export interface Decorator {
  /** Dotted path: `["vectorize"]` or `["wasm", "tile"]`. */
  readonly path: readonly Name[];
  /** Undefined where no parentheses were written. */
  readonly args?: readonly Argument[];
  readonly span: Span;
}

// ---- statements ----------------------------------------------------------------------------------

export type Stmt =
  | LetStmt
  | AssignStmt
  | IfStmt
  | ForStmt
  | WhileStmt
  | JumpStmt
  | ReturnStmt
  | AssertStmt
  | ComptimeIf
  | ComptimeFor
  | ComptimeAssert
  | ComptimeDecl
  | FunctionDecl
  | ExprStmt;

/** `let a = e`, `var a: T = e`, `let a, b = e`, `var a: T` (no value). */
export interface LetStmt {
  readonly kind: "let";
  readonly mutable: boolean;
  readonly decorators: readonly Decorator[];
  readonly names: readonly Name[];
  readonly type?: Expr;
  readonly value?: Expr;
  readonly span: Span;
}

/** `target = e` (`op` undefined) or `target op= e`. `target` may be a tuple. */
export interface AssignStmt {
  readonly kind: "assign";
  readonly decorators: readonly Decorator[];
  readonly target: Expr;
  readonly op?: BinaryOp;
  readonly value: Expr;
  readonly span: Span;
}

/** `elif` is an `if` as the only statement of `orelse`, with `elif` set. */
export interface IfStmt {
  readonly kind: "if";
  readonly cond: Expr;
  readonly then: readonly Stmt[];
  readonly orelse?: readonly Stmt[];
  readonly elif?: boolean;
  readonly span: Span;
}

/** `for i, j in grid(M, N):` — a target may be `*i` (a pack). */
export interface ForStmt {
  readonly kind: "for";
  readonly decorators: readonly Decorator[];
  readonly targets: readonly LoopTarget[];
  readonly iter: Expr;
  readonly body: readonly Stmt[];
  readonly span: Span;
}

export interface LoopTarget {
  readonly name: Name;
  /** Written `*i`, or bound to the dims of a pack. */
  readonly star: boolean;
}

export interface WhileStmt {
  readonly kind: "while";
  readonly decorators: readonly Decorator[];
  readonly cond: Expr;
  readonly body: readonly Stmt[];
  readonly span: Span;
}

export interface JumpStmt {
  readonly kind: "break" | "continue" | "pass";
  readonly span: Span;
}

export interface ReturnStmt {
  readonly kind: "return";
  readonly decorators: readonly Decorator[];
  readonly value?: Expr;
  readonly span: Span;
}

export interface AssertStmt {
  readonly kind: "assert";
  readonly cond: Expr;
  readonly message?: StringLit;
  readonly span: Span;
}

export interface ComptimeIf {
  readonly kind: "comptime-if";
  readonly cond: Expr;
  readonly then: readonly Stmt[];
  readonly orelse?: readonly Stmt[];
  readonly elif?: boolean;
  readonly span: Span;
}

export interface ComptimeFor {
  readonly kind: "comptime-for";
  readonly target: Name;
  readonly iter: Expr;
  readonly body: readonly Stmt[];
  readonly span: Span;
}

export interface ComptimeAssert {
  readonly kind: "comptime-assert";
  readonly cond: Expr;
  readonly message?: StringLit;
  readonly span: Span;
}

export interface ExprStmt {
  readonly kind: "expr";
  readonly decorators: readonly Decorator[];
  readonly value: Expr;
  readonly span: Span;
}

// ---- expressions ---------------------------------------------------------------------------------

export type BinaryOp = "+" | "-" | "*" | "/" | "//" | "%" | "**" | "<<" | ">>" | "&" | "|" | "^";
export type CompareOp = "==" | "!=" | "<" | "<=" | ">" | ">=";
export type UnaryOp = "-" | "+" | "~" | "not";

export type Expr =
  | NumberLit
  | StringLit
  | BoolLit
  | NameExpr
  | UnaryExpr
  | BinaryExpr
  | CompareExpr
  | LogicalExpr
  | CondExpr
  | CallExpr
  | IndexExpr
  | AttributeExpr
  | TupleExpr
  | ListExpr
  | StarExpr
  | FunctionTypeExpr
  | ErrorExpr;

/** The text as written (`0x1f`, `1_000`, `1e-5`); its value is exact until it meets a type. */
export interface NumberLit {
  readonly kind: "number";
  readonly text: string;
  /** True for a decimal point or an exponent. */
  readonly decimal: boolean;
  readonly span: Span;
}
export interface StringLit {
  readonly kind: "string";
  /** Escapes and quotes resolved. */
  readonly value: string;
  readonly span: Span;
}
export interface BoolLit {
  readonly kind: "bool";
  readonly value: boolean;
  readonly span: Span;
}
export interface NameExpr {
  readonly kind: "name";
  readonly text: string;
  readonly span: Span;
}
export interface UnaryExpr {
  readonly kind: "unary";
  readonly op: UnaryOp;
  readonly operand: Expr;
  readonly span: Span;
}
export interface BinaryExpr {
  readonly kind: "binary";
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
  readonly opSpan: Span;
  readonly span: Span;
}
/** A chain `a < b <= c`: `operands` has one more entry than `ops`. */
export interface CompareExpr {
  readonly kind: "compare";
  readonly operands: readonly Expr[];
  readonly ops: readonly CompareOp[];
  readonly span: Span;
}
export interface LogicalExpr {
  readonly kind: "logical";
  readonly op: "and" | "or";
  readonly left: Expr;
  readonly right: Expr;
  readonly span: Span;
}
/** `then if cond else orelse` */
export interface CondExpr {
  readonly kind: "cond";
  readonly cond: Expr;
  readonly then: Expr;
  readonly orelse: Expr;
  readonly span: Span;
}

/** A positional (`name` undefined) or keyword argument, of a call, a subscript list or a decorator. */
export interface Argument {
  readonly name?: Name;
  readonly value: Expr;
  readonly span: Span;
}

/** One `for i, j in iter if cond if cond` of a generator. */
export interface GeneratorFor {
  readonly targets: readonly LoopTarget[];
  readonly iter: Expr;
  readonly filters: readonly Expr[];
  readonly span: Span;
}

/**
 * `f(a, b, k=c)`. In `sum(e for i in r)` and `reduce(f, init, e for i in r)` the last positional argument is
 * `e` and `generator` holds its clauses.
 */
export interface CallExpr {
  readonly kind: "call";
  readonly callee: Expr;
  readonly args: readonly Argument[];
  readonly generator?: readonly GeneratorFor[];
  readonly span: Span;
}

/** `x[i, j]`, `x[i, :]`, `f[T=f16]`, `Tensor[T, M, *S]`. */
export interface IndexExpr {
  readonly kind: "index";
  readonly base: Expr;
  readonly items: readonly IndexItem[];
  readonly span: Span;
}
export type IndexItem = Argument | SliceItem;
/** `lo:hi:step`, each part optional. Told from an Argument by `slice: true`. */
export interface SliceItem {
  readonly slice: true;
  readonly low?: Expr;
  readonly high?: Expr;
  readonly step?: Expr;
  readonly span: Span;
}
export interface AttributeExpr {
  readonly kind: "attribute";
  readonly base: Expr;
  readonly name: Name;
  readonly span: Span;
}
export interface TupleExpr {
  readonly kind: "tuple";
  readonly items: readonly Expr[];
  readonly span: Span;
}
export interface ListExpr {
  readonly kind: "list";
  readonly items: readonly Expr[];
  readonly span: Span;
}
/** `*i` in a subscript, `*S` in a shape or an argument list. */
export interface StarExpr {
  readonly kind: "star";
  readonly operand: Expr;
  readonly span: Span;
}
/** `def(T, index) -> T` as a type. */
export interface FunctionTypeExpr {
  readonly kind: "function-type";
  readonly params: readonly Expr[];
  readonly result?: Expr;
  readonly span: Span;
}
/** Where the parser recovered from an error that it has reported. Never reported again. */
export interface ErrorExpr {
  readonly kind: "error";
  readonly span: Span;
}
