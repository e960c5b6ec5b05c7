// Debian's Chromium for tests that need a page. Where there is none the tests are skipped and say so, but under CI
// its absence is a failure: scripts/system.sh installs it.

import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import type { PreviewServer } from "vite";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

/** Why there are no tests in a page here, or undefined if there are. */
export const noChromium =
  executablePath === undefined && !process.env.CI
    ? "Chromium isn’t installed (scripts/system.sh installs it)"
    : undefined;
if (noChromium) console.warn(`skipped: ${noChromium}`);

/** Starts a browser that asks the network for nothing of its own. */
export function openChromium(args: readonly string[] = []): Promise<Browser> {
  if (!executablePath) throw new Error("Chromium isn’t installed; scripts/system.sh installs it");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}

/** A page whose mistakes are collected: errors nobody caught, and what it logged as an error. */
export async function openPage(browser: Browser): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1180, height: 900 } });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return { page, errors };
}

/** Arguments that give a page WebGPU: of SwiftShader, on the CPU, where there is no GPU. */
export const webgpuArguments: readonly string[] = ["--enable-unsafe-webgpu"];

/** A page made of a script, and what to do when it's no longer needed. */
export interface BuiltPage {
  readonly page: Page;
  readonly errors: string[];
  close(): Promise<void>;
}

export interface BuiltPageOptions {
  /** More arguments of the browser. */
  readonly arguments?: readonly string[];
  /** Whether the page may share memory with workers: it is served with the headers for that. */
  readonly isolated?: boolean;
  /** Modules that aren't found by their name, and the files of them, from the root of the project. */
  readonly alias?: Readonly<Record<string, string>>;
}

/** What a script of a test imports of the project. */
const own = [
  { find: /^kernc$/, replacement: resolve("compiler/index.ts") },
  { find: /^kernc\/runtime$/, replacement: resolve("runtime/index.ts") },
  { find: /^kernc\/(onnx|ort|tfjs)$/, replacement: resolve("runtime/$1/index.ts") },
];

/**
 * Bundles a script for browsers, serves it, and opens it in a page of its own browser. The script imports the project by its public
 * names, and sets `document.documentElement.dataset.ready` when it's done.
 */
export async function openBuiltPage(script: string, options: BuiltPageOptions = {}): Promise<BuiltPage> {
  // What needs no page does without Vite.
  const { build, preview } = await import("vite");
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "kern-page-")));
  const open: { server?: PreviewServer; browser?: Browser } = {};
  const close = async (): Promise<void> => {
    await open.browser?.close();
    await open.server?.close();
    rmSync(folder, { recursive: true });
  };
  try {
    writeFileSync(join(folder, "main.js"), script);
    const html = `<!doctype html><link rel="icon" href="data:," /><script type="module" src="/main.js"></script>`;
    writeFileSync(join(folder, "index.html"), html);
    const alias = Object.entries(options.alias ?? {}).map(([find, path]) => ({
      find,
      replacement: resolve(path),
    }));
    const settings = {
      root: folder,
      configFile: false as const,
      logLevel: "silent" as const,
      resolve: { alias: [...alias, ...own] },
      build: { minify: false as const, target: "esnext", outDir: join(folder, "dist") },
      preview: {
        port: 0,
        headers: options.isolated
          ? {
              "Cross-Origin-Opener-Policy": "same-origin",
              "Cross-Origin-Embedder-Policy": "require-corp",
            }
          : {},
      },
    };
    await build(settings);
    open.server = await preview(settings);
    open.browser = await openChromium(options.arguments);
    const { page, errors } = await openPage(open.browser);
    await page.goto(open.server.resolvedUrls!.local[0]!);
    await page.waitForSelector("html[data-ready]", { timeout: 60_000 }).catch((error: unknown) => {
      throw errors.length > 0 ? new Error(`the page’s script failed: ${errors.join("; ")}`) : error;
    });
    return { page, errors, close };
  } catch (error) {
    await close();
    throw error;
  }
}
