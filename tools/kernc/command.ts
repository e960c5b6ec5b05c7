// What a command of kernc is: its options as a table, from which parsing, `--help` and suggestions for misspelt
// options all follow.

import { parseArgs } from "node:util";
import { nearest } from "../../lang/diagnostics/nearest.ts";
import type { Terminal } from "./terminal.ts";

export interface OptionSpec {
  readonly kind: "flag" | "value";
  /** May be given several times. */
  readonly multiple?: true;
  readonly short?: string;
  /** What stands for the value in the help: `NAME=FILE`. */
  readonly value?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** What follows the name: `FILE[:KERNEL] --in NAME=VALUE…`. */
  readonly usage: string;
  readonly summary: string;
  /** Further lines for `--help`. */
  readonly details?: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Does it, and says with which code the process ends. */
  readonly run: (given: Given, terminal: Terminal) => Promise<number>;
}

/** The arguments, sorted. */
export interface Given {
  readonly positionals: readonly string[];
  /** The options with their values, as words for another command line. */
  readonly options: readonly string[];
  /** Whether a flag was given. */
  has(option: string): boolean;
  /** The value of an option, the last if it was given twice. */
  get(option: string): string | undefined;
  all(option: string): readonly string[];
}

/** A mistake on the command line: told in one line, exit code 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

const common: Readonly<Record<string, OptionSpec>> = {
  help: { kind: "flag", short: "h", help: "Show this help" },
};

/** Sorts the words behind a command's name, or throws a UsageError. */
export function parseCommand(command: Command, args: readonly string[]): Given {
  const options: Readonly<Record<string, OptionSpec>> = { ...command.options, ...common };
  const { tokens, positionals } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(options).map(([name, { kind, short }]) => [
        name,
        {
          type: kind === "flag" ? "boolean" : "string",
          multiple: true,
          ...(short ? { short } : {}),
        } as const,
      ]),
    ),
  });
  const values = new Map<string, string[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const spec = options[token.name];
    if (!spec) {
      const near = nearest(token.name, Object.keys(options));
      throw new UsageError(
        `\`kernc ${command.name}\` has no option \`${token.rawName}\``,
        near ? `did you mean \`--${near}\`?` : undefined,
      );
    }
    if (spec.kind === "flag" && token.value !== undefined)
      throw new UsageError(
        `\`${token.rawName}\` takes no value, but was given ${JSON.stringify(token.value)}`,
      );
    if (spec.kind === "value" && token.value === undefined)
      throw new UsageError(
        `\`${token.rawName}\` needs a value: \`${token.rawName} ${spec.value ?? "VALUE"}\``,
      );
    const before = values.get(token.name) ?? [];
    if (before.length > 0 && spec.kind === "value" && !spec.multiple)
      throw new UsageError(`\`${token.rawName}\` was given twice`);
    values.set(token.name, [...before, token.value ?? ""]);
    words.push(token.value === undefined ? `--${token.name}` : `--${token.name}=${token.value}`);
  }
  return {
    positionals,
    options: words,
    has: (option) => values.has(option),
    get: (option) => values.get(option)?.at(-1),
    all: (option) => values.get(option) ?? [],
  };
}

/** The text of `kernc COMMAND --help`. */
export function commandHelp(command: Command): string {
  const rows = Object.entries({ ...command.options, ...common }).map(([name, spec]) => {
    const short = spec.short ? `-${spec.short}, ` : "";
    return [
      `${short}--${name}${spec.kind === "value" ? ` ${spec.value ?? "VALUE"}` : ""}`,
      spec.help,
    ] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `kernc ${command.name} ${command.usage}`.trimEnd(),
    "",
    command.summary,
    ...(command.details ? ["", ...command.details] : []),
    "",
    "Options:",
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    "",
  ].join("\n");
}

/** Splits `NAME=VALUE`. */
export function namedValue(option: string, text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`\`--${option}\` takes NAME=VALUE, not ${JSON.stringify(text)}`);
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** A whole number within bounds. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(
      `\`--${option}\` takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`,
    );
  return value;
}

/** One of several words. */
export function oneOf<W extends string>(option: string, text: string, words: readonly W[]): W {
  const found = words.find((word) => word === text);
  if (found) return found;
  const near = nearest(text, words);
  throw new UsageError(
    `\`--${option}\` is one of ${words.join(", ")}, not ${JSON.stringify(text)}`,
    near ? `did you mean \`${near}\`?` : undefined,
  );
}
