// The passes that bring a proved kernel into the form that is emitted, in order.

import { eliminateCommon } from "../../passes/cse.ts";
import { expandReductions } from "../../passes/expand-reductions.ts";
import { hoistInvariants } from "../../passes/licm.ts";
import { mergeReductions } from "../../passes/merge-reductions.ts";
import type { Pass } from "../../passes/index.ts";
import { promoteArrays } from "../../passes/promote-arrays.ts";
import { simplify } from "../../passes/simplify/index.ts";
import { splitBorders } from "../../passes/split-borders.ts";
import { splatLoads } from "../../passes/splat-loads.ts";
import { splitParallel } from "../../passes/split-parallel.ts";
import { unroll, unrollSmall } from "../../passes/unroll.ts";
import { vectorize } from "../../passes/vectorize/index.ts";
import { quadsOf } from "./dots.ts";

const vectorized: Pass["run"] = (kernel, context) =>
  vectorize(kernel, context, { quads: quadsOf(context.features ?? noFeatures) });

const noFeatures: ReadonlySet<string> = new Set();

export const wasmPasses: readonly Pass[] = [
  // Before loops become vectors: the lanes of all results share one loop then.
  { name: "merge-reductions", doc: "neighbouring reductions as one", run: mergeReductions },
  // A loop that is parallel and vectorized becomes chunks for workers with a vector loop inside.
  { name: "split-parallel", doc: "chunks of parallel vector loops", run: splitParallel },
  // Before vectorize, so that clamped and guarded accesses lie side by side in the interior; behind the chunks, since a
  // parallel loop in three parts would be three phases.
  { name: "split-borders", doc: "borders and interiors of vector loops", run: splitBorders },
  { name: "vectorize", doc: "marked loops and reductions to vectors", run: vectorized },
  { name: "expand-reductions", doc: "what is left of reductions, to accumulators", run: expandReductions },
  // After vectorize, so that the copies are copies of vectors.
  { name: "unroll", doc: "copies of loop bodies", run: unroll },
  // Behind those that were asked for, whose copies are straight code now.
  { name: "unroll-small", doc: "copies of short loops around vectors", run: unrollSmall },
  // Unrolled indices become constants, by which arrays can become registers.
  { name: "simplify-unrolled", run: simplify },
  { name: "promote-arrays", doc: "arrays with known indices to registers", run: promoteArrays },
  { name: "cse-unrolled", run: eliminateCommon },
  { name: "licm-unrolled", run: hoistInvariants },
  // After what moves and merges loads, before addresses are made.
  { name: "splat-loads", doc: "loads that broadcast", run: splatLoads },
];
