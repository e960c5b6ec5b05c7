// What is taken when: reservation tables over queues and cycles, and over streams. A beat keeps its diagonal, the cycle in
// which it is at the VXM or would be; a stream's two halves, west and east of the VXM, are apart, since what an ALU gives
// replaces what came from the other side. Tables are bytes a cycle, grown as programs do.

import { queues, streams } from "./../machine/geometry.ts";

class Row {
  private bytes = new Uint8Array(256);

  has(at: number): boolean {
    return at < this.bytes.length && this.bytes[at] === 1;
  }

  set(at: number): void {
    if (at >= this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, at + 1));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[at] = 1;
  }
}

const rows = (count: number): readonly Row[] => Array.from({ length: count }, () => new Row());

export class Reservations {
  private readonly queue = rows(queues.length);
  private readonly west = rows(streams);
  private readonly east = rows(streams);

  /** Whether a queue issues nothing in a cycle. */
  idle(queue: number, cycle: number): boolean {
    return !this.queue[queue]!.has(cycle);
  }
  issue(queue: number, cycle: number): void {
    this.queue[queue]!.set(cycle);
  }

  /** Whether no beat is on a stream's half on this diagonal. */
  clear(id: number, half: "W" | "E", diagonal: number): boolean {
    return !(half === "W" ? this.west : this.east)[id]!.has(diagonal);
  }
  put(id: number, half: "W" | "E", diagonal: number): void {
    (half === "W" ? this.west : this.east)[id]!.set(diagonal);
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
