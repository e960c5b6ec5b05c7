// `kernc fmt`: formats .kern files in place, or with `--check` names those that it would change.

import { DiagnosticSink, type Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import type { Command } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";
import { writeFiles } from "./outputs.ts";
import { report } from "./report.ts";
import { findSources, readSource } from "./sources.ts";

export const fmt: Command = {
  name: "fmt",
  usage: "FILES… [--check]",
  summary: "Formats .kern files, comments and meaning kept. Folders are searched for .kern files.",
  options: { check: { kind: "flag", help: "Change nothing; end with code 1 if a file isn’t formatted" } },
  async run(given, terminal) {
    const paths = findSources("fmt", given.positionals);
    const found: Diagnostic[] = [];
    for (const path of paths) {
      const source = readSource(path);
      const mistakes = await syntaxMistakes(source);
      if (mistakes.length > 0) {
        // A formatter must not guess; the file stays as it is.
        found.push(...mistakes);
        continue;
      }
      const { formatKern } = await import("../../lang/format/index.ts");
      const text = await formatKern(source.text, path);
      if (text === source.text) continue;
      if (given.has("check")) found.push(mistake("K0810", { path }).diagnostic);
      else {
        writeFiles([{ path, bytes: text }]);
        terminal.err(`${terminal.errColors.green("✓")} ${path}\n`);
      }
    }
    report(found, terminal);
    return found.length > 0 ? 1 : 0;
  },
};

async function syntaxMistakes(source: SourceFile): Promise<Diagnostic[]> {
  const { parse } = await import("../../lang/syntax/index.ts");
  const sink = new DiagnosticSink();
  parse(source, sink);
  return sink.all.filter(({ severity }) => severity === "error");
}
