// Conversions of vectors: widening and narrowing chains between lane widths, and the conversions proper in
// between; what WebAssembly can't do on vectors goes lane by lane.

import { dtypeInfo, isFloat, type Dtype } from "../../../lang/dtypes.ts";
import type { IrType } from "../../ir/ir.ts";
import { fromBitsVector, roundVector, toBitsVector } from "./half.ts";
import { laneByLane } from "./lanes.ts";
import { maskAs, narrowParts, narrowSaturating, widenParts } from "./masks.ts";
import {
  isHalf,
  laneBits,
  partCount,
  shapeOf,
  signedness,
  splatConst,
  type LaneBits,
  type Value,
} from "./representation.ts";
import { bitcastScalar, convertScalar, saturateScalar } from "./scalar-convert.ts";
import { byPart } from "./vector-ops.ts";
import type { Writer } from "./writer.ts";

type Parts = readonly string[];

/** `convert`, `saturate` or `bitcast` of a vector. */
export function convertVector(
  op: "convert" | "saturate" | "bitcast",
  value: Value,
  type: IrType,
  w: Writer,
): Value {
  const from = value.type.dtype;
  const to = type.dtype;
  const { lanes } = type;
  const bits = laneBits(to);
  if (from === to) return value;
  const parts =
    op === "convert"
      ? convertParts(value, to, lanes, w)
      : op === "saturate"
        ? saturateParts(value.parts, from, to, lanes, w)
        : bitcastParts(value.parts, from, to, lanes, w);
  if (parts) return to === "bool" ? { ...parts, type } : { type, bits, parts: parts.parts };
  const scalar = { convert: convertScalar, saturate: saturateScalar, bitcast: bitcastScalar }[op];
  return laneByLane([value], type, w, ([lane]) => scalar(lane!, from, to, w));
}

interface Converted {
  readonly bits: LaneBits;
  readonly parts: Parts;
}
const made = (to: Dtype, parts: Parts): Converted => ({ bits: laneBits(to), parts });

function convertParts(value: Value, to: Dtype, lanes: number, w: Writer): Converted | undefined {
  const from = value.type.dtype;
  if (from === "bool") {
    const mask = maskAs(value, laneBits(to), w);
    const one = splatConst(dtypeInfo(to).bits === 64 && !isFloat(to) ? 1n : 1, to, laneBits(to));
    return made(
      to,
      mask.parts.map((part) => `(v128.and ${part} ${one})`),
    );
  }
  if (to === "bool") {
    const zero = splatConst(0, from, laneBits(from));
    return {
      bits: laneBits(from),
      parts: value.parts.map((part) => `(${shapeOf(from)}.ne ${part} ${zero})`),
    };
  }
  if (!isFloat(from) && !isFloat(to)) {
    const narrow = value.narrow;
    // A value just widened from fewer bits needn't come all the way.
    if (narrow && laneBits(narrow.type.dtype) <= laneBits(to))
      return made(to, resizeInts(narrow.parts, narrow.type.dtype, laneBits(to), lanes, w));
    return made(to, resizeInts(value.parts, from, laneBits(to), lanes, w));
  }
  if (!isFloat(from)) return intToFloat(value.parts, from, to, lanes, w);
  return isFloat(to)
    ? floatToFloat(value.parts, from, to, lanes, w)
    : floatToInt(value.parts, from, to, lanes, w);
}

/** Integers to lanes of another width: extended by their sign, or wrapped. */
function resizeInts(source: Parts, from: Dtype, bits: LaneBits, lanes: number, w: Writer): Parts {
  let parts = source;
  let width = laneBits(from);
  for (; width < bits; width = (width * 2) as LaneBits)
    parts = widenParts(parts, lanes, width, signedness(from), w);
  for (; width > bits; width = (width / 2) as LaneBits) parts = narrowParts(parts, lanes, width, w);
  return parts;
}

function intToFloat(source: Parts, from: Dtype, to: Dtype, lanes: number, w: Writer): Converted | undefined {
  const width = laneBits(from);
  if (width === 64 || (to === "bf16" && width === 32)) return undefined;
  const sign = signedness(from);
  const ints = resizeInts(source, from, 32, lanes, w);
  if (to === "f64")
    return made(
      to,
      splitPairs(ints, lanes, w, (pair) => `(f64x2.convert_low_i32x4_${sign} ${pair})`),
    );
  return made(
    to,
    ints.map((part) => roundVector(`(f32x4.convert_i32x4_${sign} ${part})`, to, w)),
  );
}

function floatToFloat(
  source: Parts,
  from: Dtype,
  to: Dtype,
  lanes: number,
  w: Writer,
): Converted | undefined {
  if (from === "f64") {
    if (isHalf(to)) return undefined;
    return made(
      to,
      joinPairs(source, lanes, (pair) => `(f32x4.demote_f64x2_zero ${pair})`),
    );
  }
  if (to === "f64")
    return made(
      to,
      splitPairs(source, lanes, w, (pair) => `(f64x2.promote_low_f32x4 ${pair})`),
    );
  return made(
    to,
    source.map((part) => roundVector(part, to, w)),
  );
}

function floatToInt(source: Parts, from: Dtype, to: Dtype, lanes: number, w: Writer): Converted | undefined {
  const bits = laneBits(to);
  if (bits === 64) return undefined;
  const sign = bits === 32 ? signedness(to) : "s";
  const ints =
    from === "f64"
      ? joinPairs(source, lanes, (pair) => `(i32x4.trunc_sat_f64x2_${sign}_zero ${pair})`)
      : source.map((part) => `(i32x4.trunc_sat_f32x4_${sign} ${part})`);
  return made(to, bits === 32 ? ints : narrowClamped(ints, "i32", to, lanes, w));
}

/** Clamps signed integers to a narrower dtype's range and narrows them. */
function narrowClamped(source: Parts, from: Dtype, to: Dtype, lanes: number, w: Writer): Parts {
  let parts = source;
  for (let width = laneBits(from); width > laneBits(to); width = (width / 2) as LaneBits) {
    const last = width / 2 === laneBits(to);
    parts = narrowSaturating(parts, lanes, width as 16 | 32, last ? signedness(to) : "s", w);
  }
  return parts;
}

/** Applies an instruction that takes the low two lanes of a part to both halves of each. */
function splitPairs(source: Parts, lanes: number, w: Writer, take: (pair: string) => string): Parts {
  const count = partCount(lanes, 64);
  const kept = count > 1 ? source.map((part) => w.bindVector(part)) : source;
  return Array.from({ length: count }, (_, at) => {
    const part = kept[at >> 1]!;
    return take(
      at % 2 === 0 ? part : `(i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 ${part} ${part})`,
    );
  });
}

/** Applies an instruction that gives two low lanes to each part and joins neighbours. */
function joinPairs(source: Parts, lanes: number, give: (pair: string) => string): Parts {
  return Array.from({ length: partCount(lanes, 32) }, (_, at) => {
    const high = source[2 * at + 1];
    const low = give(source[2 * at]!);
    return high === undefined
      ? low
      : `(i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ${low} ${give(high)})`;
  });
}

function saturateParts(
  source: Parts,
  from: Dtype,
  to: Dtype,
  lanes: number,
  w: Writer,
): Converted | undefined {
  const bits = laneBits(to);
  if (isFloat(from))
    return floatToInt(
      source.map((part) => `(${shapeOf(from)}.nearest ${part})`),
      from,
      to,
      lanes,
      w,
    );
  const width = laneBits(from);
  if (width === 64) return undefined;
  if (signedness(from) === "s" && bits < width) return made(to, narrowClamped(source, from, to, lanes, w));
  return made(to, resizeInts(clampParts(source, from, to), from, bits, lanes, w));
}

/** Clamps integers to what the other dtype's range leaves of their own. */
function clampParts(source: Parts, from: Dtype, to: Dtype): Parts {
  const [a, b] = [dtypeInfo(from), dtypeInfo(to)];
  const name = (op: string): string => `${shapeOf(from)}.${op}_${signedness(from)}`;
  const bits = laneBits(from);
  let parts = source;
  if (b.min > a.min) parts = parts.map((part) => `(${name("max")} ${part} ${splatConst(b.min, from, bits)})`);
  if (b.max < a.max) parts = parts.map((part) => `(${name("min")} ${part} ${splatConst(b.max, from, bits)})`);
  return parts;
}

function bitcastParts(
  source: Parts,
  from: Dtype,
  to: Dtype,
  lanes: number,
  w: Writer,
): Converted | undefined {
  if (to === "bool" || from === "bool") return undefined;
  if (!isHalf(from) && !isHalf(to)) return made(to, source);
  const raw = isHalf(from)
    ? source.map((part) => toBitsVector(part, from, w))
    : widenParts(source, lanes, 16, "u", w);
  if (isHalf(to))
    return made(
      to,
      raw.map((part) => fromBitsVector(part, to, w)),
    );
  return made(to, narrowParts(raw, lanes, 32, w));
}

/** Half floats as loaded, 16 bits a lane, to their values. */
export function halfFromStorage(parts: Parts, dtype: Dtype, lanes: number, w: Writer): Parts {
  return widenParts(parts, lanes, 16, "u", w).map((part) => fromBitsVector(part, dtype, w));
}

/** Half floats to the 16 bits a lane that are stored. */
export function halfToStorage(value: Value, w: Writer): Parts {
  const { dtype, lanes } = value.type;
  return narrowParts(
    value.parts.map((part) => toBitsVector(part, dtype, w)),
    lanes,
    32,
    w,
  );
}

/** Bytes or words as loaded, as an i32 vector that remembers what it was widened from. */
export function widened(narrow: Value, type: IrType, w: Writer): Value {
  const kept = { ...narrow, parts: narrow.parts.map((part) => w.bindVector(part)) };
  const wide = byPart(type, laneBits(type.dtype), [kept], ([part]) => part!);
  return { ...wide, parts: resizeInts(kept.parts, narrow.type.dtype, 32, type.lanes, w), narrow: kept };
}
