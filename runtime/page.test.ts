// The whole compiler in a page: bundled for browsers, it compiles a kernel from text inside Chromium and runs it
// there, on threads and without, and explains a mistake.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build, preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { compile } from "../compiler/index.ts";
import { noChromium, openChromium, openPage } from "../testing/chromium.ts";
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
  let folder: string;
  let server: PreviewServer;
  let browser: Browser;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "kern-page-")));
    writeFileSync(join(folder, "main.js"), entry);
    writeFileSync(
      join(folder, "index.html"),
      `<!doctype html><link rel="icon" href="data:," /><script type="module" src="/main.js"></script>`,
    );
    const settings = {
      root: folder,
      configFile: false,
      logLevel: "silent",
      resolve: {
        alias: [
          { find: /^kernc$/, replacement: resolve("compiler/index.ts") },
          { find: /^kernc\/runtime$/, replacement: resolve("runtime/index.ts") },
        ],
      },
      build: { minify: false, outDir: join(folder, "dist") },
      preview: {
        port: 0,
        headers: {
          "Cross-Origin-Opener-Policy": "same-origin",
          "Cross-Origin-Embedder-Policy": "require-corp",
        },
      },
    } as const;
    await build({ ...settings, resolve: { alias: [...settings.resolve.alias] } });
    server = await preview({ ...settings, resolve: { alias: [...settings.resolve.alias] } });
    browser = await openChromium();
    ({ page, errors } = await openPage(browser));
    await page.goto(server.resolvedUrls!.local[0]!);
    await page.waitForSelector("html[data-ready]");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  test.each([1, 2])("compiles softmax from text and runs it on %i threads", async (threads) => {
    const rows = await page.evaluate(
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
    const values = await page.evaluate(async (source) => {
      const { compile, openDevice, tensor } = globalThis.kern;
      const { softmax } = await (await openDevice("interp")).load(await compile(source));
      const { y } = await softmax!({ x: tensor(Float32Array.of(0, 0, 0, 0), [2, 2]) });
      return [...(await y!.data())];
    }, softmax);
    expect(values).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  test("explains a mistake", async () => {
    const message = await page.evaluate(
      (source) =>
        globalThis.kern.compile(source).then(
          () => "",
          (error: unknown) => (error as Error).message,
        ),
      softmax.replace("x[i, j] - peak) / total", "x[i, j + 1] - peak) / total"),
    );
    expect(message).toContain("K0401");
    expect(message).toContain("counterexample");
    expect(errors).toEqual([]);
  });
});
