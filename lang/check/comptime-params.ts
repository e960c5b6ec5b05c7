// Compile-time parameters of an instance: `[T: Float, S: int = 1, f: def(T) -> U = keep]`. Binds each to a
// value (given, inferred or default), checks it against its bound, and declares it in the instance's scope.

import type { Span } from "../source.ts";
import { dtypeInfo, isFloat, isInteger, isTrait, traits, type Dtype, type TraitName } from "../dtypes.ts";
import type { CompParam, Expr, FunctionTypeExpr } from "../syntax/ast.ts";
import type { Sym, TFunction, Type } from "../typed.ts";
import { coerce, whatIs } from "./coercion.ts";
import type { Cx } from "./context.ts";
import { exactInt, exactReal, type Exact } from "./exact.ts";
import { check } from "./expressions.ts";
import { functionForTypes } from "./instances.ts";
import { isDimName, namesIn } from "./signatures.ts";
import { resultType, resolveType } from "./type-expressions.ts";
import { indexType, inTrait, isError, isLanes, sameType, scalarType, typeName } from "./types.ts";
import { exact, typed, typeValue, type Value } from "./values.ts";

export type ParamSort =
  | { readonly kind: "dtype"; readonly trait: TraitName }
  | { readonly kind: "int" | "bool" | "number" | "string" }
  | { readonly kind: "function"; readonly type: FunctionTypeExpr }
  /** A value of a run-time type, `s: f32 = 0.5`. */
  | { readonly kind: "typed"; readonly type: Expr };

/** What sort of compile-time parameter a declaration makes. */
export function sortOf(param: CompParam): ParamSort {
  const { type } = param;
  if (type.kind === "function-type") return { kind: "function", type };
  if (type.kind === "name") {
    if (isTrait(type.text)) return { kind: "dtype", trait: type.text };
    if (type.text === "int" || type.text === "bool") return { kind: type.text };
    if (type.text === "float") return { kind: "number" };
    if (type.text === "string" || type.text === "str") return { kind: "string" };
  }
  return { kind: "typed", type };
}

/** The dtype that stands for a type parameter when nothing says another. */
export function defaultDtype(trait: TraitName): Dtype {
  const usual = (["f32", "i32"] as const).find((dtype) => inTrait(dtype, trait));
  return usual ?? traits[trait][0]!;
}

export interface Owner {
  readonly name: string;
  readonly params: readonly CompParam[];
}

/** How parameters without a value are treated: refused, or given a sample so that a body can be checked alone. */
export type Missing = "refuse" | "sample";

/**
 * Binds all compile-time parameters in `cx.scope` (the instance's own scope). `given` holds what the caller said
 * or what was inferred. Returns the values by name, or undefined after reporting at `span`.
 */
export function bindParams(
  cx: Cx,
  owner: Owner,
  given: ReadonlyMap<string, Value>,
  span: Span,
  caller: Cx,
  missing: Missing,
): Map<string, Value> | undefined {
  const bound = new Map<string, Value>();
  let good = true;
  const bind = (param: CompParam, value: Value): void => {
    if (value.kind === "error") good = false;
    bound.set(param.name.text, value);
    cx.declare(param.name.text, {
      kind: "value",
      value,
      span: param.name.span,
      what: "compile-time parameter",
    });
  };
  for (const param of owner.params) {
    const sort = sortOf(param);
    if (sort.kind === "dtype") {
      const value = given.get(param.name.text) ?? resultInferred(cx, owner, param, given, caller, bound);
      bind(param, dtypeParam(caller, owner, param, sort.trait, value, cx, span));
      continue;
    }
    const value = given.get(param.name.text);
    bind(
      param,
      sort.kind === "function"
        ? functionParam(cx, owner, param, sort.type, value, span, caller, missing)
        : valueParam(cx, owner, param, sort, value, span, caller, missing),
    );
  }
  return good ? bound : undefined;
}

function dtypeParam(
  caller: Cx,
  owner: Owner,
  param: CompParam,
  trait: TraitName,
  given: Value | undefined,
  cx: Cx,
  span: Span,
): Value {
  const value = given ?? (param.fallback ? check(cx, param.fallback) : undefined);
  if (!value) return typeValue(scalarType(defaultDtype(trait)), param.span);
  if (value.kind === "error") return value;
  if (value.kind !== "type" || !isLanes(value.type)) {
    caller.report(
      "K0302",
      { what: `\`${param.name.text}\` of \`${owner.name}\``, expected: "a dtype", found: whatIs(value) },
      value.span,
    );
    return { kind: "error", span };
  }
  const { dtype } = value.type;
  if (!inTrait(dtype, trait)) {
    const storage = dtypeInfo(dtype).storageOnly;
    caller.report(
      "K0316",
      { type: typeName(value.type), trait, param: param.name.text, owner: owner.name },
      value.span,
      {
        notes: storage
          ? [`${dtype} is for storage: elements are read as i32`]
          : [`${trait} is ${traits[trait].join(", ")}`],
      },
    );
    return { kind: "error", span };
  }
  return typeValue(value.type.kind === "scalar" ? scalarType(dtype) : value.type, value.span);
}

/** `U` of `f: def(T) -> U`: what the function that is given, or the default one, returns. */
function resultInferred(
  cx: Cx,
  owner: Owner,
  param: CompParam,
  given: ReadonlyMap<string, Value>,
  caller: Cx,
  bound: ReadonlyMap<string, Value>,
): Value | undefined {
  for (const other of owner.params) {
    const sort = sortOf(other);
    if (sort.kind !== "function" || sort.type.result?.kind !== "name") continue;
    if (sort.type.result.text !== param.name.text) continue;
    const ready = sort.type.params.every(
      (type) =>
        type.kind !== "name" ||
        bound.has(type.text) ||
        cx.scope.lookup(type.text) !== undefined ||
        !/^[A-Z]/.test(type.text),
    );
    const value =
      given.get(other.name.text) ?? (other.fallback && ready ? check(cx, other.fallback) : undefined);
    if (!value || !ready) continue;
    const params = signatureTypes(cx, sort.type);
    const fn = functionForTypes(caller, value, params, value.span, other.name.text);
    if (fn && isLanes(fn.result)) return typeValue(fn.result, value.span);
  }
  return undefined;
}

function functionParam(
  cx: Cx,
  owner: Owner,
  param: CompParam,
  type: FunctionTypeExpr,
  given: Value | undefined,
  span: Span,
  caller: Cx,
  missing: Missing,
): Value {
  const params = signatureTypes(cx, type);
  const result = resultType(cx, type.result);
  const value = given ?? (param.fallback ? check(cx, param.fallback) : undefined);
  if (params.some(isError) || isError(result)) return { kind: "error", span };
  if (!value) {
    if (missing === "sample") return { kind: "instance", fn: opaqueFunction(param, params, result), span };
    caller.report("K0315", { param: param.name.text, owner: owner.name }, span);
    return { kind: "error", span };
  }
  if (value.kind === "error") return value;
  const fn = functionForTypes(caller, value, params, given ? value.span : span, param.name.text);
  if (!fn) return { kind: "error", span };
  if (!sameType(fn.result, result)) {
    caller.report(
      "K0302",
      {
        what: `the result of \`${fn.name}\`, given as \`${param.name.text}\`,`,
        expected: typeName(result),
        found: typeName(fn.result),
      },
      given ? value.span : span,
      { related: [{ span: fn.span, text: `it returns ${typeName(fn.result)}` }] },
    );
    return { kind: "error", span };
  }
  return { kind: "instance", fn, span: value.span };
}

/** The parameter types of a function type; dimensions in them, `def(Tensor[T, N]) -> T`, are its own. */
function signatureTypes(cx: Cx, type: FunctionTypeExpr): Type[] {
  const inner = cx.inner();
  for (const { text: name, span } of type.params.flatMap(namesIn)) {
    if (isDimName(inner.scope, name)) inner.declareSym({ kind: "dim", name, type: indexType, span });
  }
  return type.params.map((one) => resolveType(inner, one));
}

function opaqueFunction(param: CompParam, params: readonly Type[], result: Type): TFunction {
  const syms = params.map((type, at): Sym => ({
    kind: type.kind === "tensor" ? "tensor" : "scalar",
    name: `a${at}`,
    type,
    span: param.span,
  }));
  return { name: param.name.text, params: syms, result, body: [], dims: [], opaque: true, span: param.span };
}

function valueParam(
  cx: Cx,
  owner: Owner,
  param: CompParam,
  sort: Exclude<ParamSort, { kind: "dtype" | "function" }>,
  given: Value | undefined,
  span: Span,
  caller: Cx,
  missing: Missing,
): Value {
  const value = given ?? (param.fallback ? check(cx, param.fallback) : undefined);
  if (sort.kind === "typed") {
    const type = resolveType(cx, sort.type);
    if (isError(type)) return { kind: "error", span };
    if (!isLanes(type) && type.kind !== "tuple" && type.kind !== "struct") {
      cx.report(
        "K0320",
        { found: `\`${typeName(type)}\` as the type of a compile-time parameter` },
        sort.type.span,
      );
      return { kind: "error", span };
    }
    const start =
      value ??
      (missing === "sample" && isLanes(type)
        ? sampleOf(isInteger(type.dtype) ? "int" : type.dtype === "bool" ? "bool" : "number", param.span)
        : undefined);
    if (!start) return noValue(owner, param, span, caller);
    if (start.kind === "error") return start;
    const expr = coerce(given ? caller : cx, start, type, `\`${param.name.text}\``);
    if (isError(expr.type)) return { kind: "error", span };
    if (expr.kind === "const") return typed(expr);
    caller.report("K0306", { what: `\`${param.name.text}\`` }, start.span);
    return { kind: "error", span };
  }
  if (!value)
    return missing === "sample" ? sampleOf(sort.kind, param.span) : noValue(owner, param, span, caller);
  if (value.kind === "error") return value;
  const found = exactOf(value);
  const fits =
    found &&
    (found.kind === "real"
      ? sort.kind === "number"
      : found.kind === "int"
        ? sort.kind === "int" || sort.kind === "number"
        : found.kind === sort.kind);
  if (fits) return exact(found, value.span);
  const at = given ? caller : cx;
  if (!found && value.kind === "typed") at.report("K0306", { what: `\`${param.name.text}\`` }, value.span);
  else {
    const expected = { int: "an integer", bool: "True or False", number: "a number", string: "a string" }[
      sort.kind
    ];
    at.report(
      "K0302",
      { what: `\`${param.name.text}\` of \`${owner.name}\``, expected, found: whatIs(value) },
      value.span,
    );
  }
  return { kind: "error", span };
}

/** A constant without its type. */
export function exactOf(value: Value): Exact | undefined {
  if (value.kind === "exact") return value.value;
  if (value.kind !== "typed" || value.expr.kind !== "const" || value.expr.type.kind !== "scalar")
    return undefined;
  const number = value.expr.value;
  if (typeof number === "boolean") return { kind: "bool", value: number };
  if (!isFloat(value.expr.type.dtype)) return exactInt(BigInt(number));
  return fractionOf(Number(number));
}

/** A finite double as the fraction that it is. */
export function fractionOf(value: number): Exact {
  if (!Number.isFinite(value)) return exactReal(Number.isNaN(value) ? 0n : value > 0 ? 1n : -1n, 0n);
  let den = 1n;
  while (!Number.isInteger(value)) {
    value *= 2;
    den *= 2n;
  }
  return exactReal(BigInt(value), den);
}

function noValue(owner: Owner, param: CompParam, span: Span, caller: Cx): Value {
  caller.report("K0315", { param: param.name.text, owner: owner.name }, span, {
    related: [{ span: param.span, text: "it is declared here, without a default" }],
    fix: { text: `give it in brackets: \`${owner.name}[${param.name.text}=…](…)\`` },
  });
  return { kind: "error", span };
}

/** What stands for a parameter that has no default, when a definition is checked by itself. */
function sampleOf(kind: "int" | "bool" | "number" | "string", span: Span): Value {
  const values: Readonly<Record<typeof kind, Exact>> = {
    int: exactInt(2),
    bool: { kind: "bool", value: false },
    number: exactReal(1n, 1n),
    string: { kind: "string", value: "" },
  };
  return exact(values[kind], span);
}
