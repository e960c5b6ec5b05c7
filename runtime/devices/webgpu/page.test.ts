// WebGPU as pages have it: the device in Chromium, with kernels that are compiled there, against the interpreter; and
// the loss of the device.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build, preview, type InlineConfig, type PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noChromium, openChromium, openPage, webgpuArguments } from "../../../testing/chromium.ts";

/** What of the language a shader compiler may see otherwise: packed elements, atomics, checks, phases, scratch. */
const sources: Readonly<Record<string, string>> = {
  softmax: `from std.math import exp
kernel softmax(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        let peak = max(x[i, j] for j in range(N))
        let total = sum(exp(x[i, j] - peak) for j in range(N))
        for j in range(N):
            y[i, j] = exp(x[i, j] - peak) / total`,
  matmul: `kernel matmul(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @tile(i=(16, 2), j=(16, 2), k=8)
    @parallel(i.tile[0], j.tile[0])
    @wgsl.threads(i.tile[1], j.tile[1])
    @stage(a, b, at=k.tile)
    @unroll(i, j)
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))`,
  mirror: `kernel mirror(x: Tensor[u8, H, W], out y: Tensor[u8, H, W]):
    @parallel
    for i, j in grid(H, W):
        y[i, j] = x[i, W - 1 - j]`,
  histogram: `kernel histogram(x: Tensor[u8, H, W], out bins: Tensor[u32, 256]):
    for b in range(256):
        bins[b] = 0
    @parallel
    for i, j in grid(H, W):
        @atomic
        bins[i32(x[i, j])] += 1`,
  ranks: `kernel ranks(x: Tensor[f32, N], out y: Tensor[i32, N]):
    var copy = Array[f32, N](0)
    @parallel
    for i in range(N):
        copy[i] = x[i] * 2
    @parallel
    for i in range(N):
        y[i] = sum(1 if copy[j] < copy[i] else 0 for j in range(N))`,
  pick: `kernel pick(x: Tensor[f32, N], at: Tensor[i32, M], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        assert 0 <= at[i] and at[i] < N, "an index lies outside"
        y[i] = x[at[i]]`,
};

const entry = `
import { compile } from "kernc";
import { openDevice, tensor } from "kernc/runtime";

const device = await openDevice("webgpu");
const interp = await openDevice("interp");
const bytes = tensor(Uint8Array.from({ length: 77 }, (_, at) => (at * 37) % 251), [7, 11]);
const floats = (...shape) => {
  const count = shape.reduce((product, size) => product * size, 1);
  return tensor(Float32Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898) * 3), shape);
};
const places = (...values) => tensor(Int32Array.from(values));
const calls = {
  softmax: () => ({ x: floats(5, 131) }),
  matmul: () => ({ a: floats(37, 19), b: floats(33, 19).transpose() }),
  mirror: () => ({ x: bytes.slice([1, 7], [0, 11, 2]) }),
  histogram: () => ({ x: bytes }),
  ranks: () => ({ x: floats(53) }),
  pick: () => ({ x: floats(9), at: places(8, 0, 3) }),
};
const errorOf = (work) => work.then(() => "nothing failed", ({ code, message }) => code ?? message);

globalThis.kern = {
  name: device.adapterInfo.vendor,
  async both(name, source) {
    const results = [];
    for (const each of [device, interp]) {
      const kernels = await each.load(await compile(source, each.compileOptions));
      const [result] = Object.values(await kernels[name](calls[name]()));
      results.push([...(await result.data())]);
    }
    return results;
  },
  async failures(source) {
    const { pick } = await device.load(await compile(source, device.compileOptions));
    const failed = await errorOf(pick({ x: floats(3), at: places(3) }));
    const { y } = await pick({ x: floats(3), at: places(2) });
    const x = await device.upload(floats(3));
    device.gpu.destroy();
    const lost = [await errorOf(y.data()), await errorOf(pick({ x, at: places(0) }))];
    const again = await pick({ x: tensor(Float32Array.of(5)), at: places(0) });
    return { failed, lost, again: [...(await again.y.data())] };
  },
};
document.documentElement.dataset.ready = "true";
`;

interface OnPage {
  readonly name: string;
  both(name: string, source: string): Promise<number[][]>;
  failures(source: string): Promise<object>;
}

describe.skipIf(noChromium)("WebGPU in a page", () => {
  let folder: string;
  let server: PreviewServer;
  let browser: Browser;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "kern-gpu-page-")));
    writeFileSync(join(folder, "main.js"), entry);
    const html = `<!doctype html><link rel="icon" href="data:," /><script type="module" src="/main.js"></script>`;
    writeFileSync(join(folder, "index.html"), html);
    const settings: InlineConfig = {
      root: folder,
      configFile: false,
      logLevel: "silent",
      resolve: {
        alias: [
          { find: /^kernc$/, replacement: resolve("compiler/index.ts") },
          { find: /^kernc\/runtime$/, replacement: resolve("runtime/index.ts") },
        ],
      },
      build: { minify: false, target: "esnext", outDir: join(folder, "dist") },
      preview: { port: 0 },
    };
    await build(settings);
    server = await preview(settings);
    browser = await openChromium(webgpuArguments);
    ({ page, errors } = await openPage(browser));
    await page.goto(server.resolvedUrls!.local[0]!);
    await page.waitForSelector("html[data-ready]");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  test.each(Object.keys(sources))("%s is what the interpreter gives", async (name) => {
    const [found, expected] = await page.evaluate(
      ([name, source]) => (globalThis as unknown as { kern: OnPage }).kern.both(name, source),
      [name, sources[name]!] as const,
    );
    expect(found).toHaveLength(expected!.length);
    for (const [at, value] of expected!.entries()) expect(found![at]).toBeCloseTo(value, 4);
  });

  test("a failed check, and a loss, are errors, and the next call works", async () => {
    const outcome = await page.evaluate(
      (source) => (globalThis as unknown as { kern: OnPage }).kern.failures(source),
      sources["pick"]!,
    );
    expect(outcome).toEqual({ failed: "K0708", lost: ["K0726", "K0726"], again: [5] });
    expect(errors).toEqual([]);
  });
});
