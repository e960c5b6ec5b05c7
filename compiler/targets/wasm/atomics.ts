// Atomic updates. With threads: one instruction where WebAssembly has it, else compare-and-exchange of the
// element's bits until no other thread came between. Without threads: read, change, write.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { dtypeInfo, isFloat, type Dtype } from "../../../lang/dtypes.ts";
import type { StoreStmt } from "../../ir/ir.ts";
import { addressing, memory, type Place } from "./address.ts";
import type { Scope } from "./expressions.ts";
import { bound, laneOf } from "./lanes.ts";
import { loadScalar, storageBits } from "./load.ts";
import { isHalf, isSubByte, scalarRep, type Value } from "./representation.ts";
import { bitcastScalar } from "./scalar-convert.ts";
import { scalarOp } from "./scalar-ops.ts";
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
  if (isSubByte(dtype)) return internalError("wasm", `an atomic update of a ${dtype} element`);
  const { lanes } = value.type;
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
  const suffix = size ? "_u" : "";
  const native = !isFloat(dtype) && op !== "min" && op !== "max";
  if (native) return w.push(`(drop (${memory(`${rep}.atomic.rmw${size}.${op}${suffix}`, place)} ${value}))`);
  exchange(op, dtype, place, w.bind(value, scalarRep(dtype)), rep, size, w);
}

/** Changes the element by compare-and-exchange. */
function exchange(
  op: Update,
  dtype: Dtype,
  place: Place,
  value: string,
  rep: "i32" | "i64",
  size: string,
  w: Writer,
): void {
  const suffix = size ? "_u" : "";
  const seen = w.local(rep);
  const found = w.local(rep);
  const label = w.reserve("again");
  const raw = rawDtype(dtype);
  w.push(`(local.set ${found} (${memory(`${rep}.atomic.load${size}${suffix}`, place)}))`);
  const body = w.nested(() => {
    w.push(`(local.set ${seen} (local.get ${found}))`);
    const element = w.bind(bitcastScalar(`(local.get ${seen})`, raw, dtype, w), scalarRep(dtype));
    const changed = bitcastScalar(scalarOp(op, dtype, [element, value], w), dtype, raw, w);
    const swap = `(${memory(`${rep}.atomic.rmw${size}.cmpxchg${suffix}`, place)} (local.get ${seen}) ${changed})`;
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
