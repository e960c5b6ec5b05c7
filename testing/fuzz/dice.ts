// Seeded choices: everything that a fuzzed program is follows from one number.

import { generator } from "../equivalence.ts";

export class Dice {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = generator(seed);
    // Neighbouring seeds start alike.
    for (let n = 0; n < 4; n++) this.next();
  }

  /** An integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** Whether something happens that does so in `share` of all cases. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<V>(from: readonly V[]): V {
    const found = from[this.below(from.length)];
    if (found === undefined) throw new Error("nothing to choose from");
    return found;
  }

  /** One of several with weights. */
  weighted<V>(from: readonly (readonly [weight: number, value: V])[]): V {
    const total = from.reduce((sum, [weight]) => sum + weight, 0);
    let rest = this.next() * total;
    for (const [weight, value] of from) {
      rest -= weight;
      if (rest < 0) return value;
    }
    return from.at(-1)![1];
  }

  /** A few elements, in order. */
  some<V>(from: readonly V[], share: number): V[] {
    return from.filter(() => this.chance(share));
  }

  /** A 32-bit word. */
  word(): number {
    return Math.floor(this.next() * 2 ** 32) >>> 0;
  }
}
