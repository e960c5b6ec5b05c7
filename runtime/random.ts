// The generator behind `random(f32, 3, 17, seed=1)` on the command line and `random[f32](3, 17, seed=1)` in tests.
// One documented sequence for all: xoshiro128** (Blackman and Vigna), its state filled from the seed by splitmix32.
//
//   floats      uniform in [-1, 1): the upper 24 bits of each number; f64 takes 53 bits of two
//   integers    uniform in [-8, 8) if signed, in [0, 16) if not, cut to the dtype's range: small enough for sums of products
//   bool        the highest bit
//   low, high   uniform in [low, high) instead

import { dtypeInfo, type Dtype } from "../lang/dtypes.ts";
import { kernError } from "./error.ts";
import { checkShape, sizeOf } from "./tensor/layout.ts";
import { narrowBits } from "./tensor/narrow.ts";
import { arrayClass, bytesOf, setPackedBits } from "./tensor/storage.ts";
import { type Tensor, tensor } from "./tensor/tensor.ts";

export interface RandomOptions {
  readonly seed?: number;
  readonly low?: number;
  readonly high?: number;
}

/** Numbers of 32 bits from a seed. */
export function randomWords(seed: number): () => number {
  let fill = seed >>> 0;
  const splitmix = (): number => {
    fill = (fill + 0x9e3779b9) >>> 0;
    let z = fill;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
}

/** A tensor of seeded random numbers; the same on every machine. */
export function random(dtype: Dtype, shape: readonly number[], options: RandomOptions = {}): Tensor {
  const info = dtypeInfo(dtype);
  const signed = info.kind === "int";
  const [least, most] = info.kind === "float" ? [-1, 1] : signed ? [-8, 8] : [0, 16];
  const low = options.low ?? Math.max(least!, Number(info.min));
  const high =
    options.high ??
    (options.low === undefined ? Math.min(most!, Number(info.max) + 1) : low + (most! - least!));
  if (
    !(low < high) ||
    (info.kind !== "bool" && info.kind !== "float" && (low < Number(info.min) || high > Number(info.max) + 1))
  )
    throw kernError("K0719", {
      option: "low, high",
      expected: `bounds in order that ${dtype} can hold`,
      given: `${low}, ${high}`,
    });
  checkShape(shape, dtype);
  const word = randomWords(options.seed ?? 1);
  const count = sizeOf(shape);
  const Class = arrayClass(dtype);
  const data = new Class(
    new ArrayBuffer(bytesOf(dtype, count)),
    0,
    bytesOf(dtype, count) / Class.BYTES_PER_ELEMENT,
  );
  for (let at = 0; at < count; at++) {
    if (info.kind === "bool") data[at] = word() >>> 31;
    else if (info.kind === "float") {
      const unit =
        dtype === "f64" ? (word() * 2 ** 21 + (word() >>> 11)) / 2 ** 53 : (word() >>> 8) / 2 ** 24;
      const value = low + unit * (high - low);
      data[at] = dtype === "f16" || dtype === "bf16" ? narrowBits(value, dtype) : value;
    } else {
      const value = low + Math.floor((word() / 2 ** 32) * (high - low));
      if (info.bits < 8) setPackedBits(data as Uint8Array, info.bits, at, value);
      else if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[at] = BigInt(value);
      else data[at] = value;
    }
  }
  return tensor(data, shape, dtype);
}
