// Kernels of many sorts that must check without a word, each instance named by its kernel.

import { expect, test } from "vitest";
import { checkSource } from "./checking.ts";

const programs = `
from std.math import exp, sqrt
comptime TILE = 4
kernel simdexp(x: Tensor[f32, N], out y: Tensor[f32, N]) where N % 4 == 0:
    for i in range(0, N, 4):
        y.store(exp(x.load[4](i)), i)
kernel mandel(w: i32, limit: i32, out y: Tensor[i32, 64, 64]):
    @parallel
    for i in range(64):
        @vectorize
        for j in range(64):
            let cr = f32(j) / 32 - 1.5
            let ci = f32(i) / 32 - 1
            var a, b = (0.0, 0.0)
            var n = 0
            while a * a + b * b < 4 and n < limit:
                let t = a * a - b * b + cr
                b = 2 * a * b + ci
                a = t
                n += 1
            y[i, j] = n + w
kernel transpose(x: Tensor[f32, M, N], out y: Tensor[f32, N, M]):
    for i, j in grid(M, N):
        y[j, i] = x[i, j]
kernel tri(x: Tensor[f32, N, N], out y: Tensor[f32, N]):
    for i in range(N):
        var s: f32 = 0
        for j in range(i):
            s += x[i, j]
        y[i] = s
kernel csr(ptr: Tensor[i32, M + 1], col: Tensor[i32, K], val: Tensor[f32, K], x: Tensor[f32, N], m: Tensor[f32, M], out y: Tensor[f32, M]):
    for i in range(M):
        let lo = ptr[i]
        let hi = ptr[i + 1]
        assert 0 <= lo and lo <= hi and hi <= K, "row pointers"
        y[i] = m[i] + sum(val[p] * x[clamp(col[p], 0, N - 1)] for p in range(lo, hi))
kernel tiles(x: Tensor[f32, N], out y: Tensor[f32, N]):
    @parallel
    for t in range((N + TILE - 1) // TILE):
        for i in range(t * TILE, min(N, (t + 1) * TILE)):
            y[i] = sqrt(abs(x[i])) ** 3 - 1 // 1
kernel ln[eps: f32 = 1e-5](x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    for i in range(M):
        let mu = mean(x[i, j] for j in range(N))
        @vectorize
        let v = mean((x[i, j] - mu) ** 2 for j in range(N))
        for j in range(N):
            y[i, j] = (x[i, j] - mu) / sqrt(v + eps)
kernel pool(x: Tensor[f32, C, H, W], s: index, out y: Tensor[f32, C, H // s, W // s]) where s > 0:
    for c, i, j in grid(C, H // s, W // s):
        y[c, i, j] = max(x[c, i * s + p, j * s + q] for p in range(s) for q in range(s))
kernel apply[f: def(Tensor[f32, N]) -> f32](x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    for i in range(M):
        y[i] = f(x[i, :])
test "apply":
    def first(r: Tensor[f32, K]) -> f32:
        return r[0]
    let y = apply[f=first](ones[f32](2, 3))
    for i in range(y.shape[0]):
        assert y[i] == 1
    let z = pool(ones[f32](1, 4, 4), 2)
    assert z[0, 1, 1] == 1
`;

test("programs of many sorts", () => {
  const { lines, module, instance } = checkSource(programs);
  expect(lines).toEqual([]);
  expect(module.tests).toHaveLength(1);
  for (const { name, compParams } of module.kernels) {
    if (compParams.every((param) => param.fallback)) expect(instance(name).instance).toBe(name);
  }
});
