// The op table of this target: each scalar op of the IR as a WGSL expression over operands that are already
// text. Operations that can leave the range of a narrow integer or of bf16 are brought back into it at once.

import { dtypeInfo, isFloat, type Dtype } from "../../../lang/dtypes.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { OpName } from "../../ir/ops.ts";
import type { HelperSet } from "./helpers.ts";
import { binary, call, primary, unary, type BinaryOperator, type Text } from "./text.ts";
import { bitcast, convert, saturate } from "./conversions.ts";
import { applyPairOp, isPair } from "./pairs.ts";
import { isNarrow, registerOf } from "./types.ts";
import { mask, wrap } from "./wrap.ts";

/** `operand` is the dtype of the (last) operand, `result` that of the op; they differ for few ops. */
export interface OpContext {
  readonly operand: Dtype;
  readonly result: Dtype;
  readonly helpers: HelperSet;
}

type Rule = (args: readonly Text[], cx: OpContext) => Text;

const infix =
  (sign: BinaryOperator): Rule =>
  ([a, b]) =>
    binary(sign, a!, b!);
const wrapped =
  (rule: Rule): Rule =>
  (args, cx) =>
    wrap(rule(args, cx), cx.result, cx.helpers);
const builtin =
  (name: string): Rule =>
  (args) =>
    call(name, ...args);
/** One rule for bool operands, another for integers. */
const byBool =
  (bool: Rule, integer: Rule): Rule =>
  (args, cx) =>
    (cx.operand === "bool" ? bool : integer)(args, cx);
/** Signed integers need a helper to floor; unsigned division does so by itself. */
const division =
  (sign: BinaryOperator, helper: "floor_div" | "floor_mod"): Rule =>
  ([a, b], cx) =>
    registerOf(cx.operand) === "u32" ? binary(sign, a!, b!) : call(cx.helpers.use(helper), a!, b!);
/** The shift count is a u32, whatever the type of what is shifted. */
const shift =
  (sign: "<<" | ">>"): Rule =>
  ([a, b], cx) =>
    binary(sign, a!, registerOf(cx.operand) === "u32" ? b! : shiftCount(b!));

function shiftCount(count: Text): Text {
  return /^\d+$/.test(count.text) ? primary(`${count.text}u`) : call("u32", count);
}

/** WGSL counts in 32 bits: narrow values are looked at without their sign, and the bits that aren't theirs subtracted. */
const countBits =
  (name: string, correct: (count: Text, bits: number, register: "i32" | "u32") => Text): Rule =>
  ([a], { operand }) => {
    const register = registerOf(operand) === "i32" ? "i32" : "u32";
    if (!isNarrow(operand)) return call(name, a!);
    const { bits } = dtypeInfo(operand);
    const ones = primary(register === "i32" ? `0x${(2 ** bits - 1).toString(16)}` : mask(bits).text);
    return correct(call(name, register === "i32" ? binary("&", a!, ones) : a!), bits, register);
  };
const number = (value: number, register: "i32" | "u32"): Text =>
  primary(register === "u32" ? `${value}u` : `${value}`);

const rules: Partial<Record<OpName, Rule>> = {
  add: wrapped(infix("+")),
  sub: wrapped(infix("-")),
  mul: wrapped(infix("*")),
  div: wrapped(infix("/")),
  floordiv: wrapped(division("/", "floor_div")),
  mod: division("%", "floor_mod"),
  min: builtin("min"),
  max: builtin("max"),
  neg: wrapped(([a], cx) =>
    registerOf(cx.operand) === "u32" ? binary("-", primary("0u"), a!) : unary("-", a!),
  ),
  abs: (args, cx) =>
    isNarrow(cx.operand) ? wrap(call("abs", args[0]!), cx.result, cx.helpers) : call("abs", args[0]!),
  fma: wrapped(builtin("fma")),
  sqrt: wrapped(builtin("sqrt")),
  floor: builtin("floor"),
  ceil: builtin("ceil"),
  trunc: builtin("trunc"),
  round: builtin("round"),
  and: byBool(infix("&&"), infix("&")),
  or: byBool(infix("||"), infix("|")),
  xor: byBool(infix("!="), infix("^")),
  not: byBool(
    ([a]) => unary("!", a!),
    // The complement of a signed narrow value is in range; that of an unsigned one has ones above it.
    (args, cx) => {
      const complement = unary("~", args[0]!);
      return registerOf(cx.operand) === "u32" ? wrap(complement, cx.result, cx.helpers) : complement;
    },
  ),
  shl: wrapped(shift("<<")),
  shr: shift(">>"),
  clz: countBits("countLeadingZeros", (count, bits, register) =>
    binary("-", count, number(32 - bits, register)),
  ),
  ctz: countBits("countTrailingZeros", (count, bits, register) => call("min", count, number(bits, register))),
  popcount: countBits("countOneBits", (count) => count),
  eq: infix("=="),
  // Compilers translate `!=` on floats so that NaN doesn't differ from numbers; not being equal, it does.
  ne: ([a, b], cx) => (isFloat(cx.operand) ? unary("!", binary("==", a!, b!)) : binary("!=", a!, b!)),
  lt: infix("<"),
  le: infix("<="),
  gt: infix(">"),
  ge: infix(">="),
  select: ([c, a, b]) => call("select", b!, a!, c!),
  convert: ([a], cx) => convert(a!, cx.operand, cx.result, cx.helpers),
  saturate: ([a], cx) => saturate(a!, cx.operand, cx.result, cx.helpers),
  bitcast: ([a], cx) => bitcast(a!, cx.operand, cx.result, cx.helpers),
};

/** A scalar op applied to operands. */
export function applyOp(name: OpName, args: readonly Text[], cx: OpContext): Text {
  if (name !== "convert" && name !== "bitcast" && isPair(cx.operand))
    return applyPairOp(name, args, cx.operand, cx.helpers);
  const rule = rules[name] ?? internalError("wgsl", `the op ${name} should have become scalar code`);
  return rule(args, cx);
}
