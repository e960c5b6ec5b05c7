import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{lang,stdlib,compiler,runtime,tools,samples,spec,testing}/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "forks",
    // The JSON report is what .ci/run counts.
    reporters: ["default", ["json", { outputFile: "coverage/tests.json" }]],
    coverage: { include: ["lang/**/*.ts", "compiler/**/*.ts"], exclude: ["**/*.test.ts", "**/*.gen.ts"] },
  },
});
