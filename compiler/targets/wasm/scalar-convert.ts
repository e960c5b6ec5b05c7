// Conversions of scalars: `convert`, `saturate` and `bitcast` between any two dtypes.

import { dtypeInfo, isFloat, isWide, type Dtype } from "../../../lang/dtypes.ts";
import { fromBitsScalar, roundScalar, toBitsScalar } from "./half.ts";
import { isHalf, scalarConst, scalarRep, signedness } from "./representation.ts";
import { wrap } from "./scalar-ops.ts";
import type { Writer } from "./writer.ts";

/** Floats round, float to integer truncates and saturates (NaN to 0), integers wrap, to bool is != 0. */
export function convertScalar(value: string, from: Dtype, to: Dtype, w: Writer): string {
  if (from === to) return value;
  const rep = scalarRep(from);
  if (to === "bool") return `(${rep}.ne ${value} (${rep}.const 0))`;
  if (isFloat(from)) return isFloat(to) ? floatToFloat(value, from, to, w) : floatToInt(value, from, to, w);
  return isFloat(to) ? intToFloat(value, from, to, w) : intToInt(value, from, to);
}

function intToInt(value: string, from: Dtype, to: Dtype): string {
  if (isWide(from)) return isWide(to) ? value : wrap(`(i32.wrap_i64 ${value})`, to);
  if (isWide(to)) return `(i64.extend_i32_${signedness(from)} ${value})`;
  return fits(from, to) ? value : wrap(value, to);
}

/** Whether every value of one integer dtype keeps its i32 form as another. */
function fits(from: Dtype, to: Dtype): boolean {
  const [a, b] = [dtypeInfo(from), dtypeInfo(to)];
  return b.bits >= 32 || (a.min >= b.min && a.max <= b.max);
}

function intToFloat(value: string, from: Dtype, to: Dtype, w: Writer): string {
  const rep = scalarRep(from);
  const sign = signedness(from);
  if (to === "f64") return `(f64.convert_${rep}_${sign} ${value})`;
  // bf16 covers all integers, so one rounding to f32 before the last one would be one too many.
  if (to === "bf16" && isWide(from))
    return roundScalar(w.call("f32_odd", w.call(`f64_odd_${sign}`, value)), to, w);
  if (to === "bf16" && dtypeInfo(from).bits === 32)
    return roundScalar(w.call("f32_odd", `(f64.convert_i32_${sign} ${value})`), to, w);
  return roundScalar(`(f32.convert_${rep}_${sign} ${value})`, to, w);
}

function floatToFloat(value: string, from: Dtype, to: Dtype, w: Writer): string {
  if (from === "f64")
    return isHalf(to) ? roundScalar(w.call("f32_odd", value), to, w) : `(f32.demote_f64 ${value})`;
  if (to === "f64") return `(f64.promote_f32 ${value})`;
  return roundScalar(value, to, w);
}

function floatToInt(value: string, from: Dtype, to: Dtype, w: Writer): string {
  const source = scalarRep(from);
  const { bits } = dtypeInfo(to);
  if (bits >= 32) return `(${scalarRep(to)}.trunc_sat_${source}_${signedness(to)} ${value})`;
  return clampScalar(`(i32.trunc_sat_${source}_s ${value})`, "i32", to, w);
}

/** Clamps an integer of dtype `from` to the range of `to`, keeping its type. */
function clampScalar(value: string, from: Dtype, to: Dtype, w: Writer): string {
  const [a, b] = [dtypeInfo(from), dtypeInfo(to)];
  const rep = scalarRep(from);
  const sign = signedness(from);
  let result = value;
  const limit = (bound: number | bigint, compare: "lt" | "gt"): void => {
    const kept = w.bind(result, rep);
    const edge = scalarConst(isWide(from) ? BigInt(bound) : bound, from);
    result = `(select ${kept} ${edge} (${rep}.${compare}_${sign} ${kept} ${edge}))`;
  };
  if (b.min > a.min) limit(b.min, "gt");
  if (b.max < a.max) limit(b.max, "lt");
  return result;
}

/** To an integer dtype, clamped to its range; floats round half to even first. */
export function saturateScalar(value: string, from: Dtype, to: Dtype, w: Writer): string {
  if (isFloat(from)) return convertScalar(`(${scalarRep(from)}.nearest ${value})`, from, to, w);
  return intToInt(clampScalar(value, from, to, w), from, to);
}

/** The same bits as another dtype of one width. */
export function bitcastScalar(value: string, from: Dtype, to: Dtype, w: Writer): string {
  if (from === to) return value;
  const [source, target] = [scalarRep(from), scalarRep(to)];
  const raw = isHalf(from) ? toBitsScalar(value, from, w) : value;
  if (isHalf(to)) return fromBitsScalar(isHalf(from) ? raw : `(i32.and ${raw} (i32.const 65535))`, to, w);
  if (isHalf(from)) return wrap(raw, to);
  if (source !== target) return `(${target}.reinterpret_${source} ${raw})`;
  return to === "bool" ? `(i32.ne ${raw} (i32.const 0))` : isFloat(to) ? raw : wrap(raw, to);
}
