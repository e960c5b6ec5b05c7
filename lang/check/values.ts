// What an expression means to the checker before it has to be a run-time value: a typed expression, an exact
// number that waits for its type, a type, a function, a module, a pack … `settle` and `coerce` (coercion.ts)
// turn a Value into a typed expression.

import type { Span } from "../source.ts";
import type { FunctionDecl, KernelDecl } from "../syntax/ast.ts";
import type { StructType, TExpr, TFunction, TKernel, Type } from "../typed.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { BuiltinName } from "../builtins.ts";
import type { Exact } from "./exact.ts";
import type { Scope } from "./scope.ts";
import type { Body, ModuleInfo } from "./context.ts";

export type Value = { readonly span: Span } & (
  | { readonly kind: "typed"; readonly expr: TExpr }
  | { readonly kind: "exact"; readonly value: Exact }
  /** Not constant, but without a type of its own: `1 if c else 0`. `make` builds it for a type. */
  | { readonly kind: "flex"; readonly literal: "int" | "real"; readonly make: (type: Type) => TExpr }
  | { readonly kind: "tuple"; readonly items: readonly Value[] }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  | { readonly kind: "type"; readonly type: Type }
  | { readonly kind: "trait"; readonly name: string }
  | { readonly kind: "function"; readonly template: FunctionTemplate }
  | { readonly kind: "instance"; readonly fn: TFunction }
  | { readonly kind: "kernel"; readonly template: KernelEntry }
  | { readonly kind: "struct"; readonly type: StructType }
  | { readonly kind: "module"; readonly module: ModuleInfo }
  | { readonly kind: "namespace"; readonly name: string; readonly members: Map<string, Value> }
  | { readonly kind: "intrinsics" }
  | { readonly kind: "intrinsic"; readonly name: string }
  | { readonly kind: "builtin"; readonly name: BuiltinName }
  /** `f[T=f16]`, `sum[f32]`, `x.load[8]`: compile-time arguments given, call to come. */
  | { readonly kind: "partial"; readonly of: Value; readonly args: readonly BracketArg[] }
  | { readonly kind: "method"; readonly base: TExpr; readonly name: string }
  | { readonly kind: "pack"; readonly name: string; readonly items: readonly TExpr[] }
  | { readonly kind: "shape"; readonly base: TExpr }
  | { readonly kind: "error" }
);

/** One entry of `f[…]`. */
export interface BracketArg {
  readonly name?: string;
  readonly value: Value;
  readonly span: Span;
}

/** A `def`, with what it needs to be instantiated. A nested one belongs to one instance of what is around it. */
export interface FunctionTemplate {
  readonly decl: FunctionDecl;
  readonly module: ModuleInfo;
  readonly scope: Scope;
  readonly outer?: Body;
  readonly memo: Map<string, { readonly fn: TFunction; readonly diagnostics: readonly Diagnostic[] }>;
}

/** A kernel of a module. */
export interface KernelEntry {
  readonly decl: KernelDecl;
  readonly module: ModuleInfo;
  readonly memo: Map<string, { readonly kernel: TKernel; readonly diagnostics: readonly Diagnostic[] }>;
}

export const typed = (expr: TExpr): Value => ({ kind: "typed", expr, span: expr.span });
export const exact = (value: Exact, span: Span): Value => ({ kind: "exact", value, span });
export const typeValue = (type: Type, span: Span): Value => ({ kind: "type", type, span });
export const errorValue = (span: Span): Value => ({ kind: "error", span });

const sizes = new WeakMap<readonly Value[], number>();

/** How many values a tuple or a list holds, those inside its items included. */
export function sizeOfItems(items: readonly Value[]): number {
  let size = sizes.get(items);
  if (size === undefined) {
    size = items.length;
    for (const item of items)
      if (item.kind === "tuple" || item.kind === "list") size += sizeOfItems(item.items);
    sizes.set(items, size);
  }
  return size;
}

/** Known when compiling, and usable as a compile-time constant. */
export function isComptime(value: Value): boolean {
  switch (value.kind) {
    case "typed":
      return value.expr.kind === "const";
    case "tuple":
    case "list":
      return value.items.every(isComptime);
    case "flex":
    case "method":
    case "shape":
    case "pack":
      return false;
    case "partial":
      return value.of.kind !== "method";
    default:
      return true;
  }
}
