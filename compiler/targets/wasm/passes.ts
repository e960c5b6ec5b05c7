// The passes that bring a proved kernel into the form that is emitted, in order.

import { eliminateCommon } from "../../passes/cse.ts";
import { expandReductions } from "../../passes/expand-reductions.ts";
import { hoistInvariants } from "../../passes/licm.ts";
import type { Pass } from "../../passes/index.ts";
import { simplify } from "../../passes/simplify/index.ts";
import { splitBorders } from "../../passes/split-borders.ts";
import { splitParallel } from "../../passes/split-parallel.ts";
import { unroll } from "../../passes/unroll.ts";
import { vectorize } from "../../passes/vectorize/index.ts";

export const wasmPasses: readonly Pass[] = [
  // A loop that is parallel and vectorized becomes chunks for workers with a vector loop inside.
  { name: "split-parallel", run: splitParallel },
  // Before vectorize, so that clamped and guarded accesses lie side by side in the interior; behind the chunks, since a
  // parallel loop in three parts would be three phases.
  { name: "split-borders", run: splitBorders },
  { name: "vectorize", run: vectorize },
  // What is left of reductions: several accumulators where that pays.
  { name: "expand-reductions", run: expandReductions },
  // After vectorize, so that unrolled copies are copies of vectors.
  { name: "unroll", run: unroll },
  { name: "simplify-2", run: simplify },
  { name: "cse-2", run: eliminateCommon },
  { name: "licm-2", run: hoistInvariants },
];
