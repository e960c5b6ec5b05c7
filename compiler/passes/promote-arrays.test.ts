import { describe, expect, it } from "vitest";
import { applied, awkwardSizes, sameResults, textAfter } from "../../testing/equivalence.ts";
import { promoteArrays } from "./promote-arrays.ts";

function check(text: string): string {
  for (const N of awkwardSizes) sameResults(applied(text, promoteArrays), { N });
  return textAfter(text, promoteArrays);
}

describe("promote-arrays", () => {
  it("turns elements with known indices into registers", () => {
    const text = check(`kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
      local a: f32[2, 2]
      for i in 0..N {
        alloc a = 0.5
        a[0, 1] = x[i]
        a[1, 0 if x[i] > 0.0] = a[0, 1] * 2.0
        y[i] = a[1, 0] + a[0, 1 if x[i] < 1.0]
      }
    }`);
    expect(text).not.toContain("local");
    expect(text).not.toContain("alloc");
  });

  it("keeps aligned vectors whole, and takes lanes of them", () => {
    const text = check(`kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
      local a: f32[2, 4]
      for i in 0..N {
        alloc a = 0.0
        a[1, ramp[4](0, 1)] = splat[4](x[i])
        a[1, 2] = 3.0
        y[i] = vsum(a[1, ramp[4](0, 1)]) + a[0, 3]
      }
    }`);
    expect(text).toContain("insert[2]");
    expect(text).not.toContain("local");
  });

  it("leaves arrays alone that are indexed by a variable, or across registers", () => {
    const text = `kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
      local a: f32[4]
      local b: f32[8]
      alloc a = 0.0
      alloc b = 1.0
      for i in 0..N {
        a[mod(i, 4)] = x[i]
        b[ramp[4](0, 1)] = splat[4](x[i])
        y[i] = a[0] + vsum(b[ramp[4](2, 1)])
      }
    }`;
    expect(check(text)).toContain("local a");
    expect(check(text)).toContain("local b");
  });
});
