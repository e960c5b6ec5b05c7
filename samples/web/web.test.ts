// The application built and looked at in Chromium: the same picture and the same probabilities with workers and without.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build, preview, type InlineConfig, type PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readPng, valuesOf } from "../../runtime/index.ts";
import { noChromium, openChromium, openPage } from "../../testing/chromium.ts";
import kern from "../../tools/vite/index.ts";
import { redOf } from "../../tools/vite/testing/pixels.ts";

const root = resolve("samples/web");
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The application's build, from the sources of this checkout. */
const config = (outDir: string, base: string): InlineConfig => ({
  root,
  base,
  configFile: false,
  logLevel: "silent",
  plugins: [kern()],
  resolve: { alias: { "kernc/runtime": resolve("runtime/index.ts") } },
  build: { outDir, emptyOutDir: true },
});

describe.skipIf(noChromium).each([
  { name: "cross-origin isolated, at the server’s root", base: "/", isolated: true },
  { name: "not isolated, with relative addresses", base: "./", isolated: false },
  { name: "isolated, where workers are forbidden", base: "./", isolated: true, policy: "worker-src 'none'" },
])("$name", ({ base, isolated, policy }) => {
  let out: string;
  let server: PreviewServer;
  let browser: Browser;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    out = mkdtempSync(join(tmpdir(), "kern-web-"));
    const settings = config(out, base);
    await build(settings);
    const headers = {
      ...(isolated ? isolation : {}),
      ...(policy ? { "Content-Security-Policy": policy } : {}),
    };
    server = await preview({ ...settings, preview: { port: 0, headers } });
    browser = await openChromium();
    ({ page, errors } = await openPage(browser));
    await page.goto(server.resolvedUrls!.local[0]!);
    await page.waitForSelector("html[data-ready]");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    if (out) rmSync(out, { recursive: true });
  });

  test("opens a device with as many threads as the page may have", async () => {
    expect(await page.getAttribute("html", "data-ready")).toBe("true");
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    const threads = isolated && !policy ? Math.min(cores, 8) : 1;
    expect(await page.textContent("#device")).toBe(
      `WASM · ${threads === 1 ? "1 thread" : `${threads} threads`} · ${isolated ? "" : "not "}cross-origin isolated`,
    );
    expect(page.workers()).toHaveLength(threads - 1);
    // What a policy forbids, the browser says itself.
    expect(errors.filter((error) => !policy || !error.includes("Content Security Policy"))).toEqual([]);
  });

  test("draws the edges that the command line writes", async () => {
    const expected = await readPng(readFileSync("samples/edges/expected.png"));
    const { size, red } = await redOf(page, ".after");
    expect(size).toEqual([expected.shape[1], expected.shape[0]]);
    expect(Buffer.from(red).equals(Uint8Array.from(await valuesOf(expected), Number))).toBe(true);
  });

  test("shows probabilities, and others at another temperature", async () => {
    const shares = () =>
      page.$$eval("[data-share]", (rows) => rows.map((row) => Number((row as HTMLElement).dataset.share)));
    const scores = await page.$$eval(".row input", (inputs) =>
      inputs.map((input) => (input as HTMLInputElement).valueAsNumber),
    );
    const softmax = (temperature: number) => {
      const powers = scores.map((score) => Math.exp(score / temperature));
      const total = powers.reduce((sum, each) => sum + each, 0);
      return powers.map((power) => power / total);
    };
    const near = (actual: number[], expected: number[]) => {
      expect(actual).toHaveLength(expected.length);
      for (const [at, value] of expected.entries()) expect(actual[at]).toBeCloseTo(value, 6);
    };
    near(await shares(), softmax(1));
    const before = await page.textContent(".row output");
    await page.fill(".temperature input", "4");
    await page.waitForFunction((text) => document.querySelector(".row output")!.textContent !== text, before);
    near(await shares(), softmax(4));
  });

  test("the bundle carries the artifacts, and nothing of the compiler", () => {
    const assets = readdirSync(join(out, "assets"));
    const kinds = (pattern: RegExp) => assets.filter((name) => pattern.test(name)).length;
    expect([kinds(/\.wasm$/), kinds(/\.manifest-.*\.json$/)]).toEqual([2, 2]);
    for (const name of assets.filter((each) => each.endsWith(".js")))
      expect(readFileSync(join(out, "assets", name), "utf8")).not.toMatch(/chevrotain|binaryen/i);
  });
});
