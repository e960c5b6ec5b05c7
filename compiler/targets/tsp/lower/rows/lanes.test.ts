// Loops in lanes that end before their axis does, or whose place on it loops in time move: against the interpreter.

import { expect, test } from "vitest";
import { compile } from "../../../../index.ts";
import { interpret, makeTensor } from "../../../../ir/interpret.ts";
import { checkProgram } from "../../assemble/index.ts";
import { ideal } from "../../machine/profile.ts";
import { simulate } from "../../simulate/index.ts";
import { lowerKernel } from "../index.ts";

const source = `
kernel blocks(x: Tensor[i32, N], out y: Tensor[i32, N]):
    for t in range((N + 7) // 8):
        var part = Array[i32, 8](3)
        for i in range(min(8, N - 8 * t)):
            part[i] = x[8 * t + i]
        for i in range(8):
            part[i] = part[i] * part[i] + i
        for i in range(min(8, N - 8 * t)):
            y[8 * t + i] = part[i] + sum(part[k] for k in range(8))

kernel overlapping(x: Tensor[i32, N], out y: Tensor[i32, N + 2]):
    for j in range(N + 2):
        y[j] = -1
    for t in range(3):
        for i in range(N):
            if i % 3 < 2:
                y[t + i] = x[i] + 100 * t

kernel shortened(x: Tensor[i32, N], out y: Tensor[i32, N]):
    for i in range(N):
        y[i] = x[i]
    for i in range(N // 2):
        y[i] = 7 * x[i]
`;

test.each([
  ["blocks", 21],
  ["blocks", 8],
  ["blocks", 1],
  ["overlapping", 1],
  ["overlapping", 7],
  ["shortened", 1],
  ["shortened", 331],
])("%s of %d", async (name, N) => {
  const { kernels, diagnostics } = await compile({ path: "lanes.kern", text: source }, { target: [] });
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  const { ir } = kernels.find(({ typed }) => typed.name === name)!;
  const lowered = lowerKernel(ir, new Map([["N", N]]), ideal);
  if ("why" in lowered) throw new Error(lowered.why);
  const given = Int32Array.from({ length: N }, (_, at) => ((at * 37) % 23) - 11);
  const checked = checkProgram(lowered.program);
  expect(checked.faults).toEqual([]);
  const simulated = simulate(lowered.program, { inputs: lowered.inputs(() => given) });
  expect([simulated.faults, simulated.cycles]).toEqual([[], checked.cycles]);
  const outcome = interpret(ir, { x: makeTensor("i32", [N], given) });
  if (outcome.kind !== "done") throw new Error(outcome.kind);
  expect([...lowered.results(simulated.output).get("y")!]).toEqual([
    ...(outcome.results["y"]!.data as Int32Array),
  ]);
});
