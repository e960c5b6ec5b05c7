// Files among processes: every file in one share, what each prints in order, the worst exit code; and the same files
// written as by one process.

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createColors } from "picocolors";
import { afterAll, expect, it } from "vitest";
import { kernc } from "../../testing/kernc.ts";
import { compileCommand } from "./compile.ts";
import { parseCommand } from "./command.ts";
import { inShares, sharesOf } from "./shares.ts";

const folder = mkdtempSync(join(tmpdir(), "kernc-shares-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("gives each file to one share, the largest first", () => {
  const sizes: Record<string, number> = { a: 30_000, b: 5_000, c: 50_000, d: 25_000, e: 1_000 };
  const paths = Object.keys(sizes);
  const of = (processes: number) => sharesOf(paths, (path) => sizes[path]!, processes);
  expect(of(2)).toEqual([
    ["b", "c", "e"],
    ["a", "d"],
  ]);
  expect(of(1)).toEqual([paths]);
  expect(of(64).length).toBe(5);
  expect(sharesOf(["b", "e"], (path) => sizes[path]!, 8)).toEqual([["b", "e"]]);
});

const kernel = (name: string): string =>
  `# ${"a file long enough to be worth a process of its own ".repeat(500)}
kernel ${name}(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = 2 * x[i]
`;

it("writes what one process writes, and tells of all that ended badly", async () => {
  const names = ["first", "second", "third"];
  const paths = names.map((name) => join(folder, `${name}.kern`));
  names.forEach((name, at) => writeFileSync(paths[at]!, kernel(name)));
  const [one, several] = [join(folder, "one"), join(folder, "several")];
  const alone = await kernc("compile", ...paths, "--out", one, "--shape", "N=8");
  const run = async (paths: readonly string[]) => {
    let text = "";
    const given = parseCommand(compileCommand, [...paths, "--out", several, "--shape", "N=8"]);
    const code = await inShares(
      "compile",
      given.positionals,
      given,
      {
        out: (more) => (text += more),
        err: (more) => (text += more),
        colors: createColors(false),
        errColors: createColors(false),
        interactive: false,
        again: (args) => kernc(...args),
      },
      2,
    );
    return { code, text };
  };
  const done = await run(paths);
  expect(done.code).toBe(0);
  expect(lines(done.text)).toEqual(lines(alone.text));
  expect(readdirSync(several)).toEqual(readdirSync(one));
  for (const file of readdirSync(one))
    expect(readFileSync(join(several, file))).toEqual(readFileSync(join(one, file)));
  writeFileSync(paths[1]!, kernel("second").replace("2 * x[i]", "2 * x[i + 1]"));
  const broken = await run(paths);
  expect(broken.code).toBe(1);
  expect(broken.text).toContain("K0401");
  expect(broken.text).toContain("✓");
  expect(await run(paths.slice(0, 1))).toEqual({ code: undefined, text: "" });
});

const lines = (text: string): readonly string[] => text.split("\n").toSorted();
