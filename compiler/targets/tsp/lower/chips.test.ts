// A product over 1, 2, 4 and 8 chips: the same values, no faults, and the cycles that the checks predict for each chip.

import { expect, test } from "vitest";
import { checkProgram } from "../assemble/index.ts";
import { groqchipCal } from "../machine/profile.ts";
import { simulateChips } from "../simulate/index.ts";
import { chipsMatmul } from "./chips.ts";

test("11×330 times 2400 columns in int8", () => {
  const [m, k, n] = [11, 330, 2400];
  const a = Int8Array.from({ length: m * k }, (_, at) => (at * 37) % 251);
  const b = Int8Array.from({ length: k * n }, (_, at) => (at * 91) % 241);
  const expected = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let x = 0; x < k; x++)
      for (let j = 0; j < n; j++) expected[i * n + j]! += a[i * k + x]! * b[x * n + j]!;
  const cycles = [1, 2, 4, 8].map((chips) => {
    const made = chipsMatmul(groqchipCal, { type: "i8", m, k, n }, chips);
    if (typeof made === "string") throw new Error(made);
    const results = simulateChips(made.programs, made.cables, made.inputs(a, b));
    for (const [at, { faults, cycles: counted, issued }] of results.entries()) {
      expect(faults).toEqual([]);
      const checked = checkProgram(made.programs[at]!);
      expect(checked.faults).toEqual([]);
      expect([counted, issued]).toEqual([checked.cycles, checked.issued]);
    }
    const found = made.output(results.map((each) => each.output("c")));
    expect(found.every((value, at) => value === expected[at])).toBe(true);
    return Math.max(...results.map((each) => each.cycles));
  });
  expect(cycles).toMatchInlineSnapshot(`
    [
      611,
      1057,
      2293,
      4959,
    ]
  `);
});

test("too many chips are refused", () => {
  expect(chipsMatmul(groqchipCal, { type: "i8", m: 4, k: 4, n: 330 }, 4)).toContain("not enough for 4 chips");
});
