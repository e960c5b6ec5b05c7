// A `console` block: commands (`$ kernc check wrong.kern`) run in a folder that holds the section's named blocks. The
// lines below a command are parts of what it prints, in order; `error[K0801] "text"` is a diagnostic. The exit code is
// 0, or 1 where an error is expected, or what `exit 2` says.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kernc } from "../kernc.ts";
import type { Block } from "./page.ts";

interface Command {
  readonly words: readonly string[];
  readonly line: number;
  readonly expected: string[];
}

function commandsOf(block: Block): readonly Command[] {
  const commands: Command[] = [];
  block.text.split("\n").forEach((text, at) => {
    const command = /^\$ (.*)$/.exec(text)?.[1];
    if (command !== undefined)
      commands.push({ words: wordsOf(command), line: block.line + at, expected: [] });
    else if (text.trim() !== "") commands.at(-1)?.expected.push(text.trim());
  });
  return commands;
}

const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");

/** What goes otherwise than a `console` block says, one line each. */
export async function consoleProblems(
  block: Block,
  files: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "kern-spec-"));
  const before = process.cwd();
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    process.chdir(folder);
    const problems: string[] = [];
    for (const command of commandsOf(block)) problems.push(...(await problemsOf(command)));
    return problems;
  } finally {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  }
}

async function problemsOf({
  words: [program, ...args],
  line,
  expected,
}: Command): Promise<readonly string[]> {
  if (program !== "kernc") return [`line ${line}: only kernc can be run, not ${program}`];
  const { code, text: output } = await kernc(...args);
  const spoken = output.replaceAll("’", "'").replace(/\s+/g, " ");
  const problems: string[] = [];
  let wanted = 0;
  let at = 0;
  for (const each of expected) {
    const exit = /^exit (\d+)$/.exec(each);
    const error = /^(error|warning)\[(K\d{4})\](?: "(.*)")?$/.exec(each);
    if (exit) wanted = Number(exit[1]);
    if (error?.[1] === "error") wanted = 1;
    const parts = exit ? [] : error ? [`[${error[2]}]`, error[3] ?? ""] : [each];
    for (const part of parts) {
      const found = spoken.indexOf(part.replaceAll("’", "'").replace(/\s+/g, " "), at);
      if (found < 0) problems.push(`line ${line}: the output has no ${JSON.stringify(part)}: ${output}`);
      else at = found;
    }
  }
  if (code !== wanted) problems.push(`line ${line}: the exit code is ${code}, not ${wanted}: ${output}`);
  return problems;
}
