// What can be said of one instruction by itself: whether its queue takes it, its fields' ranges, addresses, the alignment
// of stream groups, and what a unit reaches.

import {
  addresses,
  groupOf,
  isReserved,
  isWestward,
  queues,
  reaches,
  streamName,
  wordsOfBank,
  type Place,
} from "./geometry.ts";
import type { FaultKind } from "./faults.ts";
import { constantOperand, firstAlu, noResult, type Fields, type StreamUse } from "./instruction.ts";
import { blocks } from "./mxm.ts";
import type { Delays } from "./profile.ts";
import { accepts, rowOf, type Instruction } from "./table.ts";
import { types, widths, type TspType } from "./values.ts";

export interface Invalid {
  readonly kind: FaultKind;
  readonly what: string;
}

/** What is wrong with an instruction in the queue with this number; the first thing found, or nothing. */
export function invalidity(queue: number, given: Instruction, delays: Delays): Invalid | undefined {
  const { op } = given;
  const fields: Fields = given.fields;
  const place = queues[queue]?.place;
  const row = rowOf(op);
  if (!place || !accepts(place, op))
    return { kind: "illegal", what: `\`${op}\` is no instruction of this queue` };
  for (const [name, { min, max }] of Object.entries(row.fields)) {
    const value = fields[name];
    if (value === undefined || !Number.isInteger(value) || value < min || value > max)
      return { kind: "illegal", what: `\`${name}\` of \`${op}\` is ${value}, and must be ${min} to ${max}` };
  }
  for (const [name, { text }] of Object.entries(row.fields))
    if (text === "address") {
      const wrong = badAddress(fields[name]!);
      if (wrong) return { kind: "address", what: wrong };
    }
  if (row.vxm) {
    const wrong = vxmInvalidity(place, given);
    if (wrong) return wrong;
  }
  const uses = [...row.taps(fields), ...row.gives(fields)];
  const unaligned = uses.find(({ first, count }) => first % alignment(count) !== 0);
  if (unaligned) return { kind: "misaligned", what: misaligned(unaligned) };
  if (place.kind === "mxm") {
    const wrong = planeInvalidity(place.plane, given, delays);
    if (wrong) return wrong;
  }
  return unreachable(place, row.taps(fields), row.gives(fields));
}

/** Why an address can't be used, if so. */
export function badAddress(address: number): string | undefined {
  if (address >= addresses)
    return `there is no word ${address}: a slice has ${addresses}, ${wordsOfBank} a bank`;
  return isReserved(address) ? `the word ${address} is reserved for the host` : undefined;
}

/** Why words of data, of an input or of an output can't lie where they are said to, if so. */
export function badRegion(queue: number, address: number, words: number): string | undefined {
  if (queues[queue]?.place.kind !== "mem") return `queue ${queue} has no memory`;
  if (address < 0 || address + words > addresses)
    return `${words} words from ${address} on do not fit a slice of ${addresses}`;
  return isReserved(address + words - 1)
    ? `the word ${address + words - 1} is reserved for the host`
    : undefined;
}

/** Streams that a group of so many must begin at a multiple of; nine rotations lie in a group of 16. */
export const alignment = (count: number): number => (count > 4 ? 16 : count);
const misaligned = ({ first, count }: StreamUse): string =>
  `${streamName(first, count)} does not begin at a multiple of ${alignment(count)}`;

function vxmInvalidity(place: Place, { op, fields: given }: Instruction): Invalid | undefined {
  const row = rowOf(op);
  const vxm = row.vxm!;
  const fields: Fields = given;
  const type: TspType = types[(fields["type"] ?? fields["from"])!]!;
  if (!vxm.types.includes(type)) return { kind: "illegal", what: `\`${op}\` does not exist for ${type}` };
  const operands = [fields["x"]!, ...(vxm.inputs === 2 ? [fields["y"]!] : [])];
  const at = place.kind === "vxm" ? place.alu : 0;
  for (const [index, each] of operands.entries()) {
    if (each >= firstAlu) continue;
    const width = index === 1 && vxm.second ? widths[vxm.second] : widths[type];
    if (each % width !== 0) return { kind: "misaligned", what: misaligned({ first: each, count: width }) };
    if (!reaches(at, each)) return { kind: "reach", what: `ALU ${at} does not reach ${streamName(each)}` };
  }
  const [x, y] = operands;
  if (y !== undefined && x! < 64 && y < 64 && groupOf(x!) === groupOf(y) && isWestward(x!) !== isWestward(y))
    return {
      kind: "reach",
      what: `an ALU can’t take both ${streamName(x!)} and ${streamName(y)}: they are one group from opposite directions`,
    };
  if (operands.every((each) => each === constantOperand) && operands.length === 2)
    return { kind: "illegal", what: "an ALU has one constant, so that both inputs can’t be one" };
  const out = fields["out"]!;
  if (out < noResult && !reaches(at, out))
    return { kind: "reach", what: `ALU ${at} does not reach ${streamName(out)}` };
  return undefined;
}

function planeInvalidity(
  plane: number,
  { op, fields: given }: Instruction,
  delays: Delays,
): Invalid | undefined {
  const fields: Fields = given;
  const { float, block, row } = fields;
  if (float === 1 && plane % 2 === 1)
    return { kind: "illegal", what: "an odd plane does no f16: the even one of its pair stands for both" };
  if (block !== undefined && block >= blocks(float!))
    return { kind: "illegal", what: `block ${block} is beyond the ${blocks(float!)} of a plane` };
  if (op === "acc" && row! >= delays.accumulatorRows)
    return {
      kind: "overflow",
      what: `row ${row} is beyond the ${delays.accumulatorRows} that the accumulators hold`,
    };
  return undefined;
}

/** Streams that don't pass the unit, or that it can't put anything on. */
function unreachable(
  place: Place,
  taps: readonly StreamUse[],
  gives: readonly StreamUse[],
): Invalid | undefined {
  const wrong = (use: StreamUse | undefined, what: string): Invalid | undefined =>
    use && { kind: "reach", what: `${streamName(use.first, use.count)} ${what}` };
  const flowsTo = ({ first }: StreamUse, side: "W" | "E"): boolean => isWestward(first) === (side === "W");
  if (place.kind === "mxm" || place.kind === "c2c") {
    const { side } = place;
    return (
      wrong(
        taps.find((use) => !flowsTo(use, side)),
        "flows away from here",
      ) ??
      wrong(
        gives.find((use) => flowsTo(use, side)),
        "leaves the chip here",
      )
    );
  }
  if (place.kind === "sxm")
    return wrong(
      gives.find((use) => !flowsTo(use, place.toward)),
      `is not for the queue of ${place.toward}`,
    );
  return undefined;
}
