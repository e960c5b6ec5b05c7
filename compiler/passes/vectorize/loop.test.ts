import { describe, expect, it } from "vitest";
import { parseKernel } from "../../ir/parse.ts";
import { applied, awkwardSizes, sameResults, textAfter } from "../../../testing/equivalence.ts";
import { vectorize } from "./index.ts";

/** Every tail, with constant and variable bounds, at awkward trip counts. */
function check(text: string, tolerance = 0, tails = ["mask", "peel", "scalar"]): void {
  for (const tail of tails) {
    for (const width of ["", ", 2", ", 8"]) {
      const marked = text.replaceAll("VEC", `vectorize(${tail}${width})`);
      const kernels = applied(marked, (kernel) => vectorize(kernel));
      for (const N of awkwardSizes) sameResults(kernels, { N, M: 3 }, { tolerance });
      for (const N of [0, 1, 4, 7, 17]) {
        const fixed = marked.replaceAll("..N", `..${N}`);
        sameResults(
          applied(fixed, (kernel) => vectorize(kernel)),
          { N, M: 3 },
          { tolerance },
        );
      }
    }
  }
}

describe("straight-line loops", () => {
  it("makes full vectors without masks and a masked tail", () => {
    const text = textAfter(
      `kernel scale(x: in f32[N], y: out f32[N]) dims(N = x.0) {
        vectorize(mask) for i in 0..N { y[i] = x[i] * 2.0 }
      }`,
      (kernel) => vectorize(kernel),
    );
    expect(text).toMatchInlineSnapshot(`
      "kernel scale(x: in f32[N], y: out f32[N]) dims(N = x.0) {
        let i_full: i32 = N & -4
        for i_1 in 0..i_full step 4 {
          y[ramp[4](i_1, 1)] = x[ramp[4](i_1, 1)] * 2.0:f32x4
        }
        if i_full < N {
          let mask: boolx4 = ramp[4](i_full, 1) < splat[4](N)
          y[ramp[4](i_full, 1) if mask] = x[ramp[4](i_full, 1) if mask] * 2.0:f32x4
        }
      }
      "
    `);
  });

  it("finishes wider vectors by those of one register, of which the last is masked", () => {
    const text = (bound: string): string =>
      textAfter(
        `kernel scale(x: in f32[N], y: out f32[N]) dims(N = x.0) {
          vectorize(mask, 16) for i in 0..${bound} { y[i] = x[i] * 2.0 }
        }`,
        (kernel) => vectorize(kernel),
      );
    expect(text("N")).toMatch(/in i_full\.\.i_rest step 4[^]*if i_rest < N[^]*ramp\[4\]\(i_rest, 1\) < /);
    // 40 iterations are two and a half vectors: nothing is masked.
    expect(text("40")).not.toContain("mask");
    expect(text("40")).toMatch(/32\.\.40 step 4/);
  });

  it("computes what the scalar loop does", () => {
    check(`kernel k(x: in f32[N], b: in f32[M], y: out f32[N]) dims(N = x.0, M = b.0) {
      VEC for i in 0..N {
        let t: f32 = x[i] * b[1]
        var u: f32 = t + 1.0
        u = u * t
        y[i] = max(u, 0.5)
      }
    }`);
  });

  it("keeps strides, reversed and scattered accesses", () => {
    check(`kernel k(x: in i32[N], p: in i32[N], y: out i32[N], z: mut i32[N, 4]) dims(N = x.0) {
      VEC for i in 0..N {
        let back: i32 = N - 1 - i
        y[back] = x[back] + i * 3 + x[min(max(p[i], 0), N - 1)]
        z[i, 2] = x[i]
      }
    }`);
  });

  it("steps by more than one", () => {
    check(`kernel k(x: in i32[N], y: mut i32[N]) dims(N = x.0) {
      VEC for i in 1..N step 3 { y[i] = x[i] + i }
    }`);
  });

  it("works on all widths of dtypes", () => {
    check(`kernel k(a: in u8[N], b: in f64[N], c: in i64[N], h: in f16[N], q: in i4[N], y: out u8[N], z: out f64[N], w: out i64[N], v: out bf16[N], r: out i32[N]) dims(N = a.0) {
      VEC for i in 0..N {
        y[i] = a[i] * 3:u8
        z[i] = b[i] + f64(a[i])
        w[i] = c[i] + i64(i)
        v[i] = bf16(h[i])
        r[i] = q[i] * i
      }
    }`);
  });

  it("keeps what is uniform scalar", () => {
    const text = textAfter(
      `kernel k(x: in f32[M, N], b: in f32[M], y: out f32[M, N]) dims(M = x.0, N = x.1) {
        for i in 0..M { vectorize(exact) for j in 0..N {
          let s: f32 = b[i] * 2.0
          y[i, j] = x[i, j] + s
        } }
      }`,
      (kernel) => vectorize(kernel),
    );
    expect(text).toContain("let s_1: f32 = b[i] * 2.0");
    expect(text).toContain("splat[4](s_1)");
  });
});

describe("what can't be vectorized", () => {
  const reported = (body: string): string[] => {
    const found: string[] = [];
    const text = `kernel k(x: in f32[N], y: mut f32[N], z: mut f32[N, N]) dims(N = x.0) { ${body} }`;
    const { after } = applied(text, (kernel) =>
      vectorize(kernel, { notHonoured: (annotation, why) => found.push(`${annotation}: ${why}`) }),
    );
    for (const N of [0, 1, 7]) sameResults({ before: parseKernel(text), after }, { N });
    return found;
  };

  it("stays as it is, and is reported", () => {
    expect(reported("vectorize(mask) for i in 0..N { if x[i] > 3.0 { break } y[i] = 1.0 }")).toEqual([
      "@vectorize(i): a `break` ends the loop, so later iterations depend on earlier ones",
    ]);
    expect(
      reported("var t: f32 = 0.0 vectorize(mask) for i as row in 0..N { t = t + x[i] y[i] = t }"),
    ).toEqual(["@vectorize(row): `t` carries a value from one iteration to the next"]);
    expect(
      reported("vectorize(mask) for i in 0..N { let v: f32x4 = splat[4](x[i]) y[i] = vsum(v) }"),
    ).toEqual(["@vectorize(i): its body is explicit SIMD already"]);
    expect(reported("vectorize(mask, 128) for i in 0..N { y[i] = x[i] }")).toEqual([
      "@vectorize(i): a width is a power of two from 2 to 64",
    ]);
  });

  it("reports marks inside of a vectorized loop", () => {
    expect(
      reported(
        "vectorize(mask) for i in 0..N { vectorize(mask) for j in 0..N { z[j, i] = x[j] } parallel for l in 0..N { z[l, i] = z[l, i] + 1.0 } }",
      ),
    ).toEqual([
      "@vectorize(j): the loop over `i` around it is vectorized",
      "@parallel(l): the loop over `i` around it is vectorized",
    ]);
  });
});
