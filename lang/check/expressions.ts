// Expressions: dispatch by kind, and the kinds that need no file of their own: literals, names, attributes,
// conditionals, tuples. Everything returns a Value; an error is reported once and then swallowed.

import type { Span } from "../source.ts";
import { dtypeInfo, dtypeNames, isDtype, isFloat, isTrait } from "../dtypes.ts";
import { builtinNames, dtypeAttributes, intrinsics, isBuiltin, methods } from "../builtins.ts";
import type { AttributeExpr, CondExpr, Expr, NameExpr } from "../syntax/ast.ts";
import { numberFault } from "../syntax/literals.ts";
import type { TExpr, Type } from "../typed.ts";
import { checkBinary, checkCompare, checkLogical, checkUnary, condition, reportMixed } from "./arithmetic.ts";
import { checkCall } from "./calls.ts";
import { coerce, commonOf, settle, whatIs } from "./coercion.ts";
import { depthLimit, markUsed, suggestion, type Cx } from "./context.ts";
import { exactInt, exactReal, parseNumber, type ExactNumber } from "./exact.ts";
import { attributeHabit, nameHabit } from "./habits.ts";
import { memberOf } from "./modules.ts";
import type { Entity } from "./scope.ts";
import { checkIndex } from "./subscripts.ts";
import { isTestValue } from "./test-values.ts";
import { describe, errorExpr, indexType, isLanes, sameType, scalarType, typeName } from "./types.ts";
import { errorValue, exact, sizeOfItems, typed, typeValue, type Value } from "./values.ts";

/** What an expression means. */
export function check(cx: Cx, expr: Expr): Value {
  const { body } = cx;
  if (body.depth >= depthLimit) {
    cx.report("K0341", { limit: depthLimit }, expr.span);
    return errorValue(expr.span);
  }
  body.depth++;
  const value = dispatch(cx, expr);
  body.depth--;
  return value;
}

/** An expression as a run-time value of its own type. */
export const checkValue = (cx: Cx, expr: Expr): TExpr => settle(cx, check(cx, expr));

/** An expression as a value of `type`; `what` says in an error what it is for. */
export const checkAs = (cx: Cx, expr: Expr, type: Type, what: string): TExpr =>
  coerce(cx, check(cx, expr), type, what);

/** An i32: an index, a size, a bound of a loop. */
export const checkInt = (cx: Cx, expr: Expr, what: string): TExpr => checkAs(cx, expr, indexType, what);

/** A bool that decides something. */
export const checkCondition = (cx: Cx, expr: Expr, what: string): TExpr =>
  condition(cx, check(cx, expr), what);

/** An integer known when compiling. */
export function checkConstant(cx: Cx, expr: Expr, what: string): number | undefined {
  const value = check(cx, expr);
  const found =
    value.kind === "exact" && value.value.kind === "int"
      ? Number(value.value.value)
      : value.kind === "typed" && value.expr.kind === "const" && typeof value.expr.value !== "boolean"
        ? Number(value.expr.value)
        : undefined;
  if (found !== undefined && Number.isInteger(found)) return found;
  if (value.kind !== "error" && !(value.kind === "typed" && value.expr.type.kind === "error")) {
    cx.report("K0306", { what }, expr.span, { notes: ["a whole number is needed here"] });
  }
  return undefined;
}

function dispatch(cx: Cx, expr: Expr): Value {
  switch (expr.kind) {
    case "number": {
      const value = parseNumber(expr.text, expr.decimal);
      if (value) return exact(value, expr.span);
      // One that isn't even well-formed is the parser's to report.
      if (numberFault(expr.text) === undefined)
        cx.report("K0323", { why: "the number is too long" }, expr.span);
      return errorValue(expr.span);
    }
    case "string":
      return exact({ kind: "string", value: expr.value }, expr.span);
    case "bool":
      return exact({ kind: "bool", value: expr.value }, expr.span);
    case "name":
      return checkName(cx, expr);
    case "unary":
      return checkUnary(cx, expr);
    case "binary":
      return checkBinary(cx, expr);
    case "compare":
      return checkCompare(cx, expr);
    case "logical":
      return checkLogical(cx, expr);
    case "cond":
      return checkCond(cx, expr);
    case "call":
      return checkCall(cx, expr);
    case "index":
      return checkIndex(cx, expr);
    case "attribute":
      return checkAttribute(cx, expr);
    case "tuple":
    case "list": {
      const items = expr.items.flatMap((item) => spread(cx, item));
      return groupOf(cx, expr.kind, items, expr.span);
    }
    case "star":
      cx.report("K0346", {}, expr.span);
      return errorValue(expr.span);
    case "function-type":
      cx.report("K0321", { what: "a function type" }, expr.span);
      return errorValue(expr.span);
    case "error":
      return errorValue(expr.span);
  }
}

/** Constants named in constants can double at every step. */
const groupLimit = 10_000;

function groupOf(cx: Cx, kind: "tuple" | "list", items: readonly Value[], span: Span): Value {
  if (items.some((item) => item.kind === "error")) return errorValue(span);
  if (sizeOfItems(items) <= groupLimit) return { kind, items, span };
  cx.report("K0323", { why: `it has more than ${groupLimit} elements` }, span);
  return errorValue(span);
}

/** One expression of a list, or the parts of a pack where it is written `*i`. */
export function spread(cx: Cx, expr: Expr): Value[] {
  if (expr.kind !== "star") return [check(cx, expr)];
  const value = check(cx, expr.operand);
  if (value.kind === "pack") return value.items.map((item) => typed({ ...item, span: expr.span } as TExpr));
  if (value.kind === "tuple") return [...value.items];
  if (value.kind !== "error") {
    cx.report("K0302", { what: "`*`", expected: "a pack", found: whatIs(value) }, expr.span);
  }
  return [errorValue(expr.span)];
}

// ---- names ---------------------------------------------------------------------------------------

function checkName(cx: Cx, expr: NameExpr): Value {
  const entity = cx.lookup(expr.text, expr.span);
  if (entity) return entityValue(cx, entity, expr.span);
  return builtinValue(cx, expr.text, expr.span) ?? unknownName(cx, expr.text, expr.span);
}

/** What a declared name means at `span`. */
export function entityValue(cx: Cx, entity: Entity, span: Span): Value {
  switch (entity.kind) {
    case "sym":
      markUsed(cx, entity.sym);
      return typed({ kind: "ref", sym: entity.sym, type: entity.sym.type, span });
    case "lazy":
      return { ...entity.resolve(), span };
    case "value": {
      const { value } = entity;
      if (value.kind === "pack") {
        for (const item of value.items) if (item.kind === "ref") markUsed(cx, item.sym);
      }
      if (value.kind === "typed") return typed({ ...value.expr, span });
      return { ...value, span };
    }
  }
}

/** A built-in type, function or constant of that name. */
function builtinValue(cx: Cx, name: string, span: Span): Value | undefined {
  if (isDtype(name)) return typeValue(scalarType(name), span);
  if (name === "index") return typeValue(indexType, span);
  if (isTrait(name)) return { kind: "trait", name, span };
  if (name === "inf") return exact(exactReal(1n, 0n), span);
  if (name === "nan") return exact(exactReal(0n, 0n), span);
  if (name === "intrinsic" && cx.body.module.std) return { kind: "intrinsics", span };
  // `tensor`, `random`, `close` … are built in where tests are written, and ordinary names elsewhere.
  if (isBuiltin(name) && !(isTestValue(name) && cx.body.kind !== "test"))
    return { kind: "builtin", name, span };
  return undefined;
}

/** Reports a name that nothing declares: a habit from another language, or the nearest known name. */
export function unknownName(cx: Cx, name: string, span: Span, what = "the name"): Value {
  const habit = nameHabit(name);
  if (habit) {
    cx.report("K0202", { wrote: name, instead: habit.text }, span, {
      notes: habit.notes,
      fix: habit.replacement
        ? { text: `write \`${habit.replacement}\``, edits: [{ span, replacement: habit.replacement }] }
        : undefined,
    });
  } else if (isTestValue(name)) {
    cx.report("K0332", { name }, span);
  } else if (name === "intrinsic") {
    cx.report("K0213", {}, span);
  } else {
    const known = [...cx.scope.visible(), ...builtinNames, ...dtypeNames];
    cx.report("K0201", { name, what }, span, suggestion(name, known, span));
  }
  return errorValue(span);
}

// ---- attributes ----------------------------------------------------------------------------------

function checkAttribute(cx: Cx, expr: AttributeExpr): Value {
  const { base, name, span } = expr;
  // `np.exp`, `math.sqrt`, `tl.load`: the habit is about the whole, not about the unknown module.
  if (base.kind === "name" && !cx.scope.lookup(base.text)) {
    const habit = attributeHabit(base.text, name.text);
    if (habit) {
      cx.report("K0202", { wrote: `${base.text}.${name.text}`, instead: habit.text }, span, {
        notes: habit.notes,
      });
      return errorValue(span);
    }
  }
  const value = check(cx, base);
  switch (value.kind) {
    case "error":
      return errorValue(span);
    case "module":
      return { ...memberOf(cx, value.module, name), span };
    case "namespace": {
      const member = value.members.get(name.text);
      if (member) return { ...member, span };
      cx.report("K0207", { name: name.text, module: value.name }, name.span, {
        ...suggestion(name.text, value.members.keys(), name.span),
        notes: [`only what was imported can be reached: \`import ${value.name}.${name.text}\``],
      });
      return errorValue(span);
    }
    case "intrinsics":
      if (Object.hasOwn(intrinsics, name.text) || name.text === "bitcast") {
        return name.text === "bitcast"
          ? { kind: "builtin", name: "bitcast", span }
          : { kind: "intrinsic", name: name.text, span };
      }
      cx.report(
        "K0201",
        { name: name.text, what: "the intrinsic" },
        name.span,
        suggestion(name.text, Object.keys(intrinsics), name.span),
      );
      return errorValue(span);
    case "type":
      return typeAttribute(cx, value.type, name.text, name.span, span);
    case "typed":
      return attributeOf(cx, value.expr, name.text, name.span, span);
    default:
      cx.report("K0312", { owner: whatIs(value), name: name.text }, name.span);
      return errorValue(span);
  }
}

function attributeOf(cx: Cx, base: TExpr, name: string, nameSpan: Span, span: Span): Value {
  const { type } = base;
  if (type.kind === "error") return errorValue(span);
  if (type.kind === "struct") {
    const field = type.fields.findIndex((one) => one.name === name);
    if (field >= 0) {
      // A field of a struct written out is that field.
      if (base.kind === "struct-new" && base.fields[field]!.kind === "ref")
        return typed({ ...base.fields[field]!, span });
      return typed({ kind: "field", base, field, type: type.fields[field]!.type, span });
    }
    const known = type.fields.map((one) => one.name);
    cx.report(
      "K0312",
      { owner: `the struct \`${type.name}\``, name },
      nameSpan,
      suggestion(name, known, nameSpan),
    );
    return errorValue(span);
  }
  const known: readonly string[] =
    type.kind === "tensor"
      ? methods.tensor
      : type.kind === "array"
        ? methods.array
        : type.kind === "simd"
          ? methods.simd
          : [];
  if (known.includes(name))
    return name === "shape" ? { kind: "shape", base, span } : { kind: "method", base, name, span };
  const habit = attributeHabit("", name);
  cx.report(
    "K0312",
    { owner: describe(type), name },
    nameSpan,
    habit ? { notes: [habit.text] } : suggestion(name, known, nameSpan),
  );
  return errorValue(span);
}

/** `T.max`, `f32.inf`. */
function typeAttribute(cx: Cx, type: Type, name: string, nameSpan: Span, span: Span): Value {
  if (isLanes(type) && Object.hasOwn(dtypeAttributes, name)) {
    const info = dtypeInfo(type.dtype);
    const float = isFloat(type.dtype);
    const found = (value: ExactNumber): Value => typed(coerce(cx, exact(value, span), type, `\`${name}\``));
    if (name === "bits") return exact(exactInt(info.bits), span);
    if (float && name === "inf") return found(exactReal(1n, 0n));
    if (float && name === "nan") return found(exactReal(0n, 0n));
    if (float && name === "epsilon") return found(exactReal(1n, 1n << BigInt(info.mantissa! - 1)));
    if ((name === "max" || name === "min") && type.dtype !== "bool") {
      const value = info[name];
      return found(typeof value === "number" && float ? realOf(value) : exactInt(BigInt(value)));
    }
  }
  cx.report(
    "K0312",
    { owner: `the type \`${typeName(type)}\``, name },
    nameSpan,
    suggestion(name, Object.keys(dtypeAttributes), nameSpan),
  );
  return errorValue(span);
}

/** A double as the fraction that it is; the magnitudes met here are whole. */
const realOf = (value: number): ExactNumber => exactReal(BigInt(value), 1n);

// ---- a if c else b -------------------------------------------------------------------------------

function checkCond(cx: Cx, expr: CondExpr): Value {
  const cond = check(cx, expr.cond);
  const then = check(cx, expr.then);
  const orelse = check(cx, expr.orelse);
  if (cond.kind === "exact" && cond.value.kind === "bool")
    return { ...(cond.value.value ? then : orelse), span: expr.span };
  const test = condition(cx, cond, "`if`");
  return choose(cx, then, orelse, expr.span, (a, b, type) => ({
    kind: "cond",
    cond: test,
    then: a,
    orelse: b,
    type: test.type.kind === "error" ? test.type : type,
    span: expr.span,
  }));
}

/** Two sides of one type, for `a if c else b` and `select`. */
export function choose(
  cx: Cx,
  then: Value,
  orelse: Value,
  span: Span,
  build: (a: TExpr, b: TExpr, type: Type) => TExpr,
): Value {
  if (then.kind === "error" || orelse.kind === "error") return errorValue(span);
  const common = commonOf([then, orelse]);
  if (common.kind === "error") return errorValue(span);
  if (common.kind === "flex") {
    const make = (type: Type): TExpr =>
      build(coerce(cx, then, type, "this side"), coerce(cx, orelse, type, "this side"), type);
    return { kind: "flex", literal: common.literal, make, span };
  }
  if (common.kind === "type") {
    const literal = (value: Value): boolean => value.kind === "exact" || value.kind === "flex";
    const a = literal(then) ? coerce(cx, then, common.type, "this side") : settle(cx, then);
    const b = literal(orelse) ? coerce(cx, orelse, common.type, "this side") : settle(cx, orelse);
    if (a.type.kind === "error" || b.type.kind === "error") return errorValue(span);
    if (!sameType(a.type, b.type)) {
      reportMixed(cx, "if … else", then, orelse, span);
      return errorValue(span);
    }
    return typed(build(a, b, common.type));
  }
  // Tuples and structs; tensors can't be chosen between.
  const a = settle(cx, then);
  const b = coerce(cx, orelse, a.type, "the other side");
  if (a.type.kind === "error" || b.type.kind === "error") return errorValue(span);
  if (a.type.kind === "tensor" || a.type.kind === "array") {
    cx.report("K0313", { op: "if … else", type: describe(a.type) }, span);
    return typed(errorExpr(span));
  }
  return typed(build(a, b, a.type));
}
