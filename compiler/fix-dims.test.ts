import { expect, it } from "vitest";
import { fixDims } from "./fix-dims.ts";
import { parseKernel } from "./ir/parse.ts";
import { printKernel } from "./ir/print.ts";
import { problemOf } from "./ir/verify.ts";

it("gives a sound kernel that requires its sizes", () => {
  const kernel = parseKernel(`kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
    for i in 0..N { y[i] = x[i] }
  }`);
  const fixed = fixDims(kernel, { N: 4 });
  expect(problemOf(fixed)).toBeUndefined();
  expect(fixed.requires.map(({ text }) => text)).toEqual(["N == 4"]);
});

it("reaches bounds and subscripts that compute with a dim", () => {
  const kernel = parseKernel(`kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
    for i in 0..(N + 2) - 2 { y[i] = x[N - 1 - i] }
  }`);
  expect(printKernel(fixDims(kernel, { N: 4 }))).toContain(
    "for i in 0..4 + 2 - 2 {\n    y[i] = x[4 - 1 - i]\n",
  );
});
