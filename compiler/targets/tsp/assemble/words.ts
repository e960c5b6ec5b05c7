// An instruction as a 64-bit word: bits 63 … 48 the gap, 47 … 41 the row's number in the table, and from bit 0 up the row's
// fields in their order. Words are of our own making: the chip's real encodings are unpublished.

import { numberOf, ops, rowOf, type Instruction } from "../machine/table.ts";

export const largestGap = 0xffff;

/** Fields must be in range. */
export function encodeWord(gap: number, { op, fields }: Instruction): bigint {
  let word = (BigInt(gap) << 48n) | (BigInt(numberOf.get(op)!) << 41n);
  let at = 0n;
  for (const [name, { bits }] of Object.entries(rowOf(op).fields)) {
    word |= BigInt.asUintN(bits, BigInt((fields as Record<string, number>)[name]!)) << at;
    at += BigInt(bits);
  }
  return word;
}

/** The gap and the instruction, or why the word is none. */
export function decodeWord(
  word: bigint,
): { readonly gap: number; readonly instruction: Instruction } | string {
  const number = Number((word >> 41n) & 0x7fn);
  const op = ops[number];
  if (!op) return `there is no instruction number ${number}`;
  const fields: Record<string, number> = {};
  let rest = word & ((1n << 41n) - 1n);
  for (const [name, { bits, min, max }] of Object.entries(rowOf(op).fields)) {
    const raw = min < 0 ? Number(BigInt.asIntN(bits, rest)) : Number(BigInt.asUintN(bits, rest));
    if (raw < min || raw > max) return `\`${name}\` of \`${op}\` is ${raw}, and must be ${min} to ${max}`;
    fields[name] = raw;
    rest >>= BigInt(bits);
  }
  if (rest !== 0n) return `\`${op}\` leaves bits over that must be zero`;
  return { gap: Number(word >> 48n), instruction: { op, fields } as unknown as Instruction };
}
