// Functions in WGSL that emitted code calls where WGSL's own operators differ from Kern's: division that
// floors, conversions that saturate, bf16, NaN. A module holds those that it uses. That their arguments are
// run-time values also keeps the shader compiler from evaluating, and refusing, what would overflow a constant.

import type { Halves } from "./types.ts";

/** Whether products of bytes in words are the builtins of WGSL or are made of single bytes. */
export type Dots = "native" | "unpacked";

export interface Helper {
  readonly needs?: readonly HelperName[];
  readonly f16?: true;
  readonly code: string;
}

const helper = (code: string, needs?: readonly HelperName[]): Helper => ({ code, needs });
const half = (code: string, needs?: readonly HelperName[]): Helper => ({ code, needs, f16: true });

export type HelperName =
  | "runtime_i32"
  | "runtime_u32"
  | "floor_div"
  | "floor_mod"
  | "is_nan"
  | "f32_from_bits"
  | "f32_to_i32"
  | "f32_to_u32"
  | "f32_to_narrow_i32"
  | "f32_to_narrow_u32"
  | "round_to_bf16"
  | "i32_to_bf16"
  | "u32_to_bf16"
  | "f16_from_bits"
  | "f16_bits"
  | "f32_to_f16"
  | "pair_from_i32"
  | "pair_add"
  | "pair_sub"
  | "i64_less"
  | "u64_less"
  | "round_to_f16"
  | "half_from_bits"
  | "half_bits"
  | "pack_u8"
  | "pack_i8"
  | "unpack_u8"
  | "unpack_i8"
  | "dot_u8_i8"
  | "unpacked_dot_i8"
  | "unpacked_dot_u8"
  | "unpacked_dot_u8_i8";

// prettier-ignore
export const helpers: Readonly<Record<HelperName, Helper>> = {
  runtime_i32: helper(`\
// The same number, unknown to the shader compiler.
fn runtime_i32(a: i32) -> i32 {
    return a;
}`),
  runtime_u32: helper(`\
// The same number, unknown to the shader compiler.
fn runtime_u32(a: u32) -> u32 {
    return a;
}`),
  floor_div: helper(`\
// The greatest integer <= a / b.
fn floor_div(a: i32, b: i32) -> i32 {
    let quotient = a / b;
    return select(quotient, quotient - 1, a % b != 0 && (a ^ b) < 0);
}`),
  floor_mod: helper(`\
// a - b * floor_div(a, b), with the sign of b.
fn floor_mod(a: i32, b: i32) -> i32 {
    let rest = a % b;
    return select(rest, rest + b, rest != 0 && (rest ^ b) < 0);
}`),
  is_nan: helper(`\
// By its bits, since a shader compiler may assume that no float is NaN.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}`),
  f32_from_bits: helper(`\
fn f32_from_bits(bits: u32) -> f32 {
    return bitcast<f32>(bits);
}`),
  f32_to_i32: helper(`\
// Truncates and saturates; NaN gives 0.
fn f32_to_i32(x: f32) -> i32 {
    if (is_nan(x)) {
        return 0;
    }
    if (x >= 2147483648.0) {
        return 2147483647;
    }
    return i32(max(x, -2147483648.0));
}`, ["is_nan"]),
  f32_to_u32: helper(`\
// Truncates and saturates; NaN gives 0.
fn f32_to_u32(x: f32) -> u32 {
    if (is_nan(x)) {
        return 0u;
    }
    if (x >= 4294967296.0) {
        return 4294967295u;
    }
    return u32(max(x, 0.0));
}`, ["is_nan"]),
  f32_to_narrow_i32: helper(`\
// Truncates and saturates to low .. high; NaN gives 0.
fn f32_to_narrow_i32(x: f32, low: f32, high: f32) -> i32 {
    if (is_nan(x)) {
        return 0;
    }
    return i32(clamp(x, low, high));
}`, ["is_nan"]),
  f32_to_narrow_u32: helper(`\
// Truncates and saturates to 0 .. high; NaN gives 0.
fn f32_to_narrow_u32(x: f32, high: f32) -> u32 {
    if (is_nan(x)) {
        return 0u;
    }
    return u32(clamp(x, 0.0, high));
}`, ["is_nan"]),
  round_to_bf16: helper(`\
// The nearest bf16, halves to even, as an f32.
fn round_to_bf16(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    if (is_nan(x)) {
        return bitcast<f32>((bits | 0x400000u) & 0xffff0000u);
    }
    return bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}`, ["is_nan"]),
  u32_to_bf16: helper(`\
// One rounding: bits that f32 has no room for leave a mark in the lowest that it has.
fn u32_to_bf16(a: u32) -> f32 {
    if (a < 0x1000000u) {
        return round_to_bf16(f32(a));
    }
    let sticky = select(0u, 0x100u, (a & 0xffu) != 0u);
    return round_to_bf16(f32((a & 0xffffff00u) | sticky));
}`, ["round_to_bf16"]),
  i32_to_bf16: helper(`\
fn i32_to_bf16(a: i32) -> f32 {
    let magnitude = u32_to_bf16(bitcast<u32>(abs(a)));
    return select(magnitude, -magnitude, a < 0);
}`, ["u32_to_bf16"]),
  f16_from_bits: half(`\
fn f16_from_bits(bits: u32) -> f16 {
    return bitcast<vec2<f16>>(bits).x;
}`),
  f16_bits: half(`\
fn f16_bits(x: f16) -> u32 {
    return bitcast<u32>(vec2<f16>(x, 0.0h));
}`),
  f32_to_f16: half(`\
// Values beyond the largest f16 become infinite; WGSL leaves their conversion open.
fn f32_to_f16(x: f32) -> f16 {
    if (abs(x) >= 65520.0) {
        return f16_from_bits(select(0x7c00u, 0xfc00u, x < 0.0));
    }
    return f16(x);
}`, ["f16_from_bits"]),
  pair_from_i32: helper(`\
// 64 bits as a pair of words, the lower one first.
fn pair_from_i32(a: i32) -> vec2<u32> {
    return vec2<u32>(bitcast<u32>(a), bitcast<u32>(a >> 31u));
}`),
  pair_add: helper(`\
fn pair_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}`),
  pair_sub: helper(`\
fn pair_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}`),
  i64_less: helper(`\
fn i64_less(a: vec2<u32>, b: vec2<u32>) -> bool {
    if (a.y != b.y) {
        return bitcast<i32>(a.y) < bitcast<i32>(b.y);
    }
    return a.x < b.x;
}`),
  u64_less: helper(`\
fn u64_less(a: vec2<u32>, b: vec2<u32>) -> bool {
    if (a.y != b.y) {
        return a.y < b.y;
    }
    return a.x < b.x;
}`),
  round_to_f16: helper(`\
// The nearest f16, halves to even, as an f32.
fn round_to_f16(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return bitcast<f32>((bits | 0x400000u) & 0xffffe000u);
    }
    if (magnitude < 0x38800000u) {
        // Below the normal numbers of f16, which are multiples of 2^-24 there: so are the last bits of what is at least 0.5.
        let steps = bitcast<u32>(bitcast<f32>(magnitude) + 0.5) - 0x3f000000u;
        return bitcast<f32>(bitcast<u32>(f32(steps) * 5.960464477539063e-8) | (bits & 0x80000000u));
    }
    let rounded = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u;
    return bitcast<f32>(select(rounded, 0x7f800000u, rounded >= 0x47800000u) | (bits & 0x80000000u));
}`),
  half_from_bits: helper(`\
// The f16 in the lower half of a word, as an f32.
fn half_from_bits(bits: u32) -> f32 {
    return unpack2x16float(bits).x;
}`),
  half_bits: helper(`\
// The bits of an f16 that an f32 holds.
fn half_bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let sign = (bits >> 16u) & 0x8000u;
    let magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x7f800000u) {
        return sign | 0x7c00u | ((magnitude >> 13u) & 0x3ffu);
    }
    if (magnitude < 0x38800000u) {
        return sign | (bitcast<u32>(bitcast<f32>(magnitude) + 0.5) - 0x3f000000u);
    }
    return sign | ((magnitude >> 13u) - 0x1c000u);
}`),
  pack_u8: helper(`\
// Four bytes as a word, the first in its lowest bits.
fn pack_u8(lanes: vec4<u32>) -> u32 {
    let bits = (lanes & vec4<u32>(0xffu)) << vec4<u32>(0u, 8u, 16u, 24u);
    return bits.x | bits.y | bits.z | bits.w;
}`),
  pack_i8: helper(`\
fn pack_i8(lanes: vec4<i32>) -> u32 {
    return pack_u8(bitcast<vec4<u32>>(lanes));
}`, ["pack_u8"]),
  unpack_u8: helper(`\
fn unpack_u8(word: u32) -> vec4<u32> {
    return (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu);
}`),
  unpack_i8: helper(`\
fn unpack_i8(word: u32) -> vec4<i32> {
    return bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
}`),
  dot_u8_i8: helper(`\
// Moved by 128 the first bytes have a sign; what that takes away is added again.
fn dot_u8_i8(a: u32, b: u32) -> i32 {
    return dot4I8Packed(a ^ 0x80808080u, b) + (dot4I8Packed(b, 0x01010101u) << 7u);
}`),
  unpacked_dot_i8: helper(`\
fn unpacked_dot_i8(a: u32, b: u32) -> i32 {
    return dot(unpack_i8(a), unpack_i8(b));
}`, ["unpack_i8"]),
  unpacked_dot_u8: helper(`\
fn unpacked_dot_u8(a: u32, b: u32) -> u32 {
    return dot(unpack_u8(a), unpack_u8(b));
}`, ["unpack_u8"]),
  unpacked_dot_u8_i8: helper(`\
fn unpacked_dot_u8_i8(a: u32, b: u32) -> i32 {
    return dot(vec4<i32>(unpack_u8(a)), unpack_i8(b));
}`, ["unpack_u8", "unpack_i8"]),
};

/** The helpers of a module, in the order of the table; what a helper needs comes with it. */
export class HelperSet {
  private readonly used = new Set<HelperName>();
  /** How the module computes with f16. */
  readonly halves: Halves;
  /** How it multiplies bytes in words. */
  readonly dots: Dots;

  constructor(halves: Halves = "native", dots: Dots = "native") {
    this.halves = halves;
    this.dots = dots;
  }

  /** Marks a helper as used and gives its name, to be called. */
  use(name: HelperName): string {
    if (!this.used.has(name)) {
      this.used.add(name);
      helpers[name].needs?.forEach((other) => this.use(other));
    }
    return name;
  }

  get needF16(): boolean {
    return [...this.used].some((name) => helpers[name].f16);
  }

  get code(): readonly string[] {
    const names = Object.keys(helpers) as HelperName[];
    return names.filter((name) => this.used.has(name)).map((name) => helpers[name].code);
  }
}
