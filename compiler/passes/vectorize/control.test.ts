import { describe, it } from "vitest";
import { applied, awkwardSizes, sameResults } from "../../../testing/equivalence.ts";
import { vectorize } from "./index.ts";

function check(text: string, dims: Readonly<Record<string, number>> = {}): void {
  for (const tail of ["mask", "peel", "scalar"]) {
    for (const width of ["", ", 2", ", 8"]) {
      const kernels = applied(text.replaceAll("VEC", `vectorize(${tail}${width})`), (kernel) =>
        vectorize(kernel),
      );
      for (const N of awkwardSizes)
        for (const seed of [1, 2]) sameResults(kernels, { N, M: 3, ...dims }, { seed });
    }
  }
}

describe("divergent control", () => {
  it("runs both sides of an if under masks", () => {
    check(`kernel k(x: in f32[N], y: mut f32[N]) dims(N = x.0) {
      VEC for i in 0..N {
        var t: f32 = x[i]
        if x[i] > 1.0 {
          t = t * y[i]
          y[i] = t
        } else if x[i] < -1.0 { t = -t } else { t = t + 1.0
          y[i] = y[i] + t
          if i % 2 == 0 { y[i] = 3.0 } }
        y[i] = y[i] + t
      }
    }`);
  });

  it("never divides by what a lane that is off holds", () => {
    check(`kernel k(x: in i32[N], w: in i64[N], y: out i32[N], z: out i64[N]) dims(N = x.0) {
      VEC for i in 0..N {
        var t: i32 = 0
        if x[i] % 3 != 0 { t = 100 // (x[i] % 3) }
        if x[i] >= 0 { if x[i] < 32 { t = t + (1 << x[i]) } }
        y[i] = t
        z[i] = 0:i64
        if w[i] != 0:i64 { z[i] = 1000:i64 % w[i] }
      }
    }`);
  });

  it("keeps uniform branches scalar", () => {
    check(`kernel k(x: in f32[N], b: in i32[M], y: out f32[N]) dims(N = x.0, M = b.0) {
      VEC for i in 0..N {
        var s: i32 = 0
        if b[0] > 0 { s = b[1] // b[0] } else { s = 3 }
        var t: f32 = 0.0
        if x[i] > 0.0 {
          var n: i32 = 0
          for k in 0..M { n = n + b[k] }
          t = f32(n)
        }
        y[i] = f32(s) + t
      }
    }`);
  });

  it("iterates while any lane wants to", () => {
    check(`kernel collatz(x: in i32[N], y: out i32[N]) dims(N = x.0) {
      VEC for i in 0..N {
        var n: i32 = abs(x[i]) + 1
        var steps: i32 = 0
        while n != 1 {
          if n % 2 == 0 { n = n // 2 } else { n = 3 * n + 1 }
          steps = steps + 1
        }
        y[i] = steps
      }
    }`);
  });

  it("keeps account of break and continue", () => {
    check(`kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
      VEC for i in 0..N {
        var n: i32 = x[i]
        var sum: i32 = 0
        while true {
          n = n + 7
          if n > 90 { break }
          if n % 3 == 0 { continue }
          sum = sum + n
          if sum > 300 { sum = sum - 1
            break }
          sum = sum + 1
        }
        for k in 0..9 {
          if k == x[i] % 9 { continue }
          sum = sum + k
          if k == 7 { break }
          sum = sum * 2
        }
        y[i] = sum
      }
    }`);
  });

  it("lets lanes of the vectorized loop continue", () => {
    check(`kernel k(x: in i32[N], b: in i32[M], y: mut i32[N]) dims(N = x.0, M = b.0) {
      VEC for i in 0..N {
        if b[0] > 50 { continue }
        y[i] = 1
        if x[i] > 0 { continue }
        y[i] = 2
        for k in 0..4 { if k > 2 { continue }
          y[i] = y[i] + k }
      }
    }`);
  });

  it("runs loops whose bounds differ from lane to lane", () => {
    check(`kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
      VEC for i in 0..N {
        var s: i32 = 0
        for k in i..N { s = s + x[k] * (k - i) }
        for k2 in 0..i + 1 { s = s * 3 + x[k2] }
        for k3 in x[i]..x[i] + 11 step 3 { s = s + k3 }
        for k4 in 2..x[i] step 5 { if k4 % 4 == 1 { break }
          s = s + k4 }
        for k5 in N - i..N + x[i] { if k5 % 5 == 2 { continue }
          s = s + k5 * k5
          if k5 > 9 { break } }
        y[i] = s
      }
    }`);
  });

  it("keeps lanes that are off out of arrays, where their place would lie outside", () => {
    check(`kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
      local a: i32[2]
      VEC for i in 0..min(N, 2) {
        alloc a = 0
        a[i] = x[i]
        y[i] = a[i] + a[1 - i]
      }
      for r in 2..N { y[r] = 0 }
    }`);
  });

  it("gives each lane arrays of its own", () => {
    check(`kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
      local a: i32[8]
      local b: i32[2, 3]
      local c: i32[4]
      local d: i32[4]
      VEC for i in 0..N {
        alloc a
        alloc b = x[i]
        alloc c = 0
        alloc d
        for k in 0..8 { a[k] = x[i] + k }
        for k2 in 0..4 { c[k2] = k2 * k2 }
        a[abs(x[i]) % 8] = 5
        if x[i] > 0 { a[2] = 9
          d[1] = x[i]
          a[3] = d[1] + 1
          d[x[i] % 4] = 3
          a[4] = d[x[i] % 4] }
        y[i] = a[2] + a[abs(x[i]) % 4] * b[1, abs(x[i]) % 3] + c[2] + a[3] + a[4]
      }
    }`);
  });

  it("updates atomically lane by lane", () => {
    check(`kernel k(x: in i32[N], h: mut i32[16], t: mut i32[M]) dims(N = x.0, M = t.0) {
      VEC for i in 0..N {
        atomic add h[abs(x[i]) % 16] = 1
        if x[i] > 0 { atomic max t[1] = x[i] + i }
        atomic add t[0] = 2
      }
    }`);
  });

  it("checks asserts of the lanes that are on", () => {
    check(`kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
      VEC for i in 0..N {
        if x[i] > 0 { assert x[i] > 0, "positive" }
        y[i] = 1
        if x[i] > 97 { assert x[i] < 97, "small" }
      }
    }`);
  });

  it("guards reads that some lanes must not make", () => {
    check(`kernel k(x: in i32[N], y: out i32[N], z: out i32[N]) dims(N = x.0) {
      VEC for i in 0..N {
        y[i] = x[i + 1 if i + 1 < N] + x[0]
        var t: i32 = 0
        if i > 0 { t = x[i - 1] }
        if x[i] >= 0 { if x[i] < N { t = t + x[x[i]]
          if t > 3 { t = t + x[x[i]] } } }
        z[i] = t
        if i == 2 { z[1] = x[i] }
      }
    }`);
  });
});
