// Arguments of calls: lays positional and keyword arguments beside parameter names, and checks the sizes of
// tensors that are passed against the shapes that are declared.

import type { Span } from "../source.ts";
import type { Argument, CallExpr, CompParam } from "../syntax/ast.ts";
import type { Sym, TDim, TExpr } from "../typed.ts";
import { coerce, splat } from "./coercion.ts";
import { suggestion, type Cx } from "./context.ts";
import { check, spread } from "./expressions.ts";
import { errorExpr, indexBinary, isError, provablyDiffer, showExpr } from "./types.ts";
import type { BracketArg, Value } from "./values.ts";

/** "takes 2 arguments, but was given 3". */
export function arityError(
  cx: Cx,
  callee: string,
  takes: number | string,
  given: number,
  span: Span,
  note?: string,
): void {
  cx.report("K0307", { callee, takes: String(takes), given }, span, note ? { notes: [note] } : {});
}

/** The arguments by parameter, after reporting unknown names, doubles and (unless optional) missing ones. */
export function matchArguments(
  cx: Cx,
  callee: string,
  names: readonly string[],
  expr: CallExpr,
  optional: ReadonlySet<string> = new Set(),
): (Value | undefined)[] | undefined {
  const matched: (Value | undefined)[] = names.map(() => undefined);
  let good = true;
  let position = 0;
  const put = (at: number, value: Value, arg: Argument): void => {
    if (matched[at]) {
      cx.report("K0308", { callee, why: `\`${names[at]}\` is given twice` }, arg.span);
      good = false;
    }
    matched[at] = value;
    if (value.kind === "error") good = false;
  };
  for (const arg of expr.args) {
    if (!arg.name) {
      for (const value of spread(cx, arg.value)) {
        if (position < names.length) put(position, value, arg);
        position++;
      }
      continue;
    }
    const value = check(cx, arg.value);
    const at = names.indexOf(arg.name.text);
    if (at >= 0) put(at, value, arg);
    else {
      cx.report(
        "K0308",
        { callee, why: `it has no parameter \`${arg.name.text}\`` },
        arg.name.span,
        suggestion(arg.name.text, names, arg.name.span),
      );
      good = false;
    }
  }
  if (position > names.length) {
    arityError(cx, callee, names.length, position, expr.span);
    return undefined;
  }
  const missing = names.filter((name, at) => !matched[at] && !optional.has(name));
  if (missing.length && good) {
    const list = missing.map((name) => `\`${name}\``).join(", ");
    cx.report(
      "K0308",
      { callee, why: `${list} ${missing.length === 1 ? "isn’t" : "aren’t"} given` },
      expr.span,
    );
    good = false;
  }
  return good ? matched : undefined;
}

/** `f[f16, S=2]`: compile-time arguments by name. */
export function explicitParams(
  cx: Cx,
  owner: string,
  params: readonly CompParam[],
  args: readonly BracketArg[],
): Map<string, Value> | undefined {
  const given = new Map<string, Value>();
  let good = true;
  let position = 0;
  for (const arg of args) {
    const name = arg.name ?? params[position++]?.name.text;
    if (name === undefined) {
      arityError(cx, `\`${owner}[…]\``, params.length, args.length, arg.span);
      return undefined;
    }
    if (!params.some((param) => param.name.text === name)) {
      const known = params.map((param) => param.name.text);
      cx.report(
        "K0308",
        { callee: `\`${owner}\``, why: `it has no compile-time parameter \`${name}\`` },
        arg.span,
        suggestion(name, known, arg.span),
      );
      good = false;
    } else if (given.has(name)) {
      cx.report("K0308", { callee: `\`${owner}\``, why: `\`${name}\` is given twice` }, arg.span);
      good = false;
    }
    if (arg.value.kind === "error") good = false;
    given.set(name, arg.value);
  }
  return good ? given : undefined;
}

/** An argument as its parameter's type; a scalar is splatted where the parameter has become SIMD. */
export function passArgument(cx: Cx, value: Value, param: Sym, callee: string): TExpr {
  const { type } = param;
  if (value.kind === "typed" && type.kind === "simd") {
    const given = value.expr.type;
    if (given.kind === "scalar" && given.dtype === type.dtype) return splat(value.expr, type);
  }
  return coerce(cx, value, type, `\`${param.name}\` of ${callee}`);
}

/** What the dims of a signature are for these arguments. */
export function bindDims(dims: readonly TDim[], args: readonly (TExpr | undefined)[]): Map<Sym, TExpr> {
  const bound = new Map<Sym, TExpr>();
  for (const { sym, param, axis } of dims) {
    const type = args[param]?.type;
    const size = type?.kind === "tensor" || type?.kind === "array" ? type.shape[axis] : undefined;
    if (size) bound.set(sym, size);
  }
  return bound;
}

/** A shape expression with dims replaced; constants are folded on the way. */
export function substitute(expr: TExpr, dims: ReadonlyMap<Sym, TExpr>): TExpr {
  switch (expr.kind) {
    case "ref":
      return dims.get(expr.sym) ?? expr;
    case "binary":
      return indexBinary(expr.op, substitute(expr.left, dims), substitute(expr.right, dims), expr.span);
    case "unary":
    case "convert":
      return { ...expr, operand: substitute(expr.operand, dims) };
    case "cond":
      return {
        ...expr,
        cond: substitute(expr.cond, dims),
        then: substitute(expr.then, dims),
        orelse: substitute(expr.orelse, dims),
      };
    case "compare":
      return { ...expr, left: substitute(expr.left, dims), right: substitute(expr.right, dims) };
    default:
      return expr;
  }
}

/** Reports a tensor whose size is known to differ from what its parameter says. */
export function checkSizes(
  cx: Cx,
  params: readonly Sym[],
  args: readonly (TExpr | undefined)[],
  dims: ReadonlyMap<Sym, TExpr>,
): boolean {
  let good = true;
  for (const [at, param] of params.entries()) {
    const arg = args[at];
    const wanted = param.type;
    const given = arg?.type;
    if (
      !arg ||
      (wanted.kind !== "tensor" && wanted.kind !== "array") ||
      (given?.kind !== "tensor" && given?.kind !== "array")
    )
      continue;
    wanted.shape.forEach((size, axis) => {
      const expected = substitute(size, dims);
      const found = given.shape[axis];
      if (!found || !provablyDiffer(expected, found)) return;
      const shown = size.kind === "const" ? showExpr(size) : `${showExpr(size)} = ${showExpr(expected)}`;
      cx.report(
        "K0330",
        { why: `\`${param.name}\` has size ${showExpr(found)} in dimension ${axis}, but needs ${shown}` },
        arg.span,
      );
      good = false;
    });
  }
  return good;
}

/** All arguments passed, or undefined after an error. */
export function passAll(
  cx: Cx,
  params: readonly Sym[],
  values: readonly (Value | undefined)[],
  callee: string,
): TExpr[] | undefined {
  const args = params.map((param, at) => {
    const value = values[at];
    return value ? passArgument(cx, value, param, callee) : errorExpr(param.span);
  });
  return args.some((arg) => isError(arg.type)) ? undefined : args;
}
