import { test } from "vitest";
import { readFileSync, readdirSync } from "node:fs";
import { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import { renderPretty } from "../diagnostics/index.ts";
import type { SourceFile } from "../source.ts";
import { checkModule } from "./index.ts";
test("probe", () => {
  const files = new Map<string, SourceFile>();
  for (const n of readdirSync("stdlib"))
    if (n.endsWith(".kern"))
      files.set(n.slice(0, -5), { path: "stdlib/" + n, text: readFileSync("stdlib/" + n, "utf8") });
  const host = { resolve: (level: number, path: readonly string[]) => files.get(path.at(-1)!) };
  for (const [name, file] of files) {
    for (let r = 0; r < 2; r++) {
      const sink = new DiagnosticSink();
      const t0 = performance.now();
      const m = checkModule(file, host, sink);
      console.log(
        name,
        file.text.split("\n").length,
        "lines",
        (performance.now() - t0).toFixed(1),
        "ms",
        m.kernels.length,
        "kernels",
        m.tests.length,
        "tests",
        sink.all.length,
      );
      if (r) sink.all.length && console.log(renderPretty(sink.all.slice(0, 12)));
    }
  }
});
