// Nothing is dropped in silence: what a schedule can't carry out is reported, with a reason, and the nest still computes
// what it says.

import { expect, it } from "vitest";
import { applied, sameResults } from "../../testing/equivalence.ts";
import { applySchedules } from "./apply.ts";

const kernel = (body: string): string =>
  `kernel k(x: in i32[M, N], y: mut i32[M, N]) dims(M = x.0, N = x.1) {\n${body}}\n`;

it.each([
  ["@stage(x; i)", "y[i, j] = 1", "@stage: no loop there reads it"],
  [
    "@tile(i: 4)",
    "if j > i { continue } y[i, j] = 2",
    "@tile: a `break` or `continue` leaves an iteration early",
  ],
  ["@stage(x; i)", "y[i, j] = x[M - 1 - i, y[i, j] & 0 if N > 0]", "@stage: a subscript comes from data"],
  ["@stage(x; i)", "y[i, j] = x[i, N - 1 - j]", "@stage: a subscript runs against the loop over `j`"],
  ["@fuse(i, j) @tile(i: 4)", "y[i, j] = 3", "@fuse: loops that are tiled or ordered can't be fused as well"],
])("%s of %s", (directives, body, report) => {
  const found: string[] = [];
  const text = kernel(`${directives} for i in 0..M { for j in 0..N { ${body} } }`);
  const pair = applied(text, (each) =>
    applySchedules(each, {
      notHonoured: (annotation, why) => found.push(`${annotation.split("(")[0]}: ${why}`),
    }),
  );
  expect(found).toContain(report);
  for (const [M, N] of [
    [0, 2],
    [3, 5],
    [5, 4],
  ])
    sameResults(pair, { M: M!, N: N! });
});

it("fuses what the size of a tensor says to fit 32 bits, and nothing else", () => {
  const text = (
    shape: string,
  ): string => `kernel k(x: in i32[M], w: in i32[N], y: mut i32[${shape}]) dims(M = x.0, N = w.0) {
    @fuse(i, j) for i in 0..M { for j in 0..N { y[i, ${shape === "M, N" ? "j" : "0"}] = x[i] + w[j] } }
  }`;
  const reasons = (shape: string): string[] => {
    const found: string[] = [];
    const pair = applied(text(shape), (each) =>
      applySchedules(each, { notHonoured: (_, why) => found.push(why) }),
    );
    for (const [M, N] of [
      [0, 2],
      [3, 5],
      [5, 4],
    ])
      sameResults(pair, { M: M!, N: N! });
    return found;
  };
  expect(reasons("M, N")).toEqual([]);
  expect(reasons("M, 1")).toEqual(["the number of their iterations together may not fit 32 bits"]);
});
