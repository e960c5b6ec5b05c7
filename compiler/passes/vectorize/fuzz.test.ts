// Random loop bodies, divergent control included: whatever the vectorizer makes of them must compute the same. Each
// program is text, so a failure prints something that can be pasted into a test.

import { assert, integer, property } from "fast-check";
import { describe, it } from "vitest";
import { applied, sameResults, type Pass } from "../../../testing/equivalence.ts";
import { randomLoops } from "../../../testing/loop-generator.ts";
import { eliminateCommon } from "../cse.ts";
import { expandReductions } from "../expand-reductions.ts";
import { hoistInvariants } from "../licm.ts";
import { phases } from "../phases.ts";
import { simplify } from "../simplify/index.ts";
import { splitBorders } from "../split-borders.ts";
import { splitParallel } from "../split-parallel.ts";
import { unroll } from "../unroll.ts";
import { vectorize } from "./index.ts";

const cleaning: readonly Pass[] = [simplify, eliminateCommon, hoistInvariants];
const loopPasses: readonly Pass[] = [
  splitParallel,
  splitBorders,
  (kernel) => vectorize(kernel),
  expandReductions,
  (kernel) => unroll(kernel),
  (kernel) => phases(kernel).kernel,
];
const programs = Number(process.env["KERN_FUZZ"] ?? 200);

describe("random loop bodies", () => {
  it("compute the same as vectors", () => {
    assert(
      property(integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
        const text = randomLoops(seed);
        // Half of them meet the passes around it too, which make other shapes of the same.
        const passes = seed % 2 ? loopPasses : [...cleaning, ...loopPasses, ...cleaning];
        const kernels = applied(text, (kernel) => passes.reduce((last, pass) => pass(last), kernel));
        for (const N of [1, 2, 5, 8, 13])
          sameResults(
            kernels,
            { N },
            { seed, fill: (name, _at, value) => (name === "t" ? Math.abs(value) : value) },
          );
      }),
      { numRuns: programs, seed: 7, endOnFailure: true },
    );
  });
});
