// Candidate schedules of one perfectly nested band for vectors and caches, as directives: plain, vectors over a loop of the
// band or over its reduction, another loop order, register tiles, tiles for caches with staged operands, blocks for
// accesses that want opposite orders. Bounded: tiles for caches are tried for the best register tiles alone.

import type { Directive, LoopRef } from "../../ir/ir.ts";
import { bandOf } from "../band.ts";
import { planOf } from "../plan.ts";
import { BandFacts, type BandRequest } from "./band-facts.ts";
import { costOfBand, type Cost } from "./cost.ts";
import { movesLast } from "./subscripts.ts";
import { cacheTiles, inSteps, jammedTiles, paddedRows, registerTiles, strips } from "./tiles.ts";

export interface Candidate {
  readonly directives: readonly Directive[];
  /** Of all iterations of the band, in slots of the machine; see `cost.ts`. */
  readonly cost: Cost;
}

/** Register tiles for which tiles for caches are tried. */
const kept = 4;

/** All candidates of a band, the best first. */
export function bandCandidates(request: BandRequest): readonly Candidate[] {
  const { loop, known } = request;
  const facts = new BandFacts(request);
  const rated = (directives: readonly Directive[]): Candidate => {
    const plan = planOf(directives);
    return { directives, cost: costOfBand(bandOf(loop, plan), plan, known) };
  };
  const byCost = (a: Candidate, b: Candidate): number => a.cost.total - b.cost.total;
  const first = [...simple(facts), ...blocks(facts), ...strips(facts), ...facts.reductionVectors()].map(
    rated,
  );
  const tiles = [...registerTiles(facts), ...jammedTiles(facts)]
    .map((tile) => ({ tile, candidate: rated(tile.directives) }))
    .toSorted((a, b) => byCost(a.candidate, b.candidate));
  const staged = tiles.slice(0, kept).flatMap(({ tile }) => cacheTiles(facts, tile).map(rated));
  // Guards, which these are rid of, say nothing of the tile.
  const padded = tiles.flatMap(({ tile }) => paddedRows(facts, tile).map(rated));
  const whole = [...tiles.map(({ candidate }) => candidate), ...staged, ...padded].toSorted(byCost);
  // A step of a register tile is short, so its loop is felt.
  const steps = whole.slice(0, kept).flatMap(({ directives }) => inSteps(facts, directives).map(rated));
  const all = [...first, ...whole, ...steps].toSorted(byCost);
  return all.map((each) => ({ ...each, directives: facts.withSharing(each.directives) }));
}

/** As it is, and vectors over one loop of the band, moved inside where it isn't. */
export function simple(facts: BandFacts): Directive[][] {
  const found: Directive[][] = [[...facts.unrolledReductions()]];
  if (facts.unrolledReductions().length > 0) found.push([]);
  for (const loop of facts.vectorAxes) {
    const last = facts.axes.at(-1) === loop;
    if (!last && !(facts.plain && facts.axes.every(facts.independent))) continue;
    const order = facts.axes.filter((each) => each !== loop).concat(loop);
    for (const width of facts.widths) {
      if (width > 2 * facts.trips(loop)) continue;
      const vector = facts.vectorized(loop, width);
      const inner: Directive[] = last
        ? []
        : [{ kind: "order", loops: order.map((each) => ({ loop: each })) }];
      found.push([...inner, ...facts.unrolledReductions(), vector]);
    }
  }
  return found;
}

/** Blocks of two loops that move two accesses along rows, each its own: a transpose. */
export function blocks(facts: BandFacts): Directive[][] {
  if (!facts.plain || !facts.axes.every(facts.independent)) return [];
  const found: Directive[][] = [];
  const [outer, inner] = [facts.axes.at(-2), facts.axes.at(-1)];
  if (outer === undefined || inner === undefined) return [];
  const rows = facts.accesses.some((access) => movesLast(access, outer));
  const columns = facts.accesses.some((access) => movesLast(access, inner));
  if (!rows || !columns || facts.band.reductionAxes.length > 0) return [];
  for (const a of [8, 16, 32, 64])
    for (const b of [8, 16, 32, 64, 256]) {
      if (a >= 2 * facts.trips(outer) || b >= 2 * facts.trips(inner)) continue;
      const tile: Directive = {
        kind: "tile",
        sizes: [
          { loop: outer, sizes: [a] },
          { loop: inner, sizes: [b] },
        ],
      };
      const rest = facts.axes.slice(0, -2).map((loop): LoopRef => ({ loop }));
      const at = (loop: string): LoopRef => ({ loop, level: 0 });
      found.push([tile]);
      const pairs: readonly (readonly [string, string])[] = [
        [outer, inner],
        [inner, outer],
      ];
      for (const [first, second] of pairs)
        for (const [before, last] of pairs)
          if (first !== outer || last !== inner)
            found.push([
              tile,
              { kind: "order", loops: [...rest, at(first), at(second), { loop: before }, { loop: last }] },
            ]);
    }
  return found;
}
