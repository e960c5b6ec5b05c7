// The evaluator on a file that uses every form a test can contain: all of its asserts hold, and none of their
// opposites does.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createColors } from "picocolors";
import { expect, test } from "vitest";
import { main } from "../main.ts";

const path = "tools/kernc/testing/everything.kern";

async function run(file: string, ...options: string[]): Promise<{ code: number; text: string }> {
  let text = "";
  const write = (more: string) => void (text += more);
  const colors = createColors(false);
  const code = await main(["test", file, ...options], {
    out: write,
    err: write,
    colors,
    errColors: colors,
    interactive: false,
  });
  return { code, text };
}

test("every assert holds, on every target", async () => {
  const { code, text } = await run(path);
  expect(text).toContain("5 passed");
  expect(code).toBe(0);
});

test("the opposite of each assert fails, at its line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kern-tests-"));
  const lines = readFileSync(path, "utf8").split("\n");
  let tried = 0;
  for (const [at, line] of lines.entries()) {
    const found = /^(\s*)assert (.*?)(, "[^"]*")?$/.exec(line);
    if (!found || found[2] === "False" || /[([]$/.test(line)) continue;
    const file = join(folder, "opposite.kern");
    writeFileSync(file, lines.with(at, `${found[1]}assert not (${found[2]})`).join("\n"));
    const { code, text } = await run(file, "--target", "interp");
    expect(text, line).toMatch(new RegExp(`opposite\\.kern:${at + 1}:`));
    expect(code).toBe(1);
    tried++;
  }
  rmSync(folder, { recursive: true });
  expect(tried).toBeGreaterThan(30);
});

test("what a kernel's prover would exclude ends a test with a reason", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kern-tests-"));
  const file = join(folder, "bad.kern");
  const body = (lines: string) =>
    `test "t":\n    let x = ones[f32](3)\n    var n = 3\n    n = n - 0\n${lines.replace(/^/gm, "    ")}\n`;
  for (const [lines, expected] of [
    ["assert x[n] == 1", "`x[n]` is out of bounds"],
    ["let y = x[1:n + 1]\nassert y[0] == 1", "is out of bounds"],
    ["assert 4 // (n - 3) == 1", "division by zero"],
    ["assert 1 << (n + 29) == 1", "a shift by 32"],
    ["assert argmax(x[i] for i in range(3, n)) == 1", "argmax of nothing"],
    ["let y = zeros[f32](n - 4)\nassert x[0] == 1", "a tensor of shape [-1]"],
  ] as const) {
    writeFileSync(file, body(lines));
    const { code, text } = await run(file, "--target", "interp");
    expect(text).toContain(expected);
    expect(code).toBe(1);
  }
  rmSync(folder, { recursive: true });
});
