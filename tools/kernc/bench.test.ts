// `kernc bench`: what it counts, what it says, and that a size it needs is asked for.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import type { Signature } from "../../compiler/artifact.ts";
import { tensor, type Arguments, type Kernel } from "../../runtime/index.ts";
import { differs } from "./benching/check.ts";
import { operationsOf } from "./benching/operations.ts";
import { kernc } from "../../testing/kernc.ts";
import { spreadOf, statisticsOf } from "../timing/statistics.ts";

const source = `kernel matmul(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))

kernel triangle(a: Tensor[f32, N, N], out c: Tensor[f32, N]):
    for i in range(N):
        c[i] = sum(a[i, k] for k in range(i + 1))

kernel dot(a: Tensor[i8, N], b: Tensor[i8, N], out c: Tensor[i32, 1]):
    c[0] = sum(i32(a[i]) * i32(b[i]) for i in range(N))

kernel reverse(a: Tensor[f32, N], out c: Tensor[f32, N]):
    for i in range(N):
        c[i] = a[N - 1 - i]

kernel halve(a: Tensor[f32, N], out c: Tensor[f32, N]):
    for i in range(N):
        var v = a[i]
        while v > 1:
            v = v * 0.5
        c[i] = v

kernel pick(x: Tensor[f32, N], at: Tensor[i32, M], out y: Tensor[f32, M]):
    for i in range(M):
        let j = at[i]
        assert 0 <= j and j < N, "an index lies outside"
        y[i] = x[j]
`;

async function count(kernel: string, dims: Record<string, number>): Promise<number | undefined> {
  const { kernels } = await compile(source, { kernels: [kernel] });
  return operationsOf(kernels[0]!.ir, dims);
}

describe("operations", () => {
  test.each([
    ["matmul", { M: 3, K: 5, N: 7 }, 2 * 3 * 5 * 7],
    ["matmul", { M: 0, K: 5, N: 7 }, 0],
    ["triangle", { N: 6 }, 21],
    ["dot", { N: 40 }, 80],
    ["reverse", { N: 9 }, 0],
  ])("%s with %o does %i", async (kernel, dims, expected) => {
    expect(await count(kernel, dims as Record<string, number>)).toBe(expected);
  });

  test("a number of steps that depends on data isn't counted", async () => {
    expect(await count("halve", { N: 4 })).toBeUndefined();
  });
});

test("statistics", () => {
  const found = statisticsOf([5, 1, 3, 2, 4, 6, 7, 8, 9, 10, 11]);
  expect(found).toEqual({ samples: 11, median: 6, best: 1, low: 2, high: 10 });
  expect(spreadOf(found)).toBeCloseTo(4 / 6);
});

test("a wrong result is found", async () => {
  const signature = { tolerance: { relative: 1e-5, absolute: 1e-6 } } as Signature;
  const giving = (values: number[]) => (async () => ({ y: tensor(values, [2], "f32") })) as unknown as Kernel;
  const args = (): Arguments => ({});
  expect(await differs(signature, giving([1, 2]), giving([1, 2.000001]), args)).toBeUndefined();
  expect(await differs(signature, giving([1, 3]), giving([1, 2]), args)).toMatch("y[1] is 3 instead of 2");
});

describe("the command", () => {
  let folder: string;
  let file: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bench-"));
    file = join(folder, "k.kern");
    writeFileSync(file, source);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const bench = (...args: string[]) => kernc("bench", ...args);

  test("checks, then times both builds", async () => {
    const { code, out } = await bench(
      `${file}:matmul`,
      "--shape",
      "M=16,K=20,N=24",
      "--seconds",
      "1",
      "--json",
    );
    expect(code).toBe(0);
    const figures = JSON.parse(out) as Record<string, unknown>;
    expect(figures).toMatchObject({
      kernel: "matmul",
      dims: { M: 16, K: 20, N: 24 },
      operations: 2 * 16 * 20 * 24,
      unit: "GFLOP/s",
      bytes: 4 * (16 * 20 + 20 * 24 + 16 * 24),
      timed: [{ name: "any size" }, { name: "this size" }],
    });
  });

  test("says what it checked and how fast it was", async () => {
    const { code, out } = await bench(`${file}:pick`, "--shape", "N=64,M=300", "--seconds", "1");
    expect(code).toBe(0);
    expect(out).toMatch(/✓ \d+ small shapes agree with the interpreter; so does this one/);
    expect(out).toMatch(/any size +[\d.]+ ms ± *\d+ % +best +[\d.]+ ms .*GB\/s/);
  });

  test("asks for the sizes it lacks", async () => {
    const { code, err } = await bench(`${file}:matmul`, "--shape", "M=16");
    expect(code).toBe(2);
    expect(err).toContain("needs a size for K, N");
  });
});
