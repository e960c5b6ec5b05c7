// The pages built and looked at in Chromium: the same pictures on WebGPU and, where the browser has none, on WebAssembly.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { build, preview, type InlineConfig, type PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readPng, valuesOf } from "../../runtime/index.ts";
import { noChromium, openChromium, openPage, webgpuArguments } from "../../testing/chromium.ts";
import kern from "../../tools/vite/index.ts";
import { redOf } from "../../tools/vite/testing/pixels.ts";

const root = resolve("samples/webgpu");

describe.skipIf(noChromium)("the pages on WebGPU", () => {
  let out: string;
  let server: PreviewServer;
  let address: string;

  beforeAll(async () => {
    out = mkdtempSync(join(tmpdir(), "kern-webgpu-"));
    const settings: InlineConfig = {
      root,
      base: "./",
      configFile: false,
      logLevel: "silent",
      plugins: [kern({ target: ["wgsl", "wasm"] })],
      resolve: {
        alias: [
          { find: /^kernc$/, replacement: resolve("compiler/index.ts") },
          { find: /^kernc\/runtime$/, replacement: resolve("runtime/index.ts") },
        ],
      },
      build: {
        outDir: out,
        emptyOutDir: true,
        minify: false,
        rolldownOptions: { input: [join(root, "index.html"), join(root, "bench.html")] },
      },
    };
    await build(settings);
    server = await preview({ ...settings, preview: { port: 0 } });
    address = server.resolvedUrls!.local[0]!;
  });
  afterAll(async () => {
    await server?.close();
    if (out) rmSync(out, { recursive: true });
  });

  /** At most a thousandth of the pixels differ, where a sum is rounded otherwise. */
  async function samePicture(red: Uint8Array, size: readonly number[], path: string): Promise<void> {
    const expected = await readPng(readFileSync(path));
    const [height, width, channels = 1] = expected.shape;
    expect(size).toEqual([width, height]);
    const values = await valuesOf(expected);
    const different = red.filter((value, at) => value !== Number(values[at * channels]));
    expect(different.length).toBeLessThanOrEqual(red.length / 1000);
  }

  describe.each([
    { name: "with WebGPU", args: webgpuArguments, query: "", says: /^WebGPU · \S/ },
    { name: "without", args: ["--disable-features=WebGPU"], query: "", says: /^WebAssembly · K0725: / },
    {
      name: "asked for WebAssembly",
      args: webgpuArguments,
      query: "?device=wasm",
      says: /^WebAssembly · as/,
    },
  ])("$name", ({ name, args, query, says }) => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await openChromium(args);
    });
    afterAll(() => browser?.close());

    test("says what it runs on, blurs and multiplies", async () => {
      const { page, errors } = await openPage(browser);
      await page.goto(`${address}index.html${query}`);
      await page.waitForSelector("html[data-ready]");
      expect(await page.textContent("#device")).toMatch(says);
      const screenshot = process.env["KERN_SCREENSHOTS"];
      if (screenshot) await page.screenshot({ path: join(screenshot, `${name}.png`), fullPage: true });
      const blurred = await redOf(page, "#blur canvas");
      await samePicture(blurred.red, blurred.size, "samples/blur/expected/blurred.png");
      const lowpass = await redOf(page, "#matmul canvas");
      await samePicture(lowpass.red, lowpass.size, "samples/matmul/expected/lowpass.png");
      expect(errors).toEqual([]);
    });
  });

  test("measures the library's kernels, compares them, and saves a file", { timeout: 180_000 }, async () => {
    const browser = await openChromium(webgpuArguments);
    try {
      const { page, errors } = await openPage(browser);
      await page.goto(`${address}bench.html?size=small`);
      await page.waitForSelector("html[data-ready=true]");
      await page.click("#start");
      await page.waitForSelector("html[data-ready=measured]", { timeout: 150_000 });
      const screenshot = process.env["KERN_SCREENSHOTS"];
      if (screenshot) await page.screenshot({ path: join(screenshot, "bench.png"), fullPage: true });
      expect(await page.textContent("#note")).toBe("done");
      const saved = page.waitForEvent("download");
      await page.click("#save");
      const { gpu, rows, browser: agent } = JSON.parse(readFileSync(await (await saved).path(), "utf8"));
      expect(agent).toMatch(/Chrome/);
      expect(gpu.vendor).toBeTruthy();
      expect(rows.map(({ kernel }: { kernel: string }) => kernel)).toEqual([
        "matmul",
        "int8_matmul",
        "gemv",
        "conv2d",
        "softmax",
        "layer_norm",
        "gelu",
        "attention",
      ]);
      // What a shader can't hold is said; what it computes is right.
      for (const row of rows) {
        if (row.refused === undefined) expect(row, JSON.stringify(row)).toMatchObject({ agrees: true });
        else expect(row.refused).toMatch(/^K06\d\d: /);
      }
      const measured = rows.filter(({ milliseconds }: { milliseconds?: number }) => milliseconds! > 0);
      expect(measured.length).toBeGreaterThanOrEqual(7);
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
