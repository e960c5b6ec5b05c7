// Every sample, as its user meets it: the program runs and gives what is expected, the kernels pass their tests and
// agree with the interpreter, and the compiler asks for nothing more than the mathematics needs.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createColors } from "picocolors";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { compile } from "../compiler/index.ts";
import { readNpy, readPng, valuesOf, type Tensor } from "../runtime/index.ts";
import { closeTestGpu, testGpu } from "../testing/webgpu.ts";
import { main } from "../tools/kernc/main.ts";

// Where there is none, the samples are only compiled for it, which `verify` says too.
const gpu = await testGpu();
await closeTestGpu();
const folder = import.meta.dirname;
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "main.mjs")));
/** What is read from memory and used as an index can't be proved. */
const checks: Readonly<Record<string, number>> = { "custom-op": 4, sparse: 4 };

let out: string;
beforeAll(() => void (out = mkdtempSync(join(tmpdir(), "kern-samples-"))));
afterAll(() => rmSync(out, { recursive: true }));

test("the samples are there", () => {
  expect(names).toEqual([
    "blur",
    "custom-op",
    "histogram",
    "int8-dot",
    "k-means",
    "layer-norm",
    "mandelbrot",
    "matmul",
    "n-body",
    "ocr",
    "softmax",
    "sparse",
    "warp",
  ]);
});

describe.each(names)("%s", (name) => {
  const path = join(folder, name, `${name}.kern`);

  // Models are compiled for a sample that has some.
  test("the program gives what is expected", { timeout: 300_000 }, async () => {
    const expected = readdirSync(join(folder, name, "expected"));
    const said = vi.spyOn(console, "log").mockImplementation(() => {});
    const given = process.argv;
    process.argv = [given[0]!, join(folder, name, "main.mjs"), out];
    try {
      await import(`./${name}/main.mjs`);
      expect(said).toHaveBeenCalled();
      const printed = said.mock.calls.map((words) => `${words.join(" ")}\n`).join("");
      if (expected.includes("printed.txt"))
        expect(printed).toBe(readFileSync(join(folder, name, "expected/printed.txt"), "utf8"));
    } finally {
      process.argv = given;
      said.mockRestore();
    }
    expect(expected.length).toBeGreaterThan(0);
    const written = expected.filter((file) => file !== "printed.txt");
    for (const file of written) await compareFiles(join(out, file), join(folder, name, "expected", file));
  });

  test("the kernels pass their tests", async () => {
    const { code, text } = await kernc("test", path);
    expect(text).toMatch(/\d+ passed/);
    expect(code, text).toBe(0);
  });

  // The simulated TSP takes its time.
  test("every target agrees with the interpreter", { timeout: 300_000 }, async () => {
    const { code, text } = await kernc("verify", path);
    expect(text).toContain("every case agrees");
    expect(text).toContain(`wgsl: compiles${typeof gpu === "string" ? "" : ", and runs on"}`);
    expect(code, text).toBe(0);
  });

  test("nothing is left to check at run time, and every annotation is honoured", async () => {
    const source = readFileSync(path, "utf8");
    const { artifacts, diagnostics } = await compile({ path, text: source });
    expect(diagnostics).toEqual([]);
    const reports = artifacts[0]!.kernels.map(({ report }) => report);
    expect(reports.flatMap(({ notHonoured }) => notHonoured)).toEqual([]);
    expect(reports.reduce((sum, { runtimeChecks }) => sum + runtimeChecks, 0)).toBe(checks[name] ?? 0);
    const kernels = source.replace(/^test [^]*$/m, "");
    if (!(name in checks)) expect(kernels).not.toMatch(/\bassert\b|\.get\(/);
  });
});

async function kernc(...args: string[]): Promise<{ code: number; text: string }> {
  let text = "";
  const colors = createColors(false);
  const add = (more: string): void => void (text += more);
  const code = await main(args, { out: add, err: add, colors, errColors: colors, interactive: false });
  return { code, text };
}

/** Pictures may differ in a thousandth of their values, where an engine's `Math` rounds otherwise; floats by 1e-5. */
async function compareFiles(path: string, expectedPath: string): Promise<void> {
  const read = async (file: string): Promise<Tensor> =>
    await (file.endsWith(".png") ? readPng : readNpy)(readFileSync(file));
  const [given, wanted] = await Promise.all([read(path), read(expectedPath)]);
  expect([given.dtype, given.shape], path).toEqual([wanted.dtype, wanted.shape]);
  const [values, expected] = [await valuesOf(given), await valuesOf(wanted)];
  if (path.endsWith(".png")) {
    const differences = values.map((value, at) => Math.abs(Number(value) - Number(expected[at]!)));
    expect(differences.filter((by) => by > 0).length, path).toBeLessThanOrEqual(values.length / 1000);
  } else if (wanted.dtype.startsWith("f"))
    values.forEach((value, at) => expect(relative(Number(value), Number(expected[at]!))).toBeLessThan(1e-5));
  else expect(values).toEqual(expected);
}

function relative(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), 1e-3);
}
