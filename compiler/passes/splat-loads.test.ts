import { expect, it } from "vitest";
import { applied, awkwardSizes, sameResults, textAfter } from "../../testing/equivalence.ts";
import { splatLoads } from "./splat-loads.ts";

it("loads into every lane what is wanted in every lane only", () => {
  const text = `kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
    for i in 0..N {
      let a: f32 = x[i]
      let b: f32 = x[0]
      y[i] = vsum(splat[4](a) * splat[4](a)) + vsum(splat[4](b)) + b
    }
  }`;
  for (const N of awkwardSizes) sameResults(applied(text, splatLoads), { N });
  expect(textAfter(text, splatLoads)).toMatchInlineSnapshot(`
    "kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
      for i in 0..N {
        let a: f32x4 = splat[4](x[i])
        let b: f32 = x[0]
        y[i] = vsum(a * a) + vsum(splat[4](b)) + b
      }
    }
    "
  `);
});
