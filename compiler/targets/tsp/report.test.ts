// The report and the picture of a program whose figures are known.

import { expect, test } from "vitest";
import { groqchipCal } from "./machine/profile.ts";
import { vectorAdd } from "./machine/vector-add.ts";
import { pictureOf, reportOf } from "./report.ts";

const program = vectorAdd(groqchipCal, {
  x: { side: "W", slice: 0 },
  y: { side: "E", slice: 20 },
  z: { side: "E", slice: 43 },
  rows: 100,
});

test("cycles, what bounds them, and use", () => {
  const { cycles, bound, uses, issued } = reportOf(program);
  expect([cycles, bound.busiest, issued]).toEqual([99 + 12 + 5 + 10, 100, 400]);
  expect(uses.map(({ name, busiest, done }) => [name, busiest, done])).toEqual([
    ["SRAM reads", 100, 200],
    ["SRAM writes", 100, 100],
    ["streams", 100, 300],
    ["VXM", 100, 100],
  ]);
});

test("a picture has a line for each queue that does something, from west to east", () => {
  const picture = pictureOf(program);
  const names = [...picture.matchAll(/text-anchor="end">([^<]+)</g)].map(([, name]) => name);
  expect(names).toEqual(["MEM.W.0", "VXM.0", "MEM.E.20", "MEM.E.43"]);
  expect(picture.match(/<rect/g)).toHaveLength(4);
});
