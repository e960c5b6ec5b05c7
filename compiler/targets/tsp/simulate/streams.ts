// The stream registers, as the beats that move through them. A beat on an eastward stream keeps time - hop · position for
// ever, its diagonal; so each stream is a ring of diagonals, nothing is moved, and idle cycles cost nothing.

import { edge, isWestward, rankAlong, registerOf, sees, streams } from "../machine/geometry.ts";
import type { Beat } from "../machine/values.ts";

/** Beats put on a diagonal further downstream than the first. */
interface Later {
  readonly rank: number;
  readonly beat: Beat;
  tapped: boolean;
}

export class StreamLine {
  private readonly hop: number;
  private readonly mask: number;
  private readonly diagonals: Float64Array;
  private readonly ranks: Int8Array;
  private readonly beats: (Beat | undefined)[];
  private readonly tapped: Uint8Array;
  private readonly later: (Later[] | undefined)[];

  /** `span` is the largest distance in cycles between a beat that is put and one that is tapped, beyond their hops. */
  constructor(hop: number, span: number) {
    let size = 64;
    while (size < span + 2 * edge * hop + 8) size *= 2;
    this.hop = hop;
    this.mask = size - 1;
    this.diagonals = new Float64Array(streams * size).fill(-Infinity);
    this.ranks = new Int8Array(streams * size);
    this.beats = Array.from<Beat | undefined>({ length: streams * size });
    this.tapped = new Uint8Array(streams * size);
    this.later = Array.from<Later[] | undefined>({ length: streams * size });
  }

  private diagonal(id: number, rank: number, time: number): number {
    const register = registerOf(rank);
    return isWestward(id) ? time + this.hop * register : time - this.hop * register;
  }

  /** Puts a beat on a stream at a unit's register; false if another one is there in the same cycle. */
  put(id: number, rank: number, time: number, beat: Beat): boolean {
    const diagonal = this.diagonal(id, rank, time);
    const at = id * (this.mask + 1) + (diagonal & this.mask);
    const along = rankAlong(id, rank);
    if (this.diagonals[at] !== diagonal) {
      this.diagonals[at] = diagonal;
      this.ranks[at] = along;
      this.beats[at] = beat;
      this.tapped[at] = 0;
      this.later[at] = undefined;
      return true;
    }
    const register = registerOf(along);
    const later = this.later[at] ?? [];
    if (registerOf(this.ranks[at]!) === register || later.some((each) => registerOf(each.rank) === register))
      return false;
    // Kept in the order of the flow; the first one's place is in the arrays.
    if (along < this.ranks[at]!) {
      later.push({ rank: this.ranks[at]!, beat: this.beats[at]!, tapped: this.tapped[at] === 1 });
      this.ranks[at] = along;
      this.beats[at] = beat;
      this.tapped[at] = 0;
    } else {
      later.push({ rank: along, beat, tapped: false });
    }
    this.later[at] = later.toSorted((a, b) => a.rank - b.rank);
    return true;
  }

  /** The beat on a stream at a unit's register, if there is one. */
  tap(id: number, rank: number, time: number, inMemory: boolean): Beat | undefined {
    const diagonal = this.diagonal(id, rank, time);
    const at = id * (this.mask + 1) + (diagonal & this.mask);
    if (this.diagonals[at] !== diagonal) return undefined;
    const along = rankAlong(id, rank);
    const later = this.later[at];
    if (later) {
      const nearest = later.findLast((each) => sees(along, each.rank, inMemory));
      if (nearest) {
        nearest.tapped = true;
        return nearest.beat;
      }
    }
    if (!sees(along, this.ranks[at]!, inMemory)) return undefined;
    this.tapped[at] = 1;
    return this.beats[at];
  }

  /** Streams with a beat that nobody has tapped and that hasn't left the chip at `time`, each with its register. */
  alive(time: number): readonly { readonly id: number; readonly register: number }[] {
    const found: { id: number; register: number }[] = [];
    for (let at = 0; at < this.diagonals.length; at++) {
      const diagonal = this.diagonals[at]!;
      const now = Math.floor((time - diagonal) / this.hop);
      if (diagonal === -Infinity || now > edge) continue;
      const id = Math.floor(at / (this.mask + 1));
      const entries = [{ rank: this.ranks[at]!, tapped: this.tapped[at] === 1 }, ...(this.later[at] ?? [])];
      for (const [index, { rank, tapped }] of entries.entries()) {
        const next = entries[index + 1];
        const replaced = next !== undefined && registerOf(next.rank) <= now;
        if (!tapped && !replaced)
          found.push({
            id,
            register: isWestward(id) ? -Math.max(now, registerOf(rank)) : Math.max(now, registerOf(rank)),
          });
      }
    }
    return found;
  }
}
