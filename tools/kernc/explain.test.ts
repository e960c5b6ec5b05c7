// `kernc explain` from arguments to text.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { catalogue } from "../../lang/diagnostics/catalogue/index.ts";
import { exampleOf } from "./explaining/code-entry.ts";
import { kernc } from "../../testing/kernc.ts";

let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kernc-explain-"));
  path = join(folder, "two.kern");
  writeFileSync(
    path,
    `kernel first(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for i in range(N):
        y[i] = x.get(i - 1)

kernel second(x: Tensor[f64, N], out y: Tensor[f64, N]):
    for i in range(N):
        y[i] = x[i]
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

test("facts stand below their lines", async () => {
  const { code, out } = await kernc("explain", `${path}:first`, "--target", "wasm");
  expect(code).toBe(0);
  expect(out).toContain("1 check is left to the run");
  const lines = out.split("\n").map((line) => line.trim());
  const store = lines.findIndex((line) => line.endsWith("y[i] = x.get(i - 1)"));
  expect(lines[store + 1]).toMatch(/^│ \? x\.get\(i - 1\) .* tested: /);
  expect(out).toContain("✓ @parallel is applied on wasm");
  expect(out).not.toMatch(/wgsl|second/);
});

test("every kernel of a file, and what a target can't hold", async () => {
  const { code, out } = await kernc("explain", path);
  expect(code).toBe(0);
  expect(out).toMatch(/^first {2}/m);
  expect(out).toMatch(/^second {2}/m);
  expect(out).toContain("can’t hold this kernel");
  expect(out).toContain("K0601");
});

test("emitted code beside its lines", async () => {
  const { out } = await kernc("explain", `${path}:first`, "--code");
  expect(out).toMatch(/^ {2}4 {2}y\[i\] = x\.get\(i - 1\) *│ .*\(/m);
  expect(out).toMatch(/│ fn first\(/);
});

test("JSON without source files", async () => {
  const { out } = await kernc("explain", path, "--json");
  const { kernels } = JSON.parse(out) as { kernels: { name: string; targets: { refused?: unknown }[] }[] };
  expect(kernels.map(({ name }) => name)).toEqual(["first", "second"]);
  expect(kernels[1]!.targets[1]!.refused).toEqual([expect.objectContaining({ code: "K0601" })]);
});

test("a code at length, written in any way", async () => {
  for (const given of ["K0403", "k403", "403", "K04O3"]) {
    const { code, out } = await kernc("explain", given);
    expect(code).toBe(0);
    expect(out).toMatch(/^K0403 {2}error/);
    expect(out).toContain(catalogue.K0403.explain.split("\n")[0]);
  }
});

test("an example of the specification goes with a code that has one", async () => {
  const example = exampleOf("K0401");
  expect(example?.text).toContain("[K0401]");
  const { out } = await kernc("explain", "K0401");
  expect(out).toContain(example!.from);
});

test("every entry can be shown", async () => {
  for (const code of Object.keys(catalogue)) expect((await kernc("explain", code)).code, code).toBe(0);
});

test("an unknown code names the nearest", async () => {
  const { code, err } = await kernc("explain", "K0499");
  expect(code).toBe(2);
  expect(err).toMatch(/no code `K0499`[\s\S]*K0\d{3}/);
});
