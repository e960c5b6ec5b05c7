import { describe, expect, it } from "vitest";
import { applied, awkwardSizes, sameResults, textAfter } from "../../testing/equivalence.ts";
import { parseKernel } from "../ir/parse.ts";
import { expandReductions } from "./expand-reductions.ts";
import { unroll } from "./unroll.ts";

function check(text: string): void {
  for (const factor of [0, 1, 2, 3, 4, 7]) {
    const marked = text.replaceAll("UNROLL", `unroll(${factor})`);
    const kernels = applied(marked, (kernel) => unroll(kernel));
    for (const N of awkwardSizes) sameResults(kernels, { N, M: 3 });
    for (const N of [0, 1, 3, 6, 8, 12]) {
      const fixed = applied(marked.replaceAll("..N", `..${N}`), (kernel) => expandReductions(unroll(kernel)));
      sameResults(fixed, { N, M: 3 });
    }
  }
}

describe("unroll", () => {
  it("copies the body, each copy with names of its own", () => {
    expect(
      textAfter(
        `kernel k(x: in f32[6], y: out f32[6]) {
          unroll(2) for i in 0..6 { let t: f32 = x[i] * 2.0
            y[i] = t }
        }`,
        (kernel) => unroll(kernel),
      ),
    ).toMatchInlineSnapshot(`
      "kernel k(x: in f32[6], y: out f32[6]) {
        for i_1 in 0..6 step 2 {
          let t_1: f32 = x[i_1] * 2.0
          y[i_1] = t_1
          let t_2: f32 = x[i_1 + 1] * 2.0
          y[i_1 + 1] = t_2
        }
      }
      "
    `);
  });

  it("computes the same, with steps, arrays and loops inside", () => {
    check(`kernel k(x: in i32[N], y: mut i32[N], s: out i32[1]) dims(N = x.0) {
      local a: i32[4]
      var total: i32 = 0
      UNROLL for i in 0..N step 2 {
        alloc a = x[i]
        var t: i32 = i
        for k in 0..3 { t = t * 3 + a[k] }
        if t % 2 == 0 { total = total + t } else { y[i] = t }
      }
      UNROLL for l in 1..N { y[l] = y[l - 1] + y[l] }
      s[0] = total
    }`);
  });

  it("works inside of reductions and around them", () => {
    check(`kernel k(x: in i32[N], y: out i32[3]) dims(N = x.0) {
      reduce sum(s: i32 = 0) { UNROLL for i in 0..N { yield s(x[i] * i) } }
      y[0] = s
      UNROLL for l in 1..3 {
        reduce custom(p: i32 = 1) combine(a; b) { let q: i32 = a * b
          => q } over { for m in 0..N { yield p(x[m] + l) } }
        y[l] = p
      }
    }`);
  });

  it("says why it leaves a loop rolled", () => {
    const reported: string[] = [];
    const report = {
      notHonoured: (annotation: string, why: string) => void reported.push(`${annotation}: ${why}`),
    };
    unroll(
      parseKernel(`kernel k(x: in i32[N]) dims(N = x.0) {
        unroll(0) for i as row in 0..N { assert x[i] > 0, "positive" }
        unroll(4) for l in 0..N { if x[l] > 3 { break } }
        unroll(0) for m in 0..5000 { assert N > 0, "some" }
      }`),
      report,
    );
    expect(reported).toEqual([
      "@unroll(row): its number of iterations isn't a constant; a factor would do",
      "@unroll(l): a `break` or `continue` leaves its iterations early",
      "@unroll(m): 5000 copies of its body are more than 256",
    ]);
  });
});

describe("expand-reductions", () => {
  it("makes registers of regions", () => {
    const text = `kernel k(x: in f32[N], y: out f32[2]) dims(N = x.0) {
      reduce max(m: f32 = -inf) { for i in 0..N { if x[i] < 1.0 { yield m(x[i]) } } }
      reduce argmin(best: f32 = inf, at: i32 = 2147483647) { for l in 0..N { yield best(x[l], l) } }
      y[0] = m
      y[1] = f32(at)
    }`;
    expect(textAfter(text, expandReductions)).toMatchInlineSnapshot(`
      "kernel k(x: in f32[N], y: out f32[2]) dims(N = x.0) {
        var m_acc: f32 = -inf
        for i in 0..N {
          if x[i] < 1.0 {
            m_acc = max(m_acc, x[i])
          }
        }
        let m: f32 = m_acc
        var best_acc: f32 = inf
        var at_acc: i32 = 2147483647
        for l in 0..N {
          let given: f32 = x[l]
          let given_1: i32 = l
          let wins: bool = given < best_acc | given != given & best_acc == best_acc | (given == best_acc | given != given & best_acc != best_acc) & given_1 < at_acc
          let next: f32 = select(wins, given, best_acc)
          let next_1: i32 = select(wins, given_1, at_acc)
          best_acc = next
          at_acc = next_1
        }
        let best: f32 = best_acc
        let at: i32 = at_acc
        y[0] = m
        y[1] = f32(at)
      }
      "
    `);
    const kernels = applied(text, expandReductions);
    for (const N of awkwardSizes) {
      sameResults(kernels, { N });
      sameResults(kernels, { N }, { fill: (_name, at, value) => (at % 3 === 1 ? NaN : value) });
    }
  });

  it("expands reductions in reductions, with several values", () => {
    const text = `kernel k(x: in i32[N, M], y: out i32[3]) dims(N = x.0, M = x.1) {
      reduce max(widest: i32 = -2147483648) {
        for i in 0..N {
          reduce sum(s: i32 = 0) { for j in 0..M { yield s(x[i, j]) } }
          yield widest(s)
          yield widest(s - 1)
        }
      }
      reduce custom(a: i32 = 0, b: i32 = 1) combine(a0, b0; a1, b1) {
        var t: i32 = a0 + a1
        if b1 > 3 { t = t + 0 }
        => t, b0 * b1
      } over { for l in 0..N { yield a(x[l, 0], x[l, 1]) } }
      y[0] = widest
      y[1] = a
      y[2] = b
    }`;
    const kernels = applied(text, expandReductions);
    for (const N of awkwardSizes) sameResults(kernels, { N, M: 3 });
  });
});
