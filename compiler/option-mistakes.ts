// What callers of `compile` and `check` give that can't be meant: told before any work, as every other mistake is. Programs without
// types, and options out of a file, come this way.

import { diagnostic, type Diagnostic } from "../lang/diagnostics/diagnostic.ts";
import { describeGiven } from "../lang/diagnostics/given.ts";
import { nearest } from "../lang/diagnostics/nearest.ts";
import type { CompileOptions } from "./options.ts";
import { targetNames } from "./targets/index.ts";

/** A dimension is below this, wherever one comes from. */
const largestDim = 2 ** 30;

const optionNames: Readonly<Record<keyof CompileOptions, true>> = {
  target: true,
  host: true,
  set: true,
  shape: true,
  kernels: true,
  features: true,
  levels: true,
  limits: true,
  adapter: true,
  lock: true,
  choice: true,
  schedule: true,
  passes: true,
};

const refused = (option: string, expected: string, given: unknown, fix?: string): Diagnostic =>
  diagnostic("K0719", { option, expected, given: describeGiven(given) }, undefined, {
    fix: fix === undefined ? undefined : { text: `did you mean \`${fix}\`?` },
  });

/** Entries K0719 for a source that is none, a target that there isn't, and sizes that no dimension has. */
export function optionMistakes(source: unknown, options: CompileOptions): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  if (!isSource(source))
    found.push(refused("compile", "the text of a .kern file, or { path, text }", source));
  // Hosts hand on what they were given with options of their own; what is nearly one of these was to be it.
  for (const name of Object.keys(options).filter((each) => !Object.hasOwn(optionNames, each))) {
    const meant = nearest(name, Object.keys(optionNames));
    if (meant !== undefined)
      found.push(refused("compile", `the options ${Object.keys(optionNames).join(", ")}`, name, meant));
  }
  for (const target of [options.target ?? "wasm"].flat() as readonly unknown[])
    if (!targetNames.some((name) => name === target))
      found.push(
        refused(
          "target",
          targetNames.map((name) => `"${name}"`).join(" or "),
          target,
          typeof target === "string" ? nearest(target, targetNames) : undefined,
        ),
      );
  for (const [dim, size] of Object.entries(options.shape ?? {}) as readonly (readonly [string, unknown])[])
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || size >= largestDim)
      found.push(refused(`shape.${dim}`, "a whole number from 0 to below 2^30", size));
  return found;
}

function isSource(source: unknown): boolean {
  if (typeof source === "string") return true;
  if (typeof source !== "object" || source === null) return false;
  return (
    "text" in source && typeof source.text === "string" && "path" in source && typeof source.path === "string"
  );
}
