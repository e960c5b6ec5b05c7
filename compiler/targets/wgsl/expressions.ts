// Expressions of the IR as WGSL text. WGSL has no lazy expression but `&&` and `||`, so a guarded load becomes a
// variable and an `if` in front of the statement; everything else is written where it stands.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { valueDtype } from "../../../lang/dtypes.ts";
import { rangeOf, type Ranges } from "../../ir/ranges.ts";
import { i32, int, ref, type Buffer, type Expr, type LoadExpr, type OpExpr } from "../../ir/ir.ts";
import { operandsOf, someExpr } from "../../ir/walk.ts";
import { add, mul } from "../../passes/fold.ts";
import { isUnfit } from "./fold.ts";
import type { HelperSet } from "./helpers.ts";
import { literal } from "./literals.ts";
import type { Lines } from "./lines.ts";
import type { NameSpace } from "./names.ts";
import { applyOp } from "./ops.ts";
import type { Storage } from "./storage.ts";
import { constantSize } from "./sizes.ts";
import { binary, call, element, primary, within, type Text } from "./text.ts";
import { computesInVectors, isVector, isWord, registerOf, typeText } from "./types.ts";
import { cellOf } from "./vector-arrays.ts";
import { dotOfWords, laneOfWord, packed, unpacked, wordOf } from "./words.ts";
import type { Values } from "./workgroups/nests.ts";

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
  readonly ranges: Ranges;
  /** What names stand for in arithmetic that doesn't change. */
  readonly known: Values;
}

/** The text of a scalar expression; lines that must come before it go to `out`. */
export function emitExpr(expr: Expr, scope: Scope, out: Lines): Text {
  if (expr.type.lanes !== 1 && !isVector(expr.type))
    return internalError("wgsl", "a vector should have become scalars");
  switch (expr.kind) {
    case "const": {
      if (isWord(expr.type)) return wordOf(Number(expr.value));
      const one = literal(expr.value, expr.type.dtype, scope.helpers);
      return expr.type.lanes === 1 ? one : call(typeText(expr.type, scope.helpers.halves), one);
    }
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
  const special = vectorOp(expr, scope, out);
  if (special) return special;
  const args = expr.args.map((arg) => emitExpr(arg, scope, out));
  const last = expr.args.at(-1) ?? internalError("wgsl", `the op ${expr.op} without operands`);
  // Of what isn't negative, WGSL's own division gives the floor.
  const sign = expr.op === "floordiv" ? "/" : expr.op === "mod" ? "%" : undefined;
  if (sign && !isUnfit(expr) && expr.args.every((arg) => rangeOf(arg, scope.ranges).low >= 0))
    return binary(sign, args[0]!, args[1]!);
  if (isUnfit(expr)) args[1] = atRunTime(args[1]!, last, scope);
  return applyOp(expr.op, args, {
    operand: last.type.dtype,
    result: expr.type.dtype,
    helpers: scope.helpers,
  });
}

/** What is said of vectors in another way than of their elements. */
function vectorOp(expr: OpExpr, scope: Scope, out: Lines): Text | undefined {
  const { op, args, type } = expr;
  if (op === "lane") {
    const vector = emitExpr(args[0]!, scope, out);
    const { type: whole } = args[0]!;
    if (isWord(whole)) return laneOfWord(vector, primary(String(expr.imm![0]!)), whole.dtype);
    return primary(`${within(vector, ["primary"])}.${"xyzw"[expr.imm![0]!]}`);
  }
  if (op === "dot4")
    return dotOfWords(
      expr,
      args.map((arg) => emitExpr(arg, scope, out)),
      scope.helpers,
    );
  if (type.lanes === 1) return undefined;
  if ((op === "vec" || op === "splat") && isWord(type))
    return packed(
      args.map((arg) => emitExpr(arg, scope, out)),
      type.dtype,
      scope.helpers,
    );
  if (op === "vec" || op === "splat")
    return call(typeText(type, scope.helpers.halves), ...args.map((arg) => emitExpr(arg, scope, out)));
  if (op === "convert") {
    const { type: from } = args[0]!;
    const { halves } = scope.helpers;
    const given = emitExpr(args[0]!, scope, out);
    const value = isWord(from) ? unpacked(given, from.dtype, scope.helpers) : given;
    const same = registerOf(from.dtype, halves) === registerOf(type.dtype, halves);
    return same ? value : call(typeText(type, halves), value);
  }
  if (type.dtype === "bool" && (op === "and" || op === "or")) {
    const [a, b] = args.map((arg) => emitExpr(arg, scope, out));
    return binary(op === "and" ? "&" : "|", a!, b!);
  }
  // Bytes with a sign and without are the same words.
  if (op === "bitcast" && isWord(type)) return emitExpr(args[0]!, scope, out);
  if (op === "bitcast")
    return call(`bitcast<${typeText(type, scope.helpers.halves)}>`, emitExpr(args[0]!, scope, out));
  if ((op === "shl" || op === "shr") && args[1]!.kind === "const") {
    const count = call(`vec${type.lanes}<u32>`, primary(`${Number(args[1]!.value)}u`));
    return binary(op === "shl" ? "<<" : ">>", emitExpr(args[0]!, scope, out), count);
  }
  const sign = arithmetic[op as keyof typeof arithmetic];
  if (!sign || !computesInVectors(type.dtype, scope.helpers.halves)) return undefined;
  // Beside a vector a scalar stands for one that is the same in every lane.
  const [a, b] = args.map((arg, at) => emitExpr(scalarOf(arg, args[1 - at]!) ?? arg, scope, out));
  return binary(sign, a!, b!);
}

const arithmetic = { add: "+", sub: "-", mul: "*", div: "/" } as const;

function scalarOf(arg: Expr, other: Expr): Expr | undefined {
  const plain = other.kind === "op" && other.op === "splat";
  if (plain || other.kind === "const") return undefined;
  if (arg.kind === "op" && arg.op === "splat") return arg.args[0];
  return arg.kind === "const" ? { ...arg, type: { ...arg.type, lanes: 1 } } : undefined;
}

/** `x != x` and `x == x` ask for NaN, which a shader compiler may take to be absent. */
function nanTest(expr: OpExpr, scope: Scope, out: Lines): Text | undefined {
  const [a, b] = expr.args;
  if ((expr.op !== "ne" && expr.op !== "eq") || a?.kind !== "ref" || b?.kind !== "ref") return undefined;
  const { dtype } = a.type;
  if (a.name !== b.name || (dtype !== "f32" && dtype !== "bf16" && dtype !== "f16")) return undefined;
  const value = emitExpr(a, scope, out);
  const test = call(
    scope.helpers.use("is_nan"),
    dtype === "f16" && scope.helpers.halves === "native" ? call("f32", value) : value,
  );
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
  const { localSize = Infinity } = place.storage;
  const size = typeof localSize === "string" ? 1 : localSize;
  const outside = at.kind === "const" && !(Number(at.value) >= 0 && Number(at.value) < size);
  return outside ? atRunTime(text, at, scope) : text;
}

/** What moves in inner loops comes last, so that a shader compiler can take the rest out of them. */
function address({ buffer, offset, strides }: Place, index: readonly Expr[]): Expr {
  if (!strides || offset === undefined) {
    return index.reduce(
      (at, each, axis) => (axis === 0 ? each : add(mul(at, buffer.shape[axis]!), each)),
      int(0),
    );
  }
  return index.reduce<Expr>(
    (at, each, axis) => add(at, mul(each, ref(strides[axis]!, i32))),
    ref(offset, i32),
  );
}

/** The vector of an array that holds an element, or is one; and the lane. */
export function emitCell(
  place: Place,
  index: readonly Expr[],
  scope: Scope,
  out: Lines,
): { cell: Text; lane: Text | undefined } {
  const lanes = place.storage.lanes ?? internalError("wgsl", `${place.buffer.name} doesn't lie in vectors`);
  const last = index.at(-1)!;
  if (place.strides) return emitCellOfArgument(place, index, lanes, scope, out);
  const { cell, lane } = cellOf(last, lanes, scope.known);
  const extents = place.buffer.shape.map((extent, axis) =>
    axis === index.length - 1 ? int((constantSize([extent]) ?? lanes) / lanes) : extent,
  );
  const at = [...index.slice(0, -1), cell].reduce<Expr>(
    (sum, each, axis) => (axis === 0 ? each : add(mul(sum, extents[axis]!), each)),
    int(0),
  );
  const text = emitExpr(at, scope, out);
  if (last.type.lanes > 1) return { cell: text, lane: undefined };
  if (lane !== undefined) return { cell: text, lane: primary(String(lane)) };
  return { cell: text, lane: binary("&", emitExpr(last, scope, out), primary(String(lanes - 1))) };
}

/**
 * As `emitCell`, of an argument, whose rows begin at multiples of a vector: the vector where the row begins, and how many
 * further.
 */
function emitCellOfArgument(
  place: Place,
  index: readonly Expr[],
  lanes: number,
  scope: Scope,
  out: Lines,
): { cell: Text; lane: Text | undefined } {
  const last = index.at(-1)!;
  const first = last.kind === "op" && last.op === "ramp" ? last.args[0]! : last;
  const { cell, lane } = cellOf(first, lanes, scope.known);
  const row = emitExpr(address(place, index.slice(0, -1)), scope, out);
  const start = binary(">>", row, primary(`${Math.log2(lanes)}u`));
  const at =
    cell.kind === "const" && cell.value === 0 ? start : binary("+", start, emitExpr(cell, scope, out));
  if (last.type.lanes > 1) return { cell: at, lane: undefined };
  if (lane !== undefined) return { cell: at, lane: primary(String(lane)) };
  return { cell: at, lane: binary("&", emitExpr(first, scope, out), primary(String(lanes - 1))) };
}

/** `instead`: gives for the place of an element, or of a vector, the one that is read. */
function plainLoad(expr: LoadExpr, scope: Scope, out: Lines, instead = (at: Text): Text => at): Text {
  const place = placeOf(expr.buffer, scope);
  if (place.storage.lanes !== undefined) {
    const { cell, lane } = emitCell(place, expr.index, scope, out);
    const vector = element(place.storage.name, instead(cell));
    return lane ? place.storage.laneOf(vector, lane) : vector;
  }
  return place.storage.load(instead(emitAddress(place, expr.index, scope, out)));
}

/**
 * What is read only where the guard holds. An argument of numbers has a first element always, which is read elsewhere instead
 * of branching; other memory, and subscripts that read memory themselves, stand in an `if`.
 */
function guardedLoad(expr: LoadExpr, guard: Expr, scope: Scope, out: Lines): Text {
  const dtype = valueDtype(placeOf(expr.buffer, scope).buffer.dtype);
  const type = typeText({ dtype, lanes: expr.type.lanes }, scope.helpers.halves);
  const one = literal(dtype === "bool" ? false : 0, dtype, scope.helpers);
  const zero = isWord(expr.type) ? primary("0u") : expr.type.lanes === 1 ? one : call(type, one);
  const cond = emitExpr(guard, scope, out);
  const { storage, strides } = placeOf(expr.buffer, scope);
  const name = scope.names.give(`${expr.buffer}_value`);
  if (
    strides &&
    storage.isPlain &&
    !expr.index.some((part) => someExpr(part, ({ kind }) => kind === "load"))
  ) {
    const named = cond.level === "primary" ? cond : primary(scope.names.give("inside"));
    if (named !== cond) out.add(`let ${named.text} = ${cond.text};`);
    const first = primary("0");
    const given = plainLoad(expr, scope, out, (at) => call("select", first, at, named));
    out.add(`let ${name} = ${call("select", zero, given, named).text};`);
    return primary(name);
  }
  out.add(`var ${name}: ${type} = ${zero.text};`);
  out.block(`if (${cond.text})`, () => out.add(`${name} = ${plainLoad(expr, scope, out).text};`));
  return primary(name);
}
