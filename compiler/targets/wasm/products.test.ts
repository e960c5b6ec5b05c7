// Sums of integer products as matrices have them, tiled, staged and vectorized along the sum: exact over the whole range of
// both operands, whatever the sizes.

import { describe, expect, it } from "vitest";
import { argumentsFor, sameResults } from "../../../testing/equivalence.ts";
import { dotLevels, simulatedDots } from "../../../testing/wasm-dots.ts";
import { programOf, sameAsInterpreter } from "../../../testing/wasm-run.ts";
import type { IrKernel } from "../../ir/ir.ts";
import { parseKernel } from "../../ir/parse.ts";
import { printKernel } from "../../ir/print.ts";
import { runPasses, sharedPasses } from "../../passes/index.ts";
import { applySchedules, dropSchedules, schedulePass } from "../../schedule/index.ts";
import { wasmTarget } from "./index.ts";
import { wasmPasses } from "./passes.ts";

const product = (left: string, right: string, directives: string): string =>
  `kernel k(a: in ${left}[M, K], b: in ${right}[N, K], c: out i32[M, N]) dims(M = a.0, K = a.1, N = b.0) {
    ${directives} for i in 0..M { for j in 0..N {
      reduce sum(s: i32 = 0) { for k in 0..K { yield s(i32(a[i, k]) * i32(b[j, k])) } }
      c[i, j] = s
    } }
  }`;

const schedules = {
  "in registers": "@tile(i: 4, j: 2) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask)",
  "from panels":
    "@tile(j: 8 4, i: 2, k: 8) @stage(b; j@0) @stage(a; i@0) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask)",
  "from panels of whole rows":
    "@tile(i: 2, j: 2) @stage(b; j@0) @stage(a; i@0) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask)",
  "in wider steps":
    "@tile(i: 2, j: 2, k: 16) @stage(b; i@0) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask 8)",
};

const sizes = [
  [0, 4, 3],
  [2, 0, 2],
  [1, 1, 1],
  [4, 16, 8],
  [5, 17, 9],
  [3, 31, 7],
  [6, 40, 13],
].map(([M, K, N]) => ({ M: M!, K: K!, N: N! }));

/** Random elements, and the ends of the ranges in all combinations. */
const fills = [
  undefined,
  (name: string) => (name === "a" ? 255 : -128),
  (name: string, at: number) =>
    [
      [255, 128, 0, 127],
      [-128, 127, -128, -127],
    ][name === "a" ? 0 : 1]![at % 4]!,
];

describe.each(Object.entries(schedules))("%s", (_name, directives) => {
  it.each([
    ["u8", "i8"],
    ["i8", "i8"],
    ["u8", "u8"],
    ["i16", "i8"],
  ])("%s × %s", async (left, right) => {
    const kernel = parseKernel(product(left, right, directives));
    const problems: string[] = [];
    const note = (annotation: string, why: string) => problems.push(`${annotation}: ${why}`);
    const emitted = runPasses(
      applySchedules(kernel, { notHonoured: note }),
      [...sharedPasses, ...wasmPasses],
      { verifyEach: true },
      undefined,
      { notHonoured: note },
    );
    expect(problems).toEqual([]);
    expect(printKernel(emitted)).toContain("dot2(");
    const program = await programOf(emitted, { optimize: false });
    for (const dims of sizes)
      for (const fill of fills) {
        const options = fill ? { fill } : {};
        sameResults({ before: dropSchedules(kernel), after: emitted }, dims, options);
        sameAsInterpreter(program, () => argumentsFor(emitted, dims, options), { shares: 2 });
      }
  });
});

/** A kernel's schedule and passes for a level of features. */
function preparedFor(text: string, features: readonly string[]): { before: IrKernel; after: IrKernel } {
  const kernel = parseKernel(text);
  const report = { notHonoured: () => undefined, features: new Set(features) };
  const after = runPasses(
    kernel,
    [schedulePass(wasmTarget), ...sharedPasses, ...wasmPasses],
    { verifyEach: true },
    undefined,
    report,
  );
  return { before: dropSchedules(kernel), after };
}

const few = sizes.filter(({ M }) => [1, 2, 5, 6].includes(M));

describe.each(dotLevels)("for engines with %s", (level) => {
  const features = ["relaxed-simd", "relaxed-dot", level];
  const wide = schedules["in wider steps"].replace("mask 8", "mask");
  it.each([
    ["u8", "i8", level !== "relaxed-dot"],
    ["i8", "u8", level !== "relaxed-dot"],
    ["i8", "i8", level !== "relaxed-dot"],
    // Neither could be the signed one.
    ["u8", "u8", false],
    ["i16", "i8", false],
  ])("%s × %s is exact", async (left, right, quads) => {
    for (const directives of [wide, schedules["in registers"]]) {
      const pair = preparedFor(product(left, right, directives), features);
      expect(printKernel(pair.after).includes("dot4(")).toBe(quads);
      const program = await simulatedDots(pair.after, level);
      expect(program.emitted.text.includes("relaxed_dot")).toBe(quads);
      for (const dims of few)
        for (const fill of fills) {
          const options = fill ? { fill } : {};
          sameResults(pair, dims, options);
          sameAsInterpreter(program, () => argumentsFor(pair.after, dims, options), { shares: 2 });
        }
    }
  });

  it("takes factors of 7 bits as they are", async () => {
    const text = product("u8", "i8", wide).replace("i32(a[i, k])", "i32(a[i, k] & 127:u8)");
    const pair = preparedFor(text, features);
    expect(printKernel(pair.after)).toContain("dot4[1](");
    const program = await simulatedDots(pair.after, level);
    expect(program.emitted.text).toContain("relaxed_dot");
    expect(program.emitted.text).not.toContain("v128.xor");
    for (const dims of few)
      for (const fill of fills) {
        const options = fill ? { fill } : {};
        sameResults(pair, dims, options);
        sameAsInterpreter(program, () => argumentsFor(pair.after, dims, options), { shares: 2 });
      }
  });
});

it("widens bytes once, into a panel of 16 bits", () => {
  const text = printKernel(applySchedules(parseKernel(product("u8", "i8", schedules["from panels"]))));
  expect(text).toMatch(/panel a_panel\w*: i16/);
  expect(text).toMatch(/panel b_panel\w*: i16/);
  const other = printKernel(
    applySchedules(parseKernel(product("u8", "i8", schedules["from panels"]).replace("* i32(b", "+ i32(b"))),
  );
  expect(other).toMatch(/panel a_panel\w*: u8/);
});
