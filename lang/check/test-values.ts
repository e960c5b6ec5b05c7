// Values that exist only in `test` blocks: tensors made on the spot, and `close`.

import type { Span } from "../source.ts";
import type { CallExpr } from "../syntax/ast.ts";
import { dtypeInfo, isFloat, isInteger, valueDtype, type Dtype } from "../dtypes.ts";
import type { TExpr, TTestValue, Type } from "../typed.ts";
import { arityError } from "./arguments.ts";
import { reportMixed, reportOperand } from "./arithmetic.ts";
import { coerce, together } from "./coercion.ts";
import type { Cx } from "./context.ts";
import { check, spread } from "./expressions.ts";
import { exactReal } from "./exact.ts";
import { typeOfValue } from "./type-expressions.ts";
import { boolType, f32Type, indexType, intConst, isError, scalarType, typeName } from "./types.ts";
import { errorValue, exact, typed, type BracketArg, type Value } from "./values.ts";

const names: ReadonlySet<string> = new Set(["random", "zeros", "ones", "full", "arange", "tensor", "close"]);

export function isTestValue(name: string): name is TTestValue["name"] {
  return names.has(name);
}

export function checkTestValue(
  cx: Cx,
  name: TTestValue["name"],
  brackets: readonly BracketArg[],
  expr: CallExpr,
): Value {
  const dtype = elementOf(cx, name, brackets);
  const known = name === "random" ? ["seed", "low", "high"] : name === "close" ? ["tol"] : [];
  const values: Value[] = [];
  const given = new Map<string, Value>();
  let good = dtype !== undefined;
  for (const arg of expr.args) {
    if (!arg.name) values.push(...spread(cx, arg.value));
    else if (known.includes(arg.name.text)) given.set(arg.name.text, check(cx, arg.value));
    else {
      cx.report(
        "K0308",
        { callee: `\`${name}\``, why: `it has no parameter \`${arg.name.text}\`` },
        arg.name.span,
      );
      good = false;
    }
  }
  if (!good || !dtype || [...values, ...given.values()].some((value) => value.kind === "error"))
    return errorValue(expr.span);
  if (name === "close") return checkClose(cx, values, given, expr.span);
  if (name === "tensor") return tensorLiteral(cx, values, dtype, expr.span);
  const elem = scalarType(valueDtype(dtype));
  const args: TExpr[] = [];
  if (name === "full") {
    const value = values.shift();
    if (!value) {
      arityError(cx, "`full`", "a value and sizes", 0, expr.span);
      return errorValue(expr.span);
    }
    args.push(coerce(cx, value, elem, "the value"));
  }
  const shape = values.map((value) => coerce(cx, value, indexType, "a size"));
  if (name === "arange" && shape.length !== 1) {
    arityError(cx, "`arange`", 1, shape.length, expr.span);
    return errorValue(expr.span);
  }
  const options: Record<string, TExpr> = {};
  for (const [key, value] of given)
    options[key] = coerce(cx, value, key === "seed" ? indexType : boundType(elem, value), `\`${key}\``);
  if ([...args, ...shape, ...Object.values(options)].some((one) => isError(one.type)))
    return errorValue(expr.span);
  return typed({
    kind: "test-value",
    name,
    args: [...args, ...shape],
    options,
    type: { kind: "tensor", dtype, shape },
    span: expr.span,
  });
}

/** A bound of integers may be one more than their type holds, as nothing random is as large: `random[u8](9, high=256)`. */
function boundType(elem: Type, value: Value): Type {
  const literal = value.kind === "exact" || value.kind === "flex";
  const wider = literal && elem.kind === "scalar" && isInteger(elem.dtype) && elem.dtype !== "u64";
  return wider ? scalarType("i64") : elem;
}

/** The dtype in brackets; f32 if nothing is said. */
function elementOf(cx: Cx, name: string, brackets: readonly BracketArg[]): Dtype | undefined {
  const [first] = brackets;
  if (!first) return "f32";
  const type = typeOfValue(cx, first.value);
  if (isError(type)) return undefined;
  if (brackets.length === 1 && type.kind === "scalar" && name !== "close") return type.dtype;
  cx.report(
    "K0302",
    { what: `\`${name}[…]\``, expected: name === "close" ? "nothing" : "a dtype", found: typeName(type) },
    first.span,
  );
  return undefined;
}

/** `tensor[f32]([[1, 2], [3, 4]])`: the elements in row-major order, the shape in the type. */
function tensorLiteral(cx: Cx, values: readonly Value[], dtype: Dtype, span: Span): Value {
  const [value] = values;
  if (!value || values.length !== 1) {
    arityError(
      cx,
      "`tensor`",
      1,
      values.length,
      span,
      "the elements stand in a list: `tensor[f32]([1, 2, 3])`",
    );
    return errorValue(span);
  }
  const shape: number[] = [];
  const elem = scalarType(valueDtype(dtype));
  const elements: TExpr[] = [];
  let ragged: Span | undefined;
  const visit = (one: Value, depth: number): void => {
    if (one.kind !== "list") {
      if (shape.length > depth && shape.length > 0) ragged ??= one.span;
      else elements.push(coerce(cx, one, elem, "an element"));
      return;
    }
    if (elements.length > 0 && depth >= shape.length) ragged ??= one.span;
    shape[depth] ??= one.items.length;
    if (shape[depth] !== one.items.length) ragged ??= one.span;
    for (const item of one.items) visit(item, depth + 1);
  };
  visit(value, 0);
  if (ragged) {
    cx.report("K0330", { why: "the rows of this tensor have different lengths" }, ragged);
    return errorValue(span);
  }
  if (dtypeInfo(dtype).storageOnly) {
    for (const one of elements) {
      const { min, max } = dtypeInfo(dtype);
      if (
        one.kind !== "const" ||
        isError(one.type) ||
        (Number(one.value) >= Number(min) && Number(one.value) <= Number(max))
      )
        continue;
      cx.report(
        "K0303",
        { value: String(one.value), type: dtype, range: `it holds ${min} to ${max}` },
        one.span,
      );
      return errorValue(span);
    }
  }
  if (elements.some((one) => isError(one.type))) return errorValue(span);
  const type: Type = { kind: "tensor", dtype, shape: shape.map((size) => intConst(size, span)) };
  return typed({ kind: "test-value", name: "tensor", args: elements, options: {}, type, span });
}

function checkClose(cx: Cx, values: readonly Value[], given: ReadonlyMap<string, Value>, span: Span): Value {
  if (values.length !== 2) {
    arityError(cx, "`close`", 2, values.length, span);
    return errorValue(span);
  }
  const [left, right] = values as [Value, Value];
  // Literals alone are compared as f32.
  const anchored = values.every((value) => value.kind !== "typed")
    ? [typed(coerce(cx, left, f32Type, "`close`")), right]
    : values;
  const result = together(
    cx,
    anchored,
    span,
    ([a, b], type) => {
      if (type.kind !== "scalar" || !isFloat(type.dtype)) {
        cx.report("K0313", { op: "close", type: typeName(type) }, span, {
          notes: ["it compares floats; integers are compared with `==`"],
        });
        return { ...intConst(0, span), type: { kind: "error" } };
      }
      const tol = coerce(
        cx,
        given.get("tol") ?? exact(exactReal(1n, 100_000n), span),
        scalarType("f64"),
        "`tol`",
      );
      return { kind: "test-value", name: "close", args: [a!, b!], options: { tol }, type: boolType, span };
    },
    {
      mixed: () => reportMixed(cx, "close", left, right, span),
      other: (value) => reportOperand(cx, "close", value),
    },
  );
  return result.kind === "flex" ? typed(result.make(f32Type)) : result;
}
