// The passes that bring a proved kernel into the form that is emitted, in order.

import { eliminateCommon } from "../../passes/cse.ts";
import { expandReductions } from "../../passes/expand-reductions.ts";
import { hoistInvariants } from "../../passes/licm.ts";
import type { Pass } from "../../passes/index.ts";
import { simplify } from "../../passes/simplify/index.ts";
import { splitParallel } from "../../passes/split-parallel.ts";
import { unroll } from "../../passes/unroll.ts";
import { vectorize } from "../../passes/vectorize/index.ts";

export const wasmPasses: readonly Pass[] = [
  // A loop that is parallel and vectorized becomes chunks for workers with a vector loop inside.
  { name: "split-parallel", run: splitParallel },
  { name: "vectorize", run: vectorize },
  // What is left of reductions: several accumulators where that pays.
  { name: "expand-reductions", run: expandReductions },
  // After vectorize, so that unrolled copies are copies of vectors.
  { name: "unroll", run: unroll },
  { name: "simplify-2", run: simplify },
  { name: "cse-2", run: eliminateCommon },
  { name: "licm-2", run: hoistInvariants },
];
