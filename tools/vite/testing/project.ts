// A folder with an application's files for tests of the plugin, and the runtime as a package's built file would be,
// so that bundlers that read no TypeScript find it.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

/** What a bundler can't find from a folder without installed packages, and has no need of. */
export const notFound = ["binaryen"];

/** `kernc/runtime` as source, for bundlers that read TypeScript. */
export const runtimeSource = resolve("runtime/index.ts");

export const scaleSource = `"""Scaling."""
from .twice import twice

kernel scale(x: Tensor[f32, N], s: f32, out y: Tensor[f32, N]) where N >= 1:
    """y = 2 s x"""
    @parallel
    @vectorize
    for i in range(N):
        y[i] = twice(x[i]) * s

kernel class(x: Tensor[i32, N], mut y: Tensor[i32, N]):
    for i in range(N):
        y[i] += x[i]
`;

export const twiceSource = `def twice(x: f32) -> f32:
    return 2 * x
`;

/** An entry that calls every kernel, in both ways. */
export const entrySource = `import loadScale, { scale, class as add } from "./scale.kern";
import { openDevice, tensor } from "kernc/runtime";

export async function run() {
  const x = tensor(Float32Array.of(1, 2, 3));
  const { y } = await scale({ x, s: 1.5 });
  const sum = await add({ x: tensor(Int32Array.of(1, 2)), y: tensor(Int32Array.of(10, 20)) });
  const own = await openDevice("wasm");
  const kernels = await loadScale(own);
  const again = await kernels.scale({ x, s: -1 });
  const all = [...(await y.data()), ...(await sum.y.data()), ...(await again.y.data())];
  own.close();
  return all;
}
`;
export const entryResult = [3, 6, 9, 11, 22, -2, -4, -6];

export interface Project {
  readonly folder: string;
  path(name: string): string;
  write(files: Readonly<Record<string, string>>): void;
  /** The runtime as JavaScript, bundled into the folder. */
  runtime(): Promise<string>;
  /** Runs \`run()\` of a built module. */
  run(file: string): Promise<unknown>;
  remove(): void;
}

/** A project in a folder of its own. */
export function makeProject(files: Readonly<Record<string, string>> = {}): Project {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "kernc-vite-")));
  const path = (name: string) => join(folder, name);
  const write: Project["write"] = (more) => {
    for (const [name, text] of Object.entries(more)) writeFileSync(path(name), text);
  };
  write({ "scale.kern": scaleSource, "twice.kern": twiceSource, "entry.js": entrySource, ...files });
  let runtime: Promise<string> | undefined;
  const buildRuntime = async (): Promise<string> => {
    const bundle = await rolldown({
      input: { runtime: runtimeSource },
      // As scripts/build.mjs has it; the bundlers then find, and must leave out, what compiles at run time.
      platform: "node",
      external: notFound,
      treeshake: { moduleSideEffects: false },
    });
    await bundle.write({ dir: path("runtime"), format: "esm" });
    await bundle.close();
    return path("runtime/runtime.js");
  };
  return {
    folder,
    path,
    write,
    runtime: () => (runtime ??= buildRuntime()),
    run: async (file) => {
      const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { run(): unknown };
      return module.run();
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
