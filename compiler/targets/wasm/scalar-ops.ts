// Scalar operations: the table's rows, and the few that take more than one instruction. Arguments and results are
// normalised: narrow integers sign- or zero-extended in an i32, f16 and bf16 on their grid in an f32.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { dtypeInfo, isFloat, isWide, type Dtype } from "../../../lang/dtypes.ts";
import type { OpName } from "../../ir/ops.ts";
import { roundScalar } from "./half.ts";
import { scalarRep, signedness } from "./representation.ts";
import { scalarTable } from "./tables.ts";
import { constantOf, type Writer } from "./writer.ts";

/** Applies an op of bands arithmetic, float, bits or compare to scalars of one dtype. */
export function scalarOp(op: OpName, dtype: Dtype, args: readonly string[], w: Writer): string {
  const rep = scalarRep(dtype);
  const row = scalarTable[op];
  const suffix = isFloat(dtype) ? row?.float : row?.int;
  if (row && suffix !== undefined) {
    const plain = `(${rep}.${suffix.replace("?", signedness(dtype))} ${args.join(" ")})`;
    if (row.rounds) return isFloat(dtype) ? roundScalar(plain, dtype, w) : wrap(plain, dtype);
    return row.wraps ? wrap(plain, dtype) : plain;
  }
  const odd = oddOps[op];
  if (!odd) return internalError("wasm", `no scalar code for "${op}" on ${dtype}`);
  return odd(args, dtype, w);
}

/** Brings an i32 into the range of a narrower integer; wider types are left alone. */
export function wrap(value: string, dtype: Dtype): string {
  const { bits, kind } = dtypeInfo(dtype);
  if (bits >= 32 || kind === "float") return value;
  if (kind === "bool") return `(i32.and ${value} (i32.const 1))`;
  if (kind === "uint") return `(i32.and ${value} (i32.const ${2 ** bits - 1}))`;
  if (bits >= 8) return `(i32.extend${bits}_s ${value})`;
  return `(i32.shr_s (i32.shl ${value} (i32.const ${32 - bits})) (i32.const ${32 - bits}))`;
}

type Odd = (args: readonly string[], dtype: Dtype, w: Writer) => string;

const pick =
  (compare: "lt" | "gt"): Odd =>
  (args, dtype, w) => {
    const rep = scalarRep(dtype);
    const [a, b] = args.map((arg) => w.bind(arg, rep));
    return `(select ${a} ${b} (${rep}.${compare}_${signedness(dtype)} ${a} ${b}))`;
  };

/** The bits of a narrow integer as an unsigned number. */
const unsignedBits = (value: string, dtype: Dtype): string =>
  signedness(dtype) === "s" && dtypeInfo(dtype).bits < 32
    ? `(i32.and ${value} (i32.const ${2 ** dtypeInfo(dtype).bits - 1}))`
    : value;

const oddOps: Readonly<Partial<Record<OpName, Odd>>> = {
  min: pick("lt"),
  max: pick("gt"),
  neg: ([a], dtype) => wrap(`(${scalarRep(dtype)}.sub (${scalarRep(dtype)}.const 0) ${a})`, dtype),
  abs: ([a], dtype, w) => {
    if (signedness(dtype) === "u") return a!;
    const rep = scalarRep(dtype);
    const value = w.bind(a!, rep);
    const sign = w.bind(`(${rep}.shr_s ${value} (${rep}.const ${isWide(dtype) ? 63 : 31}))`, rep);
    return wrap(`(${rep}.sub (${rep}.xor ${value} ${sign}) ${sign})`, dtype);
  },
  fma: ([a, b, c], dtype, w) => {
    const rep = scalarRep(dtype);
    return roundScalar(`(${rep}.add (${rep}.mul ${a} ${b}) ${c})`, dtype, w);
  },
  not: ([a], dtype) => {
    if (dtype === "bool") return `(i32.eqz ${a})`;
    const rep = scalarRep(dtype);
    const { bits } = dtypeInfo(dtype);
    const mask = signedness(dtype) === "u" && bits < 32 ? 2 ** bits - 1 : -1;
    return `(${rep}.xor ${a} (${rep}.const ${mask}))`;
  },
  clz: ([a], dtype) => {
    const { bits } = dtypeInfo(dtype);
    const count = `(${scalarRep(dtype)}.clz ${unsignedBits(a!, dtype)})`;
    return bits < 32 ? `(i32.sub ${count} (i32.const ${32 - bits}))` : count;
  },
  ctz: ([a], dtype) => {
    const { bits } = dtypeInfo(dtype);
    return `(${scalarRep(dtype)}.ctz ${bits < 32 ? `(i32.or ${a} (i32.const ${2 ** bits}))` : a})`;
  },
  popcount: ([a], dtype) => `(${scalarRep(dtype)}.popcnt ${unsignedBits(a!, dtype)})`,
  floordiv: (args, dtype, w) => divide("floordiv", args, dtype, w),
  mod: (args, dtype, w) => divide("mod", args, dtype, w),
};

/**
 * Flooring division. By a positive constant, a negative dividend is complemented on the way in and out, so that
 * truncation floors; otherwise a helper sees to signs and to the one quotient that would trap.
 */
function divide(op: "floordiv" | "mod", args: readonly string[], dtype: Dtype, w: Writer): string {
  const rep = scalarRep(dtype);
  const [a, b] = args as [string, string];
  if (signedness(dtype) === "u") return `(${rep}.${op === "mod" ? "rem_u" : "div_u"} ${a} ${b})`;
  const divisor = constantOf(b);
  if (divisor === undefined || divisor < 1) return wrap(w.call(`${op}_${rep}`, a, b), dtype);
  const power = Math.log2(divisor);
  if (Number.isInteger(power))
    return op === "mod"
      ? `(i32.and ${a} (i32.const ${divisor - 1}))`
      : `(i32.shr_s ${a} (i32.const ${power}))`;
  const value = w.bind(a, rep);
  const sign = w.bind(`(i32.shr_s ${value} (i32.const 31))`, rep);
  const quotient = `(i32.xor (i32.div_u (i32.xor ${value} ${sign}) ${b}) ${sign})`;
  return op === "mod" ? `(i32.sub ${value} (i32.mul ${quotient} ${b}))` : quotient;
}
