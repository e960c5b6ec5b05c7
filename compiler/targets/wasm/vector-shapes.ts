// Operations on whole vectors: shuffles, ramps, reductions of the lanes, the four-way dot product.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { IrType } from "../../ir/ir.ts";
import { normalise } from "../../ir/values.ts";
import type { OpName } from "../../ir/ops.ts";
import { dotPlan, type DotPlan } from "./dots.ts";
import {
  constantValue,
  laneOf,
  naturalBits,
  replaceLane,
  scalarValue,
  splatValue,
  buildVector,
  bound,
} from "./lanes.ts";
import { allTrue, anyTrue } from "./masks.ts";
import { lanesPerPart, numberText, partCount, shapeOf, type LaneBits, type Value } from "./representation.ts";
import { vectorOp } from "./vector-ops.ts";
import type { Writer } from "./writer.ts";

/** Applies an op of band `vector`. */
export function shapeOp(
  op: OpName,
  type: IrType,
  args: readonly Value[],
  imm: readonly number[],
  w: Writer,
): Value {
  const [first] = args as readonly [Value, ...Value[]];
  const { dtype } = first.type;
  switch (op) {
    case "splat":
      return splatValue(first, type.lanes, w);
    case "ramp":
      return ramp(first, args[1]!, type, w);
    case "vec":
      return buildVector(
        args.map((arg) => arg.parts[0]!),
        type,
      );
    case "lane":
      return scalarValue(laneOf(first, imm[0]!, w), dtype);
    case "insert":
      return replaceLane(first, args[1]!.parts[0]!, imm[0]!);
    case "shuffle":
      return shuffle(first, imm, type, w);
    case "vsum":
      return halve("add", first, w);
    case "vprod":
      return halve("mul", first, w);
    case "vmax":
      return halve("max", first, w);
    case "vmin":
      return halve("min", first, w);
    case "vany":
    case "vall":
      return scalarValue(test(op, first), "bool");
    case "dot4":
      return dot4(args, type, imm[0] ?? 0, w);
    case "dot2":
      return dot2(args, type, w);
    default:
      return internalError("wasm", `no code for "${op}"`);
  }
}

function ramp(base: Value, stride: Value, type: IrType, w: Writer): Value {
  const { dtype } = type;
  const lanes = Array.from({ length: type.lanes }, (_, lane) => lane);
  const step = stride.constant;
  let offsets: Value;
  if (step !== undefined) {
    const multiple = (lane: number): bigint => BigInt(step as number | bigint) * BigInt(lane);
    if (base.constant !== undefined && type.lanes > 1) {
      const values = lanes.map((lane) => normalise(BigInt(base.constant as number) + multiple(lane), dtype));
      return constantLanes(
        values.map((value) => numberText(value, dtype)),
        type,
      );
    }
    offsets = constantLanes(
      lanes.map((lane) => numberText(normalise(multiple(lane), dtype), dtype)),
      type,
    );
  } else {
    const numbers = constantLanes(
      lanes.map((lane) => numberText(normalise(lane, dtype), dtype)),
      type,
    );
    offsets = vectorOp("mul", type, [numbers, splatValue(stride, type.lanes, w)], w);
  }
  return vectorOp("add", type, [splatValue(base, type.lanes, w), offsets], w);
}

/** A vector constant with a number of its own in each lane. */
export function constantLanes(texts: readonly string[], type: IrType): Value {
  const bits = naturalBits(type);
  const perPart = 128 / bits;
  const parts = Array.from({ length: partCount(type.lanes, bits) }, (_, part) => {
    const own = Array.from({ length: perPart }, (_lane, at) => texts[part * perPart + at] ?? "0");
    return `(v128.const ${shapeOf(type.dtype)} ${own.join(" ")})`;
  });
  return { type, bits, parts };
}

function shuffle(value: Value, picks: readonly number[], type: IrType, w: Writer): Value {
  if (value.constant !== undefined && value.type.dtype !== "bool") return constantValue(value.constant, type);
  if (type.lanes === 1) return scalarValue(laneOf(value, picks[0]!, w), type.dtype);
  const bits = value.bits as LaneBits;
  const source = bound(value, w);
  const perPart = lanesPerPart(value.type.lanes, bits);
  const ownLanes = lanesPerPart(type.lanes, bits);
  const parts = Array.from({ length: partCount(type.lanes, bits) }, (_, part) => {
    const own = picks.slice(part * ownLanes, (part + 1) * ownLanes);
    const sources = [...new Set(own.map((pick) => Math.floor(pick / perPart)))];
    return sources.reduce((left, number, at) => {
      if (at === 0 && sources.length > 1) return source.parts[number]!;
      // Lanes of this source come from the right operand, those gathered so far stay where they are.
      const lanes = own.map((pick, lane) => {
        const from = Math.floor(pick / perPart);
        if (from === number) return 128 / bits + (pick % perPart);
        return at === 1 ? pick % perPart : lane;
      });
      const right = source.parts[number]!;
      return `(i8x16.shuffle ${byteNumbers(lanes, bits).join(" ")} ${at === 0 ? right : left} ${right})`;
    }, "");
  });
  return { type, bits, parts };
}

/** Byte numbers for lane numbers; a part that isn't full repeats its last lane. */
function byteNumbers(lanes: readonly number[], bits: LaneBits): number[] {
  const bytes = bits / 8;
  const all = Array.from({ length: 128 / bits }, (_, at) => lanes[at] ?? lanes.at(-1)!);
  return all.flatMap((lane) => Array.from({ length: bytes }, (_, byte) => lane * bytes + byte));
}

/** Combines the low half of the lanes with the high half until one is left, as the reference does. */
function halve(op: "add" | "mul" | "min" | "max", value: Value, w: Writer): Value {
  const { dtype } = value.type;
  let left = bound(value, w);
  const bits = left.bits as LaneBits;
  if (left.constant !== undefined || left.uniform) left = { type: left.type, bits, parts: left.parts };
  while (left.type.lanes > 1) {
    const lanes = left.type.lanes / 2;
    const type = { dtype, lanes: Math.max(lanes, 1) };
    const count = left.parts.length;
    const [low, high] =
      count > 1
        ? [left.parts.slice(0, count / 2), left.parts.slice(count / 2)]
        : [left.parts, [rotated(left.parts[0]!, lanes, bits)]];
    const half = (parts: readonly string[]): Value => ({ type, bits, parts });
    left = bound(vectorOp(op, type, [half(low), half(high)], w), w);
    left = { ...left, type, bits };
  }
  return scalarValue(laneOf({ ...left, type: { dtype, lanes: 128 / bits } }, 0, w), dtype);
}

/** The lanes from number `by` on, moved to the front. */
function rotated(part: string, by: number, bits: LaneBits): string {
  const lanes = Array.from({ length: 128 / bits }, (_, at) => (at + by) % (128 / bits));
  return `(i8x16.shuffle ${byteNumbers(lanes, bits).join(" ")} ${part} ${part})`;
}

function test(op: "vany" | "vall", mask: Value): string {
  const bits = mask.bits as LaneBits;
  const join = op === "vany" ? "v128.or" : "v128.and";
  const whole = mask.parts.reduce((left, part) => `(${join} ${left} ${part})`);
  const lanes = lanesPerPart(mask.type.lanes, bits);
  return op === "vany" ? anyTrue(whole, lanes, bits) : allTrue(whole, lanes, bits);
}

/**
 * Four products of bytes a lane: by relaxed dot products where they are exact, else by 16-bit pair products, which are for all
 * operands: the pair sums of the low and of the high eight bytes are then added crosswise.
 */
function dot4([a, b, sum]: readonly Value[], type: IrType, small: number, w: Writer): Value {
  const factors = [a!, b!].map(({ type: { dtype } }, at) => ({ dtype, small: ((small >> at) & 1) === 1 }));
  const plan = type.lanes > 1 ? dotPlan([factors[0]!, factors[1]!], w.features) : undefined;
  if (plan) return relaxedDot([a!, b!, sum!], type, plan, w);

  const halves = (value: Value, part: number): [string, string] => {
    const sign = value.type.dtype === "u8" ? "u" : "s";
    const source = w.bindVector(value.parts[part]!);
    return [`(i16x8.extend_low_i8x16_${sign} ${source})`, `(i16x8.extend_high_i8x16_${sign} ${source})`];
  };
  const even = byteNumbers([0, 2, 4, 6], 32).join(" ");
  const odd = byteNumbers([1, 3, 5, 7], 32).join(" ");
  if (type.lanes === 1) {
    const four: IrType = { dtype: "i32", lanes: 4 };
    const whole = dot4([a!, b!, constantValue(0, four)], four, small, w);
    return scalarValue(`(i32.add ${sum!.parts[0]} ${laneOf(whole, 0, w)})`, type.dtype);
  }
  const parts = sum!.parts.map((acc, part) => {
    const [x, y] = [halves(a!, part), halves(b!, part)];
    const low = w.bindVector(`(i32x4.dot_i16x8_s ${x[0]} ${y[0]})`);
    const high = w.bindVector(`(i32x4.dot_i16x8_s ${x[1]} ${y[1]})`);
    const crossed = `(i32x4.add (i8x16.shuffle ${even} ${low} ${high}) (i8x16.shuffle ${odd} ${low} ${high}))`;
    return `(i32x4.add ${acc} ${crossed})`;
  });
  return { type, bits: 32, parts };
}

/** The same by relaxed dot products, the plan's first factor first. */
function relaxedDot(
  [a, b, sum]: readonly [Value, Value, Value],
  type: IrType,
  { first, moved }: DotPlan,
  w: Writer,
): Value {
  const [left, right] = first === 0 ? [a, b] : [b, a];
  const dot = "i32x4.relaxed_dot_i8x16_i7x16_add_s";
  const half = "(v128.const i32x4 0x80808080 0x80808080 0x80808080 0x80808080)";
  const parts = sum.parts.map((acc, part) => {
    if (!moved) return `(${dot} ${left.parts[part]} ${right.parts[part]} ${acc})`;
    // Bytes of the other sign are 128 off when their highest bit is flipped: x y = (x ± 128) y ∓ 128 y.
    const y = w.bindVector(left.parts[part]!);
    const shifted = `(v128.xor ${right.parts[part]} ${half})`;
    return `(i32x4.sub (${dot} ${y} ${shifted} ${acc}) (${dot} ${y} ${half} (v128.const i32x4 0 0 0 0)))`;
  });
  return { type, bits: 32, parts };
}

/** A sum of nothing yet, as constants are written: engines add it all the same. */
const nothing = "(v128.const i32x4 0 0 0 0)";

/** Two products a lane: bytes are widened to 16 bits, whose pair products the machine adds. */
function dot2([a, b, sum]: readonly Value[], type: IrType, w: Writer): Value {
  const wide = (value: Value): string[] => {
    if (value.bits === 16) return [...value.parts];
    const sign = value.type.dtype === "u8" ? "u" : "s";
    return value.parts.flatMap((part) => {
      const source = w.bindVector(part);
      return ["low", "high"].map((half) => `(i16x8.extend_${half}_i8x16_${sign} ${source})`);
    });
  };
  const [x, y] = [wide(a!), wide(b!)];
  const parts = sum!.parts.map((acc, part) => {
    const product = `(i32x4.dot_i16x8_s ${x[part]} ${y[part]})`;
    return acc === nothing ? product : `(i32x4.add ${acc} ${product})`;
  });
  return { type, bits: 32, parts };
}
