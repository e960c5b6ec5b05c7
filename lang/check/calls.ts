// Calls: finds out what is called (a type, a def, a kernel, a struct, a built-in, a method) and hands over.

import type { CallExpr, Expr } from "../syntax/ast.ts";
import { builtins, intrinsics, type BuiltinName } from "../builtins.ts";
import type { TExpr, TFunction, TKernel } from "../typed.ts";
import { bindDims, checkSizes, explicitParams, matchArguments, passAll, substitute } from "./arguments.ts";
import { checkDot4, checkLanes, checkSelect } from "./builtin-calls.ts";
import { whatIs } from "./coercion.ts";
import { checkBuiltinConversion, checkConstruction } from "./conversions.ts";
import type { Cx } from "./context.ts";
import { check, spread } from "./expressions.ts";
import { infer } from "./inference.ts";
import { instantiateFunction, instantiateKernel } from "./instances.ts";
import { callMethod } from "./methods.ts";
import { checkReduction, isReduction } from "./reductions.ts";
import { packNames } from "./signatures.ts";
import { checkTestValue, isTestValue } from "./test-values.ts";
import { noneType, typeName } from "./types.ts";
import {
  errorValue,
  typed,
  type BracketArg,
  type FunctionTemplate,
  type KernelEntry,
  type Value,
} from "./values.ts";

export function checkCall(cx: Cx, expr: CallExpr): Value {
  const callee = check(cx, expr.callee);
  const [target, brackets] = callee.kind === "partial" ? [callee.of, callee.args] : [callee, []];
  if (target.kind === "builtin") return callBuiltin(cx, target.name, brackets, expr);
  if (expr.generator) {
    if (target.kind !== "error") {
      cx.report("K0326", { why: `${whatIs(target)} takes no generator` }, expr.span, {
        notes: [
          "generators belong to `sum`, `prod`, `max`, `min`, `any`, `all`, `mean`, `argmax`, `argmin` and `reduce`",
        ],
      });
    }
    return errorValue(expr.span);
  }
  switch (target.kind) {
    case "function":
      return callFunction(cx, target.template, brackets, expr);
    case "instance":
      return callInstance(cx, target.fn, expr);
    case "kernel":
      return callKernel(cx, target.template, brackets, expr);
    case "type":
      return checkConstruction(cx, target.type, positional(cx, expr), expr);
    case "struct":
      return newStruct(cx, target, expr);
    case "intrinsic":
      return checkLanes(
        cx,
        `intrinsic.${target.name}`,
        intrinsics[target.name]!,
        positional(cx, expr),
        expr.span,
      );
    case "method":
      return callMethod(cx, target.base, target.name, brackets, expr);
    case "error":
      // The arguments may hold mistakes of their own, and the names in them are used.
      for (const arg of expr.args) if (arg.value.kind !== "star") check(cx, arg.value);
      return errorValue(expr.span);
    default:
      cx.report(
        "K0311",
        {
          what: target.kind === "typed" ? `a value of type ${typeName(target.expr.type)}` : whatIs(target),
          how: "called",
        },
        expr.callee.span,
      );
      return errorValue(expr.span);
  }
}

/** Positional arguments, packs spelled out; a keyword argument is an error. */
export function positional(cx: Cx, expr: CallExpr): Value[] {
  const values: Value[] = [];
  for (const arg of expr.args) {
    if (arg.name) {
      cx.report(
        "K0308",
        { callee: calleeText(expr.callee), why: `it has no parameter \`${arg.name.text}\`` },
        arg.span,
      );
      values.push(errorValue(arg.span));
    } else values.push(...spread(cx, arg.value));
  }
  return values;
}

const calleeText = (callee: Expr): string =>
  `\`${callee.span.file.text.slice(callee.span.start, callee.span.end)}\``;

function callBuiltin(cx: Cx, name: BuiltinName, brackets: readonly BracketArg[], expr: CallExpr): Value {
  const { form } = builtins[name];
  if (expr.generator || (isReduction(name) && form.kind === "reduction" && !form.also)) {
    return checkReduction(cx, name, brackets, expr);
  }
  if (form.kind === "convert")
    return checkBuiltinConversion(cx, form.mode, brackets, positional(cx, expr), expr);
  if (isTestValue(name)) return checkTestValue(cx, name, brackets, expr);
  if (brackets.length) {
    cx.report("K0308", { callee: `\`${name}\``, why: "it takes nothing in brackets" }, brackets[0]!.span);
    return errorValue(expr.span);
  }
  switch (form.kind) {
    case "lanes":
      return checkLanes(cx, name, form, positional(cx, expr), expr.span);
    case "reduction":
      return checkLanes(cx, name, form.also!, positional(cx, expr), expr.span);
    case "select":
      return checkSelect(cx, positional(cx, expr), expr.span);
    case "dot4":
      return checkDot4(cx, positional(cx, expr), expr.span);
    case "iteration":
      cx.report("K0324", { why: `\`${name}\` stands after \`in\`` }, expr.span, {
        notes: [`for example \`for i in ${builtins[name].signatures[0]}:\``],
      });
      return errorValue(expr.span);
    default:
      cx.report("K0311", { what: `\`${name}\``, how: "called" }, expr.callee.span);
      return errorValue(expr.span);
  }
}

// ---- defs ----------------------------------------------------------------------------------------

function callFunction(
  cx: Cx,
  template: FunctionTemplate,
  brackets: readonly BracketArg[],
  expr: CallExpr,
): Value {
  const { decl } = template;
  const name = decl.name.text;
  const given = explicitParams(cx, name, decl.compParams, brackets);
  const args = matchArguments(
    cx,
    `\`${name}\``,
    decl.params.map((param) => param.name.text),
    expr,
  );
  if (!given || !args) return errorValue(expr.span);
  const packs = new Map<string, number>();
  infer(decl.compParams, decl.params, args, packNames(decl.params, template.scope), { values: given, packs });
  const fn = instantiateFunction(cx, template, given, packs, expr.span);
  return fn ? finishCall(cx, fn, args, expr) : errorValue(expr.span);
}

function callInstance(cx: Cx, fn: TFunction, expr: CallExpr): Value {
  const args = matchArguments(
    cx,
    `\`${fn.name}\``,
    fn.params.map((param) => param.name),
    expr,
  );
  return args ? finishCall(cx, fn, args, expr) : errorValue(expr.span);
}

function finishCall(cx: Cx, fn: TFunction, values: readonly (Value | undefined)[], expr: CallExpr): Value {
  const args = passAll(cx, fn.params, values, `\`${fn.name}\``);
  if (!args || !checkSizes(cx, fn.params, args, bindDims(fn.dims, args))) return errorValue(expr.span);
  return typed({ kind: "call", fn, args, type: fn.result, span: expr.span });
}

// ---- kernels -------------------------------------------------------------------------------------

function callKernel(cx: Cx, template: KernelEntry, brackets: readonly BracketArg[], expr: CallExpr): Value {
  const { decl } = template;
  const name = decl.name.text;
  const inTest = cx.body.kind === "test";
  if (!inTest && cx.body.kind !== "kernel") {
    cx.report("K0328", { kernel: name, why: "a kernel is called from a kernel or a test" }, expr.span, {
      notes: ["a `def` is pure; put what both need into a `def`"],
    });
    return errorValue(expr.span);
  }
  const taken = inTest ? decl.params.filter((param) => param.mode !== "out") : decl.params;
  const given = explicitParams(cx, name, decl.compParams, brackets);
  const args = matchArguments(
    cx,
    `\`${name}\``,
    taken.map((param) => param.name.text),
    expr,
  );
  if (!given || !args) return errorValue(expr.span);
  const packs = new Map<string, number>();
  infer(decl.compParams, taken, args, packNames(decl.params, template.module.scope), {
    values: given,
    packs,
  });
  const kernel = instantiateKernel(cx, template, given, packs, expr.span);
  if (!kernel) return errorValue(expr.span);
  const params = kernel.params.filter((param) => !inTest || param.mode !== "out");
  const passed = passAll(
    cx,
    params.map((param) => param.sym),
    args,
    `\`${name}\``,
  );
  if (!passed) return errorValue(expr.span);
  // Dims count every parameter; a test leaves the outs out.
  const byParam = kernel.params.map((param) => passed[params.indexOf(param)]);
  const dims = bindDims(kernel.dims, byParam);
  if (
    !checkSizes(
      cx,
      kernel.params.map((param) => param.sym),
      byParam,
      dims,
    )
  )
    return errorValue(expr.span);
  if (!inTest) {
    if (!outputsWritable(cx, kernel, passed)) return errorValue(expr.span);
    return typed({ kind: "kernel-call", kernel, args: passed, type: noneType, span: expr.span });
  }
  const results = kernel.params
    .filter((param) => param.mode !== "in")
    .map((param) => {
      const { type } = param.sym;
      return type.kind === "tensor"
        ? { ...type, shape: type.shape.map((size) => substitute(size, dims)) }
        : type;
    });
  const type = results.length === 1 ? results[0]! : ({ kind: "tuple", items: results } as const);
  return typed({ kind: "kernel-call", kernel, args: passed, type, span: expr.span });
}

/** `out` and `mut` parameters need tensors that this kernel may write, each in one role only. */
function outputsWritable(cx: Cx, kernel: TKernel, args: readonly TExpr[]): boolean {
  let good = true;
  kernel.params.forEach((param, at) => {
    if (param.mode === "in") return;
    const arg = args[at]!;
    const root = arg.kind === "ref" ? arg.sym : undefined;
    const mode = root && cx.body.modes.get(root);
    if (mode !== "out" && mode !== "mut") {
      cx.report(
        "K0328",
        {
          kernel: kernel.name,
          why: `\`${param.sym.name}\` is written, so it needs an \`out\` or \`mut\` argument of this kernel`,
        },
        arg.span,
      );
      good = false;
    } else if (args.some((other, index) => index !== at && rootOf(other) === root)) {
      cx.report(
        "K0328",
        { kernel: kernel.name, why: `\`${root!.name}\` is written, so it can’t be given a second time` },
        arg.span,
      );
      good = false;
    }
  });
  return good;
}

const rootOf = (expr: TExpr): unknown =>
  expr.kind === "view" ? rootOf(expr.base) : expr.kind === "ref" ? expr.sym : undefined;

// ---- structs -------------------------------------------------------------------------------------

function newStruct(cx: Cx, target: Extract<Value, { kind: "struct" }>, expr: CallExpr): Value {
  const { type } = target;
  const args = matchArguments(
    cx,
    `\`${type.name}\``,
    type.fields.map((field) => field.name),
    expr,
  );
  if (!args) return errorValue(expr.span);
  const syms = type.fields.map(
    (field) => ({ kind: "let", name: field.name, type: field.type, span: expr.span }) as const,
  );
  const fields = passAll(cx, syms, args, `\`${type.name}\``);
  return fields ? typed({ kind: "struct-new", fields, type, span: expr.span }) : errorValue(expr.span);
}
