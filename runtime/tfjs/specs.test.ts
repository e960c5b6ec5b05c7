// TensorFlow.js's own specs, all of them and unchanged, with Kern's kernels in place of those of the backend `cpu`.

import { expect, test, vi } from "vitest";
import { allSpecs, openSpecs } from "../../testing/tfjs/specs.ts";
import { registerKernels } from "./index.ts";

/** Kernels that no spec reaches on a backend: their ops are composed of others there. */
const unreached = ["LogSoftmax"];

/** Why a call was left to the kernel that was there before. */
const reasons =
  /is of complex64|is of string|casts to what it has, or to what only TensorFlow\.js knows|don’t multiply|its tensors are copied whole|its axes aren’t those of its tensor|there is nothing to join/;

test("the specs of TensorFlow.js pass", { timeout: 900_000 }, async () => {
  // Specs of deprecated functions warn, and those of debug mode write what they measure.
  for (const name of ["warn", "log", "error"] as const)
    vi.spyOn(console, name).mockImplementation(() => undefined);
  const files = await allSpecs();
  const specs = await openSpecs(files);
  const registration = await registerKernels(specs.tf, { backend: "cpu" });
  const results = await specs.run(files);
  vi.restoreAllMocks();
  expect(results.filter(({ failures }) => failures.length > 0)).toEqual([]);
  expect(results.length).toBeGreaterThan(4000);
  const calls = Object.entries(registration.calls());
  expect(calls.filter(([, { kern }]) => kern === 0).map(([name]) => name)).toEqual(unreached);
  expect(
    calls.flatMap(([, { declined }]) => Object.keys(declined)).filter((why) => !reasons.test(why)),
  ).toEqual([]);
  const reached = calls.reduce((sum, [, { kern }]) => sum + kern, 0);
  console.info(
    `${results.length} specs passed; ${reached} calls of ${calls.length - unreached.length} kernels reached Kern, by ${registration.compiled} compiled texts`,
  );
  expect(reached).toBeGreaterThan(10_000);
  registration.unregister();
  await specs.close();
});
