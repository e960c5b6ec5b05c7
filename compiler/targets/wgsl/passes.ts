// The passes that bring a proved kernel, its schedules carried out, into the form that `entries.ts` takes, in order.

import { eliminateCommon } from "../../passes/cse.ts";
import { expandReductions } from "../../passes/expand-reductions.ts";
import type { Pass } from "../../passes/index.ts";
import { hoistInvariants } from "../../passes/licm.ts";
import { simplify } from "../../passes/simplify/index.ts";
import { unroll } from "../../passes/unroll.ts";
import { vectorize } from "../../passes/vectorize/index.ts";
import { extremes } from "./extremes.ts";
import { widen } from "./vector-arrays.ts";
import { hasThreads } from "./workgroups/nests.ts";
import { quads } from "./words.ts";
import { lanesToThreads } from "./workgroups/lanes.ts";
import { numberThreads } from "./workgroups/number-threads.ts";
import { shareReductions } from "./workgroups/share-reductions.ts";

export const wgslPasses: readonly Pass[] = [
  { name: "extremes", doc: "reductions to the larger of two by the operation for it", run: extremes },
  { name: "lanes", doc: "vector loops of an iteration to invocations of its workgroup", run: lanesToThreads },
  // Before loops change: reductions over threads become loops over threads, with a tree behind them.
  {
    name: "share-reductions",
    doc: "reductions across a workgroup, by subgroups or by tree",
    run: (kernel, { features }) => shareReductions(kernel, features?.has("subgroups")),
  },
  { name: "number-threads", doc: "loops over threads count from 0", run: numberThreads },
  {
    name: "vectorize",
    doc: "marked loops to vectors",
    run: (kernel, context) => vectorize(kernel, context, { automatic: false, quads }),
  },
  { name: "expand-reductions", doc: "reductions to accumulators", run: expandReductions },
  // After vectorize, so that the copies are copies of vectors.
  { name: "unroll", doc: "copies of loop bodies", run: unroll },
  { name: "simplify-unrolled", run: simplify },
  // Before equal loads are made one: single elements out of the vectors that hold them.
  { name: "widen", doc: "elements out of vectors", run: widen },
  // Where copies were made for workgroups; other code stays as near to its source as it can.
  { name: "cse-unrolled", run: (kernel) => (hasThreads(kernel.body) ? eliminateCommon(kernel) : kernel) },
  { name: "licm-unrolled", run: (kernel) => (hasThreads(kernel.body) ? hoistInvariants(kernel) : kernel) },
];
