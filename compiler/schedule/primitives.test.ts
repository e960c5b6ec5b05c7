// Each primitive does what its row shows, and computes the same.

import { describe, expect, it } from "vitest";
import { applied, sameResults } from "../../testing/equivalence.ts";
import { parseKernel } from "../ir/parse.ts";
import { printKernel } from "../ir/print.ts";
import { annotationNames } from "../../lang/annotations.ts";
import { applySchedules } from "./apply.ts";
import { primitives } from "./primitives.ts";

describe("primitives", () => {
  for (const { name, before, after } of primitives)
    it(name, () => {
      const pair = applied(before, (kernel) => applySchedules(kernel));
      expect(printKernel(pair.after)).toBe(after);
      expect(printKernel(parseKernel(before))).toContain(`@${name}`);
      for (const [M, N] of [
        [0, 3],
        [1, 1],
        [3, 8],
        [5, 9],
        [8, 17],
      ])
        sameResults(pair, { M: M!, N: N! });
    });

  it("are the annotations", () => {
    expect(primitives.map(({ name }) => name).toSorted()).toEqual([...annotationNames].toSorted());
  });
});
