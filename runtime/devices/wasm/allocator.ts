// Hands out parts of one growing memory: best fit, neighbours joined when they are given back. It knows numbers
// only; the memory grows through a callback. Blocks start at multiples of 64, and at least 64 bytes of the memory
// lie behind the last, since vector loads may read 16 bytes past the end. The first 64 KiB stay free: code may form
// addresses that far below a block before it adds a displacement.

const alignment = 64;
const lowest = 65536;

interface Block {
  start: number;
  size: number;
}

export class Allocator {
  /** Free blocks by address; no two touch. */
  private readonly free: Block[] = [];
  private readonly sizes = new Map<number, number>();
  private end: number;
  private readonly grow: (bytes: number) => number | undefined;
  /** Bytes handed out now. */
  used = 0;

  /** `grow(n)` makes the memory at least n bytes longer and gives its new length, or undefined if it can't. */
  constructor(length: number, grow: (bytes: number) => number | undefined) {
    this.grow = grow;
    this.end = lowest;
    this.extend(length);
  }

  /** The address of `bytes` bytes, or undefined if the memory can't grow so far. */
  allocate(bytes: number): number | undefined {
    const size = Math.max(Math.ceil(bytes / alignment), 1) * alignment;
    let at = this.bestFit(size);
    if (at < 0) {
      const last = this.free.at(-1);
      const reusable = last && last.start + last.size === this.end ? last.size : 0;
      const length = this.grow(size - reusable);
      if (length === undefined) return undefined;
      this.extend(length);
      at = this.bestFit(size);
      if (at < 0) return undefined;
    }
    const block = this.free[at]!;
    const start = block.start;
    if (block.size === size) this.free.splice(at, 1);
    else {
      block.start += size;
      block.size -= size;
    }
    this.sizes.set(start, size);
    this.used += size;
    return start;
  }

  /** Takes back what `allocate` gave. */
  release(start: number): void {
    const size = this.sizes.get(start);
    if (size === undefined) return;
    this.sizes.delete(start);
    this.used -= size;
    this.insert({ start, size });
  }

  private bestFit(size: number): number {
    let best = -1;
    for (let at = 0; at < this.free.length; at++) {
      const block = this.free[at]!;
      if (block.size >= size && (best < 0 || block.size < this.free[best]!.size)) best = at;
      if (block.size === size) break;
    }
    return best;
  }

  private extend(length: number): void {
    const end = Math.floor(length / alignment) * alignment - alignment;
    if (end <= this.end) return;
    const start = this.end;
    this.end = end;
    this.insert({ start, size: end - start });
  }

  private insert(block: Block): void {
    let low = 0;
    let high = this.free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.free[middle]!.start < block.start) low = middle + 1;
      else high = middle;
    }
    const before = this.free[low - 1];
    const after = this.free[low];
    const joinsBefore = before !== undefined && before.start + before.size === block.start;
    const joinsAfter = after !== undefined && block.start + block.size === after.start;
    if (joinsBefore) {
      before.size += block.size + (joinsAfter ? after.size : 0);
      if (joinsAfter) this.free.splice(low, 1);
    } else if (joinsAfter) {
      after.start = block.start;
      after.size += block.size;
    } else this.free.splice(low, 0, block);
  }
}
