// Expressions: constants, names, ops by band, loads. Each comes out as a `Value` whose parts are expressions in the
// text format; nothing is written but bindings of what is used twice.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { isFloat, type Dtype } from "../../../lang/dtypes.ts";
import type { Buffer, Expr, OpExpr } from "../../ir/ir.ts";
import { opInfo } from "../../ir/ops.ts";
import { loadRepeated, loadSplat, loadValue, loadWidened } from "./load.ts";
import { constantValue, scalarValue } from "./lanes.ts";
import { isHalf, laneBits, scalarRep, shapeOf, type Value } from "./representation.ts";
import { bitcastScalar, convertScalar, saturateScalar } from "./scalar-convert.ts";
import { scalarOp } from "./scalar-ops.ts";
import { convertVector } from "./vector-convert.ts";
import { byPart, vectorOp } from "./vector-ops.ts";
import { shapeOp } from "./vector-shapes.ts";
import type { Writer } from "./writer.ts";

/** What expressions are evaluated in: the function being written, the names in scope, the kernel's buffers. */
export interface Scope {
  readonly w: Writer;
  readonly names: Map<string, Value>;
  readonly buffers: ReadonlyMap<string, Buffer>;
}

/** The value of an expression. */
export function evaluate(expr: Expr, scope: Scope): Value {
  switch (expr.kind) {
    case "const":
      return constantValue(expr.value, expr.type);
    case "ref":
      return scope.names.get(expr.name) ?? internalError("wasm", `the name ${expr.name} has no value here`);
    case "load":
      return loadValue(expr, scope);
    case "op":
      return applied(expr, scope);
  }
}

/** A scalar expression as text. */
export function scalarText(expr: Expr, scope: Scope): string {
  return evaluate(expr, scope).parts[0]!;
}

function applied(expr: OpExpr, scope: Scope): Value {
  const { w } = scope;
  const contracted = contraction(expr, scope);
  if (contracted) return contracted;
  const { op, type } = expr;
  const [only] = expr.args;
  if (op === "splat" && only?.kind === "load") {
    const loaded = loadSplat(only, type.lanes, scope);
    if (loaded) return loaded;
  }
  if (op === "shuffle" && only?.kind === "load") {
    const loaded = loadRepeated(only, expr.imm ?? [], scope);
    if (loaded) return loaded;
  }
  const widened = op === "convert" && only?.kind === "load" ? loadWidened(only, type, scope) : undefined;
  const args = widened ? [widened] : expr.args.map((arg) => evaluate(arg, scope));
  const from = args[0]!.type.dtype;
  if (opInfo(op).band === "vector") return shapeOp(op, type, args, expr.imm ?? [], w);
  if (op === "convert" || op === "saturate" || op === "bitcast") {
    if (type.lanes > 1) return convertVector(op, args[0]!, type, w);
    const convert = { convert: convertScalar, saturate: saturateScalar, bitcast: bitcastScalar }[op];
    return scalarValue(convert(args[0]!.parts[0]!, from, type.dtype, w), type.dtype);
  }
  if (type.lanes > 1) return vectorOp(op, type, args, w);
  const texts = args.map((arg) => arg.parts[0]!);
  if (op === "select") return scalarValue(`(select ${texts[1]} ${texts[2]} ${texts[0]})`, type.dtype);
  return scalarValue(scalarOp(op, from, texts, w), type.dtype);
}

/** a * b + c and c - a * b as one instruction, where the engine has it; the language allows the single rounding. */
function contraction(expr: OpExpr, scope: Scope): Value | undefined {
  const { dtype, lanes } = expr.type;
  if (lanes === 1 || !isFloat(dtype) || isHalf(dtype) || !scope.w.features.has("relaxed-simd"))
    return undefined;
  const [a, b] = expr.args;
  const product = (arg: Expr | undefined): OpExpr | undefined =>
    arg?.kind === "op" && arg.op === "mul" ? arg : undefined;
  const fused = (name: string, factors: OpExpr, addend: Expr): Value => {
    const values = [...factors.args, addend].map((arg) => evaluate(arg, scope));
    return byPart(
      expr.type,
      laneBits(dtype),
      values,
      (parts) => `(${shapeOf(dtype)}.${name} ${parts.join(" ")})`,
    );
  };
  if (expr.op === "add") {
    const factors = product(b) ?? product(a);
    if (factors) return fused("relaxed_madd", factors, factors === b ? a! : b!);
  }
  const taken = expr.op === "sub" ? product(b) : undefined;
  return taken && fused("relaxed_nmadd", taken, a!);
}

/** The local's type for part of a value of this dtype. */
export const localType = (dtype: Dtype, lanes: number): ReturnType<typeof scalarRep> | "v128" =>
  lanes > 1 ? "v128" : scalarRep(dtype);
