// The annotations of a typed kernel, wherever they stand: on its own statements, on generators, and in the defs and
// kernels that it calls.

import { operandsOf } from "../lang/check/operands.ts";
import { textOf } from "../lang/source.ts";
import type { TAnnotation, TExpr, TKernel, TStmt } from "../lang/typed.ts";
import type { KernelReport } from "./artifact.ts";
import { placeOf } from "./signature.ts";
import type { Target } from "./targets/target.ts";

/** Every annotation of a kernel, each once, in the order of the source. */
export function annotationsOf(kernel: TKernel): readonly TAnnotation[] {
  const found = new Set<TAnnotation>();
  const seen = new Set<object>();
  const body = (callee: { readonly body: readonly TStmt[] }): void => {
    if (seen.has(callee)) return;
    seen.add(callee);
    callee.body.forEach(stmt);
  };
  const stmt = (each: TStmt): void => {
    if ("annotations" in each) each.annotations.forEach((annotation) => found.add(annotation));
    switch (each.kind) {
      case "if":
        expr(each.cond);
        [...each.then, ...each.orelse].forEach(stmt);
        break;
      case "while":
        expr(each.cond);
        each.body.forEach(stmt);
        break;
      case "for":
        each.loops.forEach((loop) => [loop.low, loop.high].forEach(expr));
        each.body.forEach(stmt);
        break;
      case "assert":
        expr(each.cond);
        break;
      case "assign":
        expr(each.target);
        expr(each.value);
        break;
      case "simd-store":
        [...each.indices, each.value].forEach(expr);
        break;
      case "break":
      case "continue":
        break;
      default:
        if (each.value) expr(each.value);
    }
  };
  const expr = (each: TExpr): void => {
    if (each.kind === "call") body(each.fn);
    if (each.kind === "kernel-call") body(each.kernel);
    if (each.kind === "reduce") {
      each.annotations.forEach((annotation) => found.add(annotation));
      if (each.combine) body(each.combine);
    }
    operandsOf(each).forEach(expr);
  };
  body(kernel);
  return [...found];
}

/** Annotations that hold for a target that carries out no schedules; what passes themselves drop, they report. */
export function notHonoured(kernel: TKernel, target: Target): KernelReport["notHonoured"] {
  if (target.schedules) return [];
  return annotationsOf(kernel).flatMap((annotation) => {
    if (annotation.target !== undefined && annotation.target !== target.name) return [];
    if (!restructures.has(annotation.name)) return [];
    const why = "on this target the loops stay as they were written";
    return [{ annotation: textOf(annotation.span), why, place: placeOf(annotation.span) }];
  });
}

const restructures: ReadonlySet<string> = new Set(["tile", "order", "fuse", "stage"]);
