// Writes the generated files, or with --check tells whether they are fresh.
//
//   stdlib/library.gen.ts   the library's sources as text, so that the compiler needs no file system

import { readFile, readdir, writeFile } from "node:fs/promises";

const check = process.argv.includes("--check");

async function librarySources() {
  const names = (await readdir("stdlib")).filter((name) => name.endsWith(".kern")).toSorted();
  const entries = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(`stdlib/${name}`, "utf8");
      return `  ${JSON.stringify(name.replace(/\.kern$/, ""))}: ${JSON.stringify(text)},\n`;
    }),
  );
  return `// Generated from stdlib/*.kern by scripts/generate.mjs; don't edit.\n\nexport const sources: Readonly<Record<string, string>> = {\n${entries.join("")}};\n`;
}

const files = { "stdlib/library.gen.ts": await librarySources() };
let stale = false;
for (const [path, text] of Object.entries(files)) {
  const old = await readFile(path, "utf8").catch(() => undefined);
  if (old === text) continue;
  if (check) {
    console.error(`${path} is stale: run npm run generate`);
    stale = true;
  } else {
    await writeFile(path, text);
  }
}
process.exitCode = stale ? 1 : 0;
