// Reductions: `sum(e for i in range(n))` and its family. They are declared free of order; what they
// accumulate in follows from the dtype, or from `sum[W]`.

import { dtypeInfo, isFloat, isInteger, type Dtype } from "../dtypes.ts";
import type { BuiltinName } from "../builtins.ts";
import type { Span } from "../source.ts";
import type { CallExpr } from "../syntax/ast.ts";
import type { ReduceOp, TClause, TExpr, TReduce, Type } from "../typed.ts";
import { coerce, settle, splat } from "./coercion.ts";
import type { Cx } from "./context.ts";
import { check } from "./expressions.ts";
import { functionForTypes, instantiateFunction } from "./instances.ts";
import { openClauses } from "./loops.ts";
import { typeOfValue } from "./type-expressions.ts";
import {
  boolType,
  describe,
  errorExpr,
  f32Type,
  i32Type,
  indexType,
  isError,
  isNarrowInteger,
  sameType,
  scalarType,
  typeName,
} from "./types.ts";
import { errorValue, typed, type BracketArg, type Value } from "./values.ts";

type Reduction = Exclude<ReduceOp, "custom"> | "reduce";
const reductions: ReadonlySet<string> = new Set([
  "sum",
  "prod",
  "max",
  "min",
  "any",
  "all",
  "mean",
  "argmax",
  "argmin",
  "reduce",
]);

export function isReduction(name: BuiltinName): name is Reduction {
  return reductions.has(name);
}

export function checkReduction(
  cx: Cx,
  name: BuiltinName,
  brackets: readonly BracketArg[],
  expr: CallExpr,
): Value {
  if (!isReduction(name) || !expr.generator) {
    const place = expr.generator ? openClauses(cx, expr.generator).inside : cx;
    for (const arg of expr.args) if (arg.value.kind !== "star") check(place, arg.value);
    cx.report(
      "K0326",
      { why: isReduction(name) ? `\`${name}\` needs a generator` : `\`${name}\` takes no generator` },
      expr.span,
      {
        notes: isReduction(name)
          ? [`for example \`${name}(x[i] for i in range(N))\`; a SIMD value has \`v.${name}()\``]
          : [],
      },
    );
    return errorValue(expr.span);
  }
  const wanted = name === "reduce" ? 3 : 1;
  if (expr.args.length !== wanted || expr.args.some((arg) => arg.name)) {
    cx.report(
      "K0326",
      {
        why:
          name === "reduce"
            ? "`reduce` takes a function, its identity and a generator"
            : `\`${name}\` takes one value for its generator`,
      },
      expr.span,
    );
    return errorValue(expr.span);
  }
  const { clauses, inside } = openClauses(cx, expr.generator);
  const value = check(inside, expr.args.at(-1)!.value);
  if (!clauses || value.kind === "error") return errorValue(expr.span);
  if (name === "reduce") return customReduction(cx, clauses, value, expr);
  if (name === "sum" || name === "prod" || name === "mean")
    return arithmeticReduction(cx, name, brackets, clauses, value, expr);
  if (brackets.length) {
    cx.report("K0308", { callee: `\`${name}\``, why: "it takes nothing in brackets" }, brackets[0]!.span);
    return errorValue(expr.span);
  }
  if (value.kind === "flex" || (value.kind === "exact" && name !== "any" && name !== "all")) {
    // The largest of literals takes its type from the context, like the literals themselves.
    if (name === "max" || name === "min") {
      const literal = value.kind === "flex" ? value.literal : value.value.kind === "real" ? "real" : "int";
      const make = (type: Type): TExpr =>
        node(cx, name, clauses, coerce(cx, value, type, "the value"), expr, type);
      return { kind: "flex", literal, make: inLanes(make), span: expr.span };
    }
  }
  const operand = settle(inside, value);
  if (isError(operand.type)) return errorValue(expr.span);
  const isBool = operand.type.kind === "scalar" && operand.type.dtype === "bool";
  if (name === "any" || name === "all" ? !isBool : isBool || operand.type.kind !== "scalar")
    return refuse(cx, name, operand);
  if (name === "argmax" || name === "argmin") {
    if (clauses.filter((clause) => clause.kind === "loop").length !== 1) {
      cx.report("K0326", { why: `\`${name}\` gives one index, so it takes one \`for\`` }, expr.span);
      return errorValue(expr.span);
    }
    return typed(node(cx, name, clauses, operand, expr, indexType));
  }
  return typed(
    node(cx, name, clauses, operand, expr, name === "any" || name === "all" ? boolType : operand.type),
  );
}

/** A reduction gives one value, also where its context has lanes: the same in each of them. */
function inLanes(make: (type: Type) => TExpr): (type: Type) => TExpr {
  return (type) => {
    if (type.kind !== "simd") return make(type);
    const made = make(scalarType(type.dtype));
    return isError(made.type) ? made : splat(made, type);
  };
}

function node(
  cx: Cx,
  op: ReduceOp,
  clauses: readonly TClause[],
  value: TExpr,
  expr: CallExpr,
  type: Type,
  accumulator?: Dtype,
): TExpr {
  if (isError(value.type)) return errorExpr(expr.span);
  const own = value.type.kind === "scalar" ? value.type.dtype : "f32";
  const made: TReduce = {
    kind: "reduce",
    op,
    clauses,
    value,
    accumulator: accumulator ?? own,
    annotations: cx.annotations,
    type,
    span: expr.span,
  };
  return made;
}

function refuse(cx: Cx, name: string, value: TExpr): Value {
  const { type } = value;
  const notes: string[] = [];
  if (name === "any" || name === "all") notes.push("it takes conditions: `any(x[i] > 0 for i in range(N))`");
  else if (type.kind === "scalar" && type.dtype === "bool")
    notes.push("to count, sum ones: `sum(1 for i in range(N) if x[i] > 0)`");
  else if (type.kind === "simd")
    notes.push("a SIMD value is reduced by `v.sum()`; the loop over it is written by hand");
  cx.report("K0313", { op: name, type: describe(type) }, value.span, { notes });
  return errorValue(value.span);
}

// ---- sum, prod, mean -----------------------------------------------------------------------------

function arithmeticReduction(
  cx: Cx,
  name: "sum" | "prod" | "mean",
  brackets: readonly BracketArg[],
  clauses: readonly TClause[],
  value: Value,
  expr: CallExpr,
): Value {
  const wide = brackets.length ? wideType(cx, name, brackets) : undefined;
  if (wide && isError(wide)) return errorValue(expr.span);
  const build = (operand: TExpr): TExpr => {
    const { type } = operand;
    if (isError(type)) return errorExpr(expr.span);
    const number = type.kind === "scalar" && (isFloat(type.dtype) || isInteger(type.dtype));
    if (type.kind !== "scalar" || !number || (name === "mean" && !isFloat(type.dtype))) {
      if (name === "mean" && number && type.kind === "scalar") {
        cx.report("K0313", { op: name, type: typeName(type) }, operand.span, {
          notes: ["a mean of integers has a fraction: `mean(f32(x[i]) for …)`"],
        });
      } else refuse(cx, name, operand);
      return errorExpr(expr.span);
    }
    const accumulator =
      wide?.kind === "scalar" ? wide.dtype : (dtypeInfo(type.dtype).accumulator ?? type.dtype);
    if (wide && !holds(accumulator, type.dtype)) {
      cx.report(
        "K0302",
        { what: `\`${name}[…]\``, expected: `a type as wide as ${type.dtype}`, found: typeName(wide) },
        brackets[0]!.span,
      );
      return errorExpr(expr.span);
    }
    if (name !== "mean") warnNarrow(cx, operand);
    // f16 and bf16 come back in their own type; narrow integers stay wide.
    const result: Type = wide ?? (isFloat(type.dtype) ? type : type.index ? type : scalarType(accumulator));
    return node(cx, name, clauses, operand, expr, result, accumulator);
  };
  if (value.kind === "exact" || value.kind === "flex") {
    const literal =
      name === "mean" || (value.kind === "flex" ? value.literal : value.value.kind) === "real"
        ? "real"
        : "int";
    if (value.kind === "exact" && value.value.kind === "bool") return refuse(cx, name, settle(cx, value));
    if (wide) return typed(build(coerce(cx, value, wide, "the value")));
    // The value takes a type that sums to the one the context wants: that type itself.
    const make = (type: Type): TExpr => {
      const made = build(coerce(cx, value, type, "the value"));
      if (isError(made.type) || sameType(made.type, type)) return made;
      return { kind: "convert", mode: "convert", operand: made, type, span: expr.span };
    };
    return { kind: "flex", literal, make: inLanes(make), span: expr.span };
  }
  return typed(build(settle(cx, value)));
}

function wideType(cx: Cx, name: string, brackets: readonly BracketArg[]): Type {
  const type = typeOfValue(cx, brackets[0]!.value);
  if (isError(type)) return type;
  const fits =
    brackets.length === 1 &&
    type.kind === "scalar" &&
    type.dtype !== "bool" &&
    !dtypeInfo(type.dtype).storageOnly;
  if (fits) return type;
  cx.report(
    "K0302",
    { what: `\`${name}[…]\``, expected: "the dtype to accumulate in", found: typeName(type) },
    brackets[0]!.span,
  );
  return { kind: "error" };
}

/** Whether sums of `narrow` may be kept in `wide`: the same sort of number, and no fewer bits. */
function holds(wide: Dtype, narrow: Dtype): boolean {
  const a = dtypeInfo(wide);
  const b = dtypeInfo(narrow);
  if (isFloat(wide) !== isFloat(narrow)) return false;
  if (isFloat(wide)) return a.bits > b.bits || wide === narrow;
  return a.bits >= b.bits;
}

/** A product of 8- or 16-bit integers wraps before it is added: almost never meant. */
function warnNarrow(cx: Cx, value: TExpr): void {
  const work: TExpr[] = [value];
  for (let next = work.pop(); next; next = work.pop()) {
    if (next.kind === "binary") {
      const { type } = next;
      if ((next.op === "mul" || next.op === "pow") && type.kind === "scalar" && isNarrowInteger(type.dtype)) {
        cx.report("K0327", { type: type.dtype }, next.span, {
          fix: { text: "convert the factors: `i32(a[i]) * i32(b[i])`" },
        });
        return;
      }
      work.push(next.left, next.right);
    } else if (next.kind === "unary" || next.kind === "convert") work.push(next.operand);
    else if (next.kind === "cond" || next.kind === "select") work.push(next.then, next.orelse);
  }
}

// ---- reduce --------------------------------------------------------------------------------------

const isLiteral = (value: Value): value is Extract<Value, { kind: "exact" | "flex" }> =>
  value.kind === "exact" || value.kind === "flex";

/** The type that a generator of literals takes: the identity's, the function's if it is of one type, that of the literals. */
function typeBeside(cx: Cx, value: Value, start: Value, combine: Value, span: Span): Type {
  if (start.kind === "typed") return start.expr.type;
  const fn =
    combine.kind === "instance"
      ? combine.fn
      : combine.kind === "function" && combine.template.decl.compParams.length === 0
        ? instantiateFunction(cx, combine.template, new Map(), new Map(), span)
        : undefined;
  const type = fn?.params[0]?.type;
  if (type?.kind === "scalar") return type;
  const isReal = (each: Value): boolean =>
    each.kind === "flex" ? each.literal === "real" : each.kind === "exact" && each.value.kind === "real";
  return isReal(value) || isReal(start) ? f32Type : i32Type;
}

function customReduction(cx: Cx, clauses: readonly TClause[], value: Value, expr: CallExpr): Value {
  const [first, second] = expr.args;
  const combine = check(cx, first!.value);
  const start = check(cx, second!.value);
  if (combine.kind === "error" || start.kind === "error") return errorValue(expr.span);
  // The type is the generator's, or the identity's where the generator gives literals, or what the function takes.
  const operand = isLiteral(value)
    ? coerce(cx, value, typeBeside(cx, value, start, combine, first!.value.span), "the value")
    : settle(cx, value);
  const { type } = operand;
  const init = coerce(cx, start, type, "the identity of `reduce`");
  if (isError(type) || isError(init.type)) return errorValue(expr.span);
  if (type.kind === "tensor" || type.kind === "array" || type.kind === "none")
    return refuse(cx, "reduce", operand);
  const fn = functionForTypes(cx, combine, [type, type], first!.value.span, "combine");
  if (!fn) return errorValue(expr.span);
  if (!sameType(fn.result, type)) {
    cx.report(
      "K0302",
      { what: `the result of \`${fn.name}\``, expected: typeName(type), found: typeName(fn.result) },
      first!.value.span,
    );
    return errorValue(expr.span);
  }
  const accumulator = type.kind === "scalar" || type.kind === "simd" ? type.dtype : "f32";
  return typed({
    kind: "reduce",
    op: "custom",
    clauses,
    value: operand,
    accumulator,
    combine: fn,
    init,
    annotations: cx.annotations,
    type,
    span: expr.span,
  });
}
