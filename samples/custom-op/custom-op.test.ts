// The page built and looked at in Chromium: the picture that Node makes, with WebGPU and without, and what was copied.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build, preview, type InlineConfig, type PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readPng, valuesOf } from "../../runtime/index.ts";
import { noChromium, openChromium, openPage, webgpuArguments } from "../../testing/chromium.ts";
import { redOf } from "../../tools/vite/testing/pixels.ts";

const root = resolve("samples/custom-op");

describe.skipIf(noChromium)("the page with a custom op", () => {
  let out: string;
  let server: PreviewServer;

  beforeAll(async () => {
    out = mkdtempSync(join(tmpdir(), "kern-custom-op-"));
    const settings: InlineConfig = {
      root,
      base: "./",
      configFile: false,
      logLevel: "silent",
      resolve: {
        alias: [
          { find: /^kernc$/, replacement: resolve("compiler/index.ts") },
          { find: /^kernc\/runtime$/, replacement: resolve("runtime/index.ts") },
          { find: /^kernc\/ort$/, replacement: resolve("runtime/ort/index.ts") },
        ],
      },
      build: { outDir: out, emptyOutDir: true, minify: false, target: "esnext" },
    };
    await build(settings);
    server = await preview({ ...settings, preview: { port: 0 } });
  }, 120_000);
  afterAll(async () => {
    await server?.close();
    if (out) rmSync(out, { recursive: true });
  });

  // On a GPU the photograph is all that is copied: it comes from the page's own memory.
  test.each([
    ["", /^webgpu: 2 tensors handed to the kernel, 1 back, 1 copied$/],
    ["?device=wasm", /^wasm: 2 tensors handed to the kernel, 1 back, 3 copied$/],
  ] as const)("draws the picture%s", { timeout: 120_000 }, async (query, says) => {
    const browser = await openChromium(webgpuArguments);
    try {
      const { page, errors } = await openPage(browser);
      await page.goto(`${server.resolvedUrls!.local[0]!}${query}`);
      await page.waitForSelector("html[data-ready]", { timeout: 90_000 });
      expect(await page.textContent("#said")).toMatch(says);
      const screenshot = process.env["KERN_SCREENSHOTS"];
      if (screenshot) await page.screenshot({ path: join(screenshot, "custom-op.png"), fullPage: true });
      const { red, size } = await redOf(page, "#rippled");
      const expected = await readPng(readFileSync(join(root, "expected/rippled.png")));
      const [height, width] = expected.shape;
      expect(size).toEqual([width, height]);
      const values = await valuesOf(expected);
      const apart = red.map((value, at) => Math.abs(value - Number(values[at * 3])));
      // A sum may be rounded the other way, and a sine of the GPU's may lie a pixel's thousandth beside.
      expect(apart.filter((by) => by > 1)).toHaveLength(0);
      expect(apart.filter((by) => by > 0).length).toBeLessThanOrEqual(red.length / 100);
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
