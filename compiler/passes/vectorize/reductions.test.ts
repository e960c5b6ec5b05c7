import { describe, expect, it } from "vitest";
import { applied, awkwardSizes, sameResults, textAfter } from "../../../testing/equivalence.ts";
import { expandReductions } from "../expand-reductions.ts";
import { vectorize } from "./index.ts";

const sizes = [...awkwardSizes, 64, 100];

function check(
  text: string,
  options: Parameters<typeof sameResults>[2] = {},
  dims: readonly number[] = sizes,
): void {
  for (const mark of ["", "vectorize(mask)", "vectorize(peel, 8)", "vectorize(scalar, 2)"]) {
    const marked = text.replaceAll("VEC", mark);
    const kernels = applied(marked, (kernel) => expandReductions(vectorize(kernel)));
    for (const N of dims) sameResults(kernels, { N, M: 3 }, options);
    for (const N of [1, 16, 37].filter((each) => dims.includes(each) || each > 1)) {
      const fixed = applied(marked.replaceAll("..N", `..${N}`), (kernel) =>
        expandReductions(vectorize(kernel)),
      );
      sameResults(fixed, { N, M: 3 }, options);
    }
  }
}
const nonempty = sizes.filter((size) => size > 0);

describe("reductions", () => {
  it("sums into several vector accumulators", () => {
    const text = `kernel s(x: in f32[N], y: out f32[1]) dims(N = x.0) {
      reduce sum(total: f32 = 0.0) { for i in 0..N { yield total(x[i]) } }
      y[0] = total
    }`;
    expect(textAfter(text, (kernel) => vectorize(kernel))).toMatchInlineSnapshot(`
      "kernel s(x: in f32[N], y: out f32[1]) dims(N = x.0) {
        var total_acc: f32 = 0.0
        var total_acc_lanes: f32x4 = 0.0:f32x4
        var total_acc_lanes_1: f32x4 = 0.0:f32x4
        var total_acc_lanes_2: f32x4 = 0.0:f32x4
        var total_acc_lanes_3: f32x4 = 0.0:f32x4
        let i_turns: i32 = N & -16
        let i_full: i32 = N & -4
        for i_1 in 0..i_turns step 16 {
          total_acc_lanes = total_acc_lanes + x[ramp[4](i_1, 1)]
          total_acc_lanes_1 = total_acc_lanes_1 + x[ramp[4](i_1 + 4, 1)]
          total_acc_lanes_2 = total_acc_lanes_2 + x[ramp[4](i_1 + 8, 1)]
          total_acc_lanes_3 = total_acc_lanes_3 + x[ramp[4](i_1 + 12, 1)]
        }
        for i_2 in i_turns..i_full step 4 {
          total_acc_lanes = total_acc_lanes + x[ramp[4](i_2, 1)]
        }
        for i_3 in i_full..N {
          total_acc = total_acc + x[i_3]
        }
        let combined: f32x4 = total_acc_lanes + total_acc_lanes_2
        let combined_1: f32x4 = total_acc_lanes_1 + total_acc_lanes_3
        let combined_2: f32x4 = combined + combined_1
        let combined_3: f32 = total_acc + vsum(combined_2)
        total_acc = combined_3
        let total: f32 = total_acc
        y[0] = total
      }
      "
    `);
    check(text.replace("for", "VEC for"), { tolerance: 1e-5 });
  });

  it("computes each built-in reduction", () => {
    check(`kernel r(x: in i32[N], b: in u8[N], y: out i32[4], t: out bool[2], f: in f32[N], g: out f32[3]) dims(N = x.0) {
      reduce sum(s: i32 = 0) { VEC for i in 0..N { yield s(x[i] * i) } }
      reduce prod(p: i32 = 1) { VEC for i2 in 0..N { yield p(x[i2]) } }
      reduce max(m: i32 = -2147483648) { VEC for i3 in 0..N { if x[i3] < 50 { yield m(x[i3]) } } }
      reduce sum(d: i32 = 0) { VEC for i4 in 0..N { yield d(i32(b[i4]) * 3) } }
      y[0] = s
      y[1] = p
      y[2] = m
      y[3] = d
      reduce any(a: bool = false) { VEC for i5 in 0..N { yield a(x[i5] > 90) } }
      reduce all(b1: bool = true) { VEC for i6 in 0..N { yield b1(x[i6] > -95) } }
      t[0] = a
      t[1] = b1
      reduce max(fm: f32 = -inf) { VEC for i7 in 0..N { yield fm(f[i7]) } }
      reduce min(fn: f32 = inf) { VEC for i8 in 0..N { yield fn(f[i8]) } }
      g[0] = fm
      g[1] = fn
      g[2] = 0.0
    }`);
  });

  it("adds products of narrow integers in pairs", () => {
    for (const [a, b] of [
      ["i8", "i8"],
      ["u8", "i8"],
      ["i16", "i16"],
      ["u8", "i16"],
      ["u16", "i16"],
    ]) {
      const text = `kernel s(x: in ${a}[N], z: in ${b}[N], y: out i32[1]) dims(N = x.0) {
        reduce sum(total: i32 = 0) { VEC for i in 0..N { yield total(i32(x[i]) * i32(z[i])) } }
        y[0] = total
      }`;
      check(text);
      const vectors = textAfter(text.replace("VEC", "vectorize(scalar, 16)"), (kernel) => vectorize(kernel));
      // A u16 doesn't fit into the signed pairs.
      expect(vectors.includes("dot2(")).toBe(a !== "u16");
    }
  });

  it("gives each result of a region lanes of its own", () => {
    for (const op of ["sum", "prod", "max", "min"])
      check(`kernel m(x: in i32[M, N], y: out i32[4]) dims(M = x.0, N = x.1) {
        reduce ${op}(a: i32 = 3, b: i32 = 5, c: i32 = -7) { VEC for i in 0..N { yield a(x[0, i], x[1, i] + 1, x[2, i] * x[0, i]) } }
        y[0] = a
        y[1] = b
        y[2] = c
        y[3] = 0
      }`);
  });

  it("shares what several pair sums read, masked tails included", () => {
    const text = `kernel p(x: in u8[M, N], w: in i8[M, N], y: out i32[3]) dims(M = x.0, N = x.1) {
      reduce sum(a: i32 = 0, b: i32 = 0, c: i32 = 1) {
        VEC for i in 0..N {
          let left: i32 = i32(x[0, i])
          let right: i32 = i32(w[0, i])
          yield a(left * right, left * i32(w[1, i]), i32(x[2, i]) * right)
        }
      }
      y[0] = a
      y[1] = b
      y[2] = c
    }`;
    check(text);
    const ends = (name: string, at: number): number => (name === "x" ? 255 : at % 3 ? -128 : 127);
    check(text, { fill: ends });
    const vectors = textAfter(text.replace("VEC", "vectorize(mask)"), (kernel) => vectorize(kernel));
    // Three in the loop over full vectors and three in the tail, into the same registers.
    expect(vectors.match(/dot2\(/g)).toHaveLength(6);
    expect(vectors.match(/var \w+_lanes\w*: i32x8/g)).toHaveLength(3);
  });

  it("refuses to accumulate in memory, the same place for every lane", () => {
    const found: string[] = [];
    const text = `kernel f(x: in i32[N], y: out i32[1]) dims(N = x.0) {
      local acc: i32[1]
      alloc acc = 0
      vectorize(mask) for i in 0..N { acc[0] = acc[0] + x[i] }
      y[0] = acc[0]
    }`;
    const pair = applied(text, (kernel) =>
      vectorize(kernel, { notHonoured: (annotation, why) => found.push(`${annotation}: ${why}`) }),
    );
    expect(found).toEqual([
      "@vectorize(i): what it accumulates is kept in memory, the same place for every lane",
    ]);
    for (const N of sizes) sameResults(pair, { N });
  });

  it("takes the first of equals and NaN over numbers", () => {
    const text = `kernel a(x: in f32[N], q: in i32[N], y: out i32[2]) dims(N = x.0) {
      reduce argmax(best: f32 = -inf, at: i32 = 2147483647) { VEC for i in 0..N { yield best(x[i], i) } }
      reduce argmin(least: i32 = 2147483647, where: i32 = 2147483647) { VEC for i2 in 0..N { yield least(q[i2] // 40, i2) } }
      y[0] = at
      y[1] = where
    }`;
    check(text, {}, nonempty);
    const fills = [
      (_name: string, _at: number, value: number) => Math.round(value),
      (_name: string, at: number, value: number) => (at % 5 === 3 ? NaN : value),
      () => -Infinity,
      (_name: string, at: number) => (at % 2 ? -0 : 0),
    ];
    for (const fill of fills)
      check(text, { fill: (name, at, value) => (name === "x" ? fill(name, at, value) : value) }, nonempty);
  });

  it("takes positions of two loops in order", () => {
    check(
      `kernel a(x: in i32[M, N], y: out i32[3]) dims(M = x.0, N = x.1) {
        reduce argmax(best: i32 = -2147483648, r: i32 = 2147483647, c: i32 = 2147483647) {
          for i in 0..M { VEC for j in 0..N { yield best(x[i, j] // 30, i, j) } }
        }
        y[0] = best
        y[1] = r
        y[2] = c
      }`,
      {},
      nonempty,
    );
  });

  it("combines as the user says", () => {
    check(`kernel c(x: in i32[N], y: out i32[2]) dims(N = x.0) {
      reduce custom(lo: i32 = 1000, hi: i32 = -1000) combine(a, b; c, d) {
        var m: i32 = a
        if c < a { m = c }
        let h: i32 = max(b, d)
        => m, h
      } over { VEC for i in 0..N { yield lo(x[i], x[i] + i) } }
      y[0] = lo
      y[1] = hi
    }`);
  });

  it("vectorizes outside of a reduction, bit for bit", () => {
    check(`kernel mm(a: in f32[M, M], b: in f32[M, N], c: out f32[M, N], s: out f32[M, N]) dims(M = a.0, N = b.1) {
      for i in 0..M {
        vectorize(mask) for j in 0..N {
          reduce sum(total: f32 = 0.0) { for k in 0..M { yield total(a[i, k] * b[k, j]) } }
          c[i, j] = total
          reduce argmax(best: f32 = -inf, at: i32 = 2147483647) { for k2 in 0..M { if b[k2, j] > 0.0 { yield best(b[k2, j], k2) } } }
          s[i, j] = f32(at)
        }
      }
    }`);
  });

  it("yields at several places, around and inside of the vector loop", () => {
    check(`kernel n(x: in i32[M, N], y: out i32[1]) dims(M = x.0, N = x.1) {
      reduce sum(total: i32 = 5) {
        for i in 0..M {
          yield total(i)
          VEC for j in 0..N { yield total(x[i, j])
            if x[i, j] > 0 { yield total(1) } }
        }
      }
      y[0] = total
    }`);
  });

  it("leaves gathers and short loops alone", () => {
    const same = (text: string): void => {
      const { before, after } = applied(text, (kernel) => vectorize(kernel));
      expect(after).toBe(before);
    };
    same(`kernel g(x: in f32[N], p: in i32[N], y: out f32[1]) dims(N = x.0) {
      reduce sum(t: f32 = 0.0) { for i in 0..N { yield t(x[min(max(p[i], 0), N - 1)]) } }
      y[0] = t
    }`);
    same(`kernel g(x: in f32[7], y: out f32[1]) {
      reduce sum(t: f32 = 0.0) { for i in 0..7 { yield t(x[i]) } }
      y[0] = t
    }`);
    same(`kernel g(x: in f32[N, M], y: out f32[1]) dims(N = x.0, M = x.1) {
      reduce sum(t: f32 = 0.0) { for i in 0..N { yield t(x[i, 1]) } }
      y[0] = t
    }`);
  });
});
