// Conversions between dtypes in WGSL: exact where Kern says so and WGSL leaves the result open (a float beyond
// an integer's range, NaN, an overflow to f16), and never written so that a constant could be refused.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { dtypeInfo, isFloat, type Dtype } from "../../../lang/dtypes.ts";
import type { HelperSet } from "./helpers.ts";
import { applyPairOp, isPair, lowWord, pairLiteral, toPair } from "./pairs.ts";
import { binary, call, primary, type Text } from "./text.ts";
import { isNarrow, registerOf } from "./types.ts";
import { mask, wrap } from "./wrap.ts";

const zero = (dtype: Dtype): Text =>
  primary(
    { f32: "0.0", f16: "0.0h", i32: "0", u32: "0u", bool: "false", "vec2<u32>": "vec2<u32>()" }[
      registerOf(dtype)
    ],
  );

/** Whether values of a dtype are WGSL's own f16. */
const isNativeHalf = (dtype: Dtype, helpers: HelperSet): boolean =>
  dtype === "f16" && helpers.halves === "native";

/** An f32 rounded to f16. */
const toHalf = (value: Text, helpers: HelperSet): Text =>
  call(helpers.use(helpers.halves === "native" ? "f32_to_f16" : "round_to_f16"), value);

/** The op `convert`: floats round, float to integer truncates and saturates, integers wrap. */
export function convert(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  if (from === to || (isPair(from) && isPair(to))) return value;
  if (isPair(from)) return pairTo(value, from, to, helpers);
  if (isPair(to)) return toPair(value, narrowRegister(from), helpers);
  if (to === "bool") return differsFromZero(value, from, helpers);
  if (from === "bool") return call(registerOf(to, helpers.halves), value);
  if (isFloat(from))
    return isFloat(to) ? floatToFloat(value, from, to, helpers) : floatToInteger(value, from, to, helpers);
  return isFloat(to) ? integerToFloat(value, from, to, helpers) : integerToInteger(value, from, to, helpers);
}

/** From 64 bits to a bool, or to an integer of fewer, which wraps. */
function pairTo(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  if (to === "bool") return applyPairOp("ne", [value, pairLiteral(0n)], from, helpers);
  const low = lowWord(value);
  return wrap(registerOf(to) === "u32" ? low : call("bitcast<i32>", low), to, helpers);
}

function narrowRegister(dtype: Dtype): "i32" | "u32" | "bool" {
  const register = registerOf(dtype);
  if (register === "i32" || register === "u32" || register === "bool") return register;
  return internalError("wgsl", `a conversion from ${dtype} to 64 bits should have been refused`);
}

/** By the bits, since NaN differs too and devices disagree on comparing it. */
function differsFromZero(value: Text, from: Dtype, helpers: HelperSet): Text {
  if (!isFloat(from)) return binary("!=", value, zero(from));
  const half = isNativeHalf(from, helpers);
  const bits = half ? call(helpers.use("f16_bits"), value) : call("bitcast<u32>", value);
  const magnitude = primary(half ? "0x7fffu" : "0x7fffffffu");
  return binary("!=", binary("&", bits, magnitude), primary("0u"));
}

/** bf16 lives in an f32 already. */
function asF32(value: Text, from: Dtype, helpers: HelperSet): Text {
  return isNativeHalf(from, helpers) ? call("f32", value) : value;
}

function floatToFloat(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  const wide = asF32(value, from, helpers);
  if (to === "f32") return wide;
  return to === "f16" ? toHalf(wide, helpers) : call(helpers.use("round_to_bf16"), wide);
}

function floatToInteger(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  const wide = asF32(value, from, helpers);
  const { kind, min, max } = dtypeInfo(to);
  if (!isNarrow(to)) return call(helpers.use(kind === "int" ? "f32_to_i32" : "f32_to_u32"), wide);
  const high = primary(`${max}.0`);
  if (kind === "uint") return call(helpers.use("f32_to_narrow_u32"), wide, high);
  return call(helpers.use("f32_to_narrow_i32"), wide, { text: `${min}.0`, level: "unary" }, high);
}

function integerToFloat(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  const signed = registerOf(from) === "i32";
  if (to === "f32") return call("f32", value);
  // An f32 holds every integer that f16 can tell from infinity, so this rounds once.
  if (to === "f16") return toHalf(call("f32", value), helpers);
  return call(helpers.use(signed ? "i32_to_bf16" : "u32_to_bf16"), value);
}

function integerToInteger(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  const source = dtypeInfo(from);
  const target = dtypeInfo(to);
  const register = registerOf(to);
  const held = registerOf(from) === register ? value : call(`bitcast<${register}>`, value);
  const fits = Number(source.min) >= Number(target.min) && Number(source.max) <= Number(target.max);
  return fits ? held : wrap(held, to, helpers);
}

/** The op `saturate`: to an integer dtype, clamped to its range; floats round half to even first. */
export function saturate(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  if (isFloat(from)) return floatToInteger(call("round", value), from, to, helpers);
  const source = dtypeInfo(from);
  const target = dtypeInfo(to);
  const suffix = registerOf(from) === "u32" ? "u" : "";
  let clamped = value;
  if (Number(source.min) < Number(target.min))
    clamped = call("max", clamped, integer(Number(target.min), suffix));
  if (Number(source.max) > Number(target.max))
    clamped = call("min", clamped, integer(Number(target.max), suffix));
  return registerOf(from) === registerOf(to) ? clamped : call(`bitcast<${registerOf(to)}>`, clamped);
}

function integer(value: number, suffix: string): Text {
  return { text: `${value}${suffix}`, level: value < 0 ? "unary" : "primary" };
}

/** The op `bitcast`: both dtypes are of one width. */
export function bitcast(value: Text, from: Dtype, to: Dtype, helpers: HelperSet): Text {
  if (from === to || isPair(from)) return value;
  const whole = dtypeInfo(from).bits === 32 && dtypeInfo(to).bits === 32;
  return whole
    ? call(`bitcast<${registerOf(to)}>`, value)
    : fromBits(bitsOf(value, from, helpers), to, helpers);
}

/** The bits of a value as a u32; those above its width are zero, but for signed narrow integers. */
export function rawBits(value: Text, dtype: Dtype, helpers: HelperSet): Text {
  if (dtype === "f16")
    return call(helpers.use(helpers.halves === "native" ? "f16_bits" : "half_bits"), value);
  if (dtype === "bool") return call("u32", value);
  if (dtype === "bf16") return binary(">>", call("bitcast<u32>", value), primary("16u"));
  return registerOf(dtype) === "u32" ? value : call("bitcast<u32>", value);
}

/** As `rawBits`, with zeros above the width. */
function bitsOf(value: Text, dtype: Dtype, helpers: HelperSet): Text {
  const raw = rawBits(value, dtype, helpers);
  const { kind, bits } = dtypeInfo(dtype);
  return kind === "int" && bits < 32 ? binary("&", raw, mask(bits)) : raw;
}

/** The value whose bits a u32 holds in its lowest places; what stands above them is ignored. */
export function fromBits(bits: Text, dtype: Dtype, helpers: HelperSet): Text {
  if (dtype === "f16")
    return call(helpers.use(helpers.halves === "native" ? "f16_from_bits" : "half_from_bits"), bits);
  if (dtype === "bf16") return call("bitcast<f32>", binary("<<", bits, primary("16u")));
  if (dtype === "bool") return binary("!=", binary("&", bits, primary("0xffu")), primary("0u"));
  const register = registerOf(dtype);
  const held = register === "u32" ? bits : call(`bitcast<${register}>`, bits);
  return wrap(held, dtype, helpers);
}
