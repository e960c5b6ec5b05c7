// Evaluates expressions of `test` blocks over the typed tree, with the op table's reference semantics. Calls of
// kernels were carried out before: their results lie ready.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { Dtype } from "../../../lang/dtypes.ts";
import { textOf, type Span } from "../../../lang/source.ts";
import type {
  Sym,
  TCall,
  TExpr,
  TGet,
  TIndex,
  TKernelCall,
  TTestValue,
  TView,
  Type,
} from "../../../lang/typed.ts";
import type { Scalar } from "../../../compiler/ir/ir.ts";
import { opInfo, type OpName } from "../../../compiler/ir/ops.ts";
import { bitcast, convert, normalise, roundFloat, saturate } from "../../../compiler/ir/values.ts";
import { random } from "../../../runtime/random.ts";
import type { HostStorage } from "../../../runtime/tensor/storage.ts";
import { viewAs } from "../../../runtime/tensor/storage.ts";
import type { Storage } from "../../../compiler/ir/storage.ts";
import { reduce } from "./reductions.ts";
import { callFunction } from "./statements.ts";
import {
  asItems,
  asNumber,
  asScalar,
  asView,
  Cells,
  copy,
  dtypeOf,
  TestFailure,
  View,
  type Value,
} from "./value.ts";

/** What names stand for, and what the kernels called so far gave. */
export interface Scope {
  readonly values: Map<Sym, Value>;
  readonly calls: Map<TKernelCall, Value>;
}

export function evaluate(expr: TExpr, scope: Scope): Value {
  switch (expr.kind) {
    case "const":
      return expr.type.kind === "simd"
        ? Array.from({ length: expr.type.lanes }, () => expr.value)
        : expr.value;
    case "ref":
      return lookUp(expr.sym, scope);
    case "unary": {
      const op = expr.op === "bitnot" ? "not" : expr.op;
      return lanewise(op, expr.type, [evaluate(expr.operand, scope)], expr.span);
    }
    case "binary":
      return binary(expr.op, expr.type, evaluate(expr.left, scope), evaluate(expr.right, scope), expr.span);
    case "compare":
      return lanewise(
        expr.op,
        expr.left.type,
        [evaluate(expr.left, scope), evaluate(expr.right, scope)],
        expr.span,
      );
    case "logical": {
      const left = evaluate(expr.left, scope);
      return (expr.op === "and") === Boolean(left) ? evaluate(expr.right, scope) : left;
    }
    case "cond":
      return evaluate(evaluate(expr.cond, scope) ? expr.then : expr.orelse, scope);
    case "select":
      return select(evaluate(expr.cond, scope), evaluate(expr.then, scope), evaluate(expr.orelse, scope));
    case "fma":
      return lanewise(
        "fma",
        expr.type,
        [expr.a, expr.b, expr.c].map((part) => evaluate(part, scope)),
        expr.span,
      );
    case "dot4":
      return dot4(
        asItems(evaluate(expr.a, scope)),
        asItems(evaluate(expr.b, scope)),
        asItems(evaluate(expr.acc, scope)),
      );
    case "convert":
      return conversion(
        expr.mode,
        evaluate(expr.operand, scope),
        dtypeOf(expr.operand.type),
        dtypeOf(expr.type),
      );
    case "call":
      return call(expr, scope);
    case "kernel-call":
      return scope.calls.get(expr) ?? outOfPlace(expr);
    case "index":
      return element(expr, scope);
    case "get":
      return get(expr, scope);
    case "view":
      return view(expr, scope);
    case "shape":
      return asView(evaluate(expr.base, scope)).shape[expr.axis]!;
    case "reduce":
      return reduce(expr, scope);
    case "tuple":
      return expr.items.map((item) => evaluate(item, scope));
    case "tuple-item":
      return asItems(evaluate(expr.base, scope))[expr.index]!;
    case "struct-new":
      return expr.fields.map((field) => copy(evaluate(field, scope)));
    case "field":
      return asItems(evaluate(expr.base, scope))[expr.field]!;
    case "array-new":
      return newArray(expr.type, expr.fill && evaluate(expr.fill, scope), scope);
    case "simd-load":
      return loadLanes(expr.base, expr.indices, expr.type, expr.span, scope);
    case "simd-new": {
      const lanes = expr.args.map((arg) => evaluate(arg, scope));
      return expr.type.kind === "simd" && lanes.length === 1
        ? Array.from({ length: expr.type.lanes }, () => lanes[0]!)
        : lanes;
    }
    case "simd-reduce":
      return reduceLanes(expr.op, asItems(evaluate(expr.operand, scope)), dtypeOf(expr.operand.type));
    case "shuffle": {
      const lanes = asItems(evaluate(expr.operand, scope));
      return expr.lanes.map((lane) => lanes[lane]!);
    }
    case "lane":
      return asItems(evaluate(expr.base, scope))[expr.lane]!;
    case "test-value":
      return testValue(expr, scope);
  }
}

function lookUp(sym: Sym, scope: Scope): Value {
  return scope.values.get(sym) ?? internalError("test", `\`${sym.name}\` has no value`);
}

function outOfPlace(expr: TKernelCall): never {
  throw new TestFailure(
    "a kernel can’t be called inside a generator expression or a def of a test",
    expr.span,
    ["bind its result first: `let y = …`"],
  );
}

/** Applies a row of the op table to scalars, or to each lane. */
export function lanewise(op: OpName, type: Type, args: readonly Value[], span: Span): Value {
  const { lane, partial } = opInfo(op);
  if (!lane) return internalError("test", `${op} is not an operation on single values`);
  const dtype = dtypeOf(type);
  const apply = (operands: readonly Scalar[]): Scalar => {
    if (partial) checkFit(op, operands, dtype, span);
    return lane(operands, dtype, dtype);
  };
  const wide = args.find((arg) => Array.isArray(arg));
  if (!wide) return apply(args.map(asScalar));
  return asItems(wide).map((_, at) =>
    apply(args.map((arg) => asScalar(Array.isArray(arg) ? arg[at]! : arg))),
  );
}

/** What the prover excludes in kernels ends a test. */
function checkFit(op: OpName, [, b]: readonly Scalar[], dtype: Dtype, span: Span): void {
  if ((op === "floordiv" || op === "mod") && Number(b) === 0) throw new TestFailure("division by zero", span);
  const width = dtype.endsWith("64") ? 64 : 32;
  if ((op === "shl" || op === "shr") && (Number(b) < 0 || Number(b) >= width))
    throw new TestFailure(`a shift by ${String(b)}`, span);
}

export function binary(op: string, type: Type, left: Value, right: Value, span: Span): Value {
  if (op !== "pow") return lanewise(op as OpName, type, [left, right], span);
  const dtype = dtypeOf(type);
  const power = (a: Scalar, b: Scalar): Scalar => {
    if (typeof a === "bigint") return normalise(a ** BigInt(b), dtype);
    return dtype.includes("f")
      ? roundFloat((a as number) ** Number(b), dtype)
      : normalise(BigInt(a) ** BigInt(b), dtype);
  };
  if (!Array.isArray(left)) return power(asScalar(left), asScalar(right));
  return left.map((lane, at) => power(asScalar(lane), asScalar(Array.isArray(right) ? right[at]! : right)));
}

function select(cond: Value, then: Value, orelse: Value): Value {
  if (!Array.isArray(cond)) return cond ? then : orelse;
  return cond.map((lane, at) => (lane ? asItems(then)[at]! : asItems(orelse)[at]!));
}

function dot4(a: Value[], b: Value[], acc: Value[]): Value {
  return acc.map((sum, lane) =>
    [0, 1, 2, 3].reduce(
      (total, q) => (total + asNumber(a[4 * lane + q]!) * asNumber(b[4 * lane + q]!)) | 0,
      asNumber(sum),
    ),
  );
}

function conversion(mode: "convert" | "saturate" | "bitcast", value: Value, from: Dtype, to: Dtype): Value {
  if (Array.isArray(value)) return value.map((lane) => conversion(mode, lane, from, to));
  const apply = { convert, saturate, bitcast }[mode];
  return apply(asScalar(value), from, to);
}

function call(expr: TCall, scope: Scope): Value {
  return callFunction(
    expr.fn,
    expr.args.map((arg) => evaluate(arg, scope)),
    scope,
  );
}

// ---- tensors -----------------------------------------------------------------------------------------

export function indexValues(indices: readonly TExpr[], scope: Scope): number[] {
  return indices.map((index) => asNumber(evaluate(index, scope)));
}

/** The place of an element that must exist. */
export function placeOf(base: View | Cells, indices: readonly number[], expr: { span: Span }): number {
  const place = base.place(indices);
  if (place !== undefined) return place;
  throw new TestFailure(`\`${textOf(expr.span)}\` is out of bounds`, expr.span, [
    `the index is [${indices.join(", ")}], the shape [${base.shape.join(", ")}]`,
  ]);
}

function element(expr: TIndex, scope: Scope): Value {
  const base = evaluate(expr.base, scope);
  const indices = indexValues(expr.indices, scope);
  if (base instanceof Cells) return base.items[placeOf(base, indices, expr)]!;
  const tensor = asView(base);
  return tensor.read(placeOf(tensor, indices, expr));
}

function get(expr: TGet, scope: Scope): Value {
  const base = asView(evaluate(expr.base, scope));
  const place = base.place(indexValues(expr.indices, scope));
  return place === undefined ? evaluate(expr.fallback, scope) : base.read(place);
}

function view(expr: TView, scope: Scope): Value {
  const base = asView(evaluate(expr.base, scope));
  const shape: number[] = [];
  const strides: number[] = [];
  let { offset } = base;
  expr.items.forEach((item, axis) => {
    const size = base.shape[axis]!;
    const stride = base.strides[axis]!;
    if (item.kind === "at") {
      const at = asNumber(evaluate(item.index, scope));
      if (at < 0 || at >= size)
        throw new TestFailure(`\`${textOf(expr.span)}\` is out of bounds`, expr.span, [
          `axis ${axis} has ${size} elements, none at ${at}`,
        ]);
      offset += at * stride;
      return;
    }
    const low = item.low ? asNumber(evaluate(item.low, scope)) : 0;
    const high = item.high ? asNumber(evaluate(item.high, scope)) : size;
    if (low < 0 || high > size || low > high)
      throw new TestFailure(`\`${textOf(expr.span)}\` is out of bounds`, expr.span, [
        `axis ${axis} has ${size} elements, the slice is ${low}:${high}`,
      ]);
    if (high > low) offset += low * stride;
    shape.push(high - low);
    strides.push(stride);
  });
  return new View(base.dtype, shape, base.data, strides, offset);
}

function newArray(type: Type, fill: Value | undefined, scope: Scope): Value {
  if (type.kind !== "array") return internalError("test", "an Array was expected");
  const shape = indexValues(type.shape, scope);
  if (type.elem.kind === "simd") return new Cells(shape, fill);
  const array = new View(type.elem.dtype, shape);
  if (fill !== undefined) for (let at = 0; at < array.data.length; at++) array.write(at, asScalar(fill));
  return array;
}

function loadLanes(base: TExpr, indices: readonly TExpr[], type: Type, span: Span, scope: Scope): Value {
  const tensor = asView(evaluate(base, scope));
  const start = indexValues(indices, scope);
  const lanes = type.kind === "simd" ? type.lanes : 1;
  return Array.from({ length: lanes }, (_, lane) =>
    tensor.read(placeOf(tensor, [...start.slice(0, -1), start.at(-1)! + lane], { span })),
  );
}

const laneOps = { sum: "vsum", prod: "vprod", max: "vmax", min: "vmin", any: "vany", all: "vall" } as const;

function reduceLanes(op: keyof typeof laneOps, lanes: readonly Value[], dtype: Dtype): Value {
  const { vector } = opInfo(laneOps[op]);
  const type = { dtype, lanes: lanes.length };
  return vector!([lanes.map(asScalar)], [type], { dtype, lanes: 1 }, [])[0]!;
}

// ---- values of tests ---------------------------------------------------------------------------------

function testValue(expr: TTestValue, scope: Scope): Value {
  const { name, type } = expr;
  const args = expr.args.map((arg) => evaluate(arg, scope));
  const option = (key: string): number | undefined =>
    expr.options[key] && asNumber(evaluate(expr.options[key], scope));
  if (name === "close") return close(asNumber(args[0]!), asNumber(args[1]!), option("tol") ?? 1e-5);
  const dtype = dtypeOf(type);
  if (type.kind !== "tensor") return internalError("test", `${name} gives a tensor`);
  const shape = indexValues(type.shape, scope);
  if (shape.some((size) => size < 0))
    throw new TestFailure(`a tensor of shape [${shape.join(", ")}]`, expr.span);
  if (name === "random") {
    const made = random(dtype, shape, { seed: option("seed"), low: option("low"), high: option("high") });
    const { bytes } = made.storage as HostStorage;
    return new View(dtype, shape, viewAs(dtype, bytes) as Storage);
  }
  const tensor = new View(dtype, shape);
  const count = shape.reduce((product, size) => product * size, 1);
  const fill = (at: number): Scalar => {
    if (name === "tensor") return asScalar(args[at]!);
    if (name === "full") return asScalar(args[0]!);
    return convert(name === "arange" ? at : name === "ones" ? 1 : 0, "i32", dtype);
  };
  for (let at = 0; at < count; at++) tensor.write(at, fill(at));
  return tensor;
}

/** Within `tol` of each other, relative to the larger where that is above 1; NaN is close to NaN. */
export function close(a: number, b: number, tol: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  return Math.abs(a - b) <= tol * Math.max(1, Math.abs(a), Math.abs(b));
}
