// The commands on a GPU: `run`, `test`, `verify`, `bench`.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeTestGpu, skipReason, testGpu } from "../../testing/webgpu.ts";
import { kernc } from "../../testing/kernc.ts";

const source = `kernel scale[T: Float](x: Tensor[T, N], s: T, out y: Tensor[T, N]):
    @parallel
    for i in range(N):
        y[i] = s * x[i]

test "twice":
    assert scale(tensor[f32]([1, 2]), 2)[1] == 4

test "twice in 64 bits":
    assert scale(tensor[f64]([1, 2]), 2)[1] == 4

test "wrong":
    assert scale(tensor[f32]([1, 2]), 2)[1] == 5
`;

const found = await testGpu();
await closeTestGpu();

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kern-gpu-"));
  path = join(folder, "scale.kern");
  writeFileSync(path, source);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(typeof found === "string")(`kernc on the GPU ${skipReason(found)}`, () => {
  test("run gives what WASM gives", async () => {
    const inputs = ["--in", "x=random(f32, 7, seed=3)", "--in", "s=2"];
    const [onGpu, onWasm] = [
      await kernc("run", path, "--target", "webgpu", ...inputs),
      await kernc("run", path, ...inputs),
    ];
    expect(onGpu.code, onGpu.text).toBe(0);
    expect(onGpu.text).toBe(onWasm.text);
  });

  test("run refuses what a shader can't hold, with the line", async () => {
    const { code, text } = await kernc("run", path, "--target", "webgpu", "--set", "T=f64", "--in", "s=2");
    expect(code).toBe(1);
    expect(text).toMatch(/error\[K0601\].*f64[^]*scale\.kern:1/);
  });

  test("test tells failures from what the target doesn't hold", async () => {
    const { code, text } = await kernc("test", path, "--target", "webgpu");
    expect(text).toMatch(/✓ twice \(webgpu\)/);
    expect(text).toMatch(/– twice in 64 bits \(webgpu\): K0601/);
    expect(text).toMatch(/✗ wrong \(webgpu\)/);
    expect(text).toMatch(/1 passed, 1 failed, 1 more than the target holds/);
    expect(code).toBe(1);
  });

  test("verify compares it with the interpreter", async () => {
    const { code, text } = await kernc("verify", path);
    expect(code, text).toBe(0);
    expect(text).toMatch(/wgsl: compiles, and runs on \S/);
    expect(text.match(/agrees +✓/g)?.length).toBeGreaterThan(10);
  });

  test("bench checks, then measures", async () => {
    const { code, text } = await kernc(
      "bench",
      path,
      "--target",
      "webgpu",
      "--shape",
      "N=64",
      "--seconds",
      "1",
    );
    expect(code, text).toBe(0);
    expect(text).toMatch(/any size, webgpu +[\d.]+ ms/);
    expect(text).toMatch(/this size, webgpu +[\d.]+ ms/);
  });
});
