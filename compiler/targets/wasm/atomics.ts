// Atomic updates. With threads: one instruction where WebAssembly has it, else compare-and-exchange of the
// element's bits until no other thread came between. Without threads: read, change, write.

import { dtypeInfo, isFloat, type Dtype } from "../../../lang/dtypes.ts";
import type { StoreStmt } from "../../ir/ir.ts";
import { addressing, memory, type Place } from "./address.ts";
import type { Scope } from "./expressions.ts";
import { bound, laneOf } from "./lanes.ts";
import { loadScalar, storageBits } from "./load.ts";
import { isHalf, isSubByte, scalarRep, type Value } from "./representation.ts";
import { fieldsOf } from "./packed.ts";
import { bitcastScalar } from "./scalar-convert.ts";
import { scalarOp, wrap } from "./scalar-ops.ts";
import { guarded, storeScalar } from "./store.ts";
import type { Writer } from "./writer.ts";

type Update = NonNullable<StoreStmt["atomic"]>;

/** The element becomes op(element, value), indivisibly, lane after lane. */
export function storeAtomic(
  store: StoreStmt,
  op: Update,
  dtype: Dtype,
  value: Value,
  guard: Value | undefined,
  scope: Scope,
): void {
  const { w } = scope;
  const { lanes } = value.type;
  if (isSubByte(dtype)) return updateFields(store, op, dtype, value, guard, scope);
  const where = addressing(store, lanes, scope);
  const bytes = dtypeInfo(dtype).bits / 8;
  const [values, active] = [bound(value, w), guard && bound(guard, w)];
  for (let lane = 0; lane < lanes; lane++) {
    const place =
      where.kind === "lanes"
        ? where.places(lane)
        : where.kind === "same" || lanes === 1
          ? where.place
          : { ...where.place, displacement: where.place.displacement + lane * bytes };
    guarded(active && laneOf(active, lane, w), w, () => update(op, dtype, place, laneOf(values, lane, w), w));
  }
}

/** Elements of a few bits: the byte that holds one is exchanged, neighbours and all. */
function updateFields(
  store: StoreStmt,
  op: Update,
  dtype: Dtype,
  value: Value,
  guard: Value | undefined,
  scope: Scope,
): void {
  const { w } = scope;
  const { lanes } = value.type;
  const { bits } = dtypeInfo(dtype);
  const fields = fieldsOf(store, lanes, bits, scope);
  const [values, active] = [bound(value, w), guard && bound(guard, w)];
  for (let lane = 0; lane < lanes; lane++) {
    const field = fields(lane);
    const [address, shift] = [w.bind(field.address, "i32"), w.bind(field.shift, "i32")];
    const mask = `(i32.shl (i32.const ${2 ** bits - 1}) ${shift})`;
    const changed = (byte: string): string => {
      const old = wrap(`(i32.shr_u ${byte} ${shift})`, dtype);
      const sum = scalarOp(op, "i32", [old, laneOf(values, lane, w)], w);
      const rest = `(i32.and ${byte} (i32.xor (i32.const -1) ${mask}))`;
      return `(i32.or ${rest} (i32.and (i32.shl ${sum} ${shift}) ${mask}))`;
    };
    guarded(active && laneOf(active, lane, w), w, () => {
      const place = { address, displacement: 0 };
      if (w.features.has("threads")) return exchange(place, "i32", "8", changed, w);
      const byte = w.bind(`(i32.load8_u ${address})`, "i32");
      w.push(`(i32.store8 ${address} ${changed(byte)})`);
    });
  }
}

function update(op: Update, dtype: Dtype, place: Place, value: string, w: Writer): void {
  if (!w.features.has("threads"))
    return storeScalar(
      place,
      dtype,
      scalarOp(op, dtype, [loadScalar(place, dtype, undefined, w), value], w),
      w,
    );
  const bits = storageBits(dtype);
  const rep = bits === 64 ? "i64" : "i32";
  const size = bits < 32 ? `${bits}` : "";
  const native = !isFloat(dtype) && op !== "min" && op !== "max";
  if (native)
    return w.push(`(drop (${memory(`${rep}.atomic.rmw${size}.${op}${size ? "_u" : ""}`, place)} ${value}))`);
  const operand = w.bind(value, scalarRep(dtype));
  const raw = rawDtype(dtype);
  const changed = (seen: string): string => {
    const element = w.bind(bitcastScalar(seen, raw, dtype, w), scalarRep(dtype));
    return bitcastScalar(scalarOp(op, dtype, [element, operand], w), dtype, raw, w);
  };
  exchange(place, rep, size, changed, w);
}

/** Changes bits in memory by compare-and-exchange until no other thread came between. */
function exchange(
  place: Place,
  rep: "i32" | "i64",
  size: string,
  changed: (seen: string) => string,
  w: Writer,
): void {
  const suffix = size ? "_u" : "";
  const seen = w.local(rep);
  const found = w.local(rep);
  const label = w.reserve("again");
  w.push(`(local.set ${found} (${memory(`${rep}.atomic.load${size}${suffix}`, place)}))`);
  const body = w.nested(() => {
    w.push(`(local.set ${seen} (local.get ${found}))`);
    const value = changed(`(local.get ${seen})`);
    const swap = `(${memory(`${rep}.atomic.rmw${size}.cmpxchg${suffix}`, place)} (local.get ${seen}) ${value})`;
    w.push(`(local.set ${found} ${swap})`);
    w.push(`(br_if ${label} (${rep}.ne (local.get ${found}) (local.get ${seen})))`);
  });
  w.push(`(loop ${label}\n${body})`);
}

/** The unsigned integer that holds a dtype's bits. */
function rawDtype(dtype: Dtype): Dtype {
  if (isHalf(dtype)) return "u16";
  return ({ 8: "u8", 16: "u16", 32: "u32", 64: "u64" } as const)[storageBits(dtype)];
}
