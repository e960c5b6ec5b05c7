// Sizes of scratch in the manifest: exact, where the arithmetic of the code would wrap.

import { expect, it } from "vitest";
import { evaluateShape } from "../../artifact.ts";
import { compile } from "../../index.ts";

it.each([
  ["two arrays of a known size", "600000000", "i % 5", 5, 4_800_000_032],
  ["arrays sized by dimensions", "N, 65536, 8", "i, i % 3, 0", 2000, 8_388_608_032],
  ["few elements", "5", "i % 5", 5, 96],
])("is exact for %s", async (_what, size, at, n, bytes) => {
  const { artifacts } = await compile(`kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):
    var a = Array[f32, ${size}](1)
    var b = Array[f32, ${size}](2)
    for i in range(N):
        a[${at}] = x[i]
        b[${at}] = x[i]
    for i in range(N):
        y[i] = a[${at}] + b[${at}]
`);
  const { launch } = artifacts[0]!.kernels[0]!;
  const scratch = "callScratch" in launch ? launch.callScratch : NaN;
  expect(evaluateShape(scratch, () => n)).toBe(bytes);
});
