// Kernels whose workgroups share the work of an iteration, from `.kern` text: accepted by Tint with no message, and where a
// Vulkan device is at hand the same as the interpreter, at sizes around those of the tiles.

import { afterAll, describe, expect, it } from "vitest";
import { argumentsFor } from "../../../../testing/equivalence.ts";
import { openWgslValidator } from "../../../../testing/wgsl.ts";
import { openWgslRunner } from "../../../../testing/wgsl-run.ts";
import { emitted, launchesOf, sameOnWgsl, scheduled } from "../../../../testing/wgsl-equivalence.ts";
import { sharedKernelOf, sharedKernels } from "../../../../testing/wgsl-shared.ts";

const validator = await openWgslValidator();
const runner = await openWgslRunner();
afterAll(() => [validator, runner].forEach((each) => typeof each !== "string" && each.close()));
const whyNot = (tool: unknown): string => (typeof tool === "string" ? `(skipped: ${tool})` : "");

const cases = Object.entries(sharedKernels);
/** Those in which a workgroup combines one value of each invocation. */
const reducing = cases.filter(([, given]) => given.subgroups);

describe.skipIf(typeof validator === "string")(`Tint accepts ${whyNot(validator)}`, () => {
  it.each(cases)("%s", async (_name, given) => {
    if (typeof validator === "string") return;
    const module = emitted([scheduled(sharedKernelOf(given))]);
    expect(module.kernels[0]!.notHonoured ?? [], module.text).toEqual([]);
    expect(await validator.validate(module.text, launchesOf(module)), module.text).toEqual([]);
  });

  it.each(reducing)("%s, by subgroups", async (_name, given) => {
    if (typeof validator === "string") return;
    const module = emitted([scheduled(sharedKernelOf(given))], ["subgroups"]);
    expect(launchesOf(module)[0]!.features).toContain("subgroups");
    expect(await validator.validate(module.text, launchesOf(module)), module.text).toEqual([]);
  });
});

describe.skipIf(typeof runner === "string")(`computes what the interpreter does ${whyNot(runner)}`, () => {
  it.each(cases)(
    "%s",
    async (_name, given) => {
      if (typeof runner === "string") return;
      const kernel = sharedKernelOf(given);
      for (const sizes of given.dims)
        await sameOnWgsl(runner, kernel, () => argumentsFor(kernel, sizes, given), {
          tolerance: given.tolerance,
        });
    },
    300_000,
  );
});

const without =
  typeof runner !== "string" && !runner.features.includes("subgroups") ? "the device has none" : undefined;

describe.skipIf(typeof runner === "string" || without)(`by subgroups ${whyNot(without ?? runner)}`, () => {
  it.each(reducing)(
    "%s",
    async (_name, given) => {
      if (typeof runner === "string") return;
      const kernel = sharedKernelOf(given);
      for (const sizes of given.dims)
        await sameOnWgsl(runner, kernel, () => argumentsFor(kernel, sizes, given), {
          tolerance: given.tolerance,
          features: ["subgroups"],
        });
    },
    300_000,
  );
});
