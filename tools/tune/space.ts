// The combinations of a kernel's lists of values, in an order that a seed gives, and the neighbours of one.

import { randomWords } from "../../runtime/random.ts";
import type { Knob } from "../../compiler/tuning/values.ts";
import type { Candidate } from "./candidate.ts";

/** What a search goes through. */
export interface Space {
  /** How many candidates there are; Infinity where nobody counts them. */
  readonly size: number;
  /** Each candidate once, in random order. */
  candidates(): Iterable<Candidate>;
  /** Candidates that differ from one in a single value. */
  neighbours(of: Candidate): readonly Candidate[];
}

/** The candidate with these values; knobs left out have their first one. */
export function candidateOf(knobs: readonly Knob[], values: Readonly<Record<string, string>>): Candidate {
  const full = Object.fromEntries(knobs.map(({ id, values: all }) => [id, values[id] ?? all[0]!]));
  const label = knobs
    .map(({ id, argument }) =>
      /^\d/.test(argument) ? `${nameOf(id)} ${full[id]}` : `${argument}=${full[id]}`,
    )
    .join(" ");
  return { key: JSON.stringify(full), label: label || "as written", values: full };
}

/** `@wasm.unroll(1)` is about unrolling. */
const nameOf = (id: string): string => /(\w+)\(/.exec(id)?.[1] ?? id;

/** The space of a kernel's knobs. */
export function valueSpace(knobs: readonly Knob[], seed: number): Space {
  const size = knobs.reduce((product, { values }) => product * values.length, 1);
  const at = (number: number): Candidate => {
    const values: Record<string, string> = {};
    let rest = number;
    for (const knob of knobs) {
      values[knob.id] = knob.values[rest % knob.values.length]!;
      rest = Math.floor(rest / knob.values.length);
    }
    return candidateOf(knobs, values);
  };
  return {
    size,
    *candidates() {
      for (const number of shuffled(size, seed)) yield at(number);
    },
    neighbours: ({ values }) =>
      knobs.flatMap((knob) =>
        knob.values
          .filter((value) => value !== values[knob.id])
          .map((value) => candidateOf(knobs, { ...values, [knob.id]: value })),
      ),
  };
}

/** Beyond so many, numbers are drawn; below, all of them are put into an order. */
const listed = 100_000;

/** The numbers below `size`, each once, in an order that the seed gives. */
export function* shuffled(size: number, seed: number): Iterable<number> {
  const word = randomWords(seed);
  const below = (limit: number): number => Math.floor((word() / 2 ** 32) * limit);
  if (size > listed) {
    const seen = new Set<number>();
    while (seen.size < listed) {
      const number = Math.floor(((word() * 2 ** 20 + (word() >>> 12)) / 2 ** 52) * size);
      if (seen.has(number)) continue;
      seen.add(number);
      yield number;
    }
    return;
  }
  const numbers = Array.from({ length: size }, (_, number) => number);
  for (let left = size; left > 0; left--) {
    const pick = below(left);
    yield numbers[pick]!;
    numbers[pick] = numbers[left - 1]!;
  }
}
