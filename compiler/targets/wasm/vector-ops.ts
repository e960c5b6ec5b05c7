// Elementwise operations on vectors, part by part: the table's rows, and those that WebAssembly has no single
// instruction for.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { isFloat, type Dtype } from "../../../lang/dtypes.ts";
import type { IrType } from "../../ir/ir.ts";
import { opInfo, type OpName } from "../../ir/ops.ts";
import { roundVector } from "./half.ts";
import { laneByLane } from "./lanes.ts";
import { maskAs, narrowParts } from "./masks.ts";
import {
  intShape,
  isHalf,
  laneBits,
  shapeOf,
  signedness,
  splatConst,
  type LaneBits,
  type Shape,
  type Value,
} from "./representation.ts";
import { scalarOp } from "./scalar-ops.ts";
import { bitTable, vectorTable, type VectorRow } from "./tables.ts";
import type { Writer } from "./writer.ts";

/** Applies an op with a `lane` rule, other than the conversions, to vectors. */
export function vectorOp(op: OpName, type: IrType, args: readonly Value[], w: Writer): Value {
  const { dtype } = args[0]!.type;
  if (op === "select") return select(type, args, w);
  if (dtype === "bool") return maskOp(op, type, args, w);
  const bits = laneBits(dtype);
  const odd = oddOps[op]?.(dtype, type, args, w);
  if (odd) return odd;
  const whole = bitTable[op];
  if (whole) return byPart(type, bits, args, (parts) => `(${whole} ${parts.join(" ")})`);
  const row = vectorTable[op];
  const suffix = row && cell(row, shapeOf(dtype));
  if (!suffix) return laneByLane(args, type, w, (lanes) => scalarOp(op, dtype, lanes, w));
  const name = `${shapeOf(dtype)}.${suffix.replace("?", signedness(dtype))}`;
  const flip = opInfo(op).band === "compare" && dtype === "u64" && op !== "eq" && op !== "ne";
  return byPart(type, bits, args, (parts) => {
    const plain = `(${name} ${(flip ? parts.map(signFlipped) : parts).join(" ")})`;
    return row.rounds ? roundVector(plain, dtype, w) : plain;
  });
}

function cell(row: VectorRow, shape: Shape): string | undefined {
  if (shape === "f32x4" || shape === "f64x2") return row.floats;
  const own = row[shape];
  return own === null ? undefined : (own ?? row.ints);
}

/** Applies a function to the first parts, the second parts, … of all operands. */
export function byPart(
  type: IrType,
  bits: LaneBits,
  args: readonly Value[],
  part: (parts: readonly string[]) => string,
): Value {
  return { type, bits, parts: args[0]!.parts.map((_, at) => part(args.map((arg) => arg.parts[at]!))) };
}

/** u64 order as i64 order. */
const signFlipped = (part: string): string =>
  `(v128.xor ${part} (v128.const i64x2 -9223372036854775808 -9223372036854775808))`;

/** Boolean logic on masks, at the lane width of the first operand that isn't constant. */
function maskOp(op: OpName, type: IrType, args: readonly Value[], w: Writer): Value {
  const lead = args.find((arg) => arg.constant === undefined && !arg.uniform) ?? args[0]!;
  const bits = lead.bits as LaneBits;
  const masks = args.map((arg) => maskAs(arg, bits, w));
  const xor = (parts: readonly string[]): string => `(v128.xor ${parts.join(" ")})`;
  if (op === "not") return byPart(type, bits, masks, ([a]) => `(v128.not ${a})`);
  if (op === "eq") return byPart(type, bits, masks, (parts) => `(v128.not ${xor(parts)})`);
  if (op === "ne") return byPart(type, bits, masks, xor);
  const whole = bitTable[op] ?? internalError("wasm", `no mask code for "${op}"`);
  return byPart(type, bits, masks, (parts) => `(${whole} ${parts.join(" ")})`);
}

function select(type: IrType, [condition, yes, no]: readonly Value[], w: Writer): Value {
  let [a, b] = [yes!, no!];
  if (type.dtype === "bool") {
    const lead = a.constant === undefined ? a : b.constant === undefined ? b : condition!;
    const bits = (lead.bits || a.bits) as LaneBits;
    a = maskAs(a, bits, w);
    b = maskAs(b, bits, w);
  }
  const bits = a.bits as LaneBits;
  if (condition!.type.lanes === 1) {
    const test = w.bind(condition!.parts[0]!, "i32");
    return byPart(type, bits, [a, b], ([x, y]) => `(select ${x} ${y} ${test})`);
  }
  const mask = maskAs(condition!, bits, w);
  return byPart(type, bits, [a, b, mask], ([x, y, m]) => `(v128.bitselect ${x} ${y} ${m})`);
}

type Odd = (dtype: Dtype, type: IrType, args: readonly Value[], w: Writer) => Value | undefined;

const wideExtreme =
  (op: "lt" | "gt"): Odd =>
  (dtype, type, args, w) => {
    if (shapeOf(dtype) !== "i64x2") return undefined;
    return byPart(type, 64, args, ([a, b]) => {
      const [x, y] = [w.bindVector(a!), w.bindVector(b!)];
      const [p, q] = dtype === "u64" ? [signFlipped(x), signFlipped(y)] : [x, y];
      return `(v128.bitselect ${x} ${y} (i64x2.${op}_s ${p} ${q}))`;
    });
  };

/**
 * Extremes of floats. Engines spend some eight instructions on NaN and the sign of zero; against a constant, one
 * comparison in the right order does: `pmax(x, c)` is `x < c ? c : x`, so a NaN in x comes through. Where x and c may be zeros
 * of different signs and the greater is wanted, adding 0 turns -0 into it.
 */
const extreme =
  (op: "min" | "max"): Odd =>
  (dtype, type, args, w) => {
    if (!isFloat(dtype)) return wideExtreme(op === "min" ? "lt" : "gt")(dtype, type, args, w);
    const [value, bound] = args[0]!.constant === undefined ? [args[0]!, args[1]!] : [args[1]!, args[0]!];
    const limit = bound.constant;
    if (limit === undefined || Number.isNaN(limit)) return undefined;
    const shape = shapeOf(dtype);
    const plain = byPart(
      type,
      laneBits(dtype),
      [value, bound],
      (parts) => `(${shape}.p${op} ${parts.join(" ")})`,
    );
    if (limit !== 0 || Object.is(limit, op === "min" ? 0 : -0)) return plain;
    if (op === "min") return undefined;
    return byPart(
      type,
      laneBits(dtype),
      [plain],
      ([part]) => `(${shape}.add ${part} ${splatConst(0, dtype, laneBits(dtype))})`,
    );
  };

/** A shift by one count for all lanes; counts that differ go lane by lane. */
const shift =
  (op: "shl" | "shr"): Odd =>
  (dtype, type, [value, count]) => {
    const known = count!.constant;
    const scalar = known !== undefined ? `(i32.const ${known})` : count!.uniform?.parts[0];
    if (scalar === undefined) return undefined;
    const wide = known === undefined && laneBits(dtype) === 64;
    const amount = wide ? `(i32.wrap_i64 ${scalar})` : scalar;
    const name = `${shapeOf(dtype)}.${op === "shl" ? "shl" : `shr_${signedness(dtype)}`}`;
    return byPart(type, laneBits(dtype), [value!], ([part]) => `(${name} ${part} ${amount})`);
  };

/** Division by a positive constant: by shifts, or in f64, whose quotients of 32-bit integers floor exactly. */
const divide =
  (op: "floordiv" | "mod"): Odd =>
  (dtype, type, [value, divisor], w) => {
    // Exactly: of 64 bits, a number beside a power of two is none.
    const exact = BigInt(divisor!.constant ?? 0);
    if (exact < 1n) return undefined;
    const bits = laneBits(dtype);
    const shape = shapeOf(dtype);
    if ((exact & (exact - 1n)) === 0n) {
      const mask = splatConst(bits === 64 ? exact - 1n : Number(exact - 1n), dtype, bits);
      const sign = signedness(dtype);
      return byPart(type, bits, [value!], ([part]) =>
        op === "mod"
          ? `(v128.and ${part} ${mask})`
          : `(${shape}.shr_${sign} ${part} (i32.const ${exact.toString(2).length - 1}))`,
      );
    }
    if (bits !== 32) return undefined;
    const by = Number(exact);
    return byPart(type, bits, [value!], ([part]) => {
      const source = w.bindVector(part!);
      const quotient = floorInDoubles(source, by, signedness(dtype), w);
      if (op === "floordiv") return quotient;
      return `(i32x4.sub ${source} (i32x4.mul ${quotient} ${splatConst(by, dtype, 32)}))`;
    });
  };

function floorInDoubles(source: string, by: number, sign: "s" | "u", w: Writer): string {
  const high = `(i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 ${source} ${source})`;
  const [low2, high2] = [source, high].map((pair) => {
    const quotient = `(f64x2.div (f64x2.convert_low_i32x4_${sign} ${pair}) (v128.const f64x2 ${by} ${by}))`;
    return w.bindVector(`(i32x4.trunc_sat_f64x2_${sign}_zero (f64x2.floor ${quotient}))`);
  });
  return `(i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ${low2} ${high2})`;
}

const oddOps: Readonly<Partial<Record<OpName, Odd>>> = {
  min: extreme("min"),
  max: extreme("max"),
  shl: shift("shl"),
  shr: shift("shr"),
  floordiv: divide("floordiv"),
  mod: divide("mod"),
  not: (dtype, type, args) => byPart(type, laneBits(dtype), args, ([a]) => `(v128.not ${a})`),
  abs: (dtype, type, args) => {
    if (isFloat(dtype)) return undefined;
    if (signedness(dtype) === "u") return args[0]!;
    return byPart(type, laneBits(dtype), args, ([a]) => `(${shapeOf(dtype)}.abs ${a})`);
  },
  mul: (dtype, type, args, w) => {
    if (shapeOf(dtype) !== "i8x16") return undefined;
    // Bytes multiply as 16-bit products, of which the low bytes are kept.
    return byPart(type, 8, args, ([a, b]) => {
      const [x, y] = [w.bindVector(a!), w.bindVector(b!)];
      const products = ["low", "high"].map((half) => `(i16x8.extmul_${half}_i8x16_u ${x} ${y})`);
      return narrowParts(products, 16, 16, w)[0]!;
    });
  },
  fma: (dtype, type, args, w) => {
    const shape = shapeOf(dtype);
    const relaxed = w.features.has("relaxed-simd") && !isHalf(dtype);
    return byPart(type, laneBits(dtype), args, ([a, b, c]) =>
      relaxed
        ? `(${shape}.relaxed_madd ${a} ${b} ${c})`
        : roundVector(`(${shape}.add (${shape}.mul ${a} ${b}) ${c})`, dtype, w),
    );
  },
  popcount: (dtype, type, args) => {
    const bits = laneBits(dtype);
    if (bits === 64) return undefined;
    return byPart(type, bits, args, ([a]) => {
      let count = `(i8x16.popcnt ${a})`;
      for (let width: LaneBits = 8; width < bits; width = (width * 2) as LaneBits)
        count = `(${intShape((width * 2) as LaneBits)}.extadd_pairwise_${intShape(width)}_u ${count})`;
      return count;
    });
  },
};
