// Arguments that lie in whole vectors: they get code of their own, which computes the same, and reads and writes nothing but
// whole vectors where it can; all others get the plain code.

import { afterAll, describe, expect, it } from "vitest";
import { liesInVectors } from "../../artifact.ts";
import type { InterpretArgs, TensorArg } from "../../ir/interpret.ts";
import { argumentsFor } from "../../../testing/equivalence.ts";
import { barriersIn, racesOf, withoutBarrier } from "../../../testing/wgsl-races.ts";
import { emitted, launchesOf, prepared, sameOnWgsl, scheduled } from "../../../testing/wgsl-equivalence.ts";
import { openWgslRunner, type WgslRunner } from "../../../testing/wgsl-run.ts";
import { sharedKernelOf, sharedKernels, type SharedKernel } from "../../../testing/wgsl-shared.ts";
import { limits } from "./limits.ts";
import { prepareWide } from "./prepare.ts";

const runner = await openWgslRunner();
afterAll(() => typeof runner !== "string" && runner.close());
const whyNot = typeof runner === "string" ? `(skipped: ${runner})` : "";

const matmul = sharedKernels["matmul in register tiles"]!;

/** Loads with guards and without, at places that are no multiple, in a loop with a tail. */
const shifted: SharedKernel = {
  text: `
kernel shifted(x: Tensor[f32, M, N], w: Tensor[f32, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        @unroll
        @vectorize(width=4)
        for j in range(N):
            y[i, j] = x[i, j] * w[j] + x.get(i, j + 1, default=2) - x.get(i, j - 4, default=1)
`,
  dims: [],
};

/** Neighbours that an unrolled loop reads one by one. */
const unrolled: SharedKernel = {
  text: `
kernel unrolled(w: Tensor[f32, M, N], x: Tensor[f32, 8 * N], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        @threads(j)
        @unroll(d)
        y[i] = sum(w[i, j] * x[8 * j + d] / f32(d + 1) for j in range(N) for d in range(8))
`,
  dims: [],
};

/** The arguments with every tensor as a part of a larger one: rows `gap` elements apart, the first at `offset`. */
function spread(args: InterpretArgs, gap: number, offset: number): InterpretArgs {
  const views = Object.entries(args).map(([name, arg]) => {
    if (typeof arg !== "object") return [name, arg];
    const { dtype, shape, data } = arg;
    const width = shape.at(-1)!;
    const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const wider = new Float32Array(offset + rows * (width + gap) + 4).fill(7);
    for (let at = 0; at < rows * width; at++)
      wider[offset + Math.floor(at / width) * (width + gap) + (at % width)] = Number(data[at]);
    const strides = shape.length === 2 ? [width + gap, 1] : [1];
    return [name, { dtype, shape, strides, offset, data: wider } as TensorArg];
  });
  return Object.fromEntries(views) as InterpretArgs;
}

it("a tensor lies in vectors if its rows begin at multiples of four and are as long", () => {
  expect(liesInVectors({ shape: [3, 8], strides: [8, 1], offset: 4 })).toBe(true);
  expect(liesInVectors({ shape: [3, 8], strides: [-12, 1], offset: 24 })).toBe(true);
  for (const layout of [
    { shape: [3, 8], strides: [8, 1], offset: 2 },
    { shape: [3, 8], strides: [10, 1], offset: 0 },
    { shape: [3, 6], strides: [8, 1], offset: 0 },
    { shape: [3, 8], strides: [16, 2], offset: 0 },
    { shape: [0, 8], strides: [8, 1], offset: 0 },
    { shape: [], strides: [], offset: 0 },
  ])
    expect(liesInVectors(layout)).toBe(false);
});

it("tiles read and write whole vectors, parts of them only where a row's neighbours are other invocations'", () => {
  const module = emitted([scheduled(sharedKernelOf(matmul))]);
  const [launch] = launchesOf(module);
  expect(launch!.wide).toEqual({ params: [1, 2], entryPoints: ["matmul_wide"] });
  const wide = module.text.slice(module.text.indexOf("fn matmul_wide("));
  expect(wide).not.toMatch(/[bc]_wide\[[^\]]*\](\.|\[)/);
  expect(wide).toMatch(/c_wide\[[^\]]*\] = sum/);
});

it("neighbours that are read one by one are read as vectors", () => {
  const module = emitted([scheduled(sharedKernelOf(unrolled))]);
  expect(launchesOf(module)[0]!.wide?.params).toEqual([1]);
  const wide = module.text.slice(module.text.indexOf("fn unrolled_wide("));
  expect(wide.match(/= x_wide\[/g)).toHaveLength(2);
});

it("has no races, and one without any of its barriers", () => {
  const plan = prepareWide(prepared(scheduled(sharedKernelOf(matmul))), limits)!;
  const sizes = [
    { M: 17, N: 32, K: 19 },
    { M: 37, N: 20, K: 8 },
  ];
  const races = (given: typeof plan): number =>
    sizes.reduce((sum, each) => sum + racesOf(given, each).length, 0);
  expect(races(plan)).toBe(0);
  for (let at = 0; at < barriersIn(plan); at++)
    expect(races({ ...plan, ...withoutBarrier(plan, at) })).toBeGreaterThan(0);
});

describe.skipIf(typeof runner === "string")(`computes what the interpreter does ${whyNot}`, () => {
  const views: readonly (readonly [gap: number, offset: number])[] = [
    [0, 0],
    [4, 4],
    [8, 12],
    [3, 0],
    [4, 1],
  ];
  const sizes = [
    { M: 17, N: 32, K: 20 },
    { M: 3, N: 4, K: 1 },
    { M: 5, N: 36, K: 9 },
    { M: 4, N: 0, K: 4 },
  ];

  it.each([
    ["matmul", matmul],
    ["shifted", shifted],
    ["unrolled", unrolled],
  ] as const)("%s", { timeout: 300_000 }, async (_name, given) => {
    const kernel = sharedKernelOf(given);
    for (const [at, dims] of sizes.entries())
      for (const [gap, offset] of at === 0 ? views : views.slice(0, 2))
        await sameOnWgsl(
          runner as WgslRunner,
          kernel,
          () => spread(argumentsFor(kernel, dims, given), gap, offset),
          { tolerance: 1e-5 },
        );
  });

  it("by code of its own, which others don't get", { timeout: 300_000 }, async () => {
    const kernel = sharedKernelOf(matmul);
    const broken: WgslRunner = {
      ...(runner as WgslRunner),
      run: (code, ...rest) =>
        (runner as WgslRunner).run(code.replace(/(fn matmul_wide\([^{]*\{)/, "$1 return;"), ...rest),
    };
    const run = (gap: number): Promise<void> =>
      sameOnWgsl(broken, kernel, () => spread(argumentsFor(kernel, sizes[0]!, matmul), gap, 0), {
        tolerance: 1e-5,
      });
    await expect(run(0)).rejects.toThrow();
    await run(1);
  });
});
