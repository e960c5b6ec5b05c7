import { describe, expect, it } from "vitest";
import { sameResults, textAfter } from "../../testing/equivalence.ts";
import { randomKernel } from "../../testing/ir-generator.ts";
import { verify } from "../ir/verify.ts";
import { hoistInvariants } from "./licm.ts";
import { runPasses, sharedPasses } from "./index.ts";

const header = `kernel k(x: in f32[N], k: in i32[N], y: mut f32[N], s: i32, u: f32, b: bool) dims(N = x.0)`;

function body(text: string): string {
  const lines = textAfter(`${header} { local a: f32[4] ${text} }`, hoistInvariants).trimEnd().split("\n");
  return lines
    .slice(2, -1)
    .map((line) => line.trim())
    .join(" ");
}
const same = (text: string): [string, string] => [text, text];

describe("licm", () => {
  const cases: [name: string, before: string, after: string][] = [
    [
      "moves total parts",
      "for i in 0..N { y[i] = x[i] * sqrt(u) }",
      "let t: f32 = sqrt(u) for i in 0..N { y[i] = x[i] * t }",
    ],
    [
      "once for equal parts",
      "for i in 0..N { y[i] = sqrt(u) if b { y[i] = sqrt(u) } }",
      "let t: f32 = sqrt(u) for i in 0..N { y[i] = t if b { y[i] = t } }",
    ],
    [
      "moves lets and what hangs on them",
      "for i in 0..N { let p: f32 = u * 2.0 let q: f32 = p + 1.0 y[i] = q }",
      "let p: f32 = u * 2.0 let q: f32 = p + 1.0 for i in 0..N { y[i] = q }",
    ],
    [
      "out of several loops",
      "for i in 0..N { for j in 0..i { y[j] = sqrt(u) * f32(i) } }",
      "let t_1: f32 = sqrt(u) for i in 0..N { let t: f32 = t_1 * f32(i) for j in 0..i { y[j] = t } }",
    ],
    [
      "guards a load by whether the loop runs",
      "for i in 0..N { y[i] = x[s] }",
      "let t: f32 = x[s if 0 < N] for i in 0..N { y[i] = t }",
    ],
    [
      "needs no guard if it does",
      "for i in 0..4 { y[i] = x[s] }",
      "let t: f32 = x[s] for i in 0..4 { y[i] = t }",
    ],
    [
      "joins guards",
      "for i in 0..N { y[i] = x[s if b] }",
      "let t: f32 = x[s if 0 < N & b] for i in 0..N { y[i] = t }",
    ],
    ["no vector load that may not happen", ...same("for i in 0..N { y[ramp[4](i, 1)] = x[ramp[4](s, 1)] }")],
    ["no load under a condition", ...same("for i in 0..4 { if b { y[i] = x[s] } }")],
    ["no load behind a check", ...same('for i in 0..4 { assert s > i, "?" y[i] = x[s] }')],
    ["no load behind a jump", ...same("for i in 0..4 { if b { break } y[i] = x[s] }")],
    ["no load of what the loop writes", ...same("for i in 0..4 { y[i] = y[0] }")],
    ["no load of what it brings to life", ...same("for i in 0..4 { alloc a = 1.0 y[i] = a[0] }")],
    ["nothing of variables it assigns", ...same("var v: f32 = u for i in 0..4 { y[i] = sqrt(v) v = x[i] }")],
    [
      "what others assigned before",
      "var v: f32 = u v = 2.0 for i in 0..4 { y[i] = sqrt(v) }",
      "var v: f32 = u v = 2.0 let t: f32 = sqrt(v) for i in 0..4 { y[i] = t }",
    ],
    ["no division that may not happen", ...same("for i in 0..N { y[i] = f32(N // s) }")],
    [
      "a division that is certain",
      "for i in 0..4 { y[i] = f32(N // s) }",
      "let t: f32 = f32(N // s) for i in 0..4 { y[i] = t }",
    ],
    [
      "a division by what isn't 0",
      "for i in 0..N { if b { y[i] = f32(N // 3) } }",
      "let t: f32 = f32(N // 3) for i in 0..N { if b { y[i] = t } }",
    ],
    ["nothing out of parallel loops", ...same("parallel for i in 0..N { y[i] = sqrt(u) }")],
    [
      "but up to them",
      "parallel for i in 0..N { for j in 0..4 { y[i] = y[i] + sqrt(u) } }",
      "parallel for i in 0..N { let t: f32 = sqrt(u) for j in 0..4 { y[i] = y[i] + t } }",
    ],
    [
      "through reductions",
      "for i in 0..N { reduce sum(r: f32 = 0.0) { for j in 0..N { yield r(x[j] * sqrt(u)) } } y[i] = r }",
      "let t: f32 = sqrt(u) for i in 0..N { reduce sum(r: f32 = 0.0) { for j in 0..N { yield r(x[j] * t) } } y[i] = r }",
    ],
    [
      "total parts of conditions",
      "var v: f32 = 0.0 while v < sqrt(u) { v = v + sqrt(u) }",
      "var v: f32 = 0.0 let t: f32 = sqrt(u) while v < t { v = v + t }",
    ],
    [
      "vectors",
      "for i in 0..N step 4 { y[ramp[4](i, 1)] = x[ramp[4](i, 1)] * splat[4](u) }",
      "let t: f32x4 = splat[4](u) for i in 0..N step 4 { y[ramp[4](i, 1)] = x[ramp[4](i, 1)] * t }",
    ],
  ];
  it.each(cases)("%s", (_, before, after) => expect(body(before)).toBe(after));

  it("knows from requirements that a loop runs", () => {
    const text = `kernel k(x: in f32[N], y: mut f32[N], s: i32) dims(N = x.0) { require N >= 1, "N >= 1" for i in 0..N { y[i] = x[s] } }`;
    expect(textAfter(text, hoistInvariants)).toContain("let t: f32 = x[s]\n");
  });

  it("keeps what random kernels compute", () => {
    for (let seed = 0; seed < 250; seed++) {
      const before = randomKernel(seed);
      const after = hoistInvariants(before);
      verify(after, `licm of kernel ${seed}`);
      sameResults({ before, after }, { M: seed % 4, N: (seed >> 2) % 6 }, { seed });
    }
  });
});

describe("the shared passes", () => {
  it("keep what random kernels compute, in a row", () => {
    for (let seed = 500; seed < 750; seed++) {
      const before = randomKernel(seed);
      const after = runPasses(before, sharedPasses, { verifyEach: true });
      sameResults({ before, after }, { M: seed % 4, N: (seed >> 2) % 6 }, { seed });
    }
  });
  it("can be seen at work", () => {
    const seen: string[] = [];
    const print = (pass: string): void => void seen.push(pass);
    runPasses(randomKernel(1), sharedPasses, { printAfter: "all", print });
    runPasses(randomKernel(1), sharedPasses, { printAfter: ["cse"], print });
    expect(seen).toEqual([...sharedPasses.map((pass) => pass.name), "cse"]);
  });
  it("are named where they break a kernel", () => {
    const broken = {
      name: "breaker",
      run: (kernel: ReturnType<typeof randomKernel>) => ({ ...kernel, dims: [] }),
    };
    expect(() => runPasses(randomKernel(1), [broken], { verifyEach: true })).toThrow(/breaker/);
  });
});
