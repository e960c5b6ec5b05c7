// Whole kernels: accepted by Tint everywhere, and the same as the interpreter where a Vulkan device is at hand.

import { afterAll, describe, expect, it } from "vitest";
import { argumentsFor } from "../../../testing/equivalence.ts";
import { openWgslValidator } from "../../../testing/wgsl.ts";
import { openWgslRunner } from "../../../testing/wgsl-run.ts";
import { emitted, launchesOf, parseKernels, sameOnWgsl } from "../../../testing/wgsl-equivalence.ts";
import { kernelCases } from "../../../testing/wgsl-kernels.ts";

const validator = await openWgslValidator();
const runner = await openWgslRunner();
afterAll(() => [validator, runner].forEach((each) => typeof each !== "string" && each.close()));
const cases = Object.entries(kernelCases);

const whyNot = (tool: unknown): string => (typeof tool === "string" ? `(skipped: ${tool})` : "");

describe.skipIf(typeof validator === "string")(`Tint accepts ${whyNot(validator)}`, () => {
  it.each(cases)("%s", async (_name, { text }) => {
    if (typeof validator === "string") return;
    const module = emitted(parseKernels(text));
    expect(await validator.validate(module.text, launchesOf(module)), module.text).toEqual([]);
  });

  it("all of them as one module", async () => {
    if (typeof validator === "string") return;
    const module = emitted(cases.flatMap(([, { text }]) => parseKernels(text)));
    expect(await validator.validate(module.text, launchesOf(module)), module.text).toEqual([]);
  });
});

describe.skipIf(typeof runner === "string")(`computes what the interpreter does ${whyNot(runner)}`, () => {
  it.each(cases)("%s", async (_name, { text, dims, ...options }) => {
    if (typeof runner === "string") return;
    const [kernel] = parseKernels(text);
    for (const sizes of dims)
      await sameOnWgsl(runner, kernel!, () => argumentsFor(kernel!, sizes, options), {
        tolerance: options.tolerance,
      });
  });
});
