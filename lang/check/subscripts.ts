// Subscripts: elements `x[i, j]`, views `x[i, :]`, lanes `v[2]`, tuple items `t[0]`, sizes `x.shape[0]`, and
// compile-time arguments `f[T=f16]`.

import { valueDtype } from "../dtypes.ts";
import type { Span } from "../source.ts";
import type { IndexExpr, IndexItem, SliceItem } from "../syntax/ast.ts";
import type { ArrayType, TExpr, TensorType, TView, Type } from "../typed.ts";
import { coerce, whatIs } from "./coercion.ts";
import type { Cx } from "./context.ts";
import { check, checkConstant, checkInt, spread } from "./expressions.ts";
import { applyType } from "./type-expressions.ts";
import {
  describe,
  indexBinary,
  indexType,
  intConst,
  isError,
  scalarType,
  showExpr,
  typeName,
} from "./types.ts";
import { errorValue, typed, type BracketArg, type Value } from "./values.ts";

export function checkIndex(cx: Cx, expr: IndexExpr): Value {
  const base = check(cx, expr.base);
  switch (base.kind) {
    case "error":
      for (const item of expr.items)
        if (!("slice" in item) && item.value.kind !== "star") check(cx, item.value);
      return errorValue(expr.span);
    case "builtin":
      if (base.name === "Tensor" || base.name === "Array" || base.name === "SIMD")
        return applyType(cx, base.name, expr);
      return partial(cx, base, expr);
    case "function":
    case "kernel":
    case "method":
      return partial(cx, base, expr);
    case "shape": {
      const axis = constantItem(cx, expr, "the dimension");
      const { type } = base.base;
      if (axis === undefined || (type.kind !== "tensor" && type.kind !== "array"))
        return errorValue(expr.span);
      const at = axis < 0 ? axis + type.shape.length : axis;
      if (at < 0 || at >= type.shape.length) {
        cx.report(
          "K0310",
          { what: describe(type), has: `${type.shape.length} dimensions`, given: `number ${axis}` },
          expr.span,
        );
        return errorValue(expr.span);
      }
      return typed({ kind: "shape", base: base.base, axis: at, type: indexType, span: expr.span });
    }
    case "pack": {
      const at = constantItem(cx, expr, "the number in the pack");
      const item = at === undefined ? undefined : base.items.at(at);
      if (item) return typed({ ...item, span: expr.span } as TExpr);
      if (at !== undefined) {
        cx.report(
          "K0310",
          {
            what: `the pack \`${base.name}\``,
            has: `${base.items.length} parts here`,
            given: `number ${at}`,
          },
          expr.span,
        );
      }
      return errorValue(expr.span);
    }
    case "list":
    case "tuple": {
      const at = constantItem(cx, expr, "the number of the element");
      const item = at === undefined ? undefined : base.items.at(at);
      if (item) return { ...item, span: expr.span };
      if (at !== undefined) {
        cx.report(
          "K0310",
          { what: whatIs(base), has: `${base.items.length} elements`, given: `number ${at}` },
          expr.span,
        );
      }
      return errorValue(expr.span);
    }
    case "typed":
      return indexInto(cx, base.expr, expr.items, expr.span);
    default:
      cx.report("K0311", { what: whatIs(base), how: "indexed" }, expr.base.span);
      return errorValue(expr.span);
  }
}

/** `f[a, T=b]`: the call follows. */
function partial(cx: Cx, of: Value, expr: IndexExpr): Value {
  const args: BracketArg[] = [];
  for (const item of expr.items) {
    if ("slice" in item) {
      cx.report("K0311", { what: whatIs(of), how: "sliced" }, item.span);
      return errorValue(expr.span);
    }
    for (const value of spread(cx, item.value)) args.push({ name: item.name?.text, value, span: item.span });
  }
  if (args.some((arg) => arg.value.kind === "error")) return errorValue(expr.span);
  return { kind: "partial", of, args, span: expr.span };
}

function constantItem(cx: Cx, expr: IndexExpr, what: string): number | undefined {
  const [item] = expr.items;
  if (expr.items.length !== 1 || !item || "slice" in item || item.name) {
    cx.report("K0306", { what }, expr.span, { notes: ["one whole number is needed here"] });
    return undefined;
  }
  return checkConstant(cx, item.value, what);
}

/** An element, a view, a lane or a tuple item of a run-time value. */
export function indexInto(cx: Cx, base: TExpr, items: readonly IndexItem[], span: Span): Value {
  const { type } = base;
  switch (type.kind) {
    case "error":
      for (const item of items) if (!("slice" in item)) spread(cx, item.value);
      return errorValue(span);
    case "tensor":
    case "array":
      return elementOrView(cx, base, type, items, span);
    case "simd": {
      const lane = oneConstant(cx, items, "the lane", span);
      if (lane === undefined) return errorValue(span);
      const at = lane < 0 ? lane + type.lanes : lane;
      if (at < 0 || at >= type.lanes) {
        cx.report(
          "K0310",
          { what: typeName(type), has: `lanes 0 to ${type.lanes - 1}`, given: `lane ${lane}` },
          span,
        );
        return errorValue(span);
      }
      return typed({ kind: "lane", base, lane: at, type: scalarType(type.dtype), span });
    }
    case "tuple": {
      const index = oneConstant(cx, items, "the number of the item", span);
      if (index === undefined) return errorValue(span);
      const at = index < 0 ? index + type.items.length : index;
      const item = type.items[at];
      if (!item) {
        cx.report(
          "K0310",
          {
            what: `the tuple ${typeName(type)}`,
            has: `${type.items.length} items`,
            given: `number ${index}`,
          },
          span,
        );
        return errorValue(span);
      }
      return typed({ kind: "tuple-item", base, index: at, type: item, span });
    }
    default:
      cx.report("K0311", { what: describe(type), how: "indexed" }, base.span);
      return errorValue(span);
  }
}

function oneConstant(cx: Cx, items: readonly IndexItem[], what: string, span: Span): number | undefined {
  const [item] = items;
  if (items.length === 1 && item && !("slice" in item) && !item.name)
    return checkConstant(cx, item.value, what);
  cx.report("K0306", { what }, span, { notes: ["one whole number is needed here"] });
  return undefined;
}

type Part =
  { readonly kind: "at"; readonly index: TExpr } | { readonly kind: "slice"; readonly item: SliceItem };

function elementOrView(
  cx: Cx,
  base: TExpr,
  type: TensorType | ArrayType,
  items: readonly IndexItem[],
  span: Span,
): Value {
  const parts: Part[] = [];
  let good = true;
  for (const item of items) {
    if ("slice" in item) {
      parts.push({ kind: "slice", item });
      continue;
    }
    if (item.name) {
      cx.report("K0308", { callee: "a subscript", why: "indices have no names" }, item.span);
      good = false;
    }
    // `x[(i, j)]` is `x[i, j]`, and `x[()]` the element of a tensor without dimensions.
    const values = spread(cx, item.value).flatMap((value) =>
      value.kind === "tuple" ? value.items : [value],
    );
    for (const value of values) {
      const index = indexValue(cx, value, type, parts.length);
      if (isError(index.type)) good = false;
      parts.push({ kind: "at", index });
    }
  }
  if (!good) return errorValue(span);
  const rank = type.shape.length;
  if (parts.length !== rank) {
    const slices =
      rank > parts.length && parts.length > 0
        ? [
            `a whole row is a view: \`[${[...items.map(() => "i"), ...Array.from({ length: rank - parts.length }, () => ":")].join(", ")}]\``,
          ]
        : [];
    cx.report(
      "K0310",
      {
        what: describe(type),
        has: `${rank} dimension${rank === 1 ? "" : "s"}`,
        given: `${parts.length} ${parts.length === 1 ? "index" : "indices"}`,
      },
      span,
      { notes: slices },
    );
    return errorValue(span);
  }
  if (parts.every((part) => part.kind === "at")) {
    const elem: Type = type.kind === "array" ? type.elem : scalarType(valueDtype(type.dtype));
    return typed({ kind: "index", base, indices: parts.map((part) => part.index), type: elem, span });
  }
  if (type.kind === "array") {
    cx.report("K0311", { what: "an Array", how: "sliced" }, span, {
      notes: ["views are made of tensors; pass the Array and an offset"],
    });
    return errorValue(span);
  }
  return view(cx, base, type, parts, span);
}

function view(cx: Cx, base: TExpr, type: TensorType, parts: readonly Part[], span: Span): Value {
  const shape: TExpr[] = [];
  let good = true;
  const items: TView["items"] = parts.map((part, axis) => {
    if (part.kind === "at") return part;
    const { item } = part;
    if (item.step) {
      cx.report(
        "K0344",
        { why: "a step in a slice isn’t supported: views keep every element" },
        item.step.span,
      );
      good = false;
    }
    const low = item.low && checkInt(cx, item.low, "the start of a slice");
    const high = item.high && checkInt(cx, item.high, "the end of a slice");
    for (const end of [low, high]) {
      if (end && isError(end.type)) good = false;
      if (end?.kind === "const" && Number(end.value) < 0) {
        cx.report(
          "K0339",
          { index: String(end.value), instead: `${showExpr(type.shape[axis]!)} - ${-Number(end.value)}` },
          end.span,
        );
        good = false;
      }
    }
    const stop = high ?? type.shape[axis]!;
    shape.push(low ? indexBinary("sub", stop, low, item.span) : stop);
    return { kind: "slice", low, high };
  });
  if (!good) return errorValue(span);
  return typed({ kind: "view", base, items, type: { kind: "tensor", dtype: type.dtype, shape }, span });
}

/** One index; Python's negative ones are refused by name, since nothing counts from the end. */
export function indexValue(cx: Cx, value: Value, type: TensorType | ArrayType, axis: number): TExpr {
  const index = coerce(cx, value, indexType, "a subscript");
  if (index.kind === "const" && !isError(index.type) && Number(index.value) < 0) {
    const size = type.shape[axis];
    cx.report(
      "K0339",
      {
        index: String(index.value),
        instead: size ? `${showExpr(size)} - ${-Number(index.value)}` : "the size minus it",
      },
      index.span,
    );
    return { ...intConst(0, index.span), type: { kind: "error" } };
  }
  return index;
}

/** The indices of `x.get(…)`, `x.load(…)`, `x.store(…)`: as many as there are dimensions. */
export function fullIndices(
  cx: Cx,
  base: TExpr,
  values: readonly Value[],
  span: Span,
  allowNegative: boolean,
): TExpr[] | undefined {
  const { type } = base;
  if (type.kind !== "tensor" && type.kind !== "array") return undefined;
  if (values.length !== type.shape.length) {
    const rank = type.shape.length;
    cx.report(
      "K0310",
      {
        what: describe(type),
        has: `${rank} dimension${rank === 1 ? "" : "s"}`,
        given: `${values.length} ${values.length === 1 ? "index" : "indices"}`,
      },
      span,
    );
    return undefined;
  }
  const indices = values.map((value, axis) =>
    allowNegative ? coerce(cx, value, indexType, "a subscript") : indexValue(cx, value, type, axis),
  );
  return indices.some((index) => isError(index.type)) ? undefined : indices;
}
