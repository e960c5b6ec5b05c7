// Four bytes in a word, the first in the lowest bits: what a vector of four lanes of i8 or u8 is on this target. Sums of their
// products are the builtins of the language feature `packed_4x8_integer_dot_product` where a device has it.

import type { Dtype } from "../../../lang/dtypes.ts";
import type { Quads } from "../../passes/vectorize/pair-sums.ts";
import type { OpExpr } from "../../ir/ir.ts";
import type { Dots, HelperSet } from "./helpers.ts";
import { binary, call, primary, type Text } from "./text.ts";

/** The feature of WGSL that has products of four bytes. */
export const dotFeature = "packed_4x8_integer_dot_product";

/** How code for a device with such features multiplies bytes. */
export const dotsOf = (features: Iterable<string>): Dots =>
  [...features].includes(dotFeature) ? "native" : "unpacked";

/** Any four bytes, with the builtins or without. */
export const quads: Quads = { lanes: 4, take: () => true };

const isSigned = (dtype: Dtype): boolean => dtype === "i8";

/** A word of the same byte four times, known while compiling. */
export const wordOf = (value: number): Text =>
  primary(`0x${((value & 0xff) * 0x01010101).toString(16).padStart(8, "0")}u`);

/** A word of four lanes, or of one in all four. */
export const packed = (lanes: readonly Text[], dtype: Dtype, helpers: HelperSet): Text =>
  isSigned(dtype)
    ? call(helpers.use("pack_i8"), call("vec4<i32>", ...lanes))
    : call(helpers.use("pack_u8"), call("vec4<u32>", ...lanes));

/** The lanes of a word as numbers of 32 bits. */
export const unpacked = (word: Text, dtype: Dtype, helpers: HelperSet): Text =>
  call(helpers.use(isSigned(dtype) ? "unpack_i8" : "unpack_u8"), word);

/** One lane of a word; `lane` is its number, a literal or an i32. */
export function laneOfWord(word: Text, lane: Text, dtype: Dtype): Text {
  const number = /^\d$/.test(lane.text);
  const from = number ? primary(`${8 * Number(lane.text)}u`) : binary("<<", call("u32", lane), primary("3u"));
  return call("extractBits", isSigned(dtype) ? call("bitcast<i32>", word) : word, from, primary("8u"));
}

/** acc + Σ a[q] b[q] over the four bytes of two words. Bytes from 0 to 127 are the same with a sign and without. */
export function dotOfWords({ args, imm }: OpExpr, texts: readonly Text[], helpers: HelperSet): Text {
  const [a, b, sum] = texts as readonly [Text, Text, Text];
  const signs = args
    .slice(0, 2)
    .map(({ type }, at): boolean | undefined =>
      ((imm?.[0] ?? 0) >> at) & 1 ? undefined : isSigned(type.dtype),
    );
  const [first, second] = signs;
  const mixed = first !== undefined && second !== undefined && first !== second;
  const native = helpers.dots === "native";
  const product = mixed
    ? call(helpers.use(native ? "dot_u8_i8" : "unpacked_dot_u8_i8"), first ? b : a, first ? a : b)
    : (first ?? second ?? true)
      ? call(native ? "dot4I8Packed" : helpers.use("unpacked_dot_i8"), a, b)
      : call("bitcast<i32>", call(native ? "dot4U8Packed" : helpers.use("unpacked_dot_u8"), a, b));
  return binary("+", sum, product);
}
