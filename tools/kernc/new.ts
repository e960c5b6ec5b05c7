// `kernc new`: a folder with a kernel, a program that calls it, and a package.json; what it makes runs as it is.

import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UsageError, type Command } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";
import { fileTrouble } from "./sources.ts";
import { version } from "./version.ts";

export const newCommand: Command = {
  name: "new",
  usage: "NAME",
  summary: "Makes the folder NAME with a kernel, a program that calls it, and a package.json.",
  options: {},
  async run(given, terminal) {
    const [path, ...more] = given.positionals;
    if (path === undefined || more.length > 0)
      throw new UsageError("`kernc new` takes the name of the project");
    const name = basename(resolve(path));
    if (!/^[a-z][a-z0-9_-]*$/.test(name))
      throw new UsageError(
        `a project’s name has small letters, digits, - and _, unlike ${JSON.stringify(name)}`,
      );
    const parent = dirname(resolve(path));
    try {
      mkdirSync(path);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      throw mistake("K0811", { path, why: missing ? `there is no folder ${parent}` : fileTrouble(error) });
    }
    for (const [file, text] of Object.entries(projectFiles(name))) writeFileSync(join(path, file), text);
    const { green, dim } = terminal.errColors;
    terminal.err(`${green("✓")} ${path}: ${Object.keys(projectFiles(name)).join(", ")}\n`);
    terminal.err(dim(`  cd ${path} && npm install && npm test && npm start\n`));
    return 0;
  },
};

/** Every file of a fresh project. */
export function projectFiles(name: string): Record<string, string> {
  return {
    [`${name}.kern`]: kernel,
    "main.js": program(`${name}.kern`),
    "package.json": `${JSON.stringify(
      {
        name,
        private: true,
        type: "module",
        scripts: {
          start: "node main.js",
          test: `kernc test ${name}.kern`,
          check: `kernc check ${name}.kern`,
        },
        dependencies: { kernc: `^${version}` },
      },
      undefined,
      2,
    )}\n`,
    ".gitignore": "node_modules/\n",
  };
}

const kernel = `"""Mixing two signals."""

kernel mix(a: Tensor[f32, N], b: Tensor[f32, N], w: f32, out y: Tensor[f32, N]) where w >= 0:
    """y[i] = a[i] + w * (b[i] - a[i])"""
    @parallel
    @vectorize
    for i in range(N):
        y[i] = a[i] + w * (b[i] - a[i])

test "half way lies the mean":
    let a = random[f32](100, seed=1)
    let b = random[f32](100, seed=2)
    let y = mix(a, b, 0.5)
    for i in range(100):
        assert close(y[i], (a[i] + b[i]) / 2)
`;

const program = (file: string): string => `// Compiles ${file} and calls its kernel.

import { readFile } from "node:fs/promises";
import { compile } from "kernc";
import { openDevice, tensor } from "kernc/runtime";

const path = "${file}";
const text = await readFile(new URL(path, import.meta.url), "utf8");

const device = await openDevice("wasm");
const { mix } = await device.load(await compile({ path, text }));

const { y } = await mix({
  a: tensor(Float32Array.of(0, 1, 2, 3), [4]),
  b: tensor(Float32Array.of(10, 10, 10, 10), [4]),
  w: 0.25,
});
console.log(y.shape, await y.data());
`;
