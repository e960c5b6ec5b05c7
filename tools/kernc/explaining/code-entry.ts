// `kernc explain K0403`: the entry of the catalogue at length, with an example that the specification has for it.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { catalogue, isCatalogueCode, type CatalogueCode } from "../../../lang/diagnostics/catalogue/index.ts";
import { nearest } from "../../../lang/diagnostics/nearest.ts";
import { UsageError } from "../command.ts";
import type { Terminal } from "../terminal.ts";

/** Whether an argument is meant to be a code: `K0403`, `k403`, `403`, and near misses such as `K04O3`. */
export function isCode(text: string): boolean {
  return /^[kK]?\d{2,5}$/.test(text) || /^[kK][\dOoIl]{3,5}$/.test(text);
}

/** Prints the entry of a code, and gives the exit code. */
export function explainCode(given: string, terminal: Terminal): number {
  const code = normalised(given);
  const { bold, dim, red, yellow, cyan } = terminal.colors;
  if (!isCatalogueCode(code)) throw unknownCode(given, code);
  const { severity, name, explain } = catalogue[code];
  const word = severity === "error" ? red("error") : yellow("warning");
  terminal.out(`${bold(code)}  ${word}  ${dim(name)}\n\n`);
  terminal.out(`  ${messageOf(code)}\n\n`);
  terminal.out(`${indent(explain.trim())}\n`);
  const example = exampleOf(code);
  if (example)
    terminal.out(
      `\n${bold("For example")} ${dim(`(${example.from})`)}\n\n${cyan(indent(example.text, 4))}\n`,
    );
  return 0;
}

/** The sentence of an entry, with its parameters by name where a message has them. */
function messageOf(code: CatalogueCode): string {
  const named = new Proxy<Record<string, unknown>>({}, { get: (_, name) => `‹${String(name)}›` });
  const message = catalogue[code].message as (params: Record<string, unknown>) => string;
  return message(named);
}

const normalised = (text: string): string => {
  const digits = text.replace(/^[kK]/, "").replaceAll(/[Oo]/g, "0").replaceAll(/[Il]/g, "1");
  return `K${digits.padStart(4, "0")}`;
};

function unknownCode(given: string, code: string): UsageError {
  const all = Object.keys(catalogue);
  const near = nearest(code, all) ?? all.toSorted((a, b) => distance(a, code) - distance(b, code))[0];
  return new UsageError(`there is no code \`${given}\``, near && `the nearest one is \`${near}\``);
}

const distance = (a: string, b: string): number => Math.abs(Number(a.slice(1)) - Number(b.slice(1)));

interface Example {
  readonly from: string;
  readonly text: string;
}

/** The first block of the specification in which the code is expected, without other blocks' text. */
export function exampleOf(code: string): Example | undefined {
  const folder = specFolder();
  if (!folder) return undefined;
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith(".md"))
    .toSorted()) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, body] of text.matchAll(/^```kern[^\n]*\n([\s\S]*?)^```/gm))
      if (new RegExp(`# (error|warning)\\[${code}\\]`).test(body!))
        return { from: `spec/${file}`, text: body!.trimEnd() };
  }
  return undefined;
}

/** `spec/` beside the package's code: two levels up in the build, three in the sources. */
function specFolder(): string | undefined {
  let at = dirname(fileURLToPath(import.meta.url));
  for (let up = 0; up < 4; up++, at = dirname(at))
    if (existsSync(join(at, "spec", "types.md"))) return join(at, "spec");
  return undefined;
}

const indent = (text: string, by = 2): string => text.replaceAll(/^(?=.)/gm, " ".repeat(by));
