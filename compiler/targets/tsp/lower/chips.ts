// C = A · B over several chips in a line: each has some columns of B and gives those of C; A begins on the first chip. It
// sends A's words eastward over eight links; on every further chip they flow through from west to east, slices write them
// as they pass, and the eastern links send them on, so that forwarding costs a chip nothing. Then all multiply.

import { c2cQueue, edge, lanes, links, queues, stream, streamsOfSide } from "../machine/geometry.ts";
import { delaysOf, type Profile } from "../machine/profile.ts";
import { programBuilder, type Program, type ProgramBuilder } from "../machine/program.ts";
import { instruction } from "../machine/table.ts";
import type { Beat } from "../machine/values.ts";
import type { Cable } from "../simulate/index.ts";
import {
  beatsOfA,
  beatsOfB,
  emitMatmul,
  planned,
  valuesOfC,
  wordsOfA,
  type MatmulShape,
  type Plan,
} from "./matmul.ts";

export interface ChipsMatmul {
  readonly programs: readonly Program[];
  readonly cables: readonly Cable[];
  /** For each chip, from dense row-major values. */
  inputs(a: ArrayLike<number>, b: ArrayLike<number>): readonly Record<string, readonly Beat[]>[];
  /** C from each chip's words of the output `c`. */
  output(words: readonly (readonly Beat[])[]): Float64Array;
}

const perSide = links / 2;

/** Programs for `chips` chips, or why there are none. Columns are dealt out in tiles of 320. */
export function chipsMatmul(profile: Profile, shape: MatmulShape, chips: number): ChipsMatmul | string {
  const columns = Math.ceil(Math.ceil(shape.n / lanes) / chips) * lanes;
  const plans: Plan[] = [];
  for (let chip = 0; chip < chips; chip++) {
    const n = Math.min(columns, shape.n - chip * columns);
    if (n <= 0) return `${shape.n} columns are not enough for ${chips} chips`;
    const plan = planned(profile, { ...shape, n });
    if (typeof plan === "string") return plan;
    plans.push(plan);
  }
  const programs = plans.map((plan, chip) => chipProgram(profile, plan, chip, chips));
  const cables = plans.slice(1).flatMap((_, chip) =>
    Array.from({ length: perSide }, (_, link): Cable => [
      { chip, link: perSide + link },
      { chip: chip + 1, link },
    ]),
  );
  return {
    programs,
    cables,
    inputs: (a, b) =>
      plans.map((plan, chip) => {
        const { k, n } = plan.shape;
        const own = new Float64Array(k * n);
        for (let row = 0; row < k; row++)
          for (let column = 0; column < n; column++)
            own[row * n + column] = b[row * shape.n + chip * columns + column]!;
        return { ...(chip === 0 && { a: beatsOfA(plan, a) }), b: beatsOfB(plan, own) };
      }),
    output: (words) => {
      const found = new Float64Array(shape.m * shape.n);
      for (const [chip, plan] of plans.entries()) {
        const { n } = plan.shape;
        const own = valuesOfC(plan, words[chip]!);
        for (let row = 0; row < shape.m; row++)
          found.set(own.subarray(row * n, (row + 1) * n), row * shape.n + chip * columns);
      }
      return found;
    },
  };
}

/** Runs of A's words by link, one behind the other. */
interface Sent {
  readonly queue: number;
  readonly address: number;
  readonly words: number;
  readonly link: number;
  /** Its first word's number on the link. */
  readonly first: number;
}

function sentWords(plan: Plan): { readonly runs: readonly Sent[]; readonly longest: number } {
  const used = Array.from({ length: perSide }, () => 0);
  const byQueue = new Map<number, number>();
  const runs = wordsOfA(plan).map(({ queue, address, words }): Sent => {
    // A slice keeps to one link, or it would be read twice in one cycle.
    const link = byQueue.get(queue) ?? used.indexOf(Math.min(...used));
    byQueue.set(queue, link);
    used[link]! += words;
    return { queue, address, words, link, first: used[link]! - words };
  });
  return { runs, longest: Math.max(...used) };
}

function chipProgram(profile: Profile, plan: Plan, chip: number, chips: number): Program {
  const builder = programBuilder(profile);
  const delays = delaysOf(profile);
  const { runs, longest } = sentWords(plan);
  // When the first word is at the eastern links of the first chip; then one crossing a chip.
  const first = delays.read + 2 * edge * delays.hop + delays.outward + 1;
  const crossing = delays.read + delays.inward + 2 * edge * delays.hop + delays.outward;
  const sends = first + chip * (delays.link + crossing);
  const receives = sends - crossing;
  const id = (link: number): number => stream("E", streamsOfSide - perSide + link);
  const toEast = (queue: number): number => delays.hop * (edge - queues[queue]!.position);
  for (const { queue, address, words, link, first: number } of chips > 1 ? runs : []) {
    const atEdge = sends + number - delays.outward;
    if (chip === 0) {
      const read = instruction("read", { a: address, s: id(link) });
      builder.repeated(atEdge - toEast(queue) - delays.read, queue, read, words, { step: 1 });
    } else {
      const write = instruction("write", { s: id(link), a: address });
      builder.repeated(atEdge - toEast(queue), queue, write, words, { step: 1 });
    }
  }
  if (chips > 1) linksOf(builder, runs, { sends, receives, chip, chips, id });
  const arrived = sends - delays.outward + longest + delays.write;
  emitMatmul(builder, plan, chips > 1 ? arrived : 0, chip === 0);
  return builder.finish();
}

function linksOf(
  builder: ProgramBuilder,
  runs: readonly Sent[],
  {
    sends,
    receives,
    chip,
    chips,
    id,
  }: { sends: number; receives: number; chip: number; chips: number; id: (link: number) => number },
): void {
  for (let link = 0; link < perSide; link++) {
    const words = runs.filter((each) => each.link === link).reduce((sum, each) => sum + each.words, 0);
    if (words === 0) continue;
    const s = id(link);
    if (chip > 0) {
      builder.at(0, c2cQueue(link), instruction("deskew", {}));
      builder.repeated(receives, c2cQueue(link), instruction("receive", { s }), words);
    }
    if (chip < chips - 1) {
      builder.at(0, c2cQueue(perSide + link), instruction("deskew", {}));
      builder.repeated(sends, c2cQueue(perSide + link), instruction("send", { s }), words);
    }
  }
}
