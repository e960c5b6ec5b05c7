// Formatting for the command line and editors: Prettier without its files and configuration.

import { format } from "prettier/standalone";
import plugin, { defaultOptions } from "./plugin.ts";

export { KernSyntaxError } from "./plugin.ts";

/** The formatted text of a Kern file. Throws a KernSyntaxError where the file doesn't parse. */
export async function formatKern(text: string, path = "input.kern"): Promise<string> {
  return format(text, { parser: "kern", plugins: [plugin], filepath: path, ...defaultOptions });
}
