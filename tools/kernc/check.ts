// `kernc check`: every mistake in the files named, in one of four formats.

import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import { oneOf, type Command } from "./command.ts";
import { DiagnosticError } from "./diagnostic-error.ts";
import { formats, render } from "./report.ts";
import { fileHost, findSources, readSource } from "./sources.ts";

export const check: Command = {
  name: "check",
  usage: "FILES… [--format FORMAT]",
  summary:
    "Reports every mistake in .kern files: syntax, types, bounds, races. Folders are searched for .kern files.",
  options: {
    format: { kind: "value", value: "FORMAT", help: `${formats.join(", ")}; pretty if nothing is said` },
  },
  async run(given, terminal) {
    const format = oneOf("format", given.get("format") ?? "pretty", formats);
    const paths = findSources("check", given.positionals);
    const { check: checkSource } = await import("../../compiler/index.ts");
    const found: Diagnostic[] = [];
    for (const path of paths) {
      if (terminal.interactive && paths.length > 1) terminal.err(`\r\x1b[Kchecking ${path}`);
      // A file that can't be read is told like any other mistake, and the rest are checked all the same.
      try {
        for (const each of checkSource(readSource(path), { host: fileHost(path) })) found.push(each);
      } catch (error) {
        if (!(error instanceof DiagnosticError)) throw error;
        found.push(error.diagnostic);
      }
    }
    if (terminal.interactive && paths.length > 1) terminal.err("\r\x1b[K");
    const unique = withoutRepeats(found);
    if (unique.length > 0 || format === "json" || format === "sarif")
      terminal.out(render(unique, format, terminal.colors.isColorSupported));
    const failed = unique.some(({ severity }) => severity === "error");
    if (format === "pretty" && !failed) {
      const files = paths.length === 1 ? paths[0]! : `${paths.length} files`;
      terminal.err(`${terminal.errColors.green("✓")} ${files}: no mistakes\n`);
    }
    return failed ? 1 : 0;
  },
};

/** A mistake in an imported file is met once for each file that imports it. */
function withoutRepeats(found: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return found.filter(({ code, message, span }) => {
    const key = `${code} ${span ? `${span.file.path}:${span.start}:${span.end}` : ""} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
