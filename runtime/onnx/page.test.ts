// A model in a page, with its kernels compiled ahead of time: the page gets neither the compiler nor the library.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noChromium, openBuiltPage, type BuiltPage } from "../../testing/chromium.ts";
import { modelBytes } from "../../testing/onnx/models.ts";
import { openCache, openDevice, tensor, valuesOf } from "../index.ts";
import { random } from "../random.ts";
import { loadModel } from "./index.ts";

const entry = `
import { openCache, openDevice, tensor } from "kernc/runtime";
import { loadModel } from "kernc/onnx";

globalThis.kern = {
  async run(model, archive, rows) {
    const device = await openDevice("wasm");
    const cache = await openCache({ archive: archive && Uint8Array.from(archive) });
    const loaded = await loadModel(Uint8Array.from(model), { device, cache });
    const x = Float32Array.from({ length: rows * 19 }, (_, at) => Math.sin(at));
    const { y } = await loaded.run({ x: tensor(x, [rows, 19]) });
    const scripts = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".js"));
    const bytes = scripts.reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0);
    device.close();
    return { y: [...(await y.data())], compiled: cache.counts.compiled, bytes };
  },
};
document.documentElement.dataset.ready = "true";
`;

interface Report {
  readonly y: number[];
  readonly compiled: number;
  /** Of the scripts that the page had loaded by then. */
  readonly bytes: number;
}

describe.skipIf(noChromium)("compiled ahead of time", () => {
  let built: BuiltPage;
  beforeAll(async () => void (built = await openBuiltPage(entry)), 120_000);
  afterAll(() => built?.close());

  test("a page compiles nothing, and loads no compiler", { timeout: 120_000 }, async () => {
    const model = modelBytes({
      inputs: [["x", "f32", "n", 19]],
      outputs: [["y", "f32", "n", 40]],
      nodes: [
        { op: "MatMul", inputs: ["x", "w"], outputs: ["p"] },
        { op: "Softmax", inputs: ["p"], outputs: ["y"] },
      ],
      constants: { w: random("f32", [19, 40], { seed: 3, low: -1, high: 1 }) },
    });
    const device = await openDevice("wasm");
    const made = await openCache();
    const features = ["threads"];
    const here = await loadModel(model, { device, cache: made, features });
    const wanted: number[][] = [];
    for (const rows of [2, 9]) {
      const x = tensor(
        Float32Array.from({ length: rows * 19 }, (_, at) => Math.sin(at)),
        [rows, 19],
      );
      wanted.push((await valuesOf((await here.run({ x }))["y"]!)).map(Number));
    }
    device.close();
    const archive = [...(await made.pack(features))];
    const run = (given: readonly number[] | undefined, rows: number) =>
      built.page.evaluate(
        ([bytes, kernels, count]) =>
          (globalThis as unknown as { kern: { run(...args: unknown[]): Promise<Report> } }).kern.run(
            bytes,
            kernels,
            count,
          ),
        [[...model], given, rows] as const,
      );
    const [few, more] = [await run(archive, 2), await run(archive, 9)];
    expect([few.compiled, more.compiled]).toEqual([0, 0]);
    expect([few.y, more.y]).toEqual(wanted);
    const without = await run(undefined, 2);
    expect(without.compiled).toBeGreaterThan(0);
    // The compiler and Binaryen are more than twice as large as all else.
    expect(without.bytes).toBeGreaterThan(3 * more.bytes);
    expect(built.errors).toEqual([]);
  });
});
