// Instances: a `def` or a kernel elaborated for one choice of compile-time values and ranks. Each instance is
// made once and remembered with its diagnostics, which are passed on to whoever asks for it.

import type { FunctionDecl, KernelDecl } from "../syntax/ast.ts";
import { textOf, type SourceFile, type Span } from "../source.ts";
import { DiagnosticSink, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { TFunction, TKernel, TParam, TStmt, Type } from "../typed.ts";
import { arityError } from "./arguments.ts";
import { whatIs } from "./coercion.ts";
import { bindParams, sortOf, type Missing } from "./comptime-params.ts";
import { keyOf, toComptime } from "./comptime-values.ts";
import { Cx, forward, makeBody, type Session } from "./context.ts";
import { showExact } from "./exact.ts";
import { infer } from "./inference.ts";
import { checkInitialised } from "./initialisation.ts";
import { opOf } from "./kernel-decorators.ts";
import { Scope } from "./scope.ts";
import { checkWhere, declareSignature, packNames } from "./signatures.ts";
import { checkBlock, neverFalls } from "./statements.ts";
import { resultType } from "./type-expressions.ts";
import { isError, sameType, typeName } from "./types.ts";
import { reportUnused } from "./usage.ts";
import { typed, type FunctionTemplate, type KernelEntry, type Value } from "./values.ts";

const rootOf = (session: Session): SourceFile | undefined =>
  [...session.modules.values()].find((one) => one.root)?.file;

/** True if `decl` is being elaborated already; reports the cycle. */
function recursive(cx: Cx, decl: object, span: Span): boolean {
  const { elaborating } = cx.session;
  const at = elaborating.findIndex((frame) => frame.decl === decl);
  if (at < 0) return false;
  const names = [...elaborating.slice(at), elaborating[at]!].map((frame) => `\`${frame.name}\``);
  cx.report("K0208", { cycle: names.join(" calls ") }, span, {
    notes: ["every call is inlined, so there is no end to it; write a loop"],
  });
  return true;
}

/** Whether parameters without a value get a sample, for a definition that is checked before anyone calls it. */
const needsSamples = (decl: FunctionDecl | KernelDecl, missing: Missing): boolean =>
  missing === "sample" && decl.compParams.some((param) => !param.fallback && sortOf(param).kind !== "dtype");

// ---- defs ----------------------------------------------------------------------------------------

/**
 * The instance of a `def` for given compile-time values, or undefined if they can't be bound. Mistakes in its body
 * are the caller's as well, so that nothing is made of either.
 */
export function instantiateFunction(
  cx: Cx,
  template: FunctionTemplate,
  given: ReadonlyMap<string, Value>,
  packs: ReadonlyMap<string, number>,
  span: Span,
  missing: Missing = "refuse",
): TFunction | undefined {
  const { decl, module } = template;
  const { session } = cx;
  if (recursive(cx, decl, span)) return undefined;
  const sink = new DiagnosticSink();
  const name = decl.name.text;
  const sampled = needsSamples(decl, missing);
  const body = makeBody({
    kind: "def",
    name,
    module,
    sink,
    outer: template.outer,
    ...(sampled ? { sampled } : {}),
  });
  const instance = new Cx(session, body, new Scope(template.scope));
  const values = bindParams(instance, { name, params: decl.compParams }, given, span, cx, missing);
  if (!values) {
    forward(sink.all, cx.body.sink, rootOf(session));
    return undefined;
  }
  const ranks = new Map(packNames(decl.params, template.scope).map((pack) => [pack, packs.get(pack) ?? 1]));
  // A sample excuses failed assertions, so it is no instance that anybody else may have.
  const key = keyOf(session, values, ranks) + (body.sampled ? ";sample" : "");
  let known = template.memo.get(key);
  if (!known) {
    session.elaborating.push({ decl, name });
    const fn = elaborateFunction(instance, template, ranks);
    session.elaborating.pop();
    checkInitialised(fn.body, sink);
    reportUnused(body, decl);
    known = { fn, diagnostics: sink.all };
    template.memo.set(key, known);
  }
  forward(noteCall(known.diagnostics, values, decl, span), cx.body.sink, rootOf(session));
  return known.fn;
}

/** A body that is wrong for what the caller chose is wrong at the call as well: say where that is. */
function noteCall(
  diagnostics: readonly Diagnostic[],
  values: ReadonlyMap<string, Value>,
  decl: { readonly span: Span },
  span: Span,
): readonly Diagnostic[] {
  const simd = [...values].find(([, value]) => value.kind === "type" && value.type.kind === "simd");
  const inside = span.file === decl.span.file && span.start >= decl.span.start && span.end <= decl.span.end;
  const chosen =
    simd?.[1].kind === "type"
      ? `called here with ${simd[0]} = ${typeName(simd[1].type)}`
      : `called here with ${[...values].map(([name, value]) => `${name} = ${showValue(value)}`).join(", ")}`;
  return diagnostics.map((found) =>
    !inside && (simd || found.code === "K0322")
      ? { ...found, related: [...found.related, { span, text: chosen }] }
      : found,
  );
}

function showValue(value: Value): string {
  if (value.kind === "type") return typeName(value.type);
  if (value.kind === "instance") return value.fn.name;
  return value.kind === "exact" ? showExact(value.value) : "…";
}

function elaborateFunction(
  cx: Cx,
  template: FunctionTemplate,
  ranks: ReadonlyMap<string, number>,
): TFunction {
  const { decl } = template;
  const signature = declareSignature(cx, decl.params, ranks, "def");
  const result = resultType(cx, decl.result);
  cx.body.result = result;
  const facts: TStmt[] = checkWhere(cx, decl.where).map((cond) => ({
    kind: "assert",
    cond,
    message: `\`${decl.name.text}\` needs \`${textOf(cond.span)}\``,
    span: cond.span,
  }));
  const body = checkBlock(cx, decl.body);
  if (
    result.kind !== "none" &&
    !isError(result) &&
    !neverFalls(body) &&
    !cx.body.sink.hasErrors &&
    !cx.body.module.damaged &&
    !cx.body.abandoned
  ) {
    cx.report("K0317", { name: decl.name.text, type: typeName(result) }, decl.name.span);
  }
  return {
    name: decl.name.text,
    params: signature.params.map((param) => param.sym),
    result,
    body: [...facts, ...body],
    dims: signature.dims,
    span: decl.name.span,
  };
}

/** A function value for parameters of these types: what is given to a function parameter or to `reduce`. */
export function functionForTypes(
  cx: Cx,
  value: Value,
  params: readonly Type[],
  span: Span,
  what: string,
): TFunction | undefined {
  const given = new Map<string, Value>();
  let callee = value;
  if (value.kind === "partial" && value.of.kind === "function") {
    callee = value.of;
    const names = value.of.template.decl.compParams.map((param) => param.name.text);
    value.args.forEach((arg, at) => given.set(arg.name ?? names[at] ?? "", arg.value));
  }
  if (callee.kind === "instance") {
    if (!arityFits(cx, callee.fn.name, callee.fn.params.length, params.length, span)) return undefined;
    const { fn } = callee;
    for (const [at, type] of params.entries()) {
      if (!sameType(fn.params[at]!.type, type)) return wrongParam(cx, fn, at, type, span);
    }
    return fn;
  }
  if (callee.kind !== "function") {
    if (callee.kind !== "error") {
      cx.report("K0302", { what: `\`${what}\``, expected: "a function", found: whatIs(value) }, span, {
        notes:
          callee.kind === "builtin"
            ? [
                "a built-in can’t be given as it is; wrap it: `def f(a: f32, b: f32) -> f32: return max(a, b)`",
              ]
            : [],
      });
    }
    return undefined;
  }
  const { decl, scope } = callee.template;
  if (!arityFits(cx, decl.name.text, decl.params.length, params.length, span)) return undefined;
  const packs = new Map<string, number>();
  const stand = params.map((type) => typed({ kind: "const", value: 0, type, span }));
  infer(decl.compParams, decl.params, stand, packNames(decl.params, scope), { values: given, packs });
  const fn = instantiateFunction(cx, callee.template, given, packs, span);
  if (!fn) return undefined;
  for (const [at, type] of params.entries()) {
    if (!sameType(fn.params[at]!.type, type)) return wrongParam(cx, fn, at, type, span);
  }
  return fn;
}

function arityFits(cx: Cx, name: string, has: number, wanted: number, span: Span): boolean {
  if (has === wanted) return true;
  arityError(cx, `\`${name}\``, has, wanted, span, `it is called with ${wanted} here`);
  return false;
}

function wrongParam(cx: Cx, fn: TFunction, at: number, type: Type, span: Span): undefined {
  const param = fn.params[at]!;
  cx.report(
    "K0302",
    { what: `\`${param.name}\` of \`${fn.name}\``, expected: typeName(type), found: typeName(param.type) },
    span,
    {
      related: [{ span: param.span, text: `declared as ${typeName(param.type)}` }],
    },
  );
  return undefined;
}

// ---- kernels -------------------------------------------------------------------------------------

/** The instance of a kernel, or undefined if its compile-time values can't be bound. */
export function instantiateKernel(
  cx: Cx,
  template: KernelEntry,
  given: ReadonlyMap<string, Value>,
  packs: ReadonlyMap<string, number>,
  span: Span,
  missing: Missing = "refuse",
): TKernel | undefined {
  const { decl, module } = template;
  const { session } = cx;
  if (recursive(cx, decl, span)) return undefined;
  const sink = new DiagnosticSink();
  const name = decl.name.text;
  const sampled = needsSamples(decl, missing);
  const body = makeBody({ kind: "kernel", name, module, sink, sampled });
  const instance = new Cx(session, body, new Scope(module.scope));
  const values = bindParams(instance, { name, params: decl.compParams }, given, span, cx, missing);
  if (!values) {
    forward(sink.all, cx.body.sink, rootOf(session));
    return undefined;
  }
  const ranks = new Map(packNames(decl.params, module.scope).map((pack) => [pack, packs.get(pack) ?? 1]));
  // A sample excuses failed assertions, so it is no instance that anybody else may have.
  const key = keyOf(session, values, ranks) + (body.sampled ? ";sample" : "");
  let known = template.memo.get(key);
  if (!known) {
    session.elaborating.push({ decl, name });
    const kernel = elaborateKernel(instance, template, values, ranks);
    session.elaborating.pop();
    checkInitialised(kernel.body, sink);
    reportUnused(body, decl, kernel.params);
    known = { kernel, diagnostics: sink.all };
    template.memo.set(key, known);
  }
  forward(noteCall(known.diagnostics, values, decl, span), cx.body.sink, rootOf(session));
  return known.kernel;
}

function elaborateKernel(
  cx: Cx,
  template: KernelEntry,
  values: ReadonlyMap<string, Value>,
  ranks: ReadonlyMap<string, number>,
): TKernel {
  const { decl, module } = template;
  const signature = declareSignature(cx, decl.params, ranks, "kernel");
  const where = checkWhere(cx, decl.where);
  const body = checkBlock(cx, decl.body);
  checkOutputs(cx, signature.params, template);
  const comptime = new Map(
    [...values].flatMap(([name, value]) => {
      const known = toComptime(value);
      return known ? [[name, known] as const] : [];
    }),
  );
  return {
    name: decl.name.text,
    instance: instanceName(cx, template, values, ranks),
    ...opOf(cx, decl, signature.params),
    doc: decl.doc?.value,
    module: module.file,
    comptime,
    packs: ranks,
    params: signature.params,
    dims: signature.dims,
    where,
    body,
    decl,
    span: decl.name.span,
  };
}

function checkOutputs(cx: Cx, params: readonly TParam[], { decl }: KernelEntry): void {
  if (params.every((param) => param.mode === "in")) {
    cx.report(
      "K0319",
      { name: decl.name.text, why: "it has no `out` and no `mut` argument, so nothing can come of it" },
      decl.name.span,
    );
  }
}

/** `softmax`, `softmax_f16`, `relu_r2`: what differs from the default instance, in order. */
function instanceName(
  cx: Cx,
  { decl, module }: KernelEntry,
  values: ReadonlyMap<string, Value>,
  ranks: ReadonlyMap<string, number>,
): string {
  const owner = { name: decl.name.text, params: decl.compParams };
  const quiet = makeBody({ kind: "kernel", name: owner.name, module, sink: new DiagnosticSink() });
  const parts = [owner.name];
  const before = new Map<string, Value>();
  for (const param of decl.compParams) {
    const name = param.name.text;
    const value = values.get(name)!;
    // What it would be if nothing were said of it, given those before it.
    const place = new Cx(cx.session, quiet, new Scope(module.scope));
    const usual = bindParams(place, owner, before, param.span, place, "sample")?.get(name);
    const hasDefault = param.fallback !== undefined || sortOf(param).kind === "dtype";
    const key = (found: Value): string => keyOf(cx.session, new Map([[name, found]]), new Map());
    if (!hasDefault || !usual || key(value) !== key(usual)) parts.push(suffix(name, value));
    before.set(name, value);
  }
  for (const rank of ranks.values()) if (rank !== 1) parts.push(`r${rank}`);
  return parts.join("_");
}

function suffix(name: string, value: Value): string {
  if (value.kind === "type" && value.type.kind === "scalar") return value.type.dtype;
  if (value.kind === "instance") return value.fn.name;
  const known = toComptime(value);
  if (known?.kind === "bool") return known.value ? name : `no_${name}`;
  const text =
    known?.kind === "int"
      ? String(known.value)
      : known?.kind === "real"
        ? String(Number(known.numerator) / Number(known.denominator))
        : known?.kind === "string"
          ? known.value
          : "";
  return name + text.replaceAll("-", "m").replaceAll(/[^A-Za-z0-9]/g, "_");
}
