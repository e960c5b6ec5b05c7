// Illegal schedules: each is refused, naming two iterations that the schedule would let collide or turn round; and the
// legal neighbours of some of them are not.

import { describe, expect, it } from "vitest";
import { check } from "../index.ts";

interface Refusal {
  readonly name: string;
  readonly source: string;
  readonly code: string;
  /** Of the counterexample. */
  readonly iterations: readonly RegExp[];
}

const inPlace = "mut a: Tensor[f32, M, N]";
const two = (first: RegExp, second: RegExp): readonly RegExp[] => [first, second];

const refusals: readonly Refusal[] = [
  {
    name: "a skewed stencil, tiled without skewing",
    source: `kernel k(${inPlace}):
    @tile(i=4, j=4)
    for i, j in grid(M - 1, N - 1):
        a[i + 1, j] = a[i, j + 1] + 1`,
    code: "K0540",
    iterations: two(/i = 0, j = 4 writes a\[1, 4\]/, /i = 1, j = 3 reads it, but would run first/),
  },
  {
    name: "a skewed stencil, interchanged",
    source: `kernel k(${inPlace}):
    @order(j, i)
    for i, j in grid(M - 1, N - 1):
        a[i + 1, j] = a[i, j + 1]`,
    code: "K0540",
    iterations: two(/i = 0, j = 1/, /i = 1, j = 0/),
  },
  {
    name: "Seidel in parallel",
    source: `kernel k(mut a: Tensor[f32, N]):
    @parallel
    for i in range(1, N - 1):
        a[i] = (a[i - 1] + a[i + 1]) * 0.5`,
    code: "K0520",
    iterations: two(/i = 1 (writes|reads) a\[/, /i = 2 (writes|reads)/),
  },
  {
    name: "Seidel in two dimensions, tiles in parallel",
    source: `kernel k(${inPlace}):
    @tile(i=4, j=4)
    @parallel(i.tile)
    for i, j in grid(M - 1, N - 1):
        a[i + 1, j + 1] = a[i, j + 1] + a[i + 1, j]`,
    code: "K0520",
    iterations: two(/i = 0/, /i = 1/),
  },
  {
    name: "an in-place transpose, vectorized",
    source: `kernel k(mut a: Tensor[f32, N, N]):
    for i in range(N):
        @vectorize
        for j in range(N):
            let t = a[i, j]
            a[i, j] = a[j, i]
            a[j, i] = t
    for i in range(N):
        a[i, i] = 0
    for i in range(1):
        @vectorize
        for j in range(N - 1):
            a[0, j] = a[0, j + 1] + a[0, 0]`,
    code: "K0520",
    iterations: two(/j = \d+ (writes|reads) a\[/, /j = \d+ (writes|reads)/),
  },
  {
    name: "an in-place transpose, in parallel",
    source: `kernel k(mut a: Tensor[f32, N, N]):
    @parallel
    for i in range(N):
        for j in range(N):
            a[i, j] = a[j, i]`,
    code: "K0520",
    iterations: two(/i = 0/, /i = 1/),
  },
  {
    name: "a stage of an array that the loop writes",
    source: `kernel k(mut a: Tensor[f32, N]):
    @tile(i=4)
    @stage(a, at=i.tile)
    for i in range(1, N):
        a[i] = a[i - 1]`,
    code: "K0544",
    iterations: two(/i = 1 writes a\[1\]/, /i = 2 reads it/),
  },
  {
    name: "a stage once a call of an array that the nest writes",
    source: `kernel k(${inPlace}):
    @stage(a)
    for i, j in grid(M - 1, N):
        a[i + 1, j] = a[i, j]`,
    code: "K0544",
    iterations: two(/i = 0, j = 0 writes a\[1, 0\]/, /i = 1, j = 0 reads it/),
  },
  {
    name: "an order that moves a reduction past its use",
    source: `kernel k(l: Tensor[f32, N, N], b: Tensor[f32, N], out x: Tensor[f32, N]):
    @order(k, i)
    for i in range(N):
        x[i] = b[i] - sum(l[i, k] * x[k] for k in range(i))`,
    code: "K0540",
    iterations: two(/i = 0 writes x\[0\]/, /i = 1 reads it, but would run first/),
  },
  {
    name: "register tiles over a recurrence of reductions",
    source: `kernel k(mut c: Tensor[f32, N, N]):
    @tile(i=4, j=4)
    for i, j in grid(N - 1, N):
        c[i + 1, j] = sum(c[i, q] for q in range(N))`,
    code: "K0540",
    iterations: two(/writes c\[/, /would run first/),
  },
  {
    name: "a reduction tile that reads what points write",
    source: `kernel k(mut c: Tensor[f32, N, N]):
    @tile(i=2, j=2, k=4)
    for i, j in grid(N, N):
        c[i, j] = sum(c[i, k] for k in range(N))`,
    code: "K0540",
    iterations: two(/c\[/, /would run first/),
  },
  {
    name: "an order under an anti-dependence",
    source: `kernel k(${inPlace}):
    @order(j, i)
    for i, j in grid(M - 1, N - 1):
        a[i, j + 1] = a[i + 1, j]`,
    code: "K0540",
    iterations: two(/i = 0, j = 1/, /i = 1, j = 0/),
  },
  {
    name: "an order under an output dependence",
    source: `kernel k(x: Tensor[f32, M, N], mut y: Tensor[f32, M + N]):
    @order(j, i)
    for i, j in grid(M, N):
        y[i + j] = x[i, j]`,
    code: "K0540",
    iterations: two(/i = 0, j = 1 writes y\[1\]/, /i = 1, j = 0 writes it too, but would run first/),
  },
  {
    name: "tiles over strides",
    source: `kernel k(mut a: Tensor[f32, N]):
    @tile(i=3, j=2)
    for i in range(0, N // 2, 1):
        for j in range(0, 6, 2):
            if 2 * i + j < N:
                a[2 * i + j] = a[2 * i] + 1`,
    code: "K0540",
    iterations: two(/a\[/, /would run first/),
  },
  {
    name: "a reversed loop, interchanged",
    source: `kernel k(${inPlace}):
    @order(j, i)
    for i in range(1, M):
        for j in range(N - 1):
            a[i, j] = a[i - 1, j + 1]`,
    code: "K0540",
    iterations: two(/j = 1/, /j = 0/),
  },
  {
    name: "a triangular nest, interchanged",
    source: `kernel k(mut a: Tensor[f32, N]):
    @tile(i=2, j=2)
    for i in range(N):
        for j in range(N):
            a[j] = a[i] + 1`,
    code: "K0540",
    iterations: two(/a\[/, /would run first/),
  },
  {
    name: "three loops, of which the innermost moves out",
    source: `kernel k(mut a: Tensor[f32, M, N, K]):
    @order(k, i, j)
    for i, j, k in grid(M - 1, N, K - 1):
        a[i + 1, j, k] = a[i, j, k + 1]`,
    code: "K0540",
    iterations: two(/i = 0, j = 0, k = 1/, /i = 1, j = 0, k = 0/),
  },
  {
    name: "threads that meet",
    source: `kernel k(${inPlace}):
    @tile(i=4)
    @threads(i)
    for i in range(M - 1):
        for j in range(N):
            a[i + 1, j] = a[i, j]`,
    code: "K0520",
    iterations: two(/i = 0/, /i = 1/),
  },
  {
    name: "lanes of a tile that meet",
    source: `kernel k(mut a: Tensor[f32, N]):
    @tile(i=8)
    @vectorize(i)
    for i in range(N - 1):
        a[i + 1] = a[i]`,
    code: "K0520",
    iterations: two(/i = 0 writes a\[1\]/, /i = 1 reads it/),
  },
  {
    name: "an order under data-dependent rows",
    source: `kernel k(rows: Tensor[i32, M], ${inPlace}):
    @order(j, i)
    for i, j in grid(M, N - 1):
        assert 0 <= rows[i] and rows[i] < M
        a[rows[i], j + 1] = a[i, j] * 2`,
    code: "K0540",
    iterations: two(/j = /, /would run first/),
  },
];

describe("illegal schedules", () => {
  for (const { name, source, code, iterations } of refusals)
    it(name, () => {
      const found = check(source).filter((each) => each.severity === "error");
      expect(found.map((each) => each.code)).toContain(code);
      const { counterexample } = found.find((each) => each.code === code)!;
      for (const pattern of iterations) expect(counterexample).toMatch(pattern);
    });
});

const accepted: Readonly<Record<string, string>> = {
  "a stencil whose dependences all point forward, tiled": `kernel k(${inPlace}):
    @tile(i=4, j=4)
    for i, j in grid(M - 1, N - 1):
        a[i + 1, j + 1] = a[i, j + 1] + a[i + 1, j]`,
  "a recurrence along the rows, columns outside": `kernel k(${inPlace}):
    @order(j, i)
    for i, j in grid(M - 1, N):
        a[i + 1, j] = a[i, j] + 1`,
  "one loop in tiles": `kernel k(mut a: Tensor[f32, N]):
    @tile(i=(8, 2))
    for i in range(N - 1):
        a[i + 1] = a[i]`,
  "tiles of a reduction into what is read at the point": `kernel k(a: Tensor[f32, M, K], ${inPlace.replace("a:", "c:")}):
    @tile(i=4, j=8, k=16)
    for i, j in grid(M, N):
        c[i, j] = c[i, j] + sum(a[i, k] for k in range(K))`,
  "even and odd elements": `kernel k(mut a: Tensor[f32, 2 * N], s: Tensor[f32, N]):
    @order(j, i)
    for i, j in grid(N, N):
        a[2 * i] = a[2 * j + 1]`,
  "rows from data, columns outside": `kernel k(rows: Tensor[i32, M], ${inPlace}):
    @order(j, i)
    for i, j in grid(M, N):
        assert 0 <= rows[i] and rows[i] < M
        a[rows[i], j] = a[i, j] * 2`,
};

describe("legal schedules", () => {
  for (const [name, source] of Object.entries(accepted))
    it(name, () => {
      expect(check(source).filter((each) => each.severity === "error")).toEqual([]);
    });
});
