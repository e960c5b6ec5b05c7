// Parameters of one instance: finds the dimensions and packs that shapes introduce, says which parameter
// each is bound by, and declares a Sym for every parameter and dimension.

import type { Span } from "../source.ts";
import type { Expr, IndexExpr, IndexItem, Param } from "../syntax/ast.ts";
import { isDtype, isTrait } from "../dtypes.ts";
import { isBuiltin } from "../builtins.ts";
import type { Sym, TDim, TExpr, TParam, Type } from "../typed.ts";
import type { Cx } from "./context.ts";
import { coerce } from "./coercion.ts";
import type { Scope } from "./scope.ts";
import { resolveType, valueType } from "./type-expressions.ts";
import { boolType, errorType, indexType, isError, isLanes } from "./types.ts";
import { check } from "./expressions.ts";

export interface Signature {
  readonly params: readonly TParam[];
  readonly dims: readonly TDim[];
}

/** `Tensor[…]` or `Array[…]` as a parameter's type, if that is what it is. */
export function shaped(type: Expr): IndexExpr | undefined {
  return type.kind === "index" &&
    type.base.kind === "name" &&
    (type.base.text === "Tensor" || type.base.text === "Array")
    ? type
    : undefined;
}

const itemExpr = (item: IndexItem): Expr | undefined => ("slice" in item ? undefined : item.value);

/** Capitalised and declared nowhere: a dimension. */
export function isDimName(scope: Scope, name: string): boolean {
  return /^[A-Z]/.test(name) && !scope.lookup(name) && !isDtype(name) && !isTrait(name) && !isBuiltin(name);
}

/** Names of the packs `*S` in the shapes of a parameter list, in order, that nothing around it declares. */
export function packNames(params: readonly Param[], scope: Scope): string[] {
  const found = new Set<string>();
  for (const param of params) {
    for (const item of shaped(param.type)?.items.slice(1) ?? []) {
      const expr = itemExpr(item);
      if (expr?.kind === "star" && expr.operand.kind === "name" && !scope.lookup(expr.operand.text)) {
        found.add(expr.operand.text);
      }
    }
  }
  return [...found];
}

/** Declares parameters and dimensions in the scope of `cx`, packs as their given ranks. */
export function declareSignature(
  cx: Cx,
  params: readonly Param[],
  packs: ReadonlyMap<string, number>,
  kind: "kernel" | "def",
): Signature {
  const dims = declareDims(cx, params, packs, kind);
  const syms = new Map<Param, Sym>();
  const declare = (param: Param, type: Type): void => {
    const sym: Sym = {
      kind: type.kind === "tensor" ? "tensor" : isLanes(type) || type.kind === "error" ? "scalar" : "let",
      name: param.name.text,
      type,
      span: param.name.span,
    };
    syms.set(param, sym);
    cx.body.modes.set(sym, param.mode);
    cx.declareSym(sym);
  };
  // Scalars first: shapes may name them.
  for (const param of params) if (!shaped(param.type)) declare(param, plainType(cx, param, kind));
  for (const param of params) if (shaped(param.type)) declare(param, shapedType(cx, param, kind));
  return {
    params: params.map((param) => ({ sym: syms.get(param)!, mode: param.mode, span: param.span })),
    dims,
  };
}

function plainType(cx: Cx, param: Param, kind: "kernel" | "def"): Type {
  const type = valueType(cx, param.type);
  if (isError(type)) return type;
  const { name, mode } = param;
  if (mode !== "in") {
    const notes = [
      `a result of one number is a tensor of one element: \`${mode} ${name.text}: Tensor[f32, 1]\``,
    ];
    cx.report("K0319", { name: name.text, why: `\`${mode}\` is for tensors` }, param.span, { notes });
    return errorType;
  }
  if (kind === "kernel" && type.kind !== "scalar") {
    cx.report("K0319", { name: name.text, why: "a kernel takes tensors and scalars" }, param.span);
    return errorType;
  }
  return type;
}

function shapedType(cx: Cx, param: Param, kind: "kernel" | "def"): Type {
  const type = resolveType(cx, param.type);
  if (isError(type)) return type;
  if (kind === "def" && param.mode !== "in") {
    cx.report(
      "K0319",
      { name: param.name.text, why: `a \`def\` is pure and takes no \`${param.mode}\`` },
      param.span,
      {
        notes: ["return the value, or write a kernel: a kernel can be called in a kernel"],
      },
    );
  } else if (kind === "kernel" && type.kind === "array") {
    cx.report(
      "K0319",
      { name: param.name.text, why: "an Array is local; a kernel takes tensors" },
      param.span,
    );
  }
  return type;
}

// ---- dimensions ----------------------------------------------------------------------------------

interface Found {
  readonly span: Span;
  bound?: { readonly param: number; readonly axis: number };
}

function declareDims(
  cx: Cx,
  params: readonly Param[],
  packs: ReadonlyMap<string, number>,
  kind: "kernel" | "def",
): TDim[] {
  const found = new Map<string, Found>();
  const packSpans = new Map<string, { span: Span; bound?: { param: number; axis: number } }>();
  params.forEach((param, at) => {
    const items = shaped(param.type)?.items.slice(1) ?? [];
    let axis = 0;
    for (const item of items) {
      const expr = itemExpr(item);
      if (!expr) continue;
      const binds = kind === "def" || param.mode !== "out";
      if (expr.kind === "star" && expr.operand.kind === "name" && packs.has(expr.operand.text)) {
        const name = expr.operand.text;
        const entry = packSpans.get(name) ?? { span: expr.operand.span };
        packSpans.set(name, entry);
        if (binds) entry.bound ??= { param: at, axis };
        axis += packs.get(name)!;
        continue;
      }
      if (expr.kind === "name" && isDimName(cx.scope, expr.text)) {
        const entry = found.get(expr.text) ?? { span: expr.span };
        found.set(expr.text, entry);
        if (binds) entry.bound ??= { param: at, axis };
      } else {
        for (const name of namesIn(expr)) {
          if (isDimName(cx.scope, name.text) && !found.has(name.text))
            found.set(name.text, { span: name.span });
        }
      }
      axis++;
    }
  });
  const dims: TDim[] = [];
  const declare = (name: string, entry: Found, axis: number, show: string): TExpr => {
    const sym: Sym = { kind: "dim", name, type: indexType, span: entry.span };
    if (entry.bound) dims.push({ sym, param: entry.bound.param, axis: entry.bound.axis + axis });
    else
      cx.report("K0209", { dim: show }, entry.span, {
        notes: [
          `a size follows from an input that has it alone in its shape, as in \`x: Tensor[f32, ${show}]\``,
          ...(show.startsWith("*")
            ? []
            : [`what a caller sets is a parameter, \`kernel k[${show}: int = 1](…)\``]),
        ],
      });
    return { kind: "ref", sym, type: indexType, span: entry.span };
  };
  for (const [name, entry] of found) {
    if (packs.has(name)) continue;
    const ref = declare(name, entry, 0, name);
    if (ref.kind === "ref") cx.declareSym(ref.sym);
  }
  for (const [name, entry] of packSpans) {
    const items = Array.from({ length: packs.get(name)! }, (_, axis) =>
      declare(`${name}_${axis}`, entry, axis, `*${name}`),
    );
    cx.declare(name, {
      kind: "value",
      value: { kind: "pack", name, items, span: entry.span },
      span: entry.span,
      what: "pack",
    });
  }
  return dims;
}

/** Every name in an expression, for the dimensions that shape expressions mention. */
export function namesIn(expr: Expr): { text: string; span: Span }[] {
  const names: { text: string; span: Span }[] = [];
  const work: Expr[] = [expr];
  for (let next = work.pop(); next; next = work.pop()) {
    switch (next.kind) {
      case "name":
        names.push(next);
        break;
      case "unary":
      case "star":
        work.push(next.operand);
        break;
      case "binary":
      case "logical":
        work.push(next.left, next.right);
        break;
      case "compare":
        work.push(...next.operands);
        break;
      case "cond":
        work.push(next.cond, next.then, next.orelse);
        break;
      case "call":
        work.push(next.callee, ...next.args.map((arg) => arg.value));
        break;
      case "attribute":
        work.push(next.base);
        break;
      case "index":
        work.push(next.base);
        for (const item of next.items) {
          if ("slice" in item)
            work.push(...[item.low, item.high, item.step].filter((part) => part !== undefined));
          else work.push(item.value);
        }
        break;
      case "tuple":
      case "list":
        work.push(...next.items);
        break;
      default:
    }
  }
  return names;
}

/** `where` clauses: conditions over dimensions and scalar parameters. */
export function checkWhere(cx: Cx, clauses: readonly Expr[]): TExpr[] {
  const checked: TExpr[] = [];
  for (const clause of clauses) {
    const expr = coerce(cx, check(cx, clause), boolType, "a `where` clause");
    if (isError(expr.type)) continue;
    if (!onlySizes(expr)) {
      cx.report("K0342", {}, clause.span);
      continue;
    }
    checked.push(expr);
  }
  return checked;
}

function onlySizes(expr: TExpr): boolean {
  switch (expr.kind) {
    case "const":
    case "shape":
      return true;
    case "ref":
      return expr.sym.kind === "dim" || expr.sym.kind === "scalar";
    case "unary":
    case "convert":
      return onlySizes(expr.operand);
    case "binary":
    case "compare":
    case "logical":
      return onlySizes(expr.left) && onlySizes(expr.right);
    case "cond":
    case "select":
      return onlySizes(expr.cond) && onlySizes(expr.then) && onlySizes(expr.orelse);
    default:
      return false;
  }
}
