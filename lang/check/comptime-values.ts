// Bound compile-time parameters as others see them: keys that tell instances apart, the public ComptimeValue of
// the compiler, and the description of what a kernel can be instantiated with.

import type { Span } from "../source.ts";
import { traits } from "../dtypes.ts";
import { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import type { CompParam } from "../syntax/ast.ts";
import type { ComptimeValue, KernelTemplate } from "../typed.ts";
import { defaultDtype, exactOf, sortOf } from "./comptime-params.ts";
import { Cx, makeBody, type Body, type Session } from "./context.ts";
import { exactReal, showExact } from "./exact.ts";
import { check } from "./expressions.ts";
import { isLanes, scalarType, typeName } from "./types.ts";
import { exact, typeValue, type Value } from "./values.ts";

/** Tells instances apart. */
export function keyOf(
  session: Session,
  values: ReadonlyMap<string, Value>,
  packs: ReadonlyMap<string, number>,
): string {
  const parts: string[] = [];
  for (const [name, value] of values) parts.push(`${name}=${valueKey(session, value)}`);
  for (const [name, rank] of packs) parts.push(`*${name}=${rank}`);
  return parts.join(";");
}

function valueKey(session: Session, value: Value): string {
  switch (value.kind) {
    case "type":
      return typeName(value.type);
    case "exact":
      return value.value.kind === "real"
        ? `${value.value.num}/${value.value.den}`
        : `${value.value.kind}:${showExact(value.value)}`;
    case "typed":
      return value.expr.kind === "const" ? `${typeName(value.expr.type)}:${value.expr.value}` : "?";
    case "instance":
      return `#${session.idOf(value.fn)}`;
    default:
      return value.kind;
  }
}

/** A bound parameter as the compiler sees it. */
export function toComptime(value: Value): ComptimeValue | undefined {
  if (value.kind === "type" && isLanes(value.type)) return { kind: "dtype", dtype: value.type.dtype };
  if (value.kind === "instance") return { kind: "function", fn: value.fn };
  const found = exactOf(value);
  if (!found) return undefined;
  return found.kind === "real" ? { kind: "real", numerator: found.num, denominator: found.den } : found;
}

/** The other way, for a request from outside. */
export function fromComptime(value: ComptimeValue, span: Span): Value {
  switch (value.kind) {
    case "dtype":
      return typeValue(scalarType(value.dtype), span);
    case "function":
      return { kind: "instance", fn: value.fn, span };
    case "real":
      return exact(exactReal(value.numerator, value.denominator), span);
    default:
      return exact(value, span);
  }
}

/** Rows of a KernelTemplate. */
export function describeParams(cx: Cx, params: readonly CompParam[]): KernelTemplate["compParams"] {
  const quiet = new Cx(cx.session, silent(cx.body), cx.scope);
  return params.map((param) => {
    const sort = sortOf(param);
    const name = param.name.text;
    if (sort.kind === "function") return { name, kind: "function" };
    const value = param.fallback ? check(quiet, param.fallback) : undefined;
    const fallback = value && toComptime(value);
    if (sort.kind === "dtype") {
      return {
        name,
        kind: "dtype",
        choices: traits[sort.trait],
        fallback: fallback ?? { kind: "dtype", dtype: defaultDtype(sort.trait) },
      };
    }
    if (sort.kind !== "typed") return { name, kind: sort.kind, fallback };
    const type = sort.type.kind === "name" ? sort.type.text : "";
    return { name, kind: /^[iu]\d|^index$/.test(type) ? "int" : "number", fallback };
  });
}

/** A body whose diagnostics nobody sees: what is asked is checked, and reported, elsewhere as well. */
export function silent(body: Body): Body {
  return makeBody({
    kind: body.kind,
    name: body.name,
    module: body.module,
    sink: new DiagnosticSink(),
    outer: body.outer,
  });
}
