// Functions of a module that kernels call for what takes too much code to repeat. Each is written when used.

const fourWide = { 8: "i8x16", 16: "i16x8", 32: "i32x4", 64: "i64x2" } as const;

/** Flooring division; the one quotient that would trap wraps. */
function division(rep: "i32" | "i64", op: "floordiv" | "mod"): string {
  const minusOne = op === "mod" ? `(${rep}.const 0)` : `(${rep}.sub (${rep}.const 0) (local.get $a))`;
  const remainder = `(${rep}.sub (local.get $a) (${rep}.mul (local.get $q) (local.get $b)))`;
  // The remainder is off by one divisor where it isn't 0 and has the other sign.
  const wrong = `(i32.and (${rep}.ne (local.get $r) (${rep}.const 0)) (${rep}.lt_s (${rep}.xor (local.get $r) (local.get $b)) (${rep}.const 0)))`;
  const result =
    op === "mod"
      ? `(select (${rep}.add (local.get $r) (local.get $b)) (local.get $r) ${wrong})`
      : `(select (${rep}.sub (local.get $q) (${rep}.const 1)) (local.get $q) ${wrong})`;
  return `(func $${op}_${rep} (param $a ${rep}) (param $b ${rep}) (result ${rep}) (local $q ${rep}) (local $r ${rep})
    (if (${rep}.eq (local.get $b) (${rep}.const -1)) (then (return ${minusOne})))
    (local.set $q (${rep}.div_s (local.get $a) (local.get $b)))
    (local.set $r ${remainder})
    ${result})`;
}

/** Stores the lanes of a vector whose mask is set, and touches no others. */
function maskedStore(bits: 8 | 16 | 32 | 64): string {
  const shape = fourWide[bits];
  const lanes = Array.from(
    { length: 128 / bits },
    (_, lane) =>
      `(if (i32.and (local.get $bits) (i32.const ${2 ** lane})) (then (v128.store${bits}_lane offset=${(lane * bits) / 8} ${lane} (local.get $at) (local.get $value))))`,
  );
  return `(func $store_masked_${bits} (param $at i32) (param $value v128) (param $mask v128) (local $bits i32)
    (if (${shape}.all_true (local.get $mask)) (then (v128.store (local.get $at) (local.get $value)) (return)))
    (local.set $bits (${shape}.bitmask (local.get $mask)))
    ${lanes.join("\n    ")})`;
}

/** A double as an f32 rounded to odd: whatever is lost shows in the last bit, so that a second rounding is right. */
const f32Odd = `(func $f32_odd (param $x f64) (result f32) (local $bits i32) (local $back f64)
    (local.set $bits (i32.reinterpret_f32 (f32.demote_f64 (local.get $x))))
    (local.set $back (f64.promote_f32 (f32.reinterpret_i32 (local.get $bits))))
    (if (i32.or (f64.eq (local.get $back) (local.get $x)) (f64.ne (local.get $x) (local.get $x)))
      (then (return (f32.reinterpret_i32 (local.get $bits)))))
    (f32.reinterpret_i32 (i32.or (i32.const 1)
      (i32.sub (local.get $bits) (f64.gt (f64.abs (local.get $back)) (f64.abs (local.get $x)))))))`;

/** A 64-bit integer as a double that is rounded to odd. */
function f64Odd(sign: "s" | "u"): string {
  const magnitude =
    sign === "u"
      ? "(local.get $x)"
      : "(select (i64.sub (i64.const 0) (local.get $x)) (local.get $x) (i64.lt_s (local.get $x) (i64.const 0)))";
  const signed = (value: string): string =>
    sign === "u" ? value : `(f64.copysign ${value} (f64.convert_i64_s (local.get $x)))`;
  return `(func $f64_odd_${sign} (param $x i64) (result f64) (local $m i64)
    (local.set $m ${magnitude})
    (if (i64.eqz (i64.shr_u (local.get $m) (i64.const 53))) (then (return (f64.convert_i64_${sign} (local.get $x)))))
    ${signed(`(f64.mul (f64.const 2048) (f64.convert_i64_u (i64.or (i64.shr_u (local.get $m) (i64.const 11))
      (i64.extend_i32_u (i64.ne (i64.and (local.get $m) (i64.const 2047)) (i64.const 0))))))`)})`;
}

const field = (byte: string): string =>
  `(i32.or (i32.and ${byte} (i32.xor (i32.const -1) (i32.shl (local.get $mask) (local.get $shift))))
      (i32.shl (i32.and (local.get $value) (local.get $mask)) (local.get $shift)))`;
const fieldParams = "(param $at i32) (param $shift i32) (param $mask i32) (param $value i32)";

const storeField = `(func $store_field ${fieldParams}
    (i32.store8 (local.get $at) ${field("(i32.load8_u (local.get $at))")}))`;

const storeFieldShared = `(func $store_field_shared ${fieldParams} (local $seen i32) (local $found i32)
    (local.set $found (i32.atomic.load8_u (local.get $at)))
    (loop $again
      (local.set $seen (local.get $found))
      (local.set $found (i32.atomic.rmw8.cmpxchg_u (local.get $at) (local.get $seen) ${field("(local.get $seen)")}))
      (br_if $again (i32.ne (local.get $found) (local.get $seen)))))`;

/** The text of each helper function, by name. */
export const helperTexts: Readonly<Record<string, string>> = {
  floordiv_i32: division("i32", "floordiv"),
  floordiv_i64: division("i64", "floordiv"),
  mod_i32: division("i32", "mod"),
  mod_i64: division("i64", "mod"),
  store_masked_8: maskedStore(8),
  store_masked_16: maskedStore(16),
  store_masked_32: maskedStore(32),
  store_masked_64: maskedStore(64),
  f32_odd: f32Odd,
  f64_odd_s: f64Odd("s"),
  f64_odd_u: f64Odd("u"),
  store_field: storeField,
  store_field_shared: storeFieldShared,
};
