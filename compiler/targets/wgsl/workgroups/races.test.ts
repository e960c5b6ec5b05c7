// Workgroups are free of races: a second opinion (`testing/wgsl-races.ts`) finds none in what is emitted, and finds one as soon
// as a barrier is dropped or a tile is made too wide. Where a Vulkan device is at hand, such mutants also compute something else.

import { afterAll, describe, expect, it } from "vitest";
import { argumentsFor } from "../../../../testing/equivalence.ts";
import { sharedKernelOf, sharedKernels } from "../../../../testing/wgsl-shared.ts";
import { prepared, sameOnWgsl, scheduled } from "../../../../testing/wgsl-equivalence.ts";
import { barriersIn, racesOf, withoutBarrier, withWiderTiles } from "../../../../testing/wgsl-races.ts";
import { openWgslRunner, type WgslRunner } from "../../../../testing/wgsl-run.ts";
import { limits } from "../limits.ts";
import { prepare, type Prepared } from "../prepare.ts";

const runner = await openWgslRunner();
afterAll(() => typeof runner !== "string" && runner.close());
const whyNot = (tool: unknown): string => (typeof tool === "string" ? `(skipped: ${tool})` : "");

const planOf = (name: string, features: readonly string[] = []): Prepared =>
  prepare(prepared(scheduled(sharedKernelOf(sharedKernels[name]!)), features), limits);

const cases = Object.entries(sharedKernels).flatMap(([name, { dims, subgroups, waitsTooOften }]) => [
  { name, dims, features: [], waitsTooOften },
  ...(subgroups ? [{ name, dims, features: ["subgroups"], waitsTooOften: false }] : []),
]);

describe.each(cases)("$name $features", ({ name, dims, features, waitsTooOften }) => {
  const plan = planOf(name, features);
  const races = (given: Prepared): Set<string> =>
    new Set(dims.flatMap((sizes) => [...racesOf(given, sizes)]));

  it("has no races", () => expect([...races(plan)]).toEqual([]));

  it("has one without any of its barriers", () => {
    const count = barriersIn(plan);
    const unseen = Array.from({ length: count }, (_, at) => at).filter(
      (at) => races(withoutBarrier(plan, at)).size === 0,
    );
    if (waitsTooOften) expect(unseen.length).toBeLessThan(count / 2);
    else expect(unseen).toEqual([]);
  });
});

it.each(["matmul in register tiles", "matmul, points in loops"])(
  "%s touches what isn't its own if its tiles are too wide",
  (name) => {
    const wide = withWiderTiles(planOf(name));
    expect(racesOf(wide, { M: 37, N: 31, K: 19 })).not.toEqual([]);
  },
);

/** The kernel runs with a line of its text changed. */
function changing(given: WgslRunner, change: (text: string) => string): WgslRunner {
  return { ...given, run: (code, launch, args, names) => given.run(change(code), launch, args, names) };
}

describe.skipIf(typeof runner === "string")(`a device notices ${whyNot(runner)}`, () => {
  it.each(["matmul in register tiles", "softmax", "a shared array turned round"])(
    "%s without barriers",
    async (name) => {
      if (typeof runner === "string") return;
      const given = sharedKernels[name]!;
      const kernel = sharedKernelOf(given);
      const without = changing(runner, (text) => text.replaceAll(/(?:workgroup|storage)Barrier\(\);/g, ""));
      const sizes = given.dims.at(-2)!;
      const run = sameOnWgsl(without, kernel, () => argumentsFor(kernel, sizes, given), {
        tolerance: given.tolerance,
      });
      await expect(run).rejects.toThrow();
    },
    300_000,
  );
});
