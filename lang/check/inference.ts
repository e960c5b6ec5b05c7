// Infers type parameters, lane counts and ranks of packs from the arguments of a call, by laying declared
// parameter types beside argument types.

import type { CompParam, Expr, Param } from "../syntax/ast.ts";
import type { Type } from "../typed.ts";
import { sortOf } from "./comptime-params.ts";
import { exactInt } from "./exact.ts";
import { shaped } from "./signatures.ts";
import { f32Type, i32Type, inTrait, scalarType } from "./types.ts";
import { exact, typeValue, type Value } from "./values.ts";

export interface Inferred {
  readonly values: Map<string, Value>;
  readonly packs: Map<string, number>;
}

/** What the arguments say about the compile-time parameters; explicit values (in `values`) stay. */
export function infer(
  compParams: readonly CompParam[],
  params: readonly Param[],
  args: readonly (Value | undefined)[],
  packNames: readonly string[],
  inferred: Inferred,
): void {
  const explicit = new Set(inferred.values.keys());
  const sorts = new Map(compParams.map((param) => [param.name.text, sortOf(param)]));
  const context: Unifier = { sorts, explicit, packNames, ...inferred };
  params.forEach((param, at) => {
    const value = args[at];
    if (value?.kind === "typed") unify(context, param.type, value.expr.type, value);
    if (value?.kind === "tuple" && param.type.kind === "tuple") {
      param.type.items.forEach((item, index) => {
        const part = value.items[index];
        if (part?.kind === "typed") unify(context, item, part.expr.type, part);
      });
    }
  });
  // Literals decide only what no typed argument has decided.
  params.forEach((param, at) => {
    const value = args[at];
    if (param.type.kind !== "name" || inferred.values.has(param.type.text)) return;
    const sort = sorts.get(param.type.text);
    const literal =
      value?.kind === "exact" ? value.value.kind : value?.kind === "flex" ? value.literal : undefined;
    if (sort?.kind !== "dtype" || !value || (literal !== "int" && literal !== "real")) return;
    const dtype = literal === "int" && inTrait("i32", sort.trait) ? i32Type : f32Type;
    inferred.values.set(param.type.text, typeValue(dtype, value.span));
  });
}

interface Unifier extends Inferred {
  readonly sorts: ReadonlyMap<string, ReturnType<typeof sortOf>>;
  readonly explicit: ReadonlySet<string>;
  readonly packNames: readonly string[];
}

function unify(context: Unifier, expr: Expr, type: Type, value: Value): void {
  if (type.kind === "error") return;
  if (expr.kind === "name") {
    const sort = context.sorts.get(expr.text);
    if (sort?.kind !== "dtype" || context.explicit.has(expr.text)) return;
    const before = context.values.get(expr.text);
    if (type.kind === "scalar" && !before)
      context.values.set(expr.text, typeValue(scalarType(type.dtype), value.span));
    // One SIMD argument makes the parameter SIMD; scalars beside it are splatted.
    else if (type.kind === "simd" && (!before || (before.kind === "type" && before.type.kind === "scalar"))) {
      context.values.set(expr.text, typeValue(type, value.span));
    }
    return;
  }
  if (expr.kind === "tuple" && type.kind === "tuple") {
    expr.items.forEach((item, at) => type.items[at] && unify(context, item, type.items[at], value));
    return;
  }
  if (expr.kind !== "index" || expr.base.kind !== "name") return;
  const items = expr.items.map((item) => ("slice" in item ? undefined : item.value));
  const first = items[0];
  if (expr.base.text === "SIMD" && type.kind === "simd") {
    if (first) unify(context, first, scalarType(type.dtype), value);
    const lanes = items[1];
    if (lanes?.kind === "name") bindInt(context, lanes.text, type.lanes, value);
    return;
  }
  if (!shaped(expr) || (type.kind !== "tensor" && type.kind !== "array")) return;
  if (first) unify(context, first, type.kind === "tensor" ? scalarType(type.dtype) : type.elem, value);
  const shape = items.slice(1);
  let axis = 0;
  for (const item of shape) {
    if (item?.kind === "star" && item.operand.kind === "name") {
      const name = item.operand.text;
      const rank = type.shape.length - (shape.length - 1);
      if (context.packNames.includes(name) && !context.packs.has(name) && rank >= 0)
        context.packs.set(name, rank);
      axis += Math.max(rank, 0);
      continue;
    }
    const size = type.shape[axis];
    if (item?.kind === "name" && size?.kind === "const")
      bindInt(context, item.text, Number(size.value), value);
    axis++;
  }
}

function bindInt(context: Unifier, name: string, value: number, from: Value): void {
  if (context.sorts.get(name)?.kind !== "int" || context.values.has(name)) return;
  context.values.set(name, exact(exactInt(value), from.span));
}
