// Where things are: slices, banks, streams, queues and their names, the line of stream registers and who sits at
// which of them, and what an ALU reaches. Numbers of the machine that are not delays.
//
// The registers of all streams stand in a line of 23, numbered from -11 to 11: the VXM at 0, MEM slices 4g … 4g + 3 of a
// hemisphere at ±(g + 1), and the SXM at ±11 beside the last group. The MXM lies behind the SXM: what it takes and gives
// passes the register ±11, `outward` cycles before and `inward` cycles after. Eastward streams move to higher numbers.

export const lanes = 320;
export const superlanes = 20;
export const lanesOfSuperlane = 16;

export type Side = "W" | "E";
export const sides: readonly Side[] = ["W", "E"];

// ---- memory --------------------------------------------------------------------------------------------------

export const slicesOfSide = 44;
export const banks = 2;
export const wordsOfBank = 4096;
/** The last words of bank 1 in every slice belong to the host, which keeps descriptors of transfers there (our choice). */
export const reservedWords = 16;
/** 13 bits: bank, then word. Instructions have 14, so that an address out of range can be written down and refused. */
export const addresses = banks * wordsOfBank;
export const addressOf = (bank: number, word: number): number => bank * wordsOfBank + word;
export const bankOf = (address: number): number => Math.floor(address / wordsOfBank);
export const wordOf = (address: number): number => address % wordsOfBank;
export const isReserved = (address: number): boolean =>
  address >= addresses - reservedWords && address < addresses;

// ---- streams -------------------------------------------------------------------------------------------------

export const streamsOfSide = 32;
/** Eastward streams are 0 … 31, westward ones 32 … 63: one number names direction and stream. */
export const streams = 2 * streamsOfSide;
export const stream = (side: Side, number: number): number => (side === "W" ? streamsOfSide : 0) + number;
export const isWestward = (id: number): boolean => id >= streamsOfSide;

/** "E5", or "E[4:8]" for a group of `count` streams that begins at `id`. */
export function streamName(id: number, count = 1): string {
  const number = id % streamsOfSide;
  const side = isWestward(id) ? "W" : "E";
  return count === 1 ? `${side}${number}` : `${side}[${number}:${number + count}]`;
}

// ---- positions -----------------------------------------------------------------------------------------------

export const slicesOfGroup = 4;
/** The outermost stream register of a hemisphere. */
export const edge = slicesOfSide / slicesOfGroup;

export const signOf = (side: Side): number => (side === "W" ? -1 : 1);
/** The stream register of a MEM slice. */
export const slicePosition = (side: Side, slice: number): number =>
  signOf(side) * (Math.floor(slice / slicesOfGroup) + 1);

/** Stream registers from `from` to `to` along a stream, negative if the stream flows the other way. */
export const hopsAlong = (id: number, from: number, to: number): number =>
  isWestward(id) ? from - to : to - from;

// ---- queues --------------------------------------------------------------------------------------------------

/** The units of an SXM, each with a queue for eastward and one for westward results. */
export const sxmUnits = ["D0", "D1", "D2", "D3", "T0", "T1", "P0"] as const;
export const alus = 16;
export const planes = 4;
export const planeParts = ["weights", "act", "acc"] as const;
export const links = 16;

export type Place =
  | { readonly kind: "mem"; readonly side: Side; readonly slice: number }
  | { readonly kind: "vxm"; readonly alu: number }
  /** `index` of `sxmUnits`; `toward` is the direction of its results. */
  | { readonly kind: "sxm"; readonly side: Side; readonly index: number; readonly toward: Side }
  /** Planes 0 and 1 are in the west, 2 and 3 in the east; `part` indexes `planeParts`. */
  | { readonly kind: "mxm"; readonly side: Side; readonly plane: number; readonly part: number }
  /** Links 0 … 7 are at the western edge, the others at the eastern one. */
  | { readonly kind: "c2c"; readonly side: Side; readonly link: number };

export interface Queue {
  /** Its number, the index in `queues`. */
  readonly id: number;
  readonly name: string;
  readonly place: Place;
  /** Its stream register; for the MXM the one its beats pass. */
  readonly position: number;
  /**
   * Its place in the line from west to east among all units, also those that share a register: twice the position, one
   * further out for an SXM and two for what lies behind it.
   */
  readonly rank: number;
}

/**
 * Whether a unit taps the beats that another one puts on a stream: those from upstream, and a MEM slice also those of
 * the slices in its group. Ranks are counted along the stream.
 */
export const sees = (tapping: number, putting: number, inMemory: boolean): boolean =>
  inMemory ? putting <= tapping : putting < tapping;
/** A rank counted along a stream. */
export const rankAlong = (id: number, rank: number): number => (isWestward(id) ? -rank : rank);
/** The stream register of a rank. */
export const registerOf = (rank: number): number => registers[rank + furthest]!;
const furthest = 2 * edge + 4;
/** By rank, from the westernmost on: asked for with each beat that is put or tapped. */
const registers = Int8Array.from({ length: 2 * furthest + 1 }, (_, at) => {
  const rank = at - furthest;
  return Math.sign(rank) * Math.min(Math.floor(Math.abs(rank) / 2), edge);
});

const depth: Readonly<Record<Place["kind"], number>> = { mem: 0, vxm: 0, sxm: 1, mxm: 2, c2c: 2 };

function allQueues(): readonly Queue[] {
  const found: Queue[] = [];
  const add = (name: string, place: Place, position: number): void => {
    const rank = 2 * position + Math.sign(position) * depth[place.kind];
    found.push({ id: found.length, name, place, position, rank });
  };
  for (const side of sides)
    for (let slice = 0; slice < slicesOfSide; slice++)
      add(`MEM.${side}.${slice}`, { kind: "mem", side, slice }, slicePosition(side, slice));
  for (let alu = 0; alu < alus; alu++) add(`VXM.${alu}`, { kind: "vxm", alu }, 0);
  for (const side of sides)
    for (const [index, unit] of sxmUnits.entries())
      for (const toward of sides)
        add(`SXM.${side}.${unit}.${toward}`, { kind: "sxm", side, index, toward }, signOf(side) * edge);
  for (let plane = 0; plane < planes; plane++)
    for (const [part, name] of planeParts.entries()) {
      const side = sides[plane >> 1]!;
      add(`MXM.${plane}.${name}`, { kind: "mxm", side, plane, part }, signOf(side) * edge);
    }
  for (let link = 0; link < links; link++) {
    const side = sides[link >> 3]!;
    add(`C2C.${link}`, { kind: "c2c", side, link }, signOf(side) * edge);
  }
  return found;
}

/** All queues: 88 MEM, 16 VXM, 28 SXM and 12 MXM, the 144 of the chip, and 16 for its links (our choice). */
export const queues: readonly Queue[] = allQueues();

const byName = new Map(queues.map((queue) => [queue.name, queue]));
export const queueNamed = (name: string): Queue | undefined => byName.get(name);

export const memQueue = (side: Side, slice: number): number => (side === "E" ? slicesOfSide : 0) + slice;
export const vxmQueue = (alu: number): number => 2 * slicesOfSide + alu;
const firstSxm = 2 * slicesOfSide + alus;
/** `unit` is an index of `sxmUnits`. */
export const sxmQueue = (side: Side, unit: number, toward: Side): number =>
  firstSxm + (side === "E" ? 2 * sxmUnits.length : 0) + 2 * unit + (toward === "E" ? 1 : 0);
const firstMxm = firstSxm + 4 * sxmUnits.length;
export const mxmQueue = (plane: number, part: (typeof planeParts)[number]): number =>
  firstMxm + plane * planeParts.length + planeParts.indexOf(part);
export const c2cQueue = (link: number): number => firstMxm + planes * planeParts.length + link;
export const planeSide = (plane: number): Side => sides[plane >> 1]!;

// ---- VXM -----------------------------------------------------------------------------------------------------

/** Groups of four streams; those that begin at streams 4g of either direction are group g. */
export const groups = streamsOfSide / 4;
export const groupOf = (id: number): number => (id % streamsOfSide) >> 2;

/** Whether an ALU reaches a stream: one in row r reaches groups 2r … 2r + 3, modulo 8, of both directions. */
export const reaches = (alu: number, id: number): boolean =>
  (groupOf(id) - 2 * (alu >> 2) + 2 * groups) % groups < 4;

/** The ALUs that reach all of some streams. */
export const alusReaching = (ids: readonly number[]): readonly number[] =>
  Array.from({ length: alus }, (_, alu) => alu).filter((alu) => ids.every((id) => reaches(alu, id)));
