// The report and the picture of a program whose figures are known.

import { expect, test } from "vitest";
import { compile } from "../../index.ts";
import { libraryFile } from "../../../stdlib/index.ts";
import { lowerKernel } from "./lower/index.ts";
import { groqchipCal } from "./machine/profile.ts";
import { vectorAdd } from "./machine/vector-add.ts";
import { pictureOf } from "./picture.ts";
import { pathOf, reportOf } from "./report.ts";

const program = vectorAdd(groqchipCal, {
  x: { side: "W", slice: 0 },
  y: { side: "E", slice: 20 },
  z: { side: "E", slice: 43 },
  rows: 100,
});

test("cycles, what bounds them, and use", () => {
  const { cycles, bound, uses, issued, sram } = reportOf(program);
  // As rows of z come, rows of x and y go: two of each are on their way.
  expect(sram.words).toBe(300);
  expect(sram.peak).toBeLessThan(220);
  expect([cycles, bound.busiest, issued]).toEqual([99 + 12 + 5 + 10, 100, 400]);
  expect(uses.map(({ name, busiest, done }) => [name, busiest, done])).toEqual([
    ["SRAM reads", 100, 200],
    ["SRAM writes", 100, 100],
    ["streams", 100, 300],
    ["VXM", 100, 100],
  ]);
});

test("the critical path goes from the last write through a unit's rows to the first read", () => {
  const path = pathOf(program);
  const { cycles } = reportOf(program);
  expect(path.reduce((sum, step) => sum + step.cycles, 0)).toBe(cycles);
  // One row a cycle, behind the way of one row.
  expect(path[0]).toMatchObject({ cycles: 99, why: "busy" });
  expect(path.slice(1).map(({ why }) => why)).not.toContain("busy");
});

test.each([
  ["quantized", "int8_matmul", {}, { M: 70, K: 400, N: 330 }, "MXM.act"],
  ["normalization", "softmax", { T: "f32" }, { M: 7, N: 330 }, "VXM"],
] as const)(
  "std.%s: the path of %s is as long as the program, and names lines",
  async (module, name, set, sizes, unit) => {
    const compiled = await compile(libraryFile(module)!, {
      kernels: [name],
      target: [],
      set,
    });
    const lowered = lowerKernel(
      compiled.kernels[0]!.ir,
      new Map<string, number>(Object.entries(sizes)),
      groqchipCal,
    );
    if ("why" in lowered) throw new Error(lowered.why);
    const path = pathOf(lowered.program);
    const { cycles } = reportOf(lowered.program);
    expect(path.reduce((sum, step) => sum + step.cycles, 0)).toBe(cycles);
    expect(path.every((step) => step.cycles > 0)).toBe(true);
    expect(path.find(({ why }) => why === "busy")).toMatchObject({
      unit,
      place: expect.stringMatching(/\.kern:\d+$/),
    });
  },
);

test("a picture has a row for each queue that does something, from west to east, below the critical path", () => {
  const picture = pictureOf(program, "x + y < z");
  const names = [...picture.matchAll(/text-anchor="end"[^>]*>([^<]+)</g)].map(([, name]) => name);
  expect(names).toEqual(["critical path", "MEM.W.0", "VXM.0", "MEM.E.20", "MEM.E.43"]);
  expect(picture.match(/class="queue"/g)).toHaveLength(4);
  expect(picture).toContain("x + y &lt; z");
});
