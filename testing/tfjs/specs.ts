// TensorFlow.js's own specs of its ops, unchanged: bundled with the package they test and with its backends, and run by the little
// Jasmine beside this file. The package as the bundle has it comes with them, since kernels are registered in it.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as core from "@tensorflow/tfjs-core";
import { rolldown } from "rolldown";
import { Jasmine, type SpecResult } from "./jasmine.ts";

const require = createRequire(import.meta.url);
const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));

interface Bundle {
  readonly tf: typeof core;
  setTestEnvs(envs: readonly object[]): void;
  readonly specs: Readonly<Record<string, () => Promise<unknown>>>;
}

export interface Specs {
  readonly tf: typeof core;
  /** Runs files of specs, `ops/add_test` or `gradients_test`, on the backend `cpu`. */
  run(files: readonly string[]): Promise<SpecResult[]>;
  close(): Promise<void>;
}

const coreFolder = join(folderOf("@tensorflow/tfjs-core"), "dist");

/** All files of specs that the package has, in its order. */
export async function allSpecs(): Promise<string[]> {
  const list = await readFile(join(coreFolder, "tests.js"), "utf8");
  return [...list.matchAll(/^import '\.\/(.*)';$/gm)].map(([, file]) => file!);
}

/** Bundles the specs named. */
export async function openSpecs(files: readonly string[]): Promise<Specs> {
  const entry = [
    `export * as tf from "${coreFolder}/index.js";`,
    `import "${coreFolder}/public/chained_ops/register_all_chained_ops.js";`,
    `import "${coreFolder}/register_all_gradients.js";`,
    `import "${folderOf("@tensorflow/tfjs-backend-cpu")}/dist/index.js";`,
    `export { setTestEnvs } from "${coreFolder}/jasmine_util.js";`,
    `export const specs = {`,
    ...files.map((file) => `  "${file}": () => import("${coreFolder}/${file}.js"),`),
    `};`,
  ].join("\n");
  const bundle = await rolldown({
    input: "entry",
    platform: "node",
    logLevel: "silent",
    // The package says that its modules have no side effects, which files of specs have.
    treeshake: false,
    plugins: [
      {
        name: "specs",
        resolveId(id) {
          if (id === "entry" || id.startsWith("jasmine-core/")) return `\0${id}`;
          // One instance of the package, whatever it is imported by.
          if (id === "@tensorflow/tfjs-core") return join(coreFolder, "index.js");
          return undefined;
        },
        load(id) {
          if (id === "\0entry") return entry;
          return id.startsWith("\0jasmine-core/") ? "export const core = () => ({});" : undefined;
        },
      },
    ],
  });
  const folder = await mkdtemp(join(tmpdir(), "kern-tfjs-"));
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
  });
  await bundle.close();
  const jasmine = new Jasmine();
  const before = Object.fromEntries(
    Object.keys(jasmine.globals).map((name) => [name, (globalThis as Record<string, unknown>)[name]]),
  );
  Object.assign(globalThis, jasmine.globals);
  const main = output.find((file) => file.type === "chunk" && file.isEntry)!;
  const { tf, setTestEnvs, specs } = (await import(
    /* @vite-ignore */ pathToFileURL(join(folder, main.fileName)).href
  )) as Bundle;
  await tf.ready();
  setTestEnvs([{ name: "cpu", backendName: "cpu", isDataSync: true }]);
  return {
    tf,
    async run(wanted) {
      for (const file of wanted) await specs[file]!();
      return jasmine.run();
    },
    async close() {
      Object.assign(globalThis, before);
      await rm(folder, { recursive: true });
    },
  };
}
