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

/** The diagonals of one stream, each at its number modulo the ring's size. */
class Line {
  readonly diagonals: Float64Array;
  readonly ranks: Int8Array;
  readonly beats: (Beat | undefined)[];
  readonly tapped: Uint8Array;
  readonly later: (Later[] | undefined)[];

  constructor(size: number) {
    this.diagonals = new Float64Array(size).fill(-Infinity);
    this.ranks = new Int8Array(size);
    this.beats = Array.from<Beat | undefined>({ length: size });
    this.tapped = new Uint8Array(size);
    this.later = Array.from<Later[] | undefined>({ length: size });
  }
}

export class StreamLine {
  private readonly hop: number;
  private readonly mask: number;
  /** By stream; made when first used. */
  private readonly lines: (Line | undefined)[] = Array.from({ length: streams });

  /** `span` is the largest distance in cycles between a beat that is put and one that is tapped, beyond their hops. */
  constructor(hop: number, span: number) {
    let size = 64;
    while (size < span + 2 * edge * hop + 8) size *= 2;
    this.hop = hop;
    this.mask = size - 1;
  }

  private diagonal(id: number, rank: number, time: number): number {
    const register = registerOf(rank);
    return isWestward(id) ? time + this.hop * register : time - this.hop * register;
  }

  /** Puts a beat on a stream at a unit's register; false if another one is there in the same cycle. */
  put(id: number, rank: number, time: number, beat: Beat): boolean {
    const diagonal = this.diagonal(id, rank, time);
    const at = diagonal & this.mask;
    const line = (this.lines[id] ??= new Line(this.mask + 1));
    const along = rankAlong(id, rank);
    if (line.diagonals[at] !== diagonal) {
      line.diagonals[at] = diagonal;
      line.ranks[at] = along;
      line.beats[at] = beat;
      line.tapped[at] = 0;
      line.later[at] = undefined;
      return true;
    }
    const register = registerOf(along);
    const later = line.later[at] ?? [];
    if (registerOf(line.ranks[at]!) === register || later.some((each) => registerOf(each.rank) === register))
      return false;
    // Kept in the order of the flow; the first one's place is in the arrays.
    if (along < line.ranks[at]!) {
      later.push({ rank: line.ranks[at]!, beat: line.beats[at]!, tapped: line.tapped[at] === 1 });
      line.ranks[at] = along;
      line.beats[at] = beat;
      line.tapped[at] = 0;
    } else {
      later.push({ rank: along, beat, tapped: false });
    }
    line.later[at] = later.toSorted((a, b) => a.rank - b.rank);
    return true;
  }

  /** The beat on a stream at a unit's register, if there is one. */
  tap(id: number, rank: number, time: number, inMemory: boolean): Beat | undefined {
    const diagonal = this.diagonal(id, rank, time);
    const at = diagonal & this.mask;
    const line = this.lines[id];
    if (line?.diagonals[at] !== diagonal) return undefined;
    const along = rankAlong(id, rank);
    const later = line.later[at];
    if (later) {
      const nearest = later.findLast((each) => sees(along, each.rank, inMemory));
      if (nearest) {
        nearest.tapped = true;
        return nearest.beat;
      }
    }
    if (!sees(along, line.ranks[at]!, inMemory)) return undefined;
    line.tapped[at] = 1;
    return line.beats[at];
  }

  /** Streams with a beat that nobody has tapped and that hasn't left the chip at `time`, each with its register. */
  alive(time: number): readonly { readonly id: number; readonly register: number }[] {
    const found: { id: number; register: number }[] = [];
    for (const [id, line] of this.lines.entries())
      for (const [at, diagonal] of line?.diagonals.entries() ?? []) {
        const now = Math.floor((time - diagonal) / this.hop);
        if (diagonal === -Infinity || now > edge) continue;
        const entries = [
          { rank: line!.ranks[at]!, tapped: line!.tapped[at] === 1 },
          ...(line!.later[at] ?? []),
        ];
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
