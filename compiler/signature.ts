// What a caller must know of a kernel instance, as plain data for the manifest.

import { lineStartsOf, positionAt, textOf, type Span } from "../lang/source.ts";
import type { ComptimeValue, TKernel } from "../lang/typed.ts";
import type { DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import { internalError } from "../lang/diagnostics/internal-error.ts";
import type { AssertSpec, Constraint, ParamSpec, ShapeExpr, Signature, SourcePlace } from "./artifact.ts";
import type { Expr, IrKernel } from "./ir/ir.ts";
import { toShapeExpr } from "./shape-expr.ts";

/** The line that a span begins in, for messages at run time. */
export function placeOf(span: Span | undefined): SourcePlace | undefined {
  if (!span) return undefined;
  const { line, column } = positionAt(span.file, span.start);
  const starts = lineStartsOf(span.file);
  const text = span.file.text.slice(starts[line - 1], starts[line]).trimEnd();
  return { file: span.file.path, line, column, text };
}

/** How a compile-time value is written in Kern. */
export function printComptime(value: ComptimeValue): string {
  switch (value.kind) {
    case "dtype":
      return value.dtype;
    case "function":
      return value.fn.name;
    case "real":
      return String(Number(value.numerator) / Number(value.denominator));
    default:
      return String(value.value);
  }
}

/**
 * The signature of an instance. `ir` is its IR before any target's passes: their names of dims, buffers and
 * scalars are the source's. Float results of one kernel may differ between targets by the tolerance: reductions
 * are reassociated and `a * b + c` contracted.
 */
export function signatureOf(kernel: TKernel, ir: IrKernel, asserts: readonly AssertSpec[]): Signature {
  const params = ir.params.map((param): ParamSpec => {
    if (param.kind === "scalar") return { kind: "scalar", name: param.name, dtype: param.dtype };
    const buffer =
      ir.buffers.find((each) => each.name === param.buffer) ??
      internalError("signature", `no buffer ${param.buffer}`);
    const shape = buffer.shape.map((extent) => shapeExpr(extent, kernel));
    return { kind: "tensor", name: buffer.name, mode: param.mode, dtype: buffer.dtype, shape };
  });
  const constraints = ir.requires.map((each): Constraint => ({
    expr: shapeExpr(each.cond, kernel),
    text: each.text,
    place: placeOf(each.span),
  }));
  return {
    name: kernel.name,
    instance: kernel.instance,
    op: kernel.op,
    opInputs: kernel.opInputs,
    doc: kernel.doc,
    comptime: Object.fromEntries([...kernel.comptime].map(([name, value]) => [name, printComptime(value)])),
    packs: Object.fromEntries(kernel.packs),
    params,
    dims: ir.dims.map(({ name, param, axis }) => ({ name, param, axis })),
    constraints,
    asserts,
    tolerance: defaultTolerance(ir),
  };
}

/** Reports what callers would have to work out and can't: the signature of such a kernel can't be written down. */
export function checkCallable(
  { requires, params, buffers }: IrKernel,
  kernel: TKernel,
  sink: DiagnosticSink,
): void {
  const shapes = params.flatMap((param) =>
    param.kind === "tensor" ? (buffers.find(({ name }) => name === param.buffer)?.shape ?? []) : [],
  );
  const asked = [
    ...shapes.map((expr) => ({ expr, span: expr.span })),
    ...requires.map(({ cond, span }) => ({ expr: cond, span })),
  ];
  for (const { expr, span } of asked)
    if (toShapeExpr(expr) === undefined)
      sink.report("K0349", { expr: span ? textOf(span) : kernel.name }, span ?? kernel.decl.name.span);
}

function shapeExpr(expr: Expr, kernel: TKernel): ShapeExpr {
  return (
    toShapeExpr(expr) ??
    internalError("signature", `a shape of ${kernel.name} is not an expression over dims`)
  );
}

/**
 * About a hundred roundings of the widest result's precision, relative and absolute (reassociated sums may
 * cancel): 1e-5 for f32, 1e-2 for f16, 8e-2 for bf16, 1e-13 for f64, nothing for integers.
 */
function defaultTolerance(ir: IrKernel): { relative: number; absolute: number } {
  const results = ir.params.flatMap((param) => {
    if (param.kind !== "tensor" || param.mode === "in") return [];
    const dtype = ir.buffers.find((each) => each.name === param.buffer)?.dtype;
    return dtype && dtype in tolerances ? [tolerances[dtype as keyof typeof tolerances]] : [];
  });
  const relative = Math.max(0, ...results);
  return { relative, absolute: relative };
}

const tolerances = { f16: 1e-2, bf16: 8e-2, f32: 1e-5, f64: 1e-13 };
