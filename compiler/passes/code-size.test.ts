// What the compiler schedules by itself stays small enough to be compiled in a moment; what it gives up for that is
// still compiled, and kernels beside it keep theirs.

import { expect, it } from "vitest";
import { compile } from "../index.ts";
import { parseKernel } from "../ir/parse.ts";
import { codeSize, mostInstructions } from "./code-size.ts";

const apart = `kernel apart(x: Tensor[i8, N, M], out y: Tensor[i8, M, N]):
    for i in range(M - 1, -1, -1):
        for j in range(N):
            y[i, j] = ((x[j, i] ^ i8(2)) * max((x[j, k] >> (x[j, i // 2] & 7)) for p in range(6) for k in range(0, M, 4))) & 6
`;
const neighbours = `kernel neighbours(x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        y[i] = 2 * x[i]
`;

it("gives up automatic schedules that come to too much code, one kernel at a time", async () => {
  const { artifact } = await compile(apart + "\n" + neighbours, { target: "wasm" });
  const schedules = artifact("wasm").kernels.map(({ report }) => report.schedule !== undefined);
  expect(schedules).toEqual([false, true]);
  expect(artifact("wasm").code.length).toBeLessThan(100_000);
});

it("counts lanes that lie apart, and vectors by their registers", () => {
  const size = (load: string): number =>
    codeSize(
      parseKernel(`kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
        for i in 0..N step 16 { y[ramp[16](i, 1)] = ${load} }
      }`).body,
    );
  expect(size("x[ramp[16](i, 2)]") - size("x[ramp[16](i, 1)]")).toBe(16 * 3 - 4);
  expect(size("x[ramp[16](i, 1)] + x[ramp[16](i, 1)]") - size("x[ramp[16](i, 1)]")).toBeGreaterThanOrEqual(4);
  expect(size("x[ramp[16](i, 1)]")).toBeLessThan(mostInstructions);
});
