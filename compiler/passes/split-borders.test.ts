import { describe, expect, it } from "vitest";
import { applied, awkwardSizes, generator, sameResults, textAfter } from "../../testing/equivalence.ts";
import { printKernel } from "../ir/print.ts";
import { splitBorders } from "./split-borders.ts";
import { splitParallel } from "./split-parallel.ts";
import { vectorize } from "./vectorize/index.ts";

function check(text: string, sizes: readonly number[] = awkwardSizes): string {
  const kernels = applied(text, (kernel) =>
    vectorize(splitBorders(splitParallel(kernel)), undefined, { automatic: false }),
  );
  for (const N of sizes) for (const M of [1, 3]) sameResults(kernels, { N, M });
  return printKernel(kernels.after);
}

describe("split-borders", () => {
  const blur = `kernel blur(x: in f32[M, N], y: out f32[M, N]) dims(M = x.0, N = x.1) {
    for i in 0..M {
      vectorize(mask) for j in 0..N {
        y[i, j] = x[min(max(i - 1, 0), M - 1), min(max(j - 1, 0), N - 1)] + x[i, min(max(j + 2, 0), N - 1)]
      }
    }
  }`;

  it("separates the interior from the borders", () => {
    expect(textAfter(blur, splitBorders)).toMatchInlineSnapshot(`
      "kernel blur(x: in f32[M, N], y: out f32[M, N]) dims(M = x.0, N = x.1) {
        for i in 0..M {
          let j_inner: i32 = min(1, N)
          let j_outer: i32 = max(N + -2, j_inner)
          for j_1 in 0..j_inner {
            y[i, j_1] = x[min(max(i - 1, 0), M - 1), min(max(j_1 - 1, 0), N - 1)] + x[i, min(max(j_1 + 2, 0), N - 1)]
          }
          vectorize(mask) for j_2 in j_inner..j_outer {
            y[i, j_2] = x[min(max(i - 1, 0), M - 1), j_2 - 1] + x[i, j_2 + 2]
          }
          for j in j_outer..N {
            y[i, j] = x[min(max(i - 1, 0), M - 1), min(max(j - 1, 0), N - 1)] + x[i, min(max(j + 2, 0), N - 1)]
          }
        }
      }
      "
    `);
  });

  it("computes the same", () => {
    const text = check(blur);
    expect(text).toContain("x[i, ramp[4](j_3 + 2, 1)]");
    expect(text).not.toContain("max(ramp");
  });

  it("leaves a tile whose vectors will be copies in one piece", () => {
    const text = `kernel tail(x: in f32[N], y: out f32[N]) dims(N = x.0) {
      for t in 0..N step 8 {
        vectorize(mask) unroll(0) for j in 0..8 {
          if t + j < N {
            y[t + j] = x[t + j]
          }
        }
      }
    }`;
    expect(textAfter(text, splitBorders)).toBe(textAfter(text, (kernel) => kernel));
  });

  it("leaves bits of 64-bit integers alone", () => {
    check(`kernel bits(x: in u64[N], y: mut u64[N], z: mut u64[N]) dims(N = x.0) {
      vectorize(mask) for j in 0..N {
        y[j] = x[j + 1 if j + 1 < N] | 1:u64
        z[j] = x[j + 1 if j + 1 < N] & 1:u64
      }
    }`);
  });

  it("bounds loops inside by their ranges", () => {
    const text = check(`kernel conv(x: in f32[N], w: in f32[M], y: mut f32[N]) dims(N = x.0, M = w.0) {
      parallel vectorize(scalar) for j in 0..N {
        reduce sum(s: f32 = 0.0) { for q in 0..M {
          let at: i32 = j + q - 2
          let inside: bool = at >= 0 & at < N
          yield s(x[at if inside] * w[q] + select(inside, 1.0, w[q]))
        } }
        y[j] = s
      }
    }`);
    expect(text).toContain("x[ramp[4](at_");
  });

  it("takes strides, both directions and guards of stores", () => {
    check(`kernel k(x: in i32[N], y: mut i32[N]) dims(N = x.0) {
      vectorize(peel) for j in 0..N {
        y[2 * j - 3 if 2 * j - 3 >= 0 & 2 * j - 3 < N] = x[N - 1 - j if N - 1 - j > 1] + x[min(3 * j + 1, N - 1)]
      }
    }`);
    check(`kernel k(x: in i32[N], y: mut i32[N]) dims(N = x.0) {
      vectorize(mask) for j in 2..N - 1 {
        y[j] = x[max(min(N - 3 * j, N - 1), 0)] + x[max(5, j - 20 + N // 2) if N > 300]
      }
    }`);
  });

  it("leaves alone what could wrap, and what changes inside", () => {
    const same = (text: string): void => {
      const { before, after } = applied(text, splitBorders);
      expect(after).toBe(before);
    };
    same(`kernel k(x: in i32[N], c: i32, y: mut i32[N]) dims(N = x.0) {
      vectorize(mask) for j in 0..N { y[j] = x[min(max(j * 4 + c, 0), N - 1)] }
    }`);
    same(`kernel k(x: in i32[N], y: mut i32[N]) dims(N = x.0) {
      vectorize(mask) for j in 0..N { var t: i32 = x[j]
        t = t + 1
        y[j] = x[min(max(j + t, 0), N - 1)] }
    }`);
  });

  it("agrees on random clamps and guards", () => {
    const random = generator(11);
    const below = (n: number): number => Math.floor(random() * n);
    const affine = (): string =>
      `${["j", "2 * j", "N - j", "-j", "j + q", "j - q", "3 * j + 2 * q"][below(7)]} + ${below(9) - 4}`;
    const bound = (): string => ["0", "N - 1", "N", "M", "N // 2", "3"][below(6)]!;
    for (let round = 0; round < 50; round++) {
      const clamp = `${["min", "max"][below(2)]}(${affine()}, ${bound()})`;
      const guard = `${affine()} ${["<", "<=", ">", ">="][below(4)]} ${bound()} & ${bound()} ${["<", ">"][below(2)]} ${affine()}`;
      check(
        `kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
        vectorize(${["mask", "scalar"][below(2)]}) for j in 0..N {
          var s: i32 = 0
          for q in ${below(3)}..${["4", "N"][below(2)]} {
            s = s + x[min(max(${clamp}, 0), N - 1) if ${guard}] * (q + 1)
          }
          y[j] = s
        }
      }`.replaceAll("M", "7"),
      );
    }
  });
});
