// Whole kernels: accepted by Tint everywhere, and the same as the interpreter where a Vulkan device is at hand.

import { afterAll, describe, expect, it } from "vitest";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import { foldWorkgroups } from "../../artifact.ts";
import type { InterpretArgs } from "../../ir/interpret.ts";
import { allocate, writerOf, type Storage } from "../../ir/storage.ts";
import { normalise } from "../../ir/values.ts";
import { argumentsFor, generator } from "../../../testing/equivalence.ts";
import { openWgslValidator } from "../../../testing/wgsl.ts";
import { openWgslRunner } from "../../../testing/wgsl-run.ts";
import { emitted, launchesOf, parseKernels, sameOnWgsl } from "../../../testing/wgsl-equivalence.ts";
import { kernelCases } from "../../../testing/wgsl-kernels.ts";

const validator = await openWgslValidator();
const runner = await openWgslRunner();
afterAll(() => [validator, runner].forEach((each) => typeof each !== "string" && each.close()));
const cases = Object.entries(kernelCases);

const shown = ["elementwise", "normalise", "matmul", "u8 image", "histogram", "csr with checks"];

describe("emitted modules", () => {
  it.each(shown)("%s reads well", async (name) => {
    const { text } = kernelCases[name]!;
    await expect(emitted(parseKernels(text)).text).toMatchFileSnapshot(
      `snapshots/${name.replaceAll(" ", "-")}.wgsl`,
    );
  });
});

const whyNot = (tool: unknown): string => (typeof tool === "string" ? `(skipped: ${tool})` : "");

describe.skipIf(typeof validator === "string")(`Tint accepts ${whyNot(validator)}`, () => {
  it.each(cases)("%s", async (_name, { text }) => {
    if (typeof validator === "string") return;
    const module = emitted(parseKernels(text));
    expect(await validator.validate(module.text, launchesOf(module)), module.text).toEqual([]);
  });

  it("expressions that nest deeply", async () => {
    if (typeof validator === "string") return;
    const sum = (count: number): string => Array.from({ length: count }, () => "x[i]").join(" + ");
    const nested = (count: number): string => (count === 0 ? "x[i]" : `abs(${nested(count - 1)})`);
    for (const value of [sum(700), nested(300)]) {
      const text = `kernel deep(x: in f32[N], y: out f32[N]) dims(N = x.0) { parallel for i in 0..N { y[i] = ${value} } }`;
      const module = emitted(parseKernels(text));
      expect(await validator.validate(module.text, launchesOf(module))).toEqual([]);
    }
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

describe.skipIf(typeof runner === "string")(`reads and writes views ${whyNot(runner)}`, () => {
  it.each(["f32", "u8", "i16", "f16", "bf16", "i4", "u2", "bool"] as const)("of %s", async (dtype) => {
    if (typeof runner === "string") return;
    const value = dtypeInfo(dtype).storageOnly ? "x[i, j]" : "select(x[i, j] == y[i, j], y[i, j], x[i, j])";
    const [kernel] = parseKernels(`
kernel copy(x: in ${dtype}[M, N], y: mut ${dtype}[M, N]) dims(M = x.0, N = x.1) {
  parallel for i in 0..M { parallel for j in 0..N { y[i, j] = ${value} } }
}`);
    const data = (seed: number): Storage => {
      const random = generator(seed);
      const storage = allocate(dtype, 200);
      const write = writerOf(dtype);
      for (let at = 0; at < 200; at++) write(storage, at, normalise(Math.floor(random() * 200), dtype));
      return storage;
    };
    const shape = [5, 7];
    // Transposed, turned round, with gaps, broadcast; and what lies between the elements of y stays as it is.
    const views = [
      { strides: [1, 5], offset: 3 },
      { strides: [20, -2], offset: 14 },
      { strides: [-20, 2], offset: 81 },
      { strides: [0, 1], offset: 9 },
    ];
    for (const view of views) {
      for (const target of views.slice(0, 3)) {
        const args = (): InterpretArgs => ({
          x: { dtype, shape, data: data(1), ...view },
          y: { dtype, shape, data: data(2), ...target },
        });
        await sameOnWgsl(runner, kernel!, args);
        if (dtype === "f16" && runner.features.includes("shader-f16"))
          await sameOnWgsl(runner, kernel!, args, { features: ["shader-f16"] });
      }
    }
  });
});

describe("folding workgroups", () => {
  it("keeps to one row where it fits, and covers every iteration where it doesn't", () => {
    expect(foldWorkgroups(0, 64)).toEqual([0, 1]);
    expect(foldWorkgroups(1, 64)).toEqual([1, 1]);
    expect(foldWorkgroups(65535 * 64, 64)).toEqual([65535, 1]);
    expect(foldWorkgroups(65535 * 64 + 1, 64)).toEqual([32768, 2]);
    for (const extent of [65535 * 64 + 1, 1e8 + 7, 2 ** 31 - 2 ** 26]) {
      const [columns, rows] = foldWorkgroups(extent, 64)!;
      expect(columns).toBeLessThanOrEqual(65535);
      expect(columns * rows * 64).toBeGreaterThanOrEqual(extent);
    }
    expect(foldWorkgroups(2 ** 31, 64)).toBeUndefined();
  });
});
