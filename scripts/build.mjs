// Bundles the package into dist/ and writes its declarations. One build for all entries, so that they share their
// chunks (a Tensor is the same class wherever it comes from), split so that nothing is loaded before it is needed.

import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "dist");

const bundle = await rolldown({
  cwd: root,
  input: {
    index: "compiler/index.ts",
    runtime: "runtime/index.ts",
    prettier: "lang/format/plugin.ts",
    kernc: "tools/kernc/kernc.ts",
    vite: "tools/vite/index.ts",
  },
  platform: "node",
  external: [/^node:/, /^binaryen($|\/)/, /^prettier($|\/)/, /^unplugin($|\/)/],
  treeshake: {
    moduleSideEffects: [
      { test: /kernc\.ts$/, sideEffects: true },
      { external: true, sideEffects: false },
    ],
  },
});
const { output } = await bundle.write({
  dir: out,
  format: "esm",
  chunkFileNames: "chunks/[name]-[hash].js",
  // Names stay, for the sake of stack traces. The rest is for the time it takes to start: the engine reads text of
  // one-byte characters, and less of it, in half the time.
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  charset: "ascii",
  comments: { legal: true },
});
await bundle.close();
// What an earlier build left goes only now that this one is whole. Declarations stay: tsc writes those that changed.
const written = new Set(output.map(({ fileName }) => fileName));
for (const name of readdirSync(out, { recursive: true }))
  if (/\.js(\.map)?$/.test(name) && !name.startsWith("types") && !written.has(name.replaceAll("\\", "/")))
    rmSync(join(out, name));
chmodSync(join(out, "kernc.js"), 0o755);

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const types = spawnSync(process.execPath, [tsc, "-b", "tools"], { cwd: root, stdio: "inherit" });
process.exitCode = types.status ?? 1;
