// The command line from arguments to exit code: 0, 1 for diagnostics or a failed run, 2 for usage, 70 for a bug in
// kernc itself.

import { nearest } from "../../lang/diagnostics/nearest.ts";
import { commandHelp, parseCommand, UsageError } from "./command.ts";
import { commands } from "./commands.ts";
import { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

/** Runs `kernc` with these arguments, and gives the exit code. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(args, terminal);
  } catch (error) {
    return await explainEnd(error, args, terminal);
  }
}

async function dispatch([name, ...rest]: readonly string[], terminal: Terminal): Promise<number> {
  if (name === "--version" || name === "-V") {
    terminal.out(`kernc ${version}\n`);
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const topic = name === "help" ? rest[0] : undefined;
    if (topic !== undefined) return dispatch([topic, "--help"], terminal);
    (name === undefined ? terminal.err : terminal.out)(overview());
    return name === undefined ? 2 : 0;
  }
  const listed = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!listed) {
    const near = nearest(name, Object.keys(commands));
    throw new UsageError(
      `there is no command \`${name}\``,
      near ? `did you mean \`kernc ${near}\`?` : undefined,
    );
  }
  const command = await listed.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    terminal.out(commandHelp(command));
    return 0;
  }
  return command.run(parseCommand(command, rest), terminal);
}

function overview(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    "kernc checks, compiles and runs Kern, a language for compute kernels.",
    "",
    "Usage: kernc COMMAND [OPTIONS]",
    "",
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "`kernc COMMAND --help` shows a command’s options, `kernc --version` the version.",
    "",
  ].join("\n");
}

async function explainEnd(error: unknown, args: readonly string[], terminal: Terminal): Promise<number> {
  const { red, bold, dim } = terminal.errColors;
  if (error instanceof UsageError) {
    terminal.err(`${red(bold("error"))}: ${error.message}\n`);
    if (error.hint) terminal.err(`  ${error.hint}\n`);
    const command = args[0] !== undefined && Object.hasOwn(commands, args[0]) ? ` ${args[0]}` : "";
    terminal.err(`  ${dim(`kernc${command} --help shows how it is used`)}\n`);
    return 2;
  }
  const { reportError } = await import("./report.ts");
  if (error instanceof Failure || reportError(error, terminal)) return 1;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.err(`${red(bold("internal error"))}: ${text}\n\n`);
  terminal.err(
    "This is a bug in kernc, not in your file. Please report it, with the file and the text above.\n",
  );
  return 70;
}
