// Stores: a scalar, a row of lanes, or lane by lane, with guards; from values to the form in storage. Nothing outside
// the lanes that are wanted is ever written, not even with what was there before: a neighbour may be writing it.

import type { Dtype } from "../../../lang/dtypes.ts";
import { someExpr } from "../../ir/walk.ts";
import type { Expr, StoreStmt } from "../../ir/ir.ts";
import { addressing, further, memory, type Place } from "./address.ts";
import { storeAtomic } from "./atomics.ts";
import { evaluate, type Scope } from "./expressions.ts";
import { toBitsScalar } from "./half.ts";
import { bound } from "./lanes.ts";
import { storageBits } from "./load.ts";
import { laneConst, maskAs } from "./masks.ts";
import { storePacked } from "./packed.ts";
import {
  intShape,
  isHalf,
  isSubByte,
  lanesPerPart,
  partCount,
  scalarRep,
  type LaneBits,
  type Value,
} from "./representation.ts";
import { halfToStorage } from "./vector-convert.ts";
import type { Writer } from "./writer.ts";

/** Writes a buffer where the guard is absent or true. */
export function writeStore(store: StoreStmt, scope: Scope): void {
  const { w } = scope;
  const { dtype } = scope.buffers.get(store.buffer)!;
  const guard = store.guard && evaluate(store.guard, scope);
  if (guard?.constant === false) return;
  const active = guard?.constant === true ? undefined : guard;
  const value = evaluate(store.value, scope);
  if (store.atomic) return storeAtomic(store, store.atomic, dtype, value, active, scope);
  if (isSubByte(dtype)) return storePacked(store, dtype, value, active, scope);
  const { lanes } = value.type;
  const where = addressing(store, lanes, scope);
  if (lanes === 1) {
    const place = where.kind === "lanes" ? where.places(0) : where.place;
    return guarded(active?.parts[0], w, () => storeScalar(place, dtype, value.parts[0]!, w));
  }
  const bits = storageBits(dtype);
  let parts = toStorage(value, w);
  // Every lane is read before the first is written.
  if (parts.length > 1 && reads(store.value, store.buffer)) parts = parts.map((part) => w.bindVector(part));
  if (where.kind === "row") return storeRow(where.place, parts, lanes, bits, active, w);
  const places = where.kind === "same" ? () => where.place : where.places;
  storeLanes(places, parts, lanes, bits, active, w);
}

const reads = (expr: Expr, buffer: string): boolean =>
  someExpr(expr, (part) => part.kind === "load" && part.buffer === buffer);

/** Pushes statements that are run where `condition` holds, or always without one. */
export function guarded(condition: string | undefined, w: Writer, write: () => void): void {
  if (condition === undefined) return write();
  const test = w.bind(condition, "i32");
  w.push(`(if ${test} (then\n${w.nested(write)}))`);
}

/** Writes one element. */
export function storeScalar(place: Place, dtype: Dtype, value: string, w: Writer): void {
  const bits = storageBits(dtype);
  if (isHalf(dtype)) return w.push(`(${memory("i32.store16", place)} ${toBitsScalar(value, dtype, w)})`);
  const rep = scalarRep(dtype);
  w.push(`(${memory(bits < 32 ? `${rep}.store${bits}` : `${rep}.store`, place)} ${value})`);
}

/** A value as storage parts. */
export function toStorage(value: Value, w: Writer): readonly string[] {
  const { dtype } = value.type;
  if (isHalf(dtype)) return halfToStorage(value, w);
  if (dtype === "bool")
    return maskAs(value, 8, w).parts.map((part) => `(v128.and ${part} (v128.const i32x4 ${ones}))`);
  return value.parts;
}
const ones = "0x01010101 0x01010101 0x01010101 0x01010101";

function storeRow(
  place: Place,
  parts: readonly string[],
  lanes: number,
  bits: LaneBits,
  guard: Value | undefined,
  w: Writer,
): void {
  const perPart = lanesPerPart(lanes, bits);
  const size = perPart * bits;
  const whole = (part: string, at: number): void => {
    const target = further(place, at * 16);
    if (size === 128) w.push(`(${memory("v128.store", target)} ${part})`);
    else w.push(`(${memory(`v128.store${size}_lane`, target, 0)} ${part})`);
  };
  if (!guard || guard.uniform) return guarded(guard?.uniform?.parts[0], w, () => parts.forEach(whole));
  const mask = bound(maskAs(guard, bits, w), w);
  parts.forEach((part, at) => {
    const target = further(place, at * 16);
    const wanted =
      size === 128 ? mask.parts[at]! : `(v128.and ${mask.parts[at]} ${laneConst(perPart, bits, -1, 0)})`;
    const address = target.displacement
      ? `(i32.add ${target.address} (i32.const ${target.displacement}))`
      : target.address;
    w.push(w.call(`store_masked_${bits}`, address, part, wanted));
  });
}

/** Lane by lane in order, so that the last of two lanes at one place wins. */
function storeLanes(
  places: (lane: number) => Place,
  parts: readonly string[],
  lanes: number,
  bits: LaneBits,
  guard: Value | undefined,
  w: Writer,
): void {
  const perPart = lanesPerPart(lanes, bits);
  const kept = parts.map((part) => w.bindVector(part));
  const mask = guard && maskAs(guard, bits, w);
  for (let part = 0; part < partCount(lanes, bits); part++) {
    const chosen = mask && w.bind(`(${intShape(bits)}.bitmask ${mask.parts[part]!})`, "i32");
    for (let lane = 0; lane < perPart; lane++) {
      const place = places(part * perPart + lane);
      const test = chosen && `(i32.and ${chosen} (i32.const ${2 ** lane}))`;
      guarded(test, w, () => w.push(`(${memory(`v128.store${bits}_lane`, place, lane)} ${kept[part]})`));
    }
  }
}
