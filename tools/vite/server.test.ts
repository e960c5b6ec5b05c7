// Vite's server in Chromium: an edited kernel arrives without a reload, a mistake shows up in the overlay with its
// frame, and mending it takes the overlay away.

import type { Browser, Page } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noChromium, openChromium, openPage } from "../../testing/chromium.ts";
import kern from "./index.ts";
import { makeProject, runtimeSource, scaleSource, twiceSource, type Project } from "./testing/project.ts";

const indexHtml = `<!doctype html><title>kern</title><output></output><script type="module" src="/main.js"></script>`;
const mainJs = `import { scale } from "./scale.kern";
import { tensor } from "kernc/runtime";

async function show(scale) {
  const { y } = await scale({ x: tensor(Float32Array.of(1, 2, 3)), s: 1.5 });
  document.querySelector("output").textContent = [...await y.data()].join(" ");
}
import.meta.hot.accept("./scale.kern", (next) => show(next.scale));
show(scale);
`;

describe.skipIf(noChromium)("Vite’s server", () => {
  let project: Project;
  let server: ViteDevServer;
  let browser: Browser;
  let page: Page;

  /** Writes files until what they bring about is seen: a watcher may take two writes in a row for one. */
  const write = async (files: Readonly<Record<string, string>>, seen: () => Promise<unknown>) => {
    for (let attempt = 1; ; attempt++) {
      project.write(files);
      try {
        return await seen();
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  };
  const timeout = 30_000;
  const shows = (text: string) =>
    page.waitForFunction((text) => document.querySelector("output")?.textContent === text, text, { timeout });
  const overlay = (state: "attached" | "detached") =>
    page.waitForSelector("vite-error-overlay", { state, timeout });
  const overlayText = () =>
    page.$eval("vite-error-overlay", (overlay) =>
      [".message-body", ".file", ".frame"].map(
        (part) => overlay.shadowRoot!.querySelector(part)?.textContent ?? "",
      ),
    );

  beforeAll(async () => {
    project = makeProject({ "index.html": indexHtml, "main.js": mainJs });
    server = await createServer({
      root: project.folder,
      configFile: false,
      logLevel: "silent",
      plugins: [kern()],
      resolve: { alias: { "kernc/runtime": runtimeSource } },
      server: { port: 0, fs: { strict: false } },
    });
    await server.listen();
    browser = await openChromium();
    ({ page } = await openPage(browser));
    await page.goto(server.resolvedUrls!.local[0]!);
    await shows("3 6 9");
    // Gone after a reload.
    await page.evaluate(() => Object.assign(globalThis, { sameLoad: true }));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    project?.remove();
  });

  test("an edited kernel arrives without a reload", async () => {
    await write({ "scale.kern": scaleSource.replace("* s\n", "* s + 1\n") }, () => shows("4 7 10"));
    await write({ "scale.kern": scaleSource }, () => shows("3 6 9"));
    expect(await page.evaluate(() => "sameLoad" in globalThis)).toBe(true);
  });

  test("so does an edit of a file that it imports", async () => {
    await write({ "twice.kern": twiceSource.replace("2 * x", "20 * x") }, () => shows("30 60 90"));
    await write({ "twice.kern": twiceSource }, () => shows("3 6 9"));
    expect(await page.evaluate(() => "sameLoad" in globalThis)).toBe(true);
  });

  test("a mistake shows in the overlay, and goes when it is mended", async () => {
    const broken = scaleSource.replace("y[i] = twice(x[i])", "y[i] = twice(x[i + 1])");
    await write({ "scale.kern": broken }, () => overlay("attached"));
    const [message, file, frame] = await overlayText();
    expect(message).toMatch(/^K0\d+: /);
    expect(message).toContain("`x`");
    expect(file).toBe(`${project.path("scale.kern")}:9:22`);
    expect(frame).toContain(" 9 |         y[i] = twice(x[i + 1]) * s");
    expect(frame).toContain("^");
    expect(frame).toContain("counterexample: ");
    await write({ "scale.kern": scaleSource }, () => overlay("detached"));
    await shows("3 6 9");
  });

  test("a mistake in an imported file shows where it is", async () => {
    await write({ "twice.kern": twiceSource.replace("2 * x", "2 * z") }, () => overlay("attached"));
    const [message, file] = await overlayText();
    expect(message).toContain("I don’t know the name `z`");
    expect(file).toBe(`${project.path("twice.kern")}:2:16`);
    await write({ "twice.kern": twiceSource }, () => overlay("detached"));
    await shows("3 6 9");
  });
});
