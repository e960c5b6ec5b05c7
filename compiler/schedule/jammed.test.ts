// Reductions that are vectorized along their own loop and shared by the points of a tile: each point gets lanes of its
// own, whatever the sizes, and nothing is added twice or lost.

import { expect, it } from "vitest";
import { applied, sameResults, textAfter } from "../../testing/equivalence.ts";
import { expandReductions } from "../passes/expand-reductions.ts";
import { vectorize } from "../passes/vectorize/index.ts";
import { applySchedules } from "./apply.ts";

const product = (directives: string, value = "a[i, k] * b[j, k]", op = "sum", start = "0"): string =>
  `kernel k(a: in i32[M, K], b: in i32[N, K], c: out i32[M, N]) dims(M = a.0, K = a.1, N = b.0) {
    ${directives} for i in 0..M { for j in 0..N {
      reduce ${op}(s: i32 = ${start}) { for k in 0..K { yield s(${value}) } }
      c[i, j] = s + i
    } }
  }`;

const sizes = [
  [0, 3, 4],
  [1, 1, 1],
  [3, 0, 5],
  [4, 8, 2],
  [5, 9, 3],
  [7, 17, 5],
  [8, 4, 6],
].map(([M, K, N]) => ({ M: M!, K: K!, N: N! }));

it.each([
  "@tile(i: 4, j: 2) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask)",
  "@tile(i: 2, j: 3) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask 8)",
  "@tile(i: 4) @unroll(i: 0) @vectorize(k: peel)",
  "@tile(i: 4, j: 2) @vectorize(k: scalar 2)",
  "@tile(i: 2, j: 2, k: 8) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask)",
  "@tile(i: 2, j: 2, k: 4) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask) @stage(a; i@0) @stage(b; j@0)",
  "@tile(j: 2) @vectorize(j: mask) @vectorize(k: mask)",
  "@tile(i: 3) @order(i@0, k, j, i) @unroll(i: 0) @vectorize(k: mask)",
])("%s", (directives) => {
  const pass = (text: string) => applied(text, (each) => expandReductions(vectorize(applySchedules(each))));
  const kernels = [
    pass(product(directives)),
    pass(product(directives, "a[i, k] - b[j, k] + 1")),
    pass(product(directives, "max(a[i, k], b[j, k])", "min", "100")),
  ];
  for (const each of kernels) for (const size of sizes) sameResults(each, size);
});

it("shares the loop and what the points read", () => {
  const text = textAfter(
    product("@tile(i: 2, j: 2) @unroll(i: 0) @unroll(j: 0) @vectorize(k: mask)"),
    (kernel) => applySchedules(kernel),
  );
  const [region] = text.match(/reduce sum\([^)]*\) \{[^}]*\}/)!;
  expect(region).toMatchInlineSnapshot(`
    "reduce sum(s_1: i32 = 0, s_2: i32 = 0, s_3: i32 = 0, s_4: i32 = 0) {
                vectorize(mask) for k_1 in 0..K {
                  yield s_1(a[i_tile, k_1] * b[j_tile, k_1], a[i_tile, k_1] * b[j_tile + 1, k_1], a[i_tile + 1, k_1] * b[j_tile, k_1], a[i_tile + 1, k_1] * b[j_tile + 1, k_1])
                }"
  `);
});
