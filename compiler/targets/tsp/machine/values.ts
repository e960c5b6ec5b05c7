// What lanes hold: the machine's element types, beats of bytes, and how an element's bytes spread over aligned streams,
// lowest byte on the first. A beat is 320 bytes, one a lane; bodies take beats of any whole number of superlanes, so that
// a tile can be simulated alone.

import type { Dtype } from "../../../../lang/dtypes.ts";
import { lanes } from "./geometry.ts";
import { fromHalfBits, roundFloat, toHalfBits } from "../../../ir/values.ts";

/** Element types by their number in an instruction word. */
export const types = [
  "i8",
  "u8",
  "i16",
  "u16",
  "i32",
  "u32",
  "f16",
  "f32",
] as const satisfies readonly Dtype[];
export type TspType = (typeof types)[number];

/** Streams, and bytes, that an element takes. */
export const widths: Readonly<Record<TspType, 1 | 2 | 4>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  f16: 2,
  f32: 4,
};
export const isFloatType = (type: TspType): boolean => type === "f16" || type === "f32";

/** One byte a lane of one stream. Never changed once made: streams, memory words and bodies share them. */
export type Beat = Uint8Array;
/** Elements of a stream group, one a lane, as numbers that `type` holds exactly. */
export type Lanes = Float64Array;

const word = new DataView(new ArrayBuffer(4));
const halfBits = (value: number): number => toHalfBits(roundFloat(value, "f16"));
const halves = Float64Array.from({ length: 65536 }, (_, bits) => fromHalfBits(bits));
const halfValue = (bits: number): number => halves[bits]!;

/** Bits of one beat's elements, and the same as f32. */
const bits = new Int32Array(lanes);
const singles = new Float32Array(bits.buffer);

/** The elements that a group of beats holds, written to `found`. */
export function decode(
  beats: readonly Beat[],
  type: TspType,
  found: Lanes = new Float64Array(beats[0]!.length),
): Lanes {
  const [b0, b1, b2, b3] = beats as [Beat, Beat, Beat, Beat];
  const count = b0.length;
  switch (type) {
    case "i8":
      for (let at = 0; at < count; at++) found[at] = (b0[at]! << 24) >> 24;
      return found;
    case "u8":
      for (let at = 0; at < count; at++) found[at] = b0[at]!;
      return found;
    case "i16":
      for (let at = 0; at < count; at++) found[at] = ((b0[at]! | (b1[at]! << 8)) << 16) >> 16;
      return found;
    case "u16":
      for (let at = 0; at < count; at++) found[at] = b0[at]! | (b1[at]! << 8);
      return found;
    case "f16":
      for (let at = 0; at < count; at++) found[at] = halfValue(b0[at]! | (b1[at]! << 8));
      return found;
    case "i32":
      for (let at = 0; at < count; at++)
        found[at] = b0[at]! | (b1[at]! << 8) | (b2[at]! << 16) | (b3[at]! << 24);
      return found;
    case "u32":
      for (let at = 0; at < count; at++)
        found[at] = (b0[at]! | (b1[at]! << 8) | (b2[at]! << 16) | (b3[at]! << 24)) >>> 0;
      return found;
    default:
      for (let at = 0; at < count; at++)
        bits[at] = b0[at]! | (b1[at]! << 8) | (b2[at]! << 16) | (b3[at]! << 24);
      for (let at = 0; at < count; at++) found[at] = singles[at]!;
      return found;
  }
}

let slab = new ArrayBuffer(0);
let taken = 0;

/** A beat of zeros. They are cut from larger buffers: one of its own costs more than what is computed for it. */
export function newBeat(count: number): Beat {
  if (taken + count > slab.byteLength) {
    slab = new ArrayBuffer(256 * lanes);
    taken = 0;
  }
  taken += count;
  return new Uint8Array(slab, taken - count, count);
}

/** The beats of a stream group that hold these elements. */
export function encode(values: Lanes, type: TspType): readonly Beat[] {
  const count = values.length;
  if (widths[type] === 1) {
    const beat = newBeat(count);
    for (let at = 0; at < count; at++) beat[at] = values[at]! | 0;
    return [beat];
  }
  if (type === "f32") for (let at = 0; at < count; at++) singles[at] = values[at]!;
  else if (type === "f16") for (let at = 0; at < count; at++) bits[at] = halfBits(values[at]!);
  else for (let at = 0; at < count; at++) bits[at] = values[at]! | 0;
  const beats: Beat[] = [];
  for (let index = 0; index < widths[type]; index++) {
    const beat = newBeat(count);
    const shift = 8 * index;
    for (let at = 0; at < count; at++) beat[at] = bits[at]! >> shift;
    beats.push(beat);
  }
  return beats;
}

/** The element that 32 bits of an ALU's constant register stand for. */
export function constantOf(bits: number, type: TspType): number {
  switch (type) {
    case "f32":
      word.setInt32(0, bits);
      return word.getFloat32(0);
    case "f16":
      return halfValue(bits & 0xffff);
    case "u32":
      return bits >>> 0;
    case "i32":
      return bits | 0;
    default: {
      const unused = 32 - 8 * widths[type];
      return type.startsWith("u") ? (bits << unused) >>> unused : (bits << unused) >> unused;
    }
  }
}

/** The bits that make a constant register stand for `value`. */
export function constantBits(value: number, type: TspType): number {
  if (type === "f32") {
    word.setFloat32(0, value);
    return word.getUint32(0);
  }
  return type === "f16" ? halfBits(value) : value >>> 0;
}
