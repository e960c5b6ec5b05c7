// The 16-bit floats, between numbers and the bits that tensors store.

/** What tells the two apart: significant bits, the lowest exponent of a normal number, the largest number. */
const formats = {
  f16: { digits: 11, lowest: -14, max: 65504 },
  bf16: { digits: 8, lowest: -126, max: 3.3895313892515355e38 },
} as const;

export type NarrowFloat = keyof typeof formats;

/** The nearest value of the dtype, halves to even. */
export function roundNarrow(value: number, dtype: NarrowFloat): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const { digits, lowest, max } = formats[dtype];
  const unit = 2 ** (Math.max(exponentOf(Math.abs(value)), lowest) - digits + 1);
  const scaled = value / unit;
  const below = Math.floor(scaled);
  const rest = scaled - below;
  const rounded = (rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below) * unit;
  if (Math.abs(rounded) > max) return Math.sign(value) * Infinity;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

/** floor(log2 x), exact for every positive double that isn't subnormal. */
function exponentOf(x: number): number {
  const guess = Math.floor(Math.log2(x));
  return 2 ** guess > x ? guess - 1 : 2 ** (guess + 1) <= x ? guess + 1 : guess;
}

const scratch = new DataView(new ArrayBuffer(4));

/** The bits of a number, rounded. */
export function narrowBits(value: number, dtype: NarrowFloat): number {
  const rounded = roundNarrow(value, dtype);
  if (dtype === "bf16") {
    scratch.setFloat32(0, rounded);
    return scratch.getUint16(0);
  }
  const sign = rounded < 0 || Object.is(rounded, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(rounded);
  if (Number.isNaN(rounded)) return 0x7e00;
  if (magnitude === Infinity) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = exponentOf(magnitude);
  return sign | ((exponent + 15) << 10) | ((magnitude / 2 ** exponent - 1) * 1024);
}

/** The number that bits stand for. */
export function narrowValue(bits: number, dtype: NarrowFloat): number {
  if (dtype === "bf16") {
    scratch.setUint32(0, bits << 16);
    return scratch.getFloat32(0);
  }
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
