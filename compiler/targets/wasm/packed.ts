// Elements smaller than a byte. A row of lanes that begins at a byte is loaded and stored whole and (un)packed in
// registers; anything else goes element by element. A byte that two threads may write at once is changed by
// compare-and-exchange, so that neighbours never lose what the other wrote.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import type { LoadExpr, StoreStmt } from "../../ir/ir.ts";
import { pointerName } from "../../passes/strength-reduce.ts";
import { addressing, further, memory } from "./address.ts";
import { evaluate, type Scope } from "./expressions.ts";
import { bound, buildVector, laneOf, scalarValue } from "./lanes.ts";
import { loadRow } from "./load.ts";
import { narrowParts } from "./masks.ts";
import { signedness, type Value } from "./representation.ts";
import { wrap } from "./scalar-ops.ts";
import { guarded } from "./store.ts";
import { widened } from "./vector-convert.ts";
import type { Writer } from "./writer.ts";

/** Loads as i32, as all sub-byte values are computed with. */
export function loadPacked(load: LoadExpr, dtype: Dtype, guard: Value | undefined, scope: Scope): Value {
  const { w } = scope;
  const { bits } = dtypeInfo(dtype);
  const { lanes } = load.type;
  if (lanes > 1 && load.index.length === 2 && (!guard || guard.uniform)) {
    const where = addressing(load, lanes, scope);
    if (where.kind === "row") {
      const count = Math.max(1, (lanes * bits) / 128);
      const bytes = loadRowBytes(where.place, lanes * bits, guard, w).slice(0, count);
      const narrow = signedness(dtype) === "s" ? "i8" : "u8";
      const parts = unpack(bytes, dtype, w).slice(0, Math.max(1, lanes / 16));
      return widened({ type: { dtype: narrow, lanes }, bits: 8, parts }, load.type, w);
    }
  }
  const fields = fieldsOf(load, lanes, bits, scope);
  const kept = guard && bound(guard, w);
  const scalars = Array.from({ length: lanes }, (_, lane) => {
    const { address, shift } = fields(lane);
    const value = wrap(`(i32.shr_u (i32.load8_u ${address}) ${shift})`, dtype);
    if (!kept) return w.bind(value, "i32");
    const test = laneOf(kept, lane, w);
    return w.bind(`(if (result i32) ${test} (then ${value}) (else (i32.const 0)))`, "i32");
  });
  return lanes === 1 ? scalarValue(scalars[0]!, "i32") : buildVector(scalars, load.type);
}

function loadRowBytes(
  place: Parameters<typeof loadRow>[0],
  bits: number,
  guard: Value | undefined,
  w: Writer,
): readonly string[] {
  return loadRow(place, Math.max(1, bits / 8), 8, guard, w);
}

/** The byte that holds an element, and the element's first bit in it. */
export interface Field {
  readonly address: string;
  readonly shift: string;
}

/** Where each lane's element lies: in a row from a byte on, or at an element offset of its own. */
export function fieldsOf(
  access: LoadExpr | StoreStmt,
  lanes: number,
  bits: number,
  scope: Scope,
): (lane: number) => Field {
  const { w } = scope;
  if (access.index.length === 2) {
    const where = addressing(access, lanes, scope);
    if (where.kind !== "row")
      return internalError("wasm", "packed elements in byte form that aren't in a row");
    const { address, displacement } = where.place;
    return (lane) => ({
      address: `(i32.add ${address} (i32.const ${displacement + Math.floor((lane * bits) / 8)}))`,
      shift: `(i32.const ${(lane * bits) % 8})`,
    });
  }
  const perByte = Math.log2(8 / bits);
  const base = scope.names.get(pointerName(access.buffer))!.parts[0]!;
  const elements = bound(evaluate(access.index[0]!, scope), w);
  return (lane) => {
    const at = w.bind(laneOf(elements, lane, w), "i32");
    return {
      address: `(i32.add ${base} (i32.shr_u ${at} (i32.const ${perByte})))`,
      shift: `(i32.mul (i32.and ${at} (i32.const ${2 ** perByte - 1})) (i32.const ${bits}))`,
    };
  };
}

/** Bytes of packed fields to bytes of one field each, in order, extended by their sign. */
function unpack(bytes: readonly string[], dtype: Dtype, w: Writer): readonly string[] {
  const { bits } = dtypeInfo(dtype);
  let parts = bytes;
  for (let width = 8; width > bits; width /= 2) {
    const half = width / 2;
    const mask = `(v128.const i8x16 ${Array.from({ length: 16 }, () => 2 ** half - 1).join(" ")})`;
    parts = parts.flatMap((part) => {
      const source = w.bindVector(part);
      const low = w.bindVector(`(v128.and ${source} ${mask})`);
      const high = w.bindVector(`(i8x16.shr_u ${source} (i32.const ${half}))`);
      return [
        `(i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 ${low} ${high})`,
        `(i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 ${low} ${high})`,
      ];
    });
  }
  if (signedness(dtype) === "u") return parts;
  const shift = `(i32.const ${8 - bits})`;
  return parts.map((part) => `(i8x16.shr_s (i8x16.shl ${part} ${shift}) ${shift})`);
}

/** Writes elements; the value's high bits are dropped. */
export function storePacked(
  store: StoreStmt,
  dtype: Dtype,
  value: Value,
  guard: Value | undefined,
  scope: Scope,
): void {
  const { w } = scope;
  const { bits } = dtypeInfo(dtype);
  const { lanes } = value.type;
  if (lanes > 1 && store.index.length === 2 && (!guard || guard.uniform)) {
    const where = addressing(store, lanes, scope);
    if (where.kind === "row") {
      const bytes = pack(value, bits, w).map((part) => w.bindVector(part));
      const size = Math.min(128, lanes * bits);
      return guarded(guard?.uniform?.parts[0], w, () =>
        bytes.forEach((part, at) => {
          const target = further(where.place, at * 16);
          w.push(
            size === 128
              ? `(${memory("v128.store", target)} ${part})`
              : `(${memory(`v128.store${size}_lane`, target, 0)} ${part})`,
          );
        }),
      );
    }
  }
  const fields = fieldsOf(store, lanes, bits, scope);
  const [values, active] = [bound(value, w), guard && bound(guard, w)];
  for (let lane = 0; lane < lanes; lane++) {
    const { address, shift } = fields(lane);
    const mask = `(i32.const ${2 ** bits - 1})`;
    const helper = w.features.has("threads") ? "store_field_shared" : "store_field";
    guarded(active && laneOf(active, lane, w), w, () =>
      w.push(w.call(helper, address, shift, mask, laneOf(values, lane, w))),
    );
  }
}

/** i32 lanes to bytes of packed fields. */
function pack(value: Value, bits: number, w: Writer): readonly string[] {
  const { lanes } = value.type;
  let parts = narrowParts(narrowParts(value.parts, lanes, 32, w), lanes, 16, w);
  const mask = `(v128.const i8x16 ${Array.from({ length: 16 }, () => 2 ** bits - 1).join(" ")})`;
  parts = parts.map((part) => `(v128.and ${part} ${mask})`);
  let fields = lanes;
  for (let width = bits; width < 8; width *= 2) {
    fields /= 2;
    const joined: string[] = [];
    for (let at = 0; at < parts.length; at += 2) {
      const low = w.bindVector(parts[at]!);
      const high = parts[at + 1] === undefined ? low : w.bindVector(parts[at + 1]!);
      const even = `(i8x16.shuffle 0 2 4 6 8 10 12 14 16 18 20 22 24 26 28 30 ${low} ${high})`;
      const odd = `(i8x16.shuffle 1 3 5 7 9 11 13 15 17 19 21 23 25 27 29 31 ${low} ${high})`;
      joined.push(`(v128.or ${even} (i8x16.shl ${odd} (i32.const ${width})))`);
    }
    parts = joined;
  }
  return parts.slice(0, Math.max(1, fields / 16));
}
