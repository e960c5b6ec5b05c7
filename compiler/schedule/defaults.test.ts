// Panels of `get`: they hold what is read outside, the body tests nothing, and the results stay.

import { describe, expect, it } from "vitest";
import { applied, sameResults } from "../../testing/equivalence.ts";
import type { IrKernel } from "../ir/ir.ts";
import { printKernel } from "../ir/print.ts";
import { applySchedules } from "./apply.ts";

const kernel = (body: string): string =>
  `kernel k(x: in i32[M, N], y: mut i32[M, N]) dims(M = x.0, N = x.1) {
    @tile(j: 4) @vectorize(j: mask) @stage(x; i) for i in 0..M { for j in 0..N { ${body} } }
  }`;

const inside = "at >= 0 & at < N";
const at = "let at: i32 = j * 2 + k - 3";

/** What the body reads of the panel, without the statements that fill it. */
function readsOf(after: IrKernel): string[] {
  return printKernel(after)
    .split("\n")
    .filter((line) => /[^ ].*x_panel\[/.test(line) && !/^\s*x_panel\[/.test(line))
    .map((line) => line.trim());
}

const sum = (value: string): string =>
  kernel(`reduce sum(s: i32 = 0) { for k in 0..3 { ${at} yield s(${value}) } } y[i, j] = y[i, j] + s`);

function same(pair: { before: IrKernel; after: IrKernel }): void {
  for (const N of [0, 1, 2, 3, 4, 5, 8, 9, 13]) for (const M of [1, 3]) sameResults(pair, { M, N });
}

describe("a staged get", () => {
  it.each([
    ["zeros", `x[i, at if ${inside}] * 2`],
    ["another default", `select(${inside}, x[i, at if ${inside}], 7) * 2`],
    ["what is proved left out", `x[i, at if at < N & at >= 0] * 2`],
  ])("tests nothing in the body: %s", (_, value) => {
    const pair = applied(sum(value), (each) => applySchedules(each));
    expect(readsOf(pair.after).length).toBeGreaterThan(0);
    for (const line of readsOf(pair.after)) expect(line).not.toMatch(/ at\S* [<>]|select/);
    same(pair);
  });

  it.each([
    ["a condition of its own", `x[i, at if k > 0 & ${inside}]`, / if k\S* > 0\]/],
    ["two defaults", `select(${inside}, x[i, at if ${inside}], 7) + x[i, at if ${inside}]`, /select/],
    ["a narrower test", `x[i, at if at >= 1 & at < N]`, / if .*at\S* >= 1/],
    ["a select that asks for something else", `select(k > 0, x[i, at if ${inside}], 7)`, /select/],
    ["a default that varies", `select(${inside}, x[i, at if ${inside}], k)`, /select/],
  ])("keeps %s", (_, value, kept) => {
    const pair = applied(sum(value), (each) => applySchedules(each));
    expect(readsOf(pair.after).length).toBeGreaterThan(0);
    for (const line of readsOf(pair.after)) expect(line).toMatch(kept);
    same(pair);
  });
});
