// Words whose rows nothing reads any more are used again where a slice has too few: a chain of parts fits only so, with the
// same results, and rows that are written wait for the last readers of what lay there.

import { expect, test } from "vitest";
import { compile } from "../../../../index.ts";
import { interpret, makeTensor } from "../../../../ir/interpret.ts";
import { checkProgram } from "../../assemble/index.ts";
import { groqchipCal } from "../../machine/profile.ts";
import { reportOf } from "../../report.ts";
import { simulate } from "../../simulate/index.ts";
import { lowerRows, lowerRowsWithin } from "./index.ts";

const source = `
kernel long_chain(x: Tensor[i32, N], out y: Tensor[i32, N]):
    var a = Array[i32, N](0)
    for i in range(N):
        a[i] = x[i] + 1
    comptime for turn in range(16):
        for i in range(N):
            a[i] = a[i] * 3 + 1
        for i in range(N):
            a[i] = (a[i] >> 2) ^ x[i]
    for i in range(N):
        y[i] = a[i] - x[i]
`;

test("a chain that fits only with words used again", async () => {
  const { kernels } = await compile({ path: "reuse.kern", text: source }, { target: [] });
  const { ir } = kernels[0]!;
  const N = 3000;
  const known = new Map([["N", N]]);
  const whole = lowerRows(ir, known, groqchipCal);
  if ("why" in whole) throw new Error(whole.why);
  const rows = Math.ceil(N / 320);
  const narrow = lowerRowsWithin(3 * rows, ir, known, groqchipCal);
  if ("why" in narrow) throw new Error(narrow.why);
  const [much, little] = [reportOf(whole.program), reportOf(narrow.program)];
  expect(little.sram.words).toBeLessThan(much.sram.words / 2);
  const x = makeTensor(
    "i32",
    [N],
    Int32Array.from({ length: N }, (_, at) => (at * 7919) % 20011),
  );
  const outcome = interpret(ir, { x });
  if (outcome.kind !== "done") throw new Error(outcome.kind);
  const checked = checkProgram(narrow.program);
  expect(checked.faults).toEqual([]);
  const inputs = narrow.inputs(() => Array.from(x.data, Number));
  const simulated = simulate(narrow.program, { inputs });
  expect([simulated.faults, simulated.cycles]).toEqual([[], checked.cycles]);
  expect([...narrow.results(simulated.output).get("y")!]).toEqual(
    Array.from(outcome.results["y"]!.data, Number),
  );
});
