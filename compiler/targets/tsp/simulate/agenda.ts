// Who has a turn in which cycle: a ring of lists for the cycles ahead, a sorted list of those further off.

const span = 256;

export class Agenda {
  private readonly ring: number[][] = Array.from({ length: span }, () => []);
  /** Entries in the ring. */
  private near = 0;
  /** A heap of [time, id] by time. */
  private readonly far: (readonly [number, number])[] = [];
  private now = 0;
  private spare: number[] = [];

  add(time: number, id: number): void {
    if (time < this.now + span) {
      this.ring[time % span]!.push(id);
      this.near += 1;
    } else {
      this.push([time, id]);
    }
  }

  /** The earliest cycle with an entry; infinite if there is none. */
  get next(): number {
    if (this.near === 0) return this.far[0]?.[0] ?? Infinity;
    while (this.ring[this.now % span]!.length === 0) this.step(this.now + 1);
    return this.now;
  }

  /** Takes the entries of the next cycle: a list that stands until the next is taken. */
  take(): readonly number[] {
    const time = this.next;
    if (time > this.now) this.step(time);
    const found = this.ring[time % span]!;
    // The list of the cycle before is done with: it becomes that of a cycle far ahead.
    this.spare.length = 0;
    this.ring[time % span] = this.spare;
    this.spare = found;
    this.near -= found.length;
    this.step(time + 1);
    return found;
  }

  /** Moves on; entries that are near by now go to the ring. */
  private step(time: number): void {
    this.now = time;
    while (this.far.length > 0 && this.far[0]![0] < time + span) {
      const [at, id] = this.pop();
      this.ring[at % span]!.push(id);
      this.near += 1;
    }
  }

  private push(entry: readonly [number, number]): void {
    const { far } = this;
    let at = far.length;
    far.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (far[parent]![0] <= entry[0]) break;
      far[at] = far[parent]!;
      at = parent;
    }
    far[at] = entry;
  }

  private pop(): readonly [number, number] {
    const { far } = this;
    const first = far[0]!;
    const last = far.pop()!;
    if (far.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= far.length) break;
      if (child + 1 < far.length && far[child + 1]![0] < far[child]![0]) child += 1;
      if (far[child]![0] >= last[0]) break;
      far[at] = far[child]!;
      at = child;
    }
    far[at] = last;
    return first;
  }
}
