// Random legal kernels on the TSP. `node scripts/bench.mjs testing/bench/tsp-kernels.ts --seed 1 --count 5000` tries more of them.

import { expect, test } from "vitest";
import { randomKernel } from "./kernels.ts";
import { outcomeOf } from "./outcome.ts";

const seed = Number(process.env["KERN_SEED"] ?? 1) * 100_000;
const count = 200;

test(`${count} random kernels agree with the interpreter in the cycles predicted, or are refused`, async () => {
  let agree = 0;
  for (let at = seed; at < seed + count; at++) {
    const kernel = randomKernel(at);
    const outcome = await outcomeOf(kernel, at);
    if (outcome.kind === "wrong")
      expect.fail(`seed ${at}: ${outcome.what}\n${kernel.text}${JSON.stringify(kernel.dims)}`);
    if (outcome.kind === "agrees") agree += 1;
    else expect(outcome.why).not.toBe("");
  }
  // The kernels are of kinds that the TSP is for.
  expect(agree).toBeGreaterThan(0.9 * count);
});

test("sums of products that the results don’t depend on", async () => {
  const text = `kernel f(a: Tensor[i8, M, K], b: Tensor[i8, N, K], out y: Tensor[i8, M, N]):
    for i in range(M):
        for j in range(N):
            y[i, j] = i8(0) * i8(sum(a[i, k] * b[j, k] for k in range(K)))
`;
  for (const dims of [
    { M: 1, K: 1, N: 1 },
    { M: 5, K: 7, N: 9 },
  ])
    expect(await outcomeOf({ text, dims }, 1)).toEqual({ kind: "agrees" });
});
