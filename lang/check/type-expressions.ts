// Type expressions: `f32`, `T`, `Tensor[T, M, N]`, `Array[T, 4]`, `SIMD[T, 8]`, tuples and structs. Types are
// ordinary expressions in the syntax; here they get their meaning.

import type { Span } from "../source.ts";
import { isBuiltin } from "../builtins.ts";
import { dtypeInfo } from "../dtypes.ts";
import type { Expr, IndexExpr, IndexItem, NameExpr } from "../syntax/ast.ts";
import type { ScalarType, SimdType, TExpr, Type } from "../typed.ts";
import { coerce, whatIs } from "./coercion.ts";
import type { Cx } from "./context.ts";
import { check, spread } from "./expressions.ts";
import { errorType, indexType, isError, isLanes, noneType } from "./types.ts";
import { errorValue, typeValue, type Value } from "./values.ts";

/** The type that an expression names. */
export function resolveType(cx: Cx, expr: Expr): Type {
  return typeOfValue(cx, check(cx, expr));
}

/** The type of a local, a parameter, a field or a result: dtypes for storage only are refused. */
export function valueType(cx: Cx, expr: Expr): Type {
  const type = resolveType(cx, expr);
  const scalar = (type.kind === "tuple" ? type.items : [type]).find(
    (one) => one.kind === "scalar" && dtypeInfo(one.dtype).storageOnly,
  );
  if (scalar?.kind !== "scalar") return type;
  cx.report("K0329", { dtype: scalar.dtype }, expr.span);
  return errorType;
}

/** A value taken as a type. */
export function typeOfValue(cx: Cx, value: Value): Type {
  switch (value.kind) {
    case "type":
      return value.type;
    case "struct":
      return value.type;
    case "error":
      return errorType;
    case "tuple": {
      const items = value.items.map((item) => typeOfValue(cx, item));
      return items.some(isError) ? errorType : { kind: "tuple", items };
    }
    case "trait":
      cx.report("K0320", { found: whatIs(value) }, value.span, {
        notes: [`a trait is what a type parameter is bound by: \`def f[T: ${value.name}](x: T) -> T\``],
      });
      return errorType;
    case "builtin":
      if (value.name === "Tensor" || value.name === "Array" || value.name === "SIMD") {
        const like = { Tensor: "Tensor[f32, M, N]", Array: "Array[f32, 8]", SIMD: "SIMD[f32, 4]" }[
          value.name
        ];
        cx.report("K0320", { found: `\`${value.name}\` alone` }, value.span, {
          notes: [`write, for example, \`${like}\``],
        });
        return errorType;
      }
      break;
    default:
  }
  cx.report("K0320", { found: whatIs(value) }, value.span);
  return errorType;
}

/** A type of one element: a dtype, or (in an Array) a SIMD type. */
function elementType(
  cx: Cx,
  item: IndexItem | undefined,
  owner: string,
  span: Span,
): ScalarType | SimdType | undefined {
  if (!item || "slice" in item || item.name || item.value.kind === "star") {
    cx.report("K0320", { found: `\`${owner}[…]\` without an element type` }, item?.span ?? span);
    return undefined;
  }
  const type = resolveType(cx, item.value);
  if (isError(type)) return undefined;
  if (isLanes(type) && (type.kind === "scalar" || owner === "Array")) return type;
  cx.report("K0320", { found: `\`${owner}\` of something that isn’t a dtype` }, item.span);
  return undefined;
}

/** `Tensor[…]`, `Array[…]`, `SIMD[…]`. */
export function applyType(cx: Cx, name: "Tensor" | "Array" | "SIMD", expr: IndexExpr): Value {
  const [first, ...rest] = expr.items;
  const elem = elementType(cx, first, name, expr.span);
  const shape = shapeOf(cx, rest, name);
  if (!elem || !shape) return errorValue(expr.span);
  if (name === "Tensor") {
    if (elem.kind !== "scalar") return errorValue(expr.span);
    return typeValue({ kind: "tensor", dtype: elem.dtype, shape }, expr.span);
  }
  if (dtypeInfo(elem.dtype).storageOnly) {
    cx.report("K0329", { dtype: elem.dtype }, first!.span);
    return errorValue(expr.span);
  }
  if (name === "Array") {
    if (shape.length === 0) {
      cx.report("K0320", { found: "`Array` without a size" }, expr.span, {
        notes: ["write, for example, `Array[f32, 8]`"],
      });
      return errorValue(expr.span);
    }
    const bytes = shape.reduce(
      (product, size) => product * (size.kind === "const" ? Number(size.value) : 1),
      (dtypeInfo(elem.dtype).bits / 8) * (elem.kind === "simd" ? elem.lanes : 1),
    );
    if (bytes >= 2 ** 32) {
      cx.report(
        "K0330",
        { why: `an Array takes less than 2^32 bytes, and this one ${bytes.toLocaleString("en")}` },
        expr.span,
      );
      return errorValue(expr.span);
    }
    return typeValue({ kind: "array", elem, shape }, expr.span);
  }
  const lanes = shape.length === 1 && shape[0]!.kind === "const" ? Number(shape[0].value) : undefined;
  if (lanes === undefined || elem.kind !== "scalar" || ![2, 4, 8, 16, 32, 64].includes(lanes)) {
    cx.report("K0337", { found: lanes === undefined ? "this" : String(lanes) }, expr.span);
    return errorValue(expr.span);
  }
  return typeValue({ kind: "simd", dtype: elem.dtype, lanes }, expr.span);
}

function shapeOf(cx: Cx, items: readonly IndexItem[], owner: string): TExpr[] | undefined {
  const shape: TExpr[] = [];
  let good = true;
  for (const item of items) {
    if ("slice" in item || item.name) {
      cx.report("K0320", { found: `this part of \`${owner}[…]\`` }, item.span);
      good = false;
      continue;
    }
    if (owner === "Tensor" && isLowercaseDim(cx, item.value)) {
      const dim = item.value.text.toUpperCase();
      const edits = [{ span: item.span, replacement: dim }];
      cx.report("K0201", { name: item.value.text, what: "the name" }, item.span, {
        fix: { text: `a dimension is capitalised: write \`${dim}\``, edits },
      });
      good = false;
      continue;
    }
    for (const value of spread(cx, item.value)) {
      const size = coerce(cx, value, indexType, "a size");
      if (isError(size.type)) good = false;
      else if (
        size.kind === "const" &&
        (Number(size.value) < 0 || (owner !== "Tensor" && size.value === 0))
      ) {
        cx.report("K0330", { why: `a size of ${size.value} is impossible` }, item.span);
        good = false;
      }
      shape.push(size);
    }
  }
  return good ? shape : undefined;
}

/** `n` in `Tensor[f32, n]` where nothing has that name: somebody meant a dimension. */
function isLowercaseDim(cx: Cx, expr: Expr): expr is NameExpr {
  return (
    expr.kind === "name" && /^[a-z]/.test(expr.text) && !cx.scope.lookup(expr.text) && !isBuiltin(expr.text)
  );
}

/** What a `def` returns. Tensors and Arrays can't be returned: they would have to be stored somewhere. */
export function resultType(cx: Cx, expr: Expr | undefined): Type {
  if (!expr) return noneType;
  if (expr.kind === "name" && expr.text === "None" && !cx.scope.lookup("None")) return noneType;
  const type = valueType(cx, expr);
  if (type.kind === "tensor" || type.kind === "array") {
    cx.report(
      "K0318",
      { why: `a \`def\` can’t return ${type.kind === "tensor" ? "a tensor" : "an Array"}` },
      expr.span,
      {
        notes: [
          "a kernel writes tensors through `out` arguments; a `def` gives scalars, SIMD values, tuples and structs",
        ],
      },
    );
    return errorType;
  }
  return type;
}
