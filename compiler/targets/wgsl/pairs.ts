// Integers of 64 bits, which WGSL doesn't have, as pairs of words, the lower one first: as much of them as tensors of indices need.
// They are moved, compared, added, subtracted and converted, exactly; all else is refused, since it would be slow in silence.

import { dtypeInfo, isFloat, type Dtype } from "../../../lang/dtypes.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { OpExpr, Scalar } from "../../ir/ir.ts";
import type { OpName } from "../../ir/ops.ts";
import type { HelperSet } from "./helpers.ts";
import { binary, call, primary, unary, type Text } from "./text.ts";

export const isPair = (dtype: Dtype): boolean => dtype === "i64" || dtype === "u64";

/** Ops that lanes are moved by; they are taken apart before emission. */
const moving: ReadonlySet<OpName> = new Set<OpName>(["splat", "vec", "lane"]);
const computing: ReadonlySet<OpName> = new Set<OpName>([
  "add",
  "sub",
  "neg",
  "and",
  "or",
  "xor",
  "not",
  "eq",
  "ne",
  "lt",
  "le",
  "gt",
  "ge",
  "select",
]);

/** Whether an op with operands or a result of 64 bits can be carried out. */
export function hasPairOp({ op, args, type }: OpExpr): boolean {
  const dtypes = [type.dtype, ...args.map((arg) => arg.type.dtype)];
  if (op === "convert") return !dtypes.some((dtype) => isFloat(dtype));
  if (op === "bitcast") return dtypes.every(isPair);
  return moving.has(op) || computing.has(op);
}

export function pairLiteral(value: Scalar): Text {
  const bits = BigInt.asUintN(64, BigInt(value));
  return pair(primary(`${bits & 0xffffffffn}u`), primary(`${bits >> 32n}u`));
}

const pair = (low: Text, high: Text): Text => call("vec2<u32>", low, high);

/** An op on such integers, for operands that are text already. */
export function applyPairOp(op: OpName, args: readonly Text[], dtype: Dtype, helpers: HelperSet): Text {
  const [a, b] = args as readonly [Text, Text];
  const less = (left: Text, right: Text): Text =>
    call(helpers.use(dtype === "i64" ? "i64_less" : "u64_less"), left, right);
  switch (op) {
    case "add":
      return call(helpers.use("pair_add"), a, b);
    case "sub":
      return call(helpers.use("pair_sub"), a, b);
    case "neg":
      return call(helpers.use("pair_sub"), pairLiteral(0n), a);
    case "and":
      return binary("&", a, b);
    case "or":
      return binary("|", a, b);
    case "xor":
      return binary("^", a, b);
    case "not":
      return unary("~", a);
    case "eq":
      return call("all", binary("==", a, b));
    case "ne":
      return call("any", binary("!=", a, b));
    case "lt":
      return less(a, b);
    case "gt":
      return less(b, a);
    case "ge":
      return unary("!", less(a, b));
    case "le":
      return unary("!", less(b, a));
    case "select":
      return call("select", args[2]!, b, a);
    default:
      return internalError("wgsl", `the op ${op} of ${dtype} should have been refused`);
  }
}

/** From a bool or an integer of at most 32 bits, held in `register`. */
export function toPair(value: Text, register: "i32" | "u32" | "bool", helpers: HelperSet): Text {
  if (register === "i32") return call(helpers.use("pair_from_i32"), value);
  return pair(register === "bool" ? call("u32", value) : value, primary("0u"));
}

/** The lower word as a u32, which is what an integer wraps to. */
export function lowWord(value: Text): Text {
  return primary(`${value.level === "primary" ? value.text : `(${value.text})`}.x`);
}

/** What is said of a kernel that needs more of such integers. */
export function pairNotes(dtype: Dtype): readonly string[] {
  const small = dtypeInfo(dtype).kind === "int" ? "i32" : "u32";
  return [
    `WGSL’s widest integers have 32 bits; those of 64 are only moved, compared, added, subtracted and converted: \`${small}(…)\` first, where values fit`,
  ];
}
