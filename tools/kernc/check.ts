// `kernc check`: every mistake in the files named, in one of four formats.

import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import { oneOf, type Command } from "./command.ts";
import { DiagnosticError } from "./diagnostic-error.ts";
import { formats, render } from "./report.ts";
import { fileHost, findSources, readSource } from "./sources.ts";

/** More than so many aren't read: the first ones are often the cause of the rest. */
const shown = 50;

export const check: Command = {
  name: "check",
  usage: "FILES… [--format FORMAT] [--all]",
  summary:
    "Reports every mistake in .kern files: syntax, types, bounds, races. Folders are searched for .kern files.",
  options: {
    format: { kind: "value", value: "FORMAT", help: `${formats.join(", ")}; pretty if nothing is said` },
    all: {
      kind: "flag",
      help: `Show every mistake, not the first ${shown} only; json and sarif always have all`,
    },
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
    const complete = format === "json" || format === "sarif";
    const told = complete || given.has("all") ? unique : firstOf(unique);
    if (unique.length > 0 || complete) terminal.out(render(told, format, terminal.colors.isColorSupported));
    if (told.length < unique.length)
      terminal.err(
        `${unique.length - told.length} more of ${unique.length} aren’t shown: \`kernc check --all\` shows every one\n`,
      );
    const failed = unique.some(({ severity }) => severity === "error");
    if (format === "pretty" && !failed) {
      const files = paths.length === 1 ? paths[0]! : `${paths.length} files`;
      terminal.err(`${terminal.errColors.green("✓")} ${files}: no mistakes\n`);
    }
    return failed ? 1 : 0;
  },
};

/** The first ones, errors before warnings where there are too many, in their order. */
function firstOf(found: readonly Diagnostic[]): readonly Diagnostic[] {
  if (found.length <= shown) return found;
  const errors = found.filter(({ severity }) => severity === "error");
  const others = found.filter(({ severity }) => severity !== "error");
  const kept = new Set([...errors, ...others].slice(0, shown));
  return found.filter((each) => kept.has(each));
}

/** A mistake in an imported file is met once for each file that imports it. */
function withoutRepeats(found: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return found.filter(({ code, message, span }) => {
    const key = `${code} ${span ? `${span.file.path}:${span.start}:${span.end}` : ""} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
