// Starts the benchmark: bundles it together with Kern's sources as they are now, and runs the bundle beside the
// installed peers, with whichever Node this was started.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = createRequire(join(here, "..", "..", "package.json"));
if (!existsSync(join(here, "node_modules"))) {
  console.error("The peers are not installed: run `npm install` in tools/bench first.");
  process.exit(2);
}
const { rolldown } = await import(pathToFileURL(root.resolve("rolldown")).href);
const bundle = await rolldown({
  cwd: here,
  input: "main.ts",
  platform: "node",
  external: [/^node:/, "binaryen", "onnxruntime-web", /^@tensorflow\//, /^@jax-js\//],
});
const out = join(here, "dist");
await bundle.write({ dir: out, format: "esm", entryFileNames: "bench.js", cleanDir: false });
await bundle.close();
const { main } = await import(pathToFileURL(join(out, "bench.js")).href);
process.exitCode = await main(process.argv.slice(2));
// Backends of the peers keep the event loop alive.
process.exit();
