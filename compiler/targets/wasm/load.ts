// Loads: a scalar, a row of lanes as v128 parts, one element in every lane, or lane by lane; guards; and from the
// form in storage to values.

import type { Dtype } from "../../../lang/dtypes.ts";
import { dtypeInfo, isInteger } from "../../../lang/dtypes.ts";
import type { IrType, LoadExpr } from "../../ir/ir.ts";
import { addressing, further, memory, type Place } from "./address.ts";
import { evaluate, type Scope } from "./expressions.ts";
import { fromBitsScalar } from "./half.ts";
import { constantValue, scalarValue, splatValue } from "./lanes.ts";
import { anyTrue, maskAs } from "./masks.ts";
import {
  elementBytes,
  intShape,
  isHalf,
  isSubByte,
  laneBits,
  lanesPerPart,
  partCount,
  scalarConst,
  scalarRep,
  signedness,
  type LaneBits,
  type Value,
} from "./representation.ts";
import { loadPacked } from "./packed.ts";
import { halfFromStorage } from "./vector-convert.ts";
import type { Writer } from "./writer.ts";

/** Reads a buffer; where the guard is false nothing is read and the value is zero. */
export function loadValue(load: LoadExpr, scope: Scope): Value {
  const { w } = scope;
  const { dtype } = scope.buffers.get(load.buffer)!;
  const { lanes } = load.type;
  const guard = load.guard && evaluate(load.guard, scope);
  if (guard?.constant === false) return constantValue(zeroOf(load.type.dtype), load.type);
  const active = guard?.constant === true ? undefined : guard;
  if (isSubByte(dtype)) return loadPacked(load, dtype, active, scope);
  const where = addressing(load, lanes, scope);
  if (lanes === 1) {
    const place = where.kind === "lanes" ? where.places(0) : where.place;
    return scalarValue(loadScalar(place, dtype, active?.parts[0], w), dtype);
  }
  if (where.kind === "same" && (!active || active.uniform)) {
    const scalar = loadScalar(where.place, dtype, active?.uniform?.parts[0], w);
    return splatValue(scalarValue(scalar, dtype), lanes, w);
  }
  const bits = storageBits(dtype);
  if (where.kind === "row") {
    const parts = loadRow(where.place, lanes, bits, active, w);
    return fromStorage(parts, dtype, load.type.lanes, w);
  }
  const places = where.kind === "same" ? () => where.place : where.places;
  return fromStorage(loadLanes(places, lanes, bits, active, w), dtype, lanes, w);
}

/** A scalar load that is wanted in every lane, as one instruction, or undefined where there is none. */
export function loadSplat(load: LoadExpr, lanes: number, scope: Scope): Value | undefined {
  const { w } = scope;
  const { dtype } = scope.buffers.get(load.buffer)!;
  if (load.guard || load.type.lanes > 1 || isSubByte(dtype) || isHalf(dtype) || dtype === "bool")
    return undefined;
  const where = addressing(load, 1, scope);
  if (where.kind === "lanes") return undefined;
  const bits = storageBits(dtype);
  const part = `(${memory(`v128.load${bits}_splat`, near(where.place, w))})`;
  const count = partCount(lanes, bits);
  const kept = count > 1 ? scope.w.bindVector(part) : part;
  return { type: { dtype, lanes }, bits, parts: Array.from({ length: count }, () => kept) };
}

/**
 * A short row that is wanted over and over, two 16-bit numbers in each 32 bits, say: engines repeat 32 or 64 bits that they load in
 * one instruction. Undefined where `picks`, the lanes that are wanted, don't go through the row again and again.
 */
export function loadRepeated(load: LoadExpr, picks: readonly number[], scope: Scope): Value | undefined {
  const { dtype } = scope.buffers.get(load.buffer)!;
  const { lanes } = load.type;
  if (load.guard || !isInteger(dtype) || isSubByte(dtype)) return undefined;
  const bits = storageBits(dtype);
  const whole = lanes * bits;
  if (lanes === 1 || (whole !== 32 && whole !== 64) || picks.length * bits !== 128) return undefined;
  if (picks.some((pick, at) => pick !== at % lanes)) return undefined;
  const where = addressing(load, lanes, scope);
  if (where.kind !== "row") return undefined;
  const part = `(${memory(`v128.load${whole}_splat`, near(where.place, scope.w))})`;
  return { type: { dtype, lanes: picks.length }, bits, parts: [part] };
}

/**
 * A row of integers that is wanted in wider lanes, with lanes of twice the width: engines widen what they load in one
 * instruction. Undefined where that isn't what `type` asks for.
 */
export function loadWidened(load: LoadExpr, type: IrType, scope: Scope): Value | undefined {
  const { dtype } = scope.buffers.get(load.buffer)!;
  const { lanes } = load.type;
  const wide = isInteger(dtype) ? twice[dtype] : undefined;
  if (!wide || load.guard || laneBits(type.dtype) < laneBits(wide) || lanes * laneBits(dtype) < 64)
    return undefined;
  const where = addressing(load, lanes, scope);
  if (where.kind !== "row") return undefined;
  const bits = laneBits(wide);
  const name = `v128.load${bits / 2}x${128 / bits}_${signedness(dtype)}`;
  const parts = Array.from(
    { length: (lanes * bits) / 128 },
    (_, at) => `(${memory(name, further(where.place, at * 8))})`,
  );
  return { type: { dtype: wide, lanes }, bits, parts };
}

const twice: Readonly<Partial<Record<Dtype, Dtype>>> = {
  i8: "i16",
  u8: "u16",
  i16: "i32",
  u16: "u32",
  i32: "i64",
  u32: "u64",
};

/**
 * The same place, most of its displacement added to the address: V8 has no displacement in broadcasting loads and keeps
 * the memory's base plus each of them in a register, so that there must be few.
 */
function near({ address, displacement }: Place, w: Writer): Place {
  const rest = displacement % 16;
  if (rest === displacement) return { address, displacement };
  return {
    address: w.bind(`(i32.add ${address} (i32.const ${displacement - rest}))`, "i32"),
    displacement: rest,
  };
}

const zeroOf = (dtype: Dtype): number | bigint | boolean =>
  dtype === "bool" ? false : dtype === "i64" || dtype === "u64" ? 0n : 0;

/** Bits of an element in storage. */
export const storageBits = (dtype: Dtype): LaneBits => dtypeInfo(dtype).bits as LaneBits;

/** The instruction that loads one element. */
export function scalarLoadName(dtype: Dtype): string {
  const rep = scalarRep(dtype);
  const bits = storageBits(dtype);
  if (isHalf(dtype)) return "i32.load16_u";
  return bits < 32 ? `${rep}.load${bits}_${signedness(dtype)}` : `${rep}.load`;
}

/** One element; with a guard, zero where that is 0. */
export function loadScalar(place: Place, dtype: Dtype, guard: string | undefined, w: Writer): string {
  const raw = `(${memory(scalarLoadName(dtype), place)})`;
  if (guard === undefined) return isHalf(dtype) ? fromBitsScalar(raw, dtype, w) : raw;
  const type = isHalf(dtype) ? "i32" : scalarRep(dtype);
  const zero = isHalf(dtype) ? "(i32.const 0)" : scalarConst(zeroOf(dtype), dtype);
  const chosen = `(if (result ${type}) ${guard} (then ${raw}) (else ${zero}))`;
  return isHalf(dtype) ? fromBitsScalar(chosen, dtype, w) : chosen;
}

/** Lanes in a row, as storage parts. Masked parts are read whole if any lane is wanted, and masked. */
export function loadRow(
  place: Place,
  lanes: number,
  bits: LaneBits,
  guard: Value | undefined,
  w: Writer,
): readonly string[] {
  const perPart = lanesPerPart(lanes, bits);
  const masks = guard && !guard.uniform ? maskAs(guard, bits, w).parts : undefined;
  return Array.from({ length: partCount(lanes, bits) }, (_, at) => {
    const load = `(${memory(rowLoadName(perPart * bits), further(place, at * 16))})`;
    if (guard?.uniform) return ifVector(guard.uniform.parts[0]!, load);
    if (!masks) return load;
    const mask = w.bindVector(masks[at]!);
    return ifVector(anyTrue(mask, perPart, bits), `(v128.and ${load} ${mask})`);
  });
}

const zeroVector = "(v128.const i64x2 0 0)";

const ifVector = (condition: string, then: string): string =>
  `(if (result v128) ${condition} (then ${then}) (else ${zeroVector}))`;

function rowLoadName(bits: number): string {
  if (bits === 128) return "v128.load";
  return bits >= 32 ? `v128.load${bits}_zero` : `v128.load${bits}_splat`;
}

/** Lanes from anywhere, as storage parts. */
function loadLanes(
  places: (lane: number) => Place,
  lanes: number,
  bits: LaneBits,
  guard: Value | undefined,
  w: Writer,
): readonly string[] {
  const perPart = lanesPerPart(lanes, bits);
  const mask = guard && maskAs(guard, bits, w);
  return Array.from({ length: partCount(lanes, bits) }, (_, part) => {
    const chosen = mask && w.bind(`(${intShape(bits)}.bitmask ${mask.parts[part]!})`, "i32");
    let vector = zeroVector;
    for (let lane = 0; lane < perPart; lane++) {
      const place = places(part * perPart + lane);
      if (lane === 0 && !chosen && bits >= 32) vector = `(${memory(`v128.load${bits}_zero`, place)})`;
      else if (!chosen) vector = `(${memory(`v128.load${bits}_lane`, place, lane)} ${vector})`;
      else {
        const before = w.bindVector(vector);
        const loaded = `(${memory(`v128.load${bits}_lane`, place, lane)} ${before})`;
        const test = `(i32.and ${chosen} (i32.const ${2 ** lane}))`;
        vector = w.bindVector(`(if (result v128) ${test} (then ${loaded}) (else ${before}))`);
      }
    }
    return vector;
  });
}

/** Storage parts as a value: half floats are widened, bools become masks. */
function fromStorage(parts: readonly string[], dtype: Dtype, lanes: number, w: Writer): Value {
  const type = { dtype, lanes };
  if (isHalf(dtype)) return { type, bits: 32, parts: halfFromStorage(parts, dtype, lanes, w) };
  if (dtype === "bool")
    return { type, bits: 8, parts: parts.map((part) => `(i8x16.ne ${part} (v128.const i64x2 0 0))`) };
  return { type, bits: (elementBytes(dtype) * 8) as LaneBits, parts };
}
