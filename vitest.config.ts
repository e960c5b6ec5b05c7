import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // Samples import the package by its name, and tests run what is written, not what was built.
  resolve: {
    alias: [
      { find: /^kernc$/, replacement: source("compiler/index.ts") },
      { find: /^kernc\/(onnx|ort)$/, replacement: source("runtime/$1/index.ts") },
      { find: /^kernc\/tfjs$/, replacement: source("runtime/tfjs/index.ts") },
      { find: /^kernc\/runtime$/, replacement: source("runtime/index.ts") },
    ],
  },
  test: {
    include: ["{lang,stdlib,compiler,runtime,tools,samples,spec,testing}/**/*.test.ts"],
    setupFiles: ["testing/seed.ts"],
    // Against hangs alone: other work may share the machine.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: "forks",
    // All cores: Vitest leaves one free by itself, which is half of a small machine.
    maxWorkers: availableParallelism(),
    // The JSON report is what .ci/run counts.
    reporters: ["default", ["json", { outputFile: "coverage/tests.json" }]],
    // `npm run coverage`: of what these two folders and the specification test in them.
    coverage: {
      include: ["lang/**/*.ts", "compiler/**/*.ts"],
      exclude: ["**/*.test.ts", "**/*.gen.ts"],
      reporter: ["text-summary", "json-summary"],
      reportOnFailure: true,
      thresholds: { "lang/**": { lines: 90 }, "compiler/**": { lines: 90 } },
    },
  },
});
