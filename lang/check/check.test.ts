// What the checker makes of correct sources: the typed tree as text, beside the source it comes from.

import { expect, test } from "vitest";
import type { TFunction, TStmt } from "../typed.ts";
import { checkSource } from "./checking.ts";
import { show, showBody } from "./typed-text.ts";

/** The typed body of kernel `k`; the source must check without a word. */
function bodyOf(source: string, request = {}): string {
  const checked = checkSource(source);
  expect(checked.lines).toEqual([]);
  return showBody(checked.instance("k", request).body);
}

test("literals take the type of their context", () => {
  expect(
    bodyOf(`
comptime THIRD = 1 / 3
kernel k(h: Tensor[f16, N], u: Tensor[u32, N], w: Tensor[i64, N], out y: Tensor[f16, N], out z: Tensor[u32, N], out v: Tensor[i64, N]):
    for i in range(N):
        y[i] = h[i] * 0.1 + THIRD
        z[i] = u[i] ^ 0xedb88320
        v[i] = -w[i] + (1 << 40)
        let a = 3 if h[i] > 1 else 2 * 2
        let b = 0.5
        let c: f16 = max(2, h[i]) if a > 2 else 7
        z[i] += u32(a) * bitcast[u32](b) % 7
        y[i] *= clamp(c, 0, 255)
`),
  ).toMatchInlineSnapshot(`
    "for i in 0:i32..N
      y[i] = ((h[i] * 0.0999755859375:f16) + 0.333251953125:f16)
      z[i] = (u[i] ^ 3988292384:u32)
      v[i] = (neg(w[i]) + 1099511627776:i64)
      let a: i32 = (3:i32 if (h[i] > 1:f16) else 4:i32)
      let b: f32 = 0.5:f32
      let c: f16 = (max(2:f16, h[i]) if (a > 2:i32) else 7:f16)
      z[i] += ((convert[u32](a) * bitcast[u32](b)) % 7:u32)
      y[i] *= min(max(c, 0:f16), 255:f16)"
  `);
});

test("a reduction of literals is one value for all lanes", () => {
  expect(
    bodyOf(`
kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]) where N % 4 == 0:
    for i in range(0, N, 4):
        let v = x.load[4](i)
        y.store(v + sum(1 for k in range(N)) + SIMD[f32, 4](min(2 for k in range(N))), i)
`),
  ).toMatchInlineSnapshot(`
    "for i in 0:index..N by 4
      let v: SIMD[f32, 4] = x.load:SIMD[f32, 4](i)
      y.store(((v + SIMD[f32, 4](sum<f32>(1:f32 for k in 0:i32..N):f32)) + SIMD[f32, 4](min<f32>(2:f32 for k in 0:i32..N):f32)), i)"
  `);
});

test("index is i32, and comparisons chain", () => {
  expect(
    bodyOf(`
kernel k(n: Tensor[i32, N], s: i32, out y: Tensor[i32, N]) where s >= 0:
    for i in range(0, N, 2):
        let j = (i + n[i]) // 2
        assert 0 <= j < N, "in range"
        y[j] = j % s if not (s == 0 or i > 3 and i != 5) else N - 1
`),
  ).toMatchInlineSnapshot(`
    "for i in 0:index..N by 2
      let j: i32 = ((i + n[i]) // 2:i32)
      assert ((0:i32 <= j) and (j < N)) "in range"
      y[j] = ((j % s) if not(((s == 0:i32) or ((i > 3:index) and (i != 5:index)))) else (N - 1:index))"
  `);
});

test("reductions accumulate as the language says", () => {
  expect(
    bodyOf(`
kernel k(h: Tensor[f16, N], b: Tensor[u8, N], x: Tensor[f32, M, N], out y: Tensor[f32, M], out n: Tensor[i32, M]):
    for i in range(M):
        let a = sum(h[j] for j in range(N))
        let w = sum[f32](h[j] * h[j] for j in range(N))
        n[i] = sum(b[j] for j in range(N)) + argmax(x[i, j] for j in range(N))
        n[i] += sum(1 for j in range(N) if x[i, j] > 0 if j > 1)
        let m = mean(x[p, q] for p, q in grid(M, N))
        y[i] = max(x[i, j] for j in range(i, N)) + w + f32(a) + m + prod(2 for j in range(3))
        assert any(x[i, j] > 0 for j in range(N)) or all(b[j] == 0 for j in range(N))
`),
  ).toMatchInlineSnapshot(`
    "for i in 0:i32..M
      let a: f16 = sum<f32>(h[j] for j in 0:i32..N):f16
      let w: f32 = sum<f32>((h[j] * h[j]) for j in 0:i32..N):f32
      n[i] = (sum<i32>(b[j] for j in 0:i32..N):i32 + argmax<f32>(x[i, j] for j in 0:i32..N):index)
      n[i] += sum<i32>(1:i32 for j in 0:i32..N if (x[i, j] > 0:f32) if (j > 1:index)):i32
      let m: f32 = mean<f32>(x[p, q] for p in 0:i32..M for q in 0:i32..N):f32
      y[i] = ((((max<f32>(x[i, j] for j in i..N):f32 + w) + convert[f32](a)) + m) + prod<f32>(2:f32 for j in 0:i32..3:index):f32)
      assert (any<bool>((x[i, j] > 0:f32) for j in 0:i32..N):bool or all<bool>((b[j] == 0:u8) for j in 0:i32..N):bool) "any(x[i, j] > 0 for j in range(N)) or all(b[j] == 0 for j in range(N))""
  `);
});

test("packs are spelled out for their rank", () => {
  const source = `
kernel k(x: Tensor[f32, B, *S], out y: Tensor[f32, B, *S]):
    for b in range(B):
        for i in grid(*S):
            y[b, *i] = x[b, *i]
`;
  expect(bodyOf(source, { packs: { S: 2 } })).toMatchInlineSnapshot(`
    "for b in 0:i32..B
      for i_0 in 0:i32..S_0, i_1 in 0:i32..S_1
        y[b, i_0, i_1] = x[b, i_0, i_1]"
  `);
  const { instance } = checkSource(source);
  const kernel = instance("k", { packs: { S: 2 } });
  expect(kernel.instance).toBe("k_r2");
  expect(kernel.dims.map(({ sym, param, axis }) => `${sym.name} ${param}.${axis}`)).toEqual([
    "B 0.0",
    "S_0 0.1",
    "S_1 0.2",
  ]);
});

test("comptime if and for are carried out", () => {
  const source = `
comptime WEIGHTS = [1, 2, 1]
kernel k[R: int = 1, relu: bool = False](x: Tensor[f32, N], out y: Tensor[f32, N]):
    for i in range(N):
        var acc = 0.0
        comptime for d in range(-R, R + 1):
            acc += WEIGHTS[d + R] * x.get(i + d)
        comptime if relu:
            acc = max(acc, 0)
        y[i] = acc / 4
`;
  expect(bodyOf(source, { comptime: { relu: { kind: "bool", value: true } } })).toMatchInlineSnapshot(`
    "for i in 0:i32..N
      var acc: f32 = 0:f32
      acc += (1:f32 * x.get((i + -1:index), 0:f32))
      acc += (2:f32 * x.get((i + 0:index), 0:f32))
      acc += (1:f32 * x.get((i + 1:index), 0:f32))
      acc = max(acc, 0:f32)
      y[i] = (acc / 4:f32)"
  `);
});

test("structs, tuples, Arrays and views", () => {
  expect(
    bodyOf(`
struct Best:
    value: f32
    at: index
def better(p: Best, q: Best) -> Best:
    return p if p.value > q.value else q
def norm(r: Tensor[f32, N]) -> f32:
    return sum(r[j] * r[j] for j in range(N))
def both(a: Array[f32, 2]) -> (f32, f32):
    return a[0], a[1]
kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    for i in range(M):
        var best = reduce(better, Best(-inf, 0), Best(x[i, j], j) for j in range(N))
        best.at = 0
        var acc = Array[f32, 2](best.value)
        acc[1] += norm(x[i, 1:N])
        let a, b = both(acc)
        var t = (a, b)
        t[0] = 1
        let row = x[i, :]
        y[i] = t[0] + t[1] + f32(best.at) + row[0]
`),
  ).toMatchInlineSnapshot(`
    "for i in 0:i32..M
      var best: Best = custom<f32>(Best(x[i, j], j) for j in 0:i32..N):Best
      best.1 = 0:index
      var acc: Array[f32, 2] = Array[f32, 2](best.0)
      acc[1:index] += norm(x[i, 1:index:N])
      let a: f32, let b: f32 = both(acc)
      var t: (f32, f32) = (a, b)
      t.0 = 1:f32
      let row: Tensor[f32, N] = x[i, :]
      y[i] = (((t.0 + t.1) + convert[f32](best.1)) + row[0:index])"
  `);
});

test("SIMD values: splats, masks, lanes", () => {
  expect(
    bodyOf(
      `
from std.math import sqrt
kernel k(x: Tensor[f32, N], q: Tensor[i8, N], s: f32, out y: Tensor[f32, N]) where N % 8 == 0:
    for i in range(0, N, 8):
        let v = x.load[8](i)
        let m = v > 0 & (v < s)
        var w = select(m, v * s, 0) + SIMD[f32, 8](1)
        w[0] = 2
        w = sqrt(fma(w, w, 0.5)).shuffle(7, 6, 5, 4, 3, 2, 1, 0)
        let d = dot4(q.load[8](i), q.load[8](i), SIMD[i32, 2](0))
        y.store(w if m.any() else f32(SIMD[i32, 8](d[1])), i)
`.replace("v > 0 & (v < s)", "(v > 0) & (v < s)"),
    ),
  ).toMatchInlineSnapshot(`
    "for i in 0:index..N by 8
      let v: SIMD[f32, 8] = x.load:SIMD[f32, 8](i)
      let m: SIMD[bool, 8] = ((v > 0:SIMD[f32, 8]) & (v < SIMD[f32, 8](s)))
      var w: SIMD[f32, 8] = (select(m, (v * SIMD[f32, 8](s)), 0:SIMD[f32, 8]) + 1:SIMD[f32, 8])
      w[0] = 2:f32
      w = sqrt(fma(w, w, 0.5:SIMD[f32, 8])).shuffle(7, 6, 5, 4, 3, 2, 1, 0)
      let d: SIMD[i32, 2] = dot4(q.load:SIMD[i8, 8](i), q.load:SIMD[i8, 8](i), 0:SIMD[i32, 2])
      y.store((w if m.any() else convert[SIMD[f32, 8]](SIMD[i32, 8](d[1]))), i)"
  `);
});

test("functions are compile-time parameters", () => {
  const source = `
def keep[T: Any](v: T, i: index) -> T:
    return v
kernel map[T: Float, U: Any, f: def(T, index) -> U = keep](x: Tensor[T, N], out y: Tensor[U, N]):
    for i in range(N):
        y[i] = f(x[i], i)
kernel k(x: Tensor[f16, N], b: Tensor[f32, N], out y: Tensor[f32, N], out z: Tensor[f16, N]):
    def widen(v: f16, i: index) -> f32:
        return f32(v) + b[i]
    map[f=widen](x, y)
    map(x, z)
`;
  const checked = checkSource(source);
  expect(checked.lines).toEqual([]);
  const body = checked.instance("k").body;
  expect(showBody(body)).toMatchInlineSnapshot(`
    "map_f16_f32_widen(x, y)
    map_f16(x, z)"
  `);
  const called = body.map((stmt: TStmt) =>
    stmt.kind === "expr" && stmt.value.kind === "kernel-call" ? stmt.value.kernel : undefined,
  );
  const widened = called[0]!.comptime.get("f") as { fn: TFunction };
  expect(showBody(widened.fn.body)).toBe("return (convert[f32](v) + b[i])");
  expect(called[0]!.comptime.get("U")).toEqual({ kind: "dtype", dtype: "f32" });
});

test("a test block: kernels give their results", () => {
  const { module, lines } = checkSource(`
kernel split(x: Tensor[f32, M, N], out lo: Tensor[f32, M, N - 1], out at: Tensor[i32, M]):
    for i in range(M):
        at[i] = 0
        for j in range(N - 1):
            lo[i, j] = x[i, j]
test "two results":
    let lo, at = split(tensor[f32]([[1, 2, 3], [4, 5, 6]]))
    assert close(lo[1, 1], 5) and at[0] == 0
    let z = random[f16](2, 3, seed=7, low=0)
    assert z[0, 0] >= 0
`);
  expect(lines).toEqual([]);
  expect(showBody(module.tests[0]!.body)).toMatchInlineSnapshot(`
    "let lo: Tensor[f32, 2, 2], let at: Tensor[i32, 2] = split(tensor:Tensor[f32, 2, 3](1:f32, 2:f32, 3:f32, 4:f32, 5:f32, 6:f32))
    assert (close:bool(lo[1:index, 1:index], 5:f32) and (at[0:index] == 0:i32)) "close(lo[1, 1], 5) and at[0] == 0"
    let z: Tensor[f16, 2, 3] = random:Tensor[f16, 2, 3](2:index, 3:index)
    assert (z[0:index, 0:index] >= 0:f16) "z[0, 0] >= 0""
  `);
});

test("storage dtypes are read as i32", () => {
  expect(
    bodyOf(`
kernel k(q: Tensor[u4, N], scale: Tensor[f16, N // 32], mut p: Tensor[i2, N], out y: Tensor[f16, N]):
    for i in range(N):
        y[i] = f16(q[i] - 8) * scale[i // 32]
        p[i] = q[i] & 1
`),
  ).toMatchInlineSnapshot(`
    "for i in 0:i32..N
      y[i] = (convert[f16]((q[i] - 8:i32)) * scale[(i // 32:index)])
      p[i] = (q[i] & 1:i32)"
  `);
});

test("a `where` of a def is asserted at its calls", () => {
  const { instance, lines } = checkSource(`
def last(r: Tensor[f32, N]) -> f32 where N > 0:
    return r[N - 1]
kernel k(x: Tensor[f32, N], out y: Tensor[f32, 1]) where N >= 4:
    y[0] = last(x)
`);
  expect(lines).toEqual([]);
  const [stmt] = instance("k").body;
  const call = stmt?.kind === "assign" && stmt.value.kind === "call" ? stmt.value : undefined;
  expect(showBody(call!.fn.body)).toMatchInlineSnapshot(`
    "assert (N > 0:index) "\`last\` needs \`N > 0\`"
    return r[(N - 1:index)]"
  `);
  expect(instance("k").where.map(show)).toEqual(["(N >= 4:index)"]);
});
