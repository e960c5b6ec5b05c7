// Kernels whose workgroups share the work of an iteration, from `.kern` text: accepted by Tint with no message, and where a
// Vulkan device is at hand the same as the interpreter, at sizes around those of the tiles.

import { afterAll, describe, expect, it } from "vitest";
import { checkModule } from "../../../../lang/check/index.ts";
import { DiagnosticSink } from "../../../../lang/diagnostics/diagnostic.ts";
import { libraryHost } from "../../../../stdlib/index.ts";
import { argumentsFor } from "../../../../testing/equivalence.ts";
import { openWgslValidator } from "../../../../testing/wgsl.ts";
import { openWgslRunner } from "../../../../testing/wgsl-run.ts";
import { emitted, launchesOf, sameOnWgsl, scheduled } from "../../../../testing/wgsl-equivalence.ts";
import { sharedKernels, type SharedKernel } from "../../../../testing/wgsl-shared.ts";
import { instanceRequests } from "../../../instances.ts";
import type { IrKernel } from "../../../ir/ir.ts";
import { lower } from "../../../lower/index.ts";
import { prove } from "../../../proofs/index.ts";

const validator = await openWgslValidator();
const runner = await openWgslRunner();
afterAll(() => [validator, runner].forEach((each) => typeof each !== "string" && each.close()));
const whyNot = (tool: unknown): string => (typeof tool === "string" ? `(skipped: ${tool})` : "");

function kernelOf({ text, set = {} }: SharedKernel): IrKernel {
  const sink = new DiagnosticSink();
  const module = checkModule({ path: "shared.kern", text }, libraryHost(undefined), sink);
  const template = module.kernels.at(-1)!;
  const [request] = instanceRequests(template, set, sink);
  const typed = module.instantiate(template.name, request!, sink)!;
  const { kernel } = prove(lower(typed, "wgsl"), sink);
  expect(sink.all.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  return kernel;
}

const cases = Object.entries(sharedKernels);

describe.skipIf(typeof validator === "string")(`Tint accepts ${whyNot(validator)}`, () => {
  it.each(cases)("%s", async (_name, given) => {
    if (typeof validator === "string") return;
    const module = emitted([scheduled(kernelOf(given))]);
    expect(module.kernels[0]!.notHonoured ?? [], module.text).toEqual([]);
    expect(await validator.validate(module.text, launchesOf(module)), module.text).toEqual([]);
  });
});

describe.skipIf(typeof runner === "string")(`computes what the interpreter does ${whyNot(runner)}`, () => {
  it.each(cases)(
    "%s",
    async (_name, given) => {
      if (typeof runner === "string") return;
      const kernel = kernelOf(given);
      for (const sizes of given.dims)
        await sameOnWgsl(runner, kernel, () => argumentsFor(kernel, sizes, given), {
          tolerance: given.tolerance,
        });
    },
    300_000,
  );
});
