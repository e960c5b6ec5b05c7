// Runs a benchmark written in TypeScript: node scripts/bench.mjs testing/bench/add.ts
// Bundles it next to the installed packages, so that it runs as the released code does.

import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const [file] = process.argv.slice(2);
if (!file) {
  console.error("usage: node scripts/bench.mjs FILE");
  process.exit(2);
}
const out = resolve("dist/bench.mjs");
const bundle = await rolldown({
  input: file,
  platform: "node",
  external: ["binaryen", "onnxruntime-web", "playwright-core", "vite", "webgpu", /^@tensorflow\//],
});
await bundle.write({ file: out, format: "esm", codeSplitting: false });
try {
  await import(pathToFileURL(out).href);
} finally {
  await rm(out, { force: true });
}
