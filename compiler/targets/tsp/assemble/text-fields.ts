// How a field of an instruction is written, and read back: "E[4:8]", "b0:0x010", "alu3", "f32". A stream group's length
// follows from the field's kind or from the element types that the instruction names.

import { stream, streamName, streamsOfSide, wordsOfBank } from "../machine/geometry.ts";
import { constantOperand, firstAlu, noResult, type FieldKind, type Fields } from "../machine/instruction.ts";
import { rowOf, type Op } from "../machine/table.ts";
import { types, widths } from "../machine/values.ts";
import { roundings } from "../machine/vxm.ts";

const planeTypes = ["i8", "f16"] as const;

/** Streams of a group that a field names, or undefined where the instruction's types must be known first. */
function groupLength(op: Op, name: string, { text, streams }: FieldKind, fields: Fields): number {
  if (streams) return streams;
  if (text === "sums") return 4;
  if (text === "typed stream") return fields["float"] ? 2 : 1;
  const vxm = rowOf(op).vxm!;
  const own = types[(fields["type"] ?? fields["from"])!]!;
  const result = vxm.gives === "to" ? types[fields["to"]!]! : (vxm.gives ?? own);
  return widths[text === "result" ? result : name === "y" && vxm.second ? vxm.second : own];
}

/** A field's text. */
export function fieldText(op: Op, name: string, kind: FieldKind, fields: Fields): string {
  const value = fields[name]!;
  switch (kind.text) {
    case "number":
      return String(value);
    case "hexadecimal":
      return `0x${value.toString(16).padStart(8, "0")}`;
    case "address":
      return addressText(value);
    case "type":
      return types[value]!;
    case "rounding":
      return roundings[value]!;
    case "float":
      return planeTypes[value]!;
    case "operand":
    case "result":
    case "sums":
      if (value === constantOperand && kind.text === "operand") return "const";
      if (value >= firstAlu) return kind.text === "operand" ? `alu${value - firstAlu}` : "none";
      return streamName(value, groupLength(op, name, kind, fields));
    default:
      return streamName(value, groupLength(op, name, kind, fields));
  }
}

/** What a field's text means, or why it means nothing. Types must come before the groups that depend on them. */
export function fieldValue(
  op: Op,
  name: string,
  kind: FieldKind,
  text: string,
  fields: Fields,
): number | string {
  const named = (list: readonly string[]): number | string => {
    const at = list.indexOf(text);
    return at < 0 ? `expected one of ${list.join(", ")}, not “${text}”` : at;
  };
  switch (kind.text) {
    case "number":
      return /^[+-]?\d+$/.test(text) ? Number(text) : `expected a number for \`${name}\`, not “${text}”`;
    case "hexadecimal":
      return /^(0x[\da-f]{1,8}|\d+)$/i.test(text) ? Number(text) : `expected a number, not “${text}”`;
    case "address":
      return addressValue(text) ?? `expected an address such as b0:0x010, not “${text}”`;
    case "type":
      return named(types);
    case "rounding":
      return named(roundings);
    case "float":
      return named(planeTypes);
    case "operand": {
      if (text === "const") return constantOperand;
      const alu = /^alu(\d+)$/.exec(text)?.[1];
      return alu === undefined ? groupValue(op, name, kind, text, fields) : firstAlu + Number(alu);
    }
    case "result":
    case "sums":
      return text === "none" ? noResult : groupValue(op, name, kind, text, fields);
    default:
      return groupValue(op, name, kind, text, fields);
  }
}

function groupValue(op: Op, name: string, kind: FieldKind, text: string, fields: Fields): number | string {
  const [, side, single, from, to] = /^([EW])(?:(\d+)|\[(\d+):(\d+)\])$/.exec(text) ?? [];
  if (!side) return `expected streams such as E5 or W[4:8], not “${text}”`;
  const first = Number(single ?? from);
  const count = single === undefined ? Number(to) - first : 1;
  const wanted = groupLength(op, name, kind, fields);
  if (first >= streamsOfSide) return `there is no stream ${side}${first}: they are numbered 0 to 31`;
  if (count !== wanted)
    return `\`${name}\` takes ${wanted} stream${wanted > 1 ? "s" : ""}, and “${text}” is ${count}`;
  return stream(side as "E" | "W", first);
}

export const addressText = (address: number): string =>
  `b${Math.floor(address / wordsOfBank)}:0x${(address % wordsOfBank).toString(16).padStart(3, "0")}`;

export function addressValue(text: string): number | undefined {
  const [, bank, word] = /^b(\d):(0x[\da-f]+|\d+)$/i.exec(text) ?? [];
  return bank === undefined ? undefined : Number(bank) * wordsOfBank + Number(word);
}
