// Expressions of the IR as WGSL text. WGSL has no lazy expression but `&&` and `||`, so a guarded load becomes a
// variable and an `if` in front of the statement; everything else is written where it stands.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { valueDtype } from "../../ir/op-types.ts";
import { i32, int, ref, type Buffer, type Expr, type LoadExpr, type OpExpr } from "../../ir/ir.ts";
import { operandsOf } from "../../ir/walk.ts";
import { add, mul } from "../../passes/fold.ts";
import { isUnfit } from "./fold.ts";
import type { HelperSet } from "./helpers.ts";
import { literal } from "./literals.ts";
import type { Lines } from "./lines.ts";
import type { NameSpace } from "./names.ts";
import { applyOp } from "./ops.ts";
import type { Storage } from "./storage.ts";
import { call, primary, type Text } from "./text.ts";
import { registerOf } from "./types.ts";

/** A tensor argument or another buffer, as expressions find it. */
export interface Place {
  readonly buffer: Buffer;
  readonly storage: Storage;
  /** Arguments: the names of the offset and the strides, which are values like dims are. */
  readonly offset?: string;
  readonly strides?: readonly string[];
}

/** What expressions of one function refer to. */
export interface Scope {
  readonly helpers: HelperSet;
  readonly names: NameSpace;
  /** What stands for a value of the IR: a name, a member of the uniform. */
  readonly values: Map<string, Text>;
  readonly places: ReadonlyMap<string, Place>;
}

/** The text of a scalar expression; lines that must come before it go to `out`. */
export function emitExpr(expr: Expr, scope: Scope, out: Lines): Text {
  if (expr.type.lanes !== 1) return internalError("wgsl", "a vector should have become scalars");
  switch (expr.kind) {
    case "const":
      return literal(expr.value, expr.type.dtype, scope.helpers);
    case "ref":
      return scope.values.get(expr.name) ?? internalError("wgsl", `the value ${expr.name} is not in scope`);
    case "op": {
      const text = emitOp(expr, scope, out);
      if (heightOf(expr) % tallest !== 0) return text;
      const name = scope.names.give("part");
      out.add(`let ${name} = ${text.text};`);
      return primary(name);
    }
    case "load":
      return expr.guard ? guardedLoad(expr, expr.guard, scope, out) : plainLoad(expr, scope, out);
  }
}

/** Shader compilers refuse expressions that nest deeply: at this height a part gets a name. */
const tallest = 32;

const heights = new WeakMap<Expr, number>();
/** The operations on the longest way from an expression to a leaf. */
function heightOf(expr: Expr): number {
  let height = heights.get(expr);
  if (height === undefined) {
    const operands = operandsOf(expr).map(heightOf);
    heights.set(
      expr,
      (height = expr.kind === "op" ? 1 + Math.max(0, ...operands) : Math.max(0, ...operands)),
    );
  }
  return height;
}

function emitOp(expr: OpExpr, scope: Scope, out: Lines): Text {
  const isNanTest = nanTest(expr, scope, out);
  if (isNanTest) return isNanTest;
  const args = expr.args.map((arg) => emitExpr(arg, scope, out));
  const last = expr.args.at(-1) ?? internalError("wgsl", `the op ${expr.op} without operands`);
  if (isUnfit(expr)) args[1] = atRunTime(args[1]!, last, scope);
  return applyOp(expr.op, args, {
    operand: last.type.dtype,
    result: expr.type.dtype,
    helpers: scope.helpers,
  });
}

/** `x != x` and `x == x` ask for NaN, which a shader compiler may take to be absent. */
function nanTest(expr: OpExpr, scope: Scope, out: Lines): Text | undefined {
  const [a, b] = expr.args;
  if ((expr.op !== "ne" && expr.op !== "eq") || a?.kind !== "ref" || b?.kind !== "ref") return undefined;
  const { dtype } = a.type;
  if (a.name !== b.name || (dtype !== "f32" && dtype !== "bf16" && dtype !== "f16")) return undefined;
  const value = emitExpr(a, scope, out);
  const test = call(scope.helpers.use("is_nan"), dtype === "f16" ? call("f32", value) : value);
  return expr.op === "ne" ? test : { text: `!${test.text}`, level: "unary" };
}

/** A constant that the shader compiler would refuse at this place, hidden from it. */
function atRunTime(value: Text, expr: Expr, scope: Scope): Text {
  return call(
    scope.helpers.use(registerOf(expr.type.dtype) === "u32" ? "runtime_u32" : "runtime_i32"),
    value,
  );
}

export function placeOf(buffer: string, scope: Scope): Place {
  return scope.places.get(buffer) ?? internalError("wgsl", `the buffer ${buffer} is not in scope`);
}

/** The number of an element in its buffer. */
export function emitAddress(place: Place, index: readonly Expr[], scope: Scope, out: Lines): Text {
  const at = address(place, index);
  const text = emitExpr(at, scope, out);
  // A constant outside of the array can only be in code that never runs, but would be refused all the same.
  const size = place.storage.localSize ?? Infinity;
  const outside = at.kind === "const" && !(Number(at.value) >= 0 && Number(at.value) < size);
  return outside ? atRunTime(text, at, scope) : text;
}

function address({ buffer, offset, strides }: Place, index: readonly Expr[]): Expr {
  if (!strides || offset === undefined) {
    return index.reduce(
      (at, each, axis) => (axis === 0 ? each : add(mul(at, buffer.shape[axis]!), each)),
      int(0),
    );
  }
  const terms = index.map((each, axis) => mul(each, ref(strides[axis]!, i32)));
  return add(terms.reduce(add, int(0)), ref(offset, i32));
}

function plainLoad(expr: LoadExpr, scope: Scope, out: Lines): Text {
  const place = placeOf(expr.buffer, scope);
  return place.storage.load(emitAddress(place, expr.index, scope, out));
}

function guardedLoad(expr: LoadExpr, guard: Expr, scope: Scope, out: Lines): Text {
  const dtype = valueDtype(placeOf(expr.buffer, scope).buffer.dtype);
  const zero = literal(dtype === "bool" ? false : 0, dtype, scope.helpers);
  const cond = emitExpr(guard, scope, out);
  const name = scope.names.give(`${expr.buffer}_value`);
  out.add(`var ${name}: ${registerOf(dtype)} = ${zero.text};`);
  out.block(`if (${cond.text})`, () => out.add(`${name} = ${plainLoad(expr, scope, out).text};`));
  return primary(name);
}
