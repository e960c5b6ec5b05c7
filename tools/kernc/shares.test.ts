// Files among processes: what each file's command prints in their order, the worst exit code; and the same files written as by
// one process.

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createColors } from "picocolors";
import { afterAll, expect, it } from "vitest";
import { kernc } from "../../testing/kernc.ts";
import { compileCommand } from "./compile.ts";
import { parseCommand } from "./command.ts";
import { inShares, processesFor } from "./shares.ts";

const folder = mkdtempSync(join(tmpdir(), "kernc-shares-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("asks for as many processes as the files are worth", () => {
  const sizes = [30_000, 5_000, 50_000, 25_000, 1_000];
  expect([1, 2, 64].map((most) => processesFor(sizes, most))).toEqual([1, 2, 5]);
  expect(processesFor([5_000, 1_000], 8)).toBe(1);
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
        helper: () => ({ run: (args) => kernc(...args), close: () => undefined }),
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
