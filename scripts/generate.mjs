// Writes the generated files, or with --check tells whether they are fresh.
//
//   stdlib/library.gen.ts           the library's sources as text, so that the compiler needs no file system
//   stdlib/identity.gen.ts          their digest, for who must know whether they changed, and not what they are
//   tools/kernc/webgpu-host.gen.ts  spec/hosts/webgpu.mjs as text, for bindings that need only WebGPU
//   spec/*.md                       pages made from tables and from other pages: testing/spec/documents.ts

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "prettier";
import { rolldown } from "rolldown";

const check = process.argv.includes("--check");

function libraryIdentity(sources) {
  const digest = createHash("sha256").update(sources).digest("hex");
  return `// Generated from stdlib/*.kern by scripts/generate.mjs; don't edit.\n\n/** SHA-256 of the library's sources. */\nexport const libraryIdentity = "${digest}";\n`;
}

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

/** Pages of the specification; their generator is TypeScript, so it is bundled to be run. */
async function specification() {
  const dir = "node_modules/.cache/kern-generate";
  await mkdir(dir, { recursive: true });
  const bundle = await rolldown({
    input: "testing/spec/documents.ts",
    platform: "node",
    external: (id) => !id.startsWith(".") && !id.startsWith("/"),
  });
  await bundle.write({ dir, format: "esm", entryFileNames: "documents.mjs" });
  await bundle.close();
  const { documents } = await import(pathToFileURL(resolve(join(dir, "documents.mjs"))).href);
  const pages = Object.entries(documents()).map(async ([path, text]) => [
    path,
    await format(text, { parser: "markdown", printWidth: 110 }),
  ]);
  return Object.fromEntries(await Promise.all(pages));
}

async function webgpuHost() {
  const text = await readFile("spec/hosts/webgpu.mjs", "utf8");
  return `// Generated from spec/hosts/webgpu.mjs by scripts/generate.mjs; don't edit.\n\nexport const webgpuHost: string = ${JSON.stringify(text)};\n`;
}

const library = await librarySources();
const files = {
  "stdlib/library.gen.ts": library,
  "stdlib/identity.gen.ts": libraryIdentity(library),
  "tools/kernc/webgpu-host.gen.ts": await webgpuHost(),
  ...(await specification()),
};
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
