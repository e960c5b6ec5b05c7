// Between scalars and vectors: splats, constants, single lanes, vectors built of scalars, and the way to do an op
// lane by lane where WebAssembly has no vector instruction for it.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { IrType, Scalar } from "../../ir/ir.ts";
import {
  intShape,
  laneBits,
  lanesPerPart,
  partCount,
  scalarConst,
  scalarRep,
  shapeOf,
  signedness,
  splatConst,
  type LaneBits,
  type Shape,
  type Value,
} from "./representation.ts";
import type { Writer } from "./writer.ts";

/** The lane width that a vector of this type gets; a mask made of scalars fills one part. */
export function naturalBits(type: IrType): LaneBits {
  if (type.dtype !== "bool") return laneBits(type.dtype);
  return Math.min(64, Math.max(8, 128 / type.lanes)) as LaneBits;
}

/** A constant of any type. */
export function constantValue(value: Scalar, type: IrType): Value {
  if (type.lanes === 1) return { type, bits: 0, parts: [scalarConst(value, type.dtype)], constant: value };
  const bits = naturalBits(type);
  const part = splatConst(value, type.dtype, bits);
  return { type, bits, parts: copies(part, partCount(type.lanes, bits)), constant: value };
}

const copies = (part: string, count: number): string[] => Array.from({ length: count }, () => part);

/** A scalar value. */
export function scalarValue(expression: string, dtype: Dtype): Value {
  return { type: { dtype, lanes: 1 }, bits: 0, parts: [expression] };
}

/** A scalar in the form that a lane of `bits` takes: a bool becomes all ones or zeros. */
function asLane(scalar: string, dtype: Dtype, bits: LaneBits): string {
  if (dtype !== "bool") return scalar;
  const mask = `(i32.sub (i32.const 0) ${scalar})`;
  return bits === 64 ? `(i64.extend_i32_s ${mask})` : mask;
}

const shapeFor = (dtype: Dtype, bits: LaneBits): Shape =>
  dtype === "bool" ? intShape(bits) : shapeOf(dtype);

/** One scalar in every lane. */
export function splatValue(scalar: Value, lanes: number, w: Writer): Value {
  const { dtype } = scalar.type;
  if (lanes === 1) return scalar;
  if (scalar.constant !== undefined) return constantValue(scalar.constant, { dtype, lanes });
  const type = { dtype, lanes };
  const bits = naturalBits(type);
  const kept = { ...scalar, parts: [w.bind(scalar.parts[0]!, scalarRep(dtype))] };
  const part = `(${shapeFor(dtype, bits)}.splat ${asLane(kept.parts[0]!, dtype, bits)})`;
  const count = partCount(lanes, bits);
  return { type, bits, parts: copies(count > 1 ? w.bindVector(part) : part, count), uniform: kept };
}

/** Lane number `lane` as a scalar expression. */
export function laneOf(value: Value, lane: number, w: Writer): string {
  const { type, bits, parts } = value;
  if (bits === 0) return parts[0]!;
  if (value.constant !== undefined) return scalarConst(value.constant, type.dtype);
  if (value.uniform) return value.uniform.parts[0]!;
  const perPart = lanesPerPart(type.lanes, bits);
  const part = parts[Math.floor(lane / perPart)]!;
  const at = lane % perPart;
  if (type.dtype === "bool") {
    const raw = `(${intShape(bits)}.extract_lane${bits < 32 ? "_u" : ""} ${at} ${w.bindVector(part)})`;
    return `(i32.and ${bits === 64 ? `(i32.wrap_i64 ${raw})` : raw} (i32.const 1))`;
  }
  const sign = bits < 32 ? `_${signedness(type.dtype)}` : "";
  return `(${shapeOf(type.dtype)}.extract_lane${sign} ${at} ${w.bindVector(part)})`;
}

/** The value with its parts in locals, so that lanes can be taken from it one after the other. */
export function bound(value: Value, w: Writer): Value {
  const rep = value.bits === 0 ? scalarRep(value.type.dtype) : "v128";
  return { ...value, parts: value.parts.map((part) => w.bind(part, rep)) };
}

/** A vector of as many scalars. */
export function buildVector(scalars: readonly string[], type: IrType, bits = naturalBits(type)): Value {
  const perPart = lanesPerPart(type.lanes, bits);
  const shape = shapeFor(type.dtype, bits);
  const parts = Array.from({ length: partCount(type.lanes, bits) }, (_, part) => {
    const own = scalars
      .slice(part * perPart, (part + 1) * perPart)
      .map((lane) => asLane(lane, type.dtype, bits));
    return own.reduce(
      (vector, lane, at) =>
        at === 0 ? `(${shape}.splat ${lane})` : `(${shape}.replace_lane ${at} ${vector} ${lane})`,
      "",
    );
  });
  return { type, bits, parts };
}

/** The vector with one lane replaced. */
export function replaceLane(vector: Value, scalar: string, lane: number): Value {
  const bits = vector.bits as LaneBits;
  const perPart = lanesPerPart(vector.type.lanes, bits);
  const { dtype } = vector.type;
  const parts = vector.parts.map((part, at) =>
    at === Math.floor(lane / perPart)
      ? `(${shapeFor(dtype, bits)}.replace_lane ${lane % perPart} ${part} ${asLane(scalar, dtype, bits)})`
      : part,
  );
  return { type: vector.type, bits, parts };
}

/** Does a scalar operation on each lane of vectors. */
export function laneByLane(
  args: readonly Value[],
  type: IrType,
  w: Writer,
  scalar: (lanes: readonly string[]) => string,
): Value {
  const kept = args.map((arg) => bound(arg, w));
  const lanes = Array.from({ length: type.lanes }, (_, lane) =>
    w.bind(scalar(kept.map((arg) => laneOf(arg, lane, w))), scalarRep(type.dtype)),
  );
  return buildVector(lanes, type);
}
