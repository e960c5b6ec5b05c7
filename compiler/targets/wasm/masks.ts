// Bool vectors: all ones or zeros in each lane, lanes as wide as what they were compared from. Where two widths
// meet, a mask is widened or narrowed here.

import { intShape, partCount, splatConst, type LaneBits, type Value } from "./representation.ts";
import type { Writer } from "./writer.ts";

/** The mask with lanes of another width. */
export function maskAs(mask: Value, bits: LaneBits, w: Writer): Value {
  if (mask.bits === bits) return mask;
  const { lanes } = mask.type;
  if (mask.constant !== undefined) {
    const part = splatConst(mask.constant, "bool", bits);
    return { ...mask, bits, parts: Array.from({ length: partCount(lanes, bits) }, () => part) };
  }
  let { parts } = mask;
  let width = mask.bits as LaneBits;
  for (; width < bits; width = (width * 2) as LaneBits) parts = widenParts(parts, lanes, width, "s", w);
  for (; width > bits; width = (width / 2) as LaneBits) parts = narrowMask(parts, lanes, width, w);
  return { type: mask.type, bits, parts };
}

/** Lanes twice as wide, sign- or zero-extended. */
export function widenParts(
  parts: readonly string[],
  lanes: number,
  bits: LaneBits,
  sign: "s" | "u",
  w: Writer,
): readonly string[] {
  const wide = (bits * 2) as LaneBits;
  const count = partCount(lanes, wide);
  const sources = count > 1 ? parts.map((part) => w.bindVector(part)) : parts;
  return Array.from({ length: count }, (_, at) => {
    const half = at % 2 === 0 ? "low" : "high";
    return `(${intShape(wide)}.extend_${half}_${intShape(bits)}_${sign} ${sources[at >> 1]})`;
  });
}

/** Lanes half as wide by their low halves: integers wrap. */
export function narrowParts(
  parts: readonly string[],
  lanes: number,
  bits: LaneBits,
  w: Writer,
): readonly string[] {
  const bytes = bits / 16;
  const picked = Array.from({ length: 16 }, (_, at) => Math.floor(at / bytes) * bytes * 2 + (at % bytes));
  return pairs(parts, lanes, bits, w, (a, b) => `(i8x16.shuffle ${picked.join(" ")} ${a} ${b})`);
}

/** Lanes half as wide, signed values clamped to the range of the narrower, signed or unsigned; not from 64 bits. */
export function narrowSaturating(
  parts: readonly string[],
  lanes: number,
  bits: 16 | 32,
  sign: "s" | "u",
  w: Writer,
): readonly string[] {
  const half = (bits / 2) as LaneBits;
  return pairs(
    parts,
    lanes,
    bits,
    w,
    (a, b) => `(${intShape(half)}.narrow_${intShape(bits)}_${sign} ${a} ${b})`,
  );
}

function narrowMask(parts: readonly string[], lanes: number, bits: LaneBits, w: Writer): readonly string[] {
  return bits === 64
    ? narrowParts(parts, lanes, bits, w)
    : narrowSaturating(parts, lanes, bits as 16 | 32, "s", w);
}

/** Joins neighbouring parts into parts of lanes half as wide. */
function pairs(
  parts: readonly string[],
  lanes: number,
  bits: LaneBits,
  w: Writer,
  join: (a: string, b: string) => string,
): readonly string[] {
  return Array.from({ length: partCount(lanes, (bits / 2) as LaneBits) }, (_, at) => {
    const low = parts[2 * at]!;
    const high = parts[2 * at + 1];
    if (high !== undefined) return join(low, high);
    const lone = w.bindVector(low);
    return join(lone, lone);
  });
}

/** A constant with `real` in the first `lanes` lanes of a part and `rest` in those that a part has beyond. */
export function laneConst(lanes: number, bits: LaneBits, real: number, rest: number): string {
  const values = Array.from({ length: 128 / bits }, (_, at) => (at < lanes ? real : rest));
  return `(v128.const ${intShape(bits)} ${values.join(" ")})`;
}

/** Whether every lane of a part is set, as an i32; `lanes` of them count. */
export function allTrue(part: string, lanes: number, bits: LaneBits): string {
  const full = lanes * bits === 128 ? part : `(v128.or ${part} ${laneConst(lanes, bits, 0, -1)})`;
  return `(${intShape(bits)}.all_true ${full})`;
}

/** Whether any lane of a part is set, as an i32. */
export function anyTrue(part: string, lanes: number, bits: LaneBits): string {
  return `(v128.any_true ${lanes * bits === 128 ? part : `(v128.and ${part} ${laneConst(lanes, bits, -1, 0)})`})`;
}
