// The whole compiler in a page: bundled for browsers, it compiles a kernel from text inside Chromium and runs it
// there, on threads and without, and explains a mistake.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { compile } from "../compiler/index.ts";
import { noChromium, openBuiltPage, type BuiltPage } from "../testing/chromium.ts";
import type { openDevice, tensor } from "./index.ts";

const entry = `
import { compile } from "kernc";
import { openDevice, tensor } from "kernc/runtime";

globalThis.kern = { compile, openDevice, tensor };
document.documentElement.dataset.ready = "true";
`;

const softmax = `from std.math import exp

kernel softmax[T: Float](x: Tensor[T, M, N], out y: Tensor[T, M, N]):
    @parallel
    for i in range(M):
        let peak = max(x[i, j] for j in range(N))
        let total = sum(exp(x[i, j] - peak) for j in range(N))
        @vectorize
        for j in range(N):
            y[i, j] = exp(x[i, j] - peak) / total
`;

/** What the entry above puts on the page. */
interface Kern {
  compile: typeof compile;
  openDevice: typeof openDevice;
  tensor: typeof tensor;
}
declare global {
  var kern: Kern;
}

describe.skipIf(noChromium)("the compiler in a page", () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await openBuiltPage(entry, { isolated: true });
  });
  afterAll(() => built?.close());

  test.each([1, 2])("compiles softmax from text and runs it on %i threads", async (threads) => {
    const rows = await built.page.evaluate(
      async ([source, threads]) => {
        const { compile, openDevice, tensor } = globalThis.kern;
        const device = await openDevice("wasm", { threads, serialBelow: 0 });
        const compiled = await compile(source, { target: "wasm", features: ["threads"] });
        const { softmax } = await device.load(compiled);
        const data = Float32Array.from({ length: 51 }, (_, at) => Math.sin(at) * 5);
        const { y } = await softmax!({ x: tensor(data, [3, 17]) });
        // An instance for f64 is compiled by this call.
        const wide = await softmax!({ x: tensor(Float64Array.from(data), [3, 17]) });
        const result = { narrow: [...(await y!.data())], wide: [...(await wide.y!.data())] };
        device.close();
        return { ...result, dtype: wide.y!.dtype };
      },
      [softmax, threads] as const,
    );
    const data = Float32Array.from({ length: 51 }, (_, at) => Math.sin(at) * 5);
    for (let row = 0; row < 3; row++) {
      const powers = [...data.subarray(row * 17, row * 17 + 17)].map((value) => Math.exp(value));
      const total = powers.reduce((sum, power) => sum + power, 0);
      for (const [at, power] of powers.entries()) {
        expect(rows.narrow[row * 17 + at]).toBeCloseTo(power / total, 6);
        expect(rows.wide[row * 17 + at]).toBeCloseTo(power / total, 12);
      }
    }
    expect(rows.dtype).toBe("f64");
  });

  test("runs on the interpreter", async () => {
    const values = await built.page.evaluate(async (source) => {
      const { compile, openDevice, tensor } = globalThis.kern;
      const { softmax } = await (await openDevice("interp")).load(await compile(source));
      const { y } = await softmax!({ x: tensor(Float32Array.of(0, 0, 0, 0), [2, 2]) });
      return [...(await y!.data())];
    }, softmax);
    expect(values).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  test("explains a mistake", async () => {
    const message = await built.page.evaluate(
      (source) =>
        globalThis.kern.compile(source).then(
          () => "",
          (error: unknown) => (error as Error).message,
        ),
      softmax.replace("x[i, j] - peak) / total", "x[i, j + 1] - peak) / total"),
    );
    expect(message).toContain("K0401");
    expect(message).toContain("counterexample");
    expect(built.errors).toEqual([]);
  });
});
