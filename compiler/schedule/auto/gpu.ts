// Candidate schedules of a band for workgroups: an invocation an element, lanes along a reduction, tiles of a workgroup whose
// operands are staged and whose invocations hold tiles of registers. Costs are loads from memory, as neighbours among
// invocations make them, and from what a workgroup shares, where the GPU is full; where it isn't, in proportion more.

import type { Directive, LoopRef } from "../../ir/ir.ts";
import { BandFacts, type BandRequest } from "./band-facts.ts";
import type { Candidate } from "./candidates.ts";
import { strideOf, type Subscripts } from "./subscripts.ts";

/** Invocations that keep a GPU busy, and what a transaction fetches, in elements of 32 bits. */
const full = 8192;
const transaction = 16;
/** Loads from workgroup memory, in loads from memory by neighbours; a tree over a workgroup. */
const shared = 0.15;
const tree = 200;
/** Edges of a workgroup's tile and of an invocation's, largest first: 256, 64 and 64 invocations. */
const tiles = [
  [64, 4],
  [32, 4],
  [16, 2],
] as const;

/** All candidates of a band, the best first. */
export function gpuCandidates(request: BandRequest): readonly Candidate[] {
  const facts = new BandFacts(request);
  const found = request.shared
    ? [...elementwise(facts), ...alongReductions(facts), ...tiled(facts)]
    : lanes(facts);
  return [...found, candidate([], Infinity)].toSorted((a, b) => a.cost.total - b.cost.total);
}

function candidate(directives: readonly Directive[], total: number): Candidate {
  return { directives, cost: { work: 0, loops: 0, waiting: 0, spills: 0, memory: total, total } };
}

/** Inside of a shared nest, neighbours are lanes, which are the invocations of a workgroup. */
function lanes(facts: BandFacts): Candidate[] {
  const last = facts.axes.at(-1)!;
  // Invocations that a check may stop would keep the others waiting.
  if (!facts.vectorAxes.includes(last) || facts.request.checked) return [];
  return [candidate([{ kind: "vectorize", loops: [{ loop: last }], tail: "mask" }], 1)];
}

/** Loops that may be shared, outermost first, a loop that moves along rows last. */
function sharedLoops(
  facts: BandFacts,
): { readonly loops: readonly string[]; readonly order: readonly string[] } | undefined {
  const own = facts.axes.filter((loop) => facts.independent(loop) && facts.hostKnows(facts.loopOf(loop)));
  if (own.length === 0) return undefined;
  const row = own.findLast((loop) => facts.vectorAxes.includes(loop));
  const loops = row === undefined ? own : [...own.filter((loop) => loop !== row), row];
  return { loops, order: [...loops, ...facts.axes.filter((loop) => !loops.includes(loop))] };
}

/** An invocation for each iteration of all loops that may be shared. */
function elementwise(facts: BandFacts): Candidate[] {
  const found = sharedLoops(facts);
  if (!found) return [];
  const { loops, order } = found;
  const same = order.every((loop, at) => loop === facts.axes[at]);
  if (!same && !facts.plain) return inOrder(facts);
  const refs = (names: readonly string[]): LoopRef[] => names.map((loop) => ({ loop }));
  const directives: Directive[] = [
    ...(same ? [] : [{ kind: "order", loops: refs(order) } as const]),
    { kind: "parallel", loops: refs(loops) },
  ];
  return [
    candidate(directives, invocationCost(facts, loops, loops.at(-1)!)),
    ...(same ? [] : inOrder(facts)),
  ];
}

/** The outermost loops alone, as they stand. */
function inOrder(facts: BandFacts): Candidate[] {
  const first = facts.axes.findIndex(
    (loop) => !facts.independent(loop) || !facts.hostKnows(facts.loopOf(loop)),
  );
  const loops = first < 0 ? facts.axes : facts.axes.slice(0, first);
  if (loops.length === 0) return [];
  const refs = loops.map((loop) => ({ loop }));
  return [candidate([{ kind: "parallel", loops: refs }], invocationCost(facts, loops, loops.at(-1)!))];
}

function invocationCost(facts: BandFacts, loops: readonly string[], lane: string): number {
  const invocations = product(facts, loops);
  return steps(facts) * loads(facts, lane) * Math.max(full / Math.max(invocations, 1), 1);
}

/** A workgroup for each row, its invocations along the reduction, and a tree. */
function alongReductions(facts: BandFacts): Candidate[] {
  const found = sharedLoops(facts);
  const vectors = facts.reductionVectors();
  const innermost = facts.band.reductionAxes.at(-1)?.loop.name;
  if (!found || vectors.length === 0 || innermost === undefined || found.loops.length < facts.axes.length)
    return [];
  const parallel: Directive = { kind: "parallel", loops: facts.axes.map((loop) => ({ loop })) };
  const along: Directive[] = vectors[0]!.map((each) =>
    each.kind === "vectorize" ? { kind: "vectorize", loops: each.loops, tail: "mask" } : each,
  );
  const rows = product(facts, facts.axes);
  const busy = Math.max(full / Math.max(rows * 128, 1), 1);
  return [candidate([parallel, ...along], (steps(facts) * loads(facts, innermost) + rows * tree) * busy)];
}

/** Tiles of a workgroup: operands staged, accumulators in the registers of its invocations. */
function tiled(facts: BandFacts): Candidate[] {
  const reductions = facts.band.reductionAxes.map(({ loop }) => loop.name);
  // The longest is taken in steps, each of which is copied; the others, such as those over a window, run around it.
  const most = Math.max(...reductions.map((loop) => facts.trips(loop)));
  const reduction = reductions.find((loop) => facts.trips(loop) === most);
  const column = facts.vectorAxes.at(-1);
  if (reduction === undefined || !facts.plain || column === undefined || !facts.axes.every(facts.independent))
    return [];
  const rows = facts.axes.filter((loop) => loop !== column && facts.apart(loop, column));
  const found: Candidate[] = [];
  for (const row of rows)
    for (const [edge, own] of tiles) {
      if (facts.trips(row) < edge / 2 || facts.trips(column) < edge / 2) continue;
      const depth = facts.trips(reduction) >= 32 ? 16 : undefined;
      const operands =
        depth === undefined
          ? []
          : [...new Set([...facts.operands(), ...facts.guarded()])].filter((name) =>
              facts.movedBy(name, reduction),
            );
      found.push(
        candidate(
          tileOf(facts, row, column, edge, own, reduction, depth, operands),
          tileCost(facts, row, column, edge, own, operands.length > 0),
        ),
      );
    }
  return found;
}

function tileOf(
  facts: BandFacts,
  row: string,
  column: string,
  edge: number,
  own: number,
  inner: string,
  depth: number | undefined,
  operands: readonly string[],
): Directive[] {
  const pair = facts.axes.filter((loop) => loop === row || loop === column);
  const sizes = [
    ...pair.map((loop) => ({ loop, sizes: [edge, own] })),
    ...(depth === undefined ? [] : [{ loop: inner, sizes: [depth] }]),
  ];
  const others = facts.axes.filter((loop) => !pair.includes(loop)).map((loop): LoopRef => ({ loop }));
  const level = (at: number): LoopRef[] => pair.map((loop) => ({ loop, level: at }));
  const around = facts.band.reductionAxes.flatMap(({ loop: { name } }): LoopRef[] =>
    name === inner ? [] : [{ loop: name }],
  );
  const order: LoopRef[] = [
    ...others,
    ...level(0),
    ...around,
    { loop: inner, level: 0 },
    ...level(1),
    { loop: inner },
    ...pair.map((loop) => ({ loop })),
  ];
  return [
    { kind: "tile", sizes },
    ...(depth === undefined || around.length === 0 ? [] : [{ kind: "order", loops: order } as const]),
    { kind: "parallel", loops: [...others, ...level(0)] },
    { kind: "threads", loops: level(1) },
    ...(operands.length === 0
      ? []
      : [{ kind: "stage", buffers: operands, at: { loop: inner, level: 0 } } as const]),
    { kind: "unroll", loops: [{ loop: row }], factor: 0 },
    { kind: "vectorize", loops: [{ loop: column }], width: own, tail: "mask" },
  ];
}

function tileCost(
  facts: BandFacts,
  row: string,
  column: string,
  edge: number,
  own: number,
  staged: boolean,
): number {
  const tiles = Math.ceil(facts.trips(row) / edge) * Math.ceil(facts.trips(column) / edge);
  const others = product(
    facts,
    facts.axes.filter((loop) => loop !== row && loop !== column),
  );
  const groups = tiles * others;
  const waste = (tiles * edge * edge) / Math.max(facts.trips(row) * facts.trips(column), 1);
  const inMemory = loads(facts, column) / (staged ? edge : own);
  const busy = Math.max(full / Math.max((groups * edge * edge) / (own * own), 1), 1);
  return steps(facts) * (inMemory + (2 * shared) / own) * waste * busy;
}

// ---- counting ----

const product = (facts: BandFacts, loops: readonly string[]): number =>
  loops.reduce((all, loop) => all * Math.max(facts.trips(loop), 1), 1);

/** Iterations of the innermost block. */
const steps = (facts: BandFacts): number =>
  product(facts, [...facts.axes, ...facts.band.reductionAxes.map(({ loop }) => loop.name)]);

/** Loads and stores of one iteration, by how far apart neighbouring invocations touch. */
function loads(facts: BandFacts, lane: string): number {
  const each = (access: Subscripts): number => {
    const stride = strideOf(access, lane);
    if (stride === 0) return 1 / transaction;
    return stride === undefined ? transaction : Math.min(Math.abs(stride), transaction);
  };
  return facts.accesses.reduce((sum, access) => sum + each(access), 0);
}
