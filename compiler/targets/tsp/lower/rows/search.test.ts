// Backtracking: patterns that don't wait for each other run side by side, although the first streams, ALUs and slices are
// what each of them is given first; and what they compute stays the same.

import { expect, test } from "vitest";
import { compile } from "../../../../index.ts";
import { interpret, makeTensor, type TensorArg } from "../../../../ir/interpret.ts";
import { checkProgram } from "../../assemble/index.ts";
import { groqchipCal } from "../../machine/profile.ts";
import { simulate } from "../../simulate/index.ts";
import { lowerKernel } from "../index.ts";

const source = `
kernel one(x: Tensor[i32, N], out y: Tensor[i32, N]):
    for i in range(N):
        y[i] = max(3 * x[i] + 1, 0)

kernel two(x: Tensor[i32, N], w: Tensor[i32, N], out y: Tensor[i32, N], out z: Tensor[i32, N]):
    for i in range(N):
        y[i] = max(3 * x[i] + 1, 0)
        z[i] = min(w[i] - 5, 7)

kernel chained(x: Tensor[i32, N], out y: Tensor[i32, N], out z: Tensor[i32, N]):
    for i in range(N):
        y[i] = max(3 * x[i] + 1, 0)
        z[i] = min(y[i] - 5, 7)

kernel apart(x: Tensor[i32, N], w: Tensor[i32, N], out y: Tensor[i32, N], out z: Tensor[i32, N], out v: Tensor[i32, N, 3]):
    for i in range(N):
        y[i] = max(3 * x[i] + 1, 0)
    for i in range(N):
        z[i] = min(w[i] - 5, 7)
    for i in range(N):
        for j in range(3):
            v[i, j] = y[i] + j
`;

async function cyclesOf(name: string, N: number): Promise<number> {
  const { kernels } = await compile({ path: "search.kern", text: source }, { target: [] });
  const { ir } = kernels.find(({ typed }) => typed.name === name)!;
  const lowered = lowerKernel(ir, new Map([["N", N]]), groqchipCal);
  if ("why" in lowered) throw new Error(lowered.why);
  const args: Record<string, TensorArg> = {};
  for (const param of ir.params)
    if (param.kind === "tensor" && param.mode === "in")
      args[param.buffer] = makeTensor(
        "i32",
        [N],
        Int32Array.from({ length: N }, (_, at) => ((at * 37) % 23) - 11 + param.buffer.length),
      );
  const checked = checkProgram(lowered.program);
  expect(checked.faults).toEqual([]);
  const inputs = lowered.inputs((buffer) => Array.from(args[buffer]!.data, Number));
  const simulated = simulate(lowered.program, { inputs });
  expect([simulated.faults, simulated.cycles]).toEqual([[], checked.cycles]);
  const outcome = interpret(ir, args);
  if (outcome.kind !== "done") throw new Error(outcome.kind);
  for (const [buffer, found] of lowered.results(simulated.output))
    expect([...found]).toEqual(Array.from(outcome.results[buffer]!.data, Number));
  return simulated.cycles;
}

test("two patterns of 50 rows each take little longer than one", async () => {
  const one = await cyclesOf("one", 16_000);
  const two = await cyclesOf("two", 16_000);
  expect(two).toBeLessThan(one + 20);
  // The second one follows the first one's rows as they come.
  expect(await cyclesOf("chained", 16_000)).toBeLessThan(one + 50);
});

test("nests that share no result have lanes of their own", async () => {
  expect(await cyclesOf("apart", 16_000)).toBeLessThan(300);
  for (const N of [0, 1, 319, 321]) expect(await cyclesOf("apart", N)).toBeLessThan(90);
});

test("what SRAM can’t hold is refused before it is followed", async () => {
  const { kernels } = await compile({ path: "search.kern", text: source }, { target: [] });
  for (const { ir } of kernels) {
    const lowered = lowerKernel(ir, new Map([["N", 200_000_000]]), groqchipCal);
    expect(lowered).toMatchObject({ why: expect.stringContaining("words of 320 bytes") });
  }
});

test.each([0, 1, 319, 321])("rows in part, %d elements", async (N) => {
  expect(await cyclesOf("two", N)).toBeLessThan(60);
});
