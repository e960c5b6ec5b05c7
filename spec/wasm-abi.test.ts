// Compiled files in a host of their own: `kernc compile` writes them, and a process that knows WebAssembly alone
// calls the kernels through spec/hosts/plain.mjs.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createColors } from "picocolors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { main } from "../tools/kernc/main.ts";

const source = `from std.math import exp

kernel softmax(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        let peak = max(x[i, j] for j in range(N))
        let total = sum(exp(x[i, j] - peak) for j in range(N))
        @vectorize
        for j in range(N):
            y[i, j] = exp(x[i, j] - peak) / total

kernel center(x: Tensor[f32, N], s: f32, mut y: Tensor[f32, N], out z: Tensor[f32, N // 2]) where N % 2 == 0:
    @parallel
    for i in range(N):
        y[i] += x[i] * s
    let middle = mean(y[i] for i in range(N))
    var copy = Array[f32, N](0)
    for i in range(N):
        copy[i] = y[i] - middle
    for i in range(N // 2):
        z[i] = copy[2 * i]

kernel gather(x: Tensor[f32, N], at: Tensor[i32, M], out y: Tensor[f32, M]):
    for i in range(M):
        assert 0 <= at[i] and at[i] < N, "an index lies outside"
        y[i] = x[at[i]]
`;

const folder = mkdtempSync(join(tmpdir(), "kern-abi-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  writeFileSync(join(folder, "host.kern"), source);
  const colors = createColors(false);
  let said = "";
  const write = (text: string): void => void (said += text);
  const args = ["compile", join(folder, "host.kern"), "--target", "wasm", "--out", folder];
  const code = await main(args, { out: write, err: write, colors, errColors: colors, interactive: false });
  expect(code, said).toBe(0);
});

/** Runs a program in a process of its own, where \`kernels\` are those of the file; gives what it prints. */
function run(program: string): string {
  const host = pathToFileURL(resolve("spec/hosts/plain.mjs")).href;
  const text = `
    import { readFile } from "node:fs/promises";
    import { load } from ${JSON.stringify(host)};
    const manifest = JSON.parse(await readFile("host.manifest.json", "utf8"));
    const kernels = await load(manifest, await readFile("host.wasm"));
    const tensor = (values, shape = [values.length], Class = Float32Array) =>
      Object.assign(Class.from(values), { shape });
    ${program}`;
  writeFileSync(join(folder, "program.mjs"), text);
  return execFileSync(process.execPath, ["program.mjs"], { cwd: folder, encoding: "utf8" }).trim();
}

test("the host imports nothing", () => {
  expect(readFileSync("spec/hosts/plain.mjs", "utf8")).not.toMatch(/\bimport\b|\brequire\b/);
});

test("a parallel phase", () => {
  const printed = run(`
    const { y } = kernels.softmax({ x: tensor(Array.from({ length: 39 }, (_, at) => at % 7), [3, 13]) });
    const rows = [0, 1, 2].map((i) => y.subarray(13 * i, 13 * i + 13).reduce((total, v) => total + v, 0));
    console.log(rows.map((total) => total.toFixed(5)).join(" "), y.shape.join());`);
  expect(printed).toBe("1.00000 1.00000 1.00000 3,13");
});

test("several phases, scratch, a constraint, a mut argument", () => {
  const printed = run(`
    const { y, z } = kernels.center({ x: tensor([1, 2, 3, 4]), s: 2, y: tensor([1, 1, 1, 1]) });
    console.log(y.join(), z.join(), z.shape.join());
    try { kernels.center({ x: tensor([1]), s: 2, y: tensor([1]) }); } catch (error) { console.log(error.message); }`);
  expect(printed).toBe("3,5,7,9 -3,1 2\nneeds N % 2 == 0");
});

test("a failed check", () => {
  const printed = run(`
    const x = tensor([10, 20, 30]);
    console.log(kernels.gather({ x, at: tensor([2, 0], [2], Int32Array) }).y.join());
    try { kernels.gather({ x, at: tensor([2, 3], [2], Int32Array) }); } catch (error) { console.log(error.message); }`);
  expect(printed).toBe("30,10\nan index lies outside");
});
