import { describe, expect, it } from "vitest";
import { textOf } from "../../lang/source.ts";
import { interpret, makeTensor, type InterpretArgs, type Outcome } from "./interpret.ts";
import { parseKernel } from "./parse.ts";
import { verify } from "./verify.ts";

function run(text: string, args: InterpretArgs, fuel?: number): Outcome {
  const kernel = parseKernel(text);
  verify(kernel, "test");
  return interpret(kernel, args, { fuel });
}
const f32 = (...values: number[]) => makeTensor("f32", [values.length], Float32Array.from(values));
const i32 = (...values: number[]) => makeTensor("i32", [values.length], Int32Array.from(values));
function result(outcome: Outcome, name = "y"): unknown[] {
  if (outcome.kind !== "done") throw new Error(JSON.stringify({ ...outcome, span: undefined }));
  return [...(outcome.results[name]!.data as Float32Array)];
}

describe("interpreter", () => {
  it("runs nested loops, lets and reductions", () => {
    const outcome = run(
      `kernel rows(x: in f32[M, N], y: out f32[M]) dims(M = x.0, N = x.1) {
        parallel for i in 0..M {
          reduce sum(total: f32 = 0.0) { for j in 0..N { yield total(x[i, j]) } }
          y[i] = total
        }
      }`,
      { x: makeTensor("f32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)) },
    );
    expect(result(outcome)).toEqual([6, 15]);
  });

  it("rounds every f32 operation", () => {
    const y = run(
      `kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) { for i in 0..N { y[i] = x[i] * x[i] + 0.1 } }`,
      {
        x: f32(0.1, 16777217),
      },
    );
    const tenth = Math.fround(0.1);
    expect(result(y)).toEqual([
      Math.fround(Math.fround(tenth * tenth) + tenth),
      Math.fround(Math.fround(16777216 * 16777216) + tenth),
    ]);
  });

  it("carries out variables, while, if, break and continue", () => {
    const outcome = run(
      `kernel collatz(x: in i32[N], y: out i32[N]) dims(N = x.0) {
        for i in 0..N {
          var n: i32 = x[i]
          var steps: i32 = 0
          while true {
            if n <= 1 { break }
            steps = steps + 1
            if n % 2 == 0 { n = n // 2
              continue }
            n = 3 * n + 1
          }
          y[i] = steps
        }
      }`,
      { x: i32(1, 6, 27, -4) },
    );
    expect(result(outcome)).toEqual([0, 8, 111, 0]);
  });

  it("runs vectors, guards, shuffles and horizontal ops", () => {
    const outcome = run(
      `kernel v(x: in f32[N], y: out f32[N], s: out f32[2]) dims(N = x.0) {
        for i in 0..N step 4 {
          let at: i32x4 = ramp[4](i, 1)
          let live: boolx4 = at < splat[4](N)
          let v: f32x4 = x[at if live]
          y[at if live] = select(v > 0.0:f32x4, v, 0.0:f32x4)
          if i == 0 {
            s[0] = vsum(shuffle[3, 2, 1, 0](v))
            s[1] = lane[2](insert[2](v, 9.0))
          }
        }
      }`,
      { x: f32(1, -2, 3, 4, -5, 6) },
    );
    expect(result(outcome)).toEqual([1, 0, 3, 4, 0, 6]);
    expect(result(outcome, "s")).toEqual([6, 9]);
  });

  it("takes the first of equals in argmax, and NaN over numbers", () => {
    const text = `kernel a(x: in f32[N], y: out i32[1]) dims(N = x.0) {
      reduce argmax(best: f32 = -inf, at: i32 = 2147483647) { for i in 0..N { yield best(x[i], i) } }
      y[0] = at
    }`;
    expect(result(run(text, { x: f32(1, 7, 3, 7) }))).toEqual([1]);
    expect(result(run(text, { x: f32(-Infinity, -Infinity) }))).toEqual([0]);
    expect(result(run(text, { x: f32(1, NaN, 3, NaN, 9) }))).toEqual([1]);
  });

  it("combines custom reductions of several values", () => {
    const outcome = run(
      `kernel w(x: in f32[N], y: out f32[2]) dims(N = x.0) {
        reduce custom(n: f32 = 0.0, mean: f32 = 0.0) combine(n0, m0; n1, m1) {
          let n2: f32 = n0 + n1
          => n2, m0 + (m1 - m0) * n1 / n2
        } over {
          for i in 0..N { yield n(1.0, x[i]) }
        }
        y[0] = n
        y[1] = mean
      }`,
      { x: f32(1, 2, 3, 6) },
    );
    expect(result(outcome)).toEqual([4, 3]);
  });

  it("reads and writes f16, bf16, bool and sub-byte storage", () => {
    const halves = makeTensor("f16", [2], Uint16Array.of(0x3c00, 0xc500));
    const kernel = `kernel c(x: in f16[N], y: out bf16[N], b: out bool[N], q: out i4[N]) dims(N = x.0) {
      for i in 0..N {
        y[i] = bf16(x[i])
        b[i] = x[i] > 0.0:f16
        q[i] = i32(x[i])
      }
    }`;
    const outcome = run(kernel, { x: halves });
    expect(result(outcome)).toEqual([0x3f80, 0xc0a0]);
    expect(result(outcome, "b")).toEqual([1, 0]);
    expect(result(outcome, "q")).toEqual([0xb1]);
    const packed = makeTensor("i4", [3], Uint8Array.of(0x8f, 0x07));
    const unpack = `kernel u(q: in i4[N], y: out i32[N]) dims(N = q.0) { for i in 0..N { y[i] = q[i] } }`;
    expect(result(run(unpack, { q: packed }))).toEqual([-1, -8, 7]);
  });

  it("honours strides and offsets, and stride dims in flat kernels", () => {
    const data = Float32Array.of(0, 1, 2, 3, 4, 5, 6);
    const x = { dtype: "f32", shape: [3, 2], strides: [1, 3], offset: 1, data } as const;
    const nest = `kernel t(x: in f32[M, N], y: out f32[M, N]) dims(M = x.0, N = x.1) {
      for i in 0..M { for j in 0..N { y[i, j] = x[i, j] } } }`;
    const flat = `kernel t(x: in f32[M, N], y: out f32[M, N]) dims(M = x.0, N = x.1, s0 = x.stride.0, s1 = x.stride.1) flat {
      for i in 0..M { for j in 0..N { y[i * N + j] = x[i * s0 + j * s1] } } }`;
    expect(result(run(nest, { x }))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(result(run(flat, { x }))).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("adds atomically into a mut argument, in place", () => {
    const h = i32(0, 10);
    const text = `kernel h(x: in i32[N], h: mut i32[K]) dims(N = x.0, K = h.0) {
      parallel for i in 0..N { atomic add h[x[i]] = 1 } }`;
    expect(result(run(text, { x: i32(1, 0, 1), h }), "h")).toEqual([1, 12]);
    expect([...(h.data as Int32Array)]).toEqual([1, 12]);
  });

  it("gives locals anew at each alloc", () => {
    const text = `kernel l(y: out i32[3]) { local a: i32[2]
      for i in 0..3 { alloc a = 5
        a[0] = a[0] + i
        y[i] = a[0] + a[1] } }`;
    expect(result(run(text, {}))).toEqual([10, 11, 12]);
  });

  it("computes in 64 bits", () => {
    const text = `kernel w(x: in i64[N], y: out i64[N]) dims(N = x.0) { for i in 0..N { y[i] = x[i] * x[i] + 1:i64 } }`;
    const x = makeTensor("i64", [2], BigInt64Array.of(3000000000n, 2n ** 62n));
    expect(result(run(text, { x }))).toEqual([9000000000000000001n, 1n]);
  });

  describe("faults", () => {
    const faulty: [why: RegExp, at: string, text: string][] = [
      [/x\[3\] is out of bounds/, "x[i + 1]", "for i in 0..N { y[i] = x[i + 1] }"],
      [/read before it's written/, "y[i]", "for i in 0..N { y[i] = y[i] + 1.0 }"],
      [/the divisor is 0/, "1 // i", "for i in 0..N { y[i] = f32(1 // i) }"],
      [/shift by 32/, "1 << i + 32", "for i in 0..N { y[i] = f32(1 << i + 32) }"],
      [/y\[1\] was never written/, "y: out f32[N]", "y[0] = 1.0 y[2] = 1.0"],
      [
        /obligation doesn't hold: N is even/,
        'obligation N % 2 == 0, "N is even"',
        'obligation N % 2 == 0, "N is even"',
      ],
      [/runs longer/, "while true { }", "while true { }"],
      [/element 0 of a is read before/, "a[0]", "alloc a for i in 0..N { y[i] = a[0] }"],
    ];
    it.each(faulty)("%s", (why, at, body) => {
      const outcome = run(
        `kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) { local a: f32[1] ${body} }`,
        { x: f32(1, 2, 3) },
        1000,
      );
      expect(outcome.kind).toBe("fault");
      if (outcome.kind !== "fault") return;
      expect(outcome.why).toMatch(why);
      expect(outcome.span && textOf(outcome.span)).toBe(at);
    });
  });

  it("reports a failed assert and an unmet requirement as failures", () => {
    const text = `kernel k(x: in f32[N], y: out f32[N], s: i32) dims(N = x.0) { require s >= 0, "s >= 0"
      for i in 0..N { assert x[i] > 0.0, "positive" y[i] = x[i] } }`;
    expect(run(text, { x: f32(1, -1), s: 1 })).toMatchObject({ kind: "failed", message: "positive" });
    expect(run(text, { x: f32(1), s: -1 })).toMatchObject({ kind: "failed" });
    expect(run(text, { x: f32(1), s: 1 })).toMatchObject({ kind: "done" });
  });

  it("runs Sobel on 512 × 512", () => {
    const tap = (di: number, dj: number) => `x[i + ${1 + di}, j + ${1 + dj}]`;
    const text = `kernel sobel(x: in f32[H, W], y: out f32[H - 2, W - 2]) dims(H = x.0, W = x.1) {
      parallel for i in 0..H - 2 { for j in 0..W - 2 {
        let gx: f32 = ${tap(-1, 1)} + 2.0 * ${tap(0, 1)} + ${tap(1, 1)} - ${tap(-1, -1)} - 2.0 * ${tap(0, -1)} - ${tap(1, -1)}
        let gy: f32 = ${tap(1, -1)} + 2.0 * ${tap(1, 0)} + ${tap(1, 1)} - ${tap(-1, -1)} - 2.0 * ${tap(-1, 0)} - ${tap(-1, 1)}
        y[i, j] = min(sqrt(gx * gx + gy * gy), 1.0)
      } }
    }`;
    const data = Float32Array.from({ length: 512 * 512 }, (_, at) => Math.fround((at * 7919) % 256) / 255);
    const outcome = run(text, { x: makeTensor("f32", [512, 512], data) });
    expect(outcome.kind).toBe("done");
  });
});
