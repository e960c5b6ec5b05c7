// Runs the built `kernc` once, on the library, and keeps the code that V8 made of what it needed.

import { renameSync, writeFileSync } from "node:fs";

process.argv.splice(2, Infinity, "check", "stdlib");
const { compiled, script } = await import("../dist/kernc.js");
// Never a half of it: others may be starting.
writeFileSync(`${compiled}.new`, script.createCachedData());
renameSync(`${compiled}.new`, compiled);
