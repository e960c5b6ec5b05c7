// The plugin and lock files: what the tuner found is in the bundle, and a lock file that appears or changes is seen.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checked } from "../../compiler/index.ts";
import { fingerprint } from "../../compiler/tuning/fingerprint.ts";
import { printLock } from "../../compiler/tuning/lock.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { FileCompiler } from "./compilation.ts";

const source = `kernel triple(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @unroll(i, [1, 2, 4])
    for i in range(N):
        y[i] = x[i] * 3
`;
let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "kern-lock-"))));
afterEach(() => rmSync(folder, { recursive: true }));

test("a lock file counts as soon as it is there", async () => {
  const path = join(folder, "triple.kern");
  writeFileSync(path, source);
  const compiler = new FileCompiler({});
  const tuned = async () => {
    const { compiled, dependencies, diagnostics } = await compiler.compile(path);
    expect(dependencies).toContain(`${path}.lock`);
    return compiled?.artifacts[0]!.kernels[0]!.report.tuned?.values ?? diagnostics.map(({ code }) => code);
  };
  expect(await tuned()).toEqual([]);
  const sink = new DiagnosticSink();
  const typed = checked(source, {}, sink).instantiate("triple", { comptime: {} }, sink)!;
  const entry = {
    kernel: "triple",
    target: "wasm",
    features: [],
    shape: { N: 4096 },
    source: fingerprint(typed, "wasm"),
    values: { "@unroll(1)": "4" },
    measured: { median: 1, before: 2, threads: 1 },
  } as const;
  writeFileSync(`${path}.lock`, printLock({ entries: [entry] }));
  expect(await tuned()).toEqual({ "@unroll(1)": "4" });
  writeFileSync(`${path}.lock`, printLock({ entries: [{ ...entry, source: "other" }] }));
  expect(await tuned()).toEqual(["K0550"]);
  writeFileSync(`${path}.lock`, "not a lock");
  expect(await tuned()).toEqual(["K0812"]);
});
