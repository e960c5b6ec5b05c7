// Debian's Chromium for tests that need a page. Where there is none the tests are skipped and say so, but under CI
// its absence is a failure: scripts/system.sh installs it.

import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";

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
