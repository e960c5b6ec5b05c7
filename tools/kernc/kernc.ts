#!/usr/bin/env node
// The program `kernc`. The command line lies beside it in one file, `program.cjs`, with the code that V8 made of it at
// build time: compiling it anew at each start would cost more than most commands take. Code of another version
// of V8 is no use; then everything is compiled as it's needed.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import type * as program from "./program.ts";

// Most commands are over before optimised code pays its compilation back; what runs on and on is still optimised. Newer versions of V8
// count in another way, and complain of the flag.
if (process.versions.v8.startsWith("11.")) setFlagsFromString("--interrupt-budget=1000000");

const path = fileURLToPath(new URL("./program.cjs", import.meta.url));
const text = readFileSync(path, "latin1");
/** Where the code compiled from exactly this text lies; `scripts/warm.mjs` puts it there. */
export const compiled = `${path.slice(0, -".cjs".length)}-${text.slice(text.lastIndexOf("/") + 1)}.cache`;
const parameters = "exports, require, module, __filename, __dirname, __import";
export const script = new Script(`(function (${parameters}) {${text}\n})`, {
  filename: path,
  cachedData: existsSync(compiled) ? readFileSync(compiled) : undefined,
});
const module = { exports: {} as typeof program };
// Restored code has no `import()` of its own.
const importModule = (id: string): Promise<unknown> => import(id);
script.runInThisContext()(module.exports, createRequire(path), module, path, dirname(path), importModule);
process.exitCode = await module.exports.run(process.argv.slice(2));
