// What is taken when: reservation tables over queues and cycles, and over streams. A beat keeps its diagonal, the cycle in
// which it is at the VXM or would be; a stream's two halves, west and east of the VXM, are apart, since what an ALU gives
// replaces what came from the other side. Tables are bytes a cycle, grown as programs do.

import { queues, streams } from "./../machine/geometry.ts";

/** The table of a stream's half, west or east of the VXM; a queue's is its number. */
export const tableOfStream = (id: number, half: "W" | "E"): number =>
  queues.length + (half === "W" ? 0 : streams) + id;

/** What a pattern takes at fixed distances from its start: tables, and the cycle in each. */
export interface Footprint {
  readonly tables: number[];
  readonly offsets: number[];
}

export class Reservations {
  private readonly tables = Array.from({ length: queues.length + 2 * streams }, () => new Uint8Array(256));

  has(table: number, at: number): boolean {
    return this.tables[table]![at] === 1;
  }

  set(table: number, at: number): void {
    const bytes = this.tables[table]!;
    if (at < bytes.length) {
      bytes[at] = 1;
      return;
    }
    const grown = new Uint8Array(Math.max(2 * bytes.length, at + 1));
    grown.set(bytes);
    grown[at] = 1;
    this.tables[table] = grown;
  }

  /** Whether nothing is in the way of a pattern. */
  free({ tables, offsets }: Footprint, start: number): boolean {
    for (let at = 0; at < tables.length; at++)
      if (this.tables[tables[at]!]![start + offsets[at]!] === 1) return false;
    return true;
  }

  /** Whether a queue issues nothing in a cycle. */
  idle(queue: number, cycle: number): boolean {
    return !this.has(queue, cycle);
  }

  /** Whether no beat is on a stream's half on this diagonal. */
  clear(id: number, half: "W" | "E", diagonal: number): boolean {
    return !this.has(tableOfStream(id, half), diagonal);
  }
  put(id: number, half: "W" | "E", diagonal: number): void {
    this.set(tableOfStream(id, half), diagonal);
  }
}

/**
 * The constants that ALUs hold over time. One that stays is set before its first use, behind all earlier ones;
 * where an ALU needs several in turn, each is set in the cycle before its use, every time.
 */
export class Constants {
  private readonly alus: { bits: number | undefined; from: number; last: number; turned: number }[];

  constructor(count: number) {
    this.alus = Array.from({ length: count }, () => ({ bits: undefined, from: -1, last: -1, turned: -1 }));
  }

  /** The first cycle in which an ALU may use a constant. */
  earliest(alu: number, bits: number, inTurn: boolean): number {
    const { bits: own, from, last, turned } = this.alus[alu]!;
    if (!inTurn && own === bits && turned < from) return from + 1;
    return (inTurn ? last : Math.max(last, turned)) + 2;
  }

  /**
   * The first cycle in which an ALU's register can be set so that it has a constant in a cycle; "nothing" if it has it, and
   * "never" if later uses are in the way.
   */
  need(alu: number, cycle: number, bits: number, inTurn: boolean): number | "nothing" | "never" {
    const { bits: own, from, last, turned } = this.alus[alu]!;
    if (inTurn) return cycle - 1 > last ? cycle - 1 : "never";
    if (own === bits && cycle > from && turned < from) return "nothing";
    const first = Math.max(last, turned) + 1;
    return first < cycle ? first : "never";
  }

  /** A use of a constant, which is set in the cycle `set` if it wasn't there. */
  use(alu: number, cycle: number, bits: number, inTurn: boolean, set: number | undefined): void {
    const own = this.alus[alu]!;
    if (inTurn) {
      own.turned = Math.max(own.turned, cycle);
      return;
    }
    own.last = Math.max(own.last, cycle);
    own.bits = bits;
    if (set !== undefined) own.from = set;
  }
}
