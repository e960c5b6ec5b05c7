import { describe, expect, it } from "vitest";
import { applied, sameResults, textAfter } from "../../testing/equivalence.ts";
import { randomKernel } from "../../testing/ir-generator.ts";
import { verify } from "../ir/verify.ts";
import { eliminateCommon } from "./cse.ts";

const header = `kernel k(x: in f32[N], k: in i32[N], y: mut f32[N], s: i32, u: f32, b: bool) dims(N = x.0)`;

function body(text: string, form = ""): string {
  const lines = textAfter(`${header} ${form} { local a: f32[4] ${text} }`, eliminateCommon)
    .trimEnd()
    .split("\n");
  return lines
    .slice(2, -1)
    .map((line) => line.trim())
    .join(" ");
}

describe("cse", () => {
  const cases: [name: string, before: string, after: string][] = [
    ["within an expression", "y[0] = u * u * u + u * u * u", "let t: f32 = u * u * u y[0] = t + t"],
    ["the largest only", "y[0] = sqrt(u) + sqrt(u)", "let t: f32 = sqrt(u) y[0] = t + t"],
    ["across statements", "y[0] = u / 3.0 y[1] = u / 3.0", "let t: f32 = u / 3.0 y[0] = t y[1] = t"],
    [
      "nested ones, inner first",
      "y[0] = sqrt(u / 3.0) + u / 3.0 y[1] = sqrt(u / 3.0)",
      "let t: f32 = u / 3.0 let t_1: f32 = sqrt(t) y[0] = t_1 + t y[1] = t_1",
    ],
    ["loads of what is only read", "y[0] = x[s] y[1] = x[s]", "let t: f32 = x[s] y[0] = t y[1] = t"],
    ["not loads of what was written", "y[1] = y[0] y[2] = y[0]", "y[1] = y[0] y[2] = y[0]"],
    ["loads within one statement", "y[1] = y[0] * y[0]", "let t: f32 = y[0] y[1] = t * t"],
    ["not under another guard", "y[0] = x[s if b] y[1] = x[s]", "y[0] = x[s if b] y[1] = x[s]"],
    ["lets for lets", "let p = u / 3.0 let q = u / 3.0 y[0] = p + q", "let p: f32 = u / 3.0 y[0] = p + p"],
    [
      "through what became equal",
      "let p = x[s] let q = x[s] y[0] = sqrt(p) y[1] = sqrt(q)",
      "let p: f32 = x[s] let t: f32 = sqrt(p) y[0] = t y[1] = t",
    ],
    ["nothing trivial", "y[0] = u + 1.0 y[1] = u + 1.0", "y[0] = u + 1.0 y[1] = u + 1.0"],
    [
      "from a condition into its branches",
      "if x[s] > 0.0 { y[0] = x[s] } else { y[1] = x[s] }",
      "let t: f32 = x[s] if t > 0.0 { y[0] = t } else { y[1] = t }",
    ],
    [
      "not from one branch into another",
      "if b { y[0] = sqrt(u) } else { y[1] = sqrt(u) }",
      "if b { y[0] = sqrt(u) } else { y[1] = sqrt(u) }",
    ],
    [
      "not across an assignment",
      "var v = u y[0] = sqrt(v) v = 2.0 y[1] = sqrt(v)",
      "var v: f32 = u y[0] = sqrt(v) v = 2.0 y[1] = sqrt(v)",
    ],
    [
      "not into a loop that assigns",
      "var v = u y[0] = sqrt(v) for i in 0..N { y[i] = sqrt(v) v = v + 1.0 }",
      "var v: f32 = u y[0] = sqrt(v) for i in 0..N { y[i] = sqrt(v) v = v + 1.0 }",
    ],
    [
      "into a loop that doesn't",
      "y[0] = sqrt(u) for i in 0..N { y[i] = sqrt(u) }",
      "let t: f32 = sqrt(u) y[0] = t for i in 0..N { y[i] = t }",
    ],
    [
      "not into a parallel loop",
      "y[0] = sqrt(u) parallel for i in 0..N { y[i] = sqrt(u) }",
      "y[0] = sqrt(u) parallel for i in 0..N { y[i] = sqrt(u) }",
    ],
    [
      "not in front of a loop for its condition",
      "var v = u while sqrt(v) > sqrt(v) - 1.0 { v = v - 1.0 }",
      "var v: f32 = u while sqrt(v) > sqrt(v) - 1.0 { v = v - 1.0 }",
    ],
    [
      "loads behind an alloc are new",
      "for i in 0..2 { alloc a = 0.0 y[0] = a[1] a[1] = u y[1] = a[1] y[2] = a[1] }",
      "for i in 0..2 { alloc a = 0.0 y[0] = a[1] a[1] = u let t: f32 = a[1] y[1] = t y[2] = t }",
    ],
    [
      "subscripts stay whole",
      "y[s * 2 + 1] = x[s * 2 + 1] y[k[s * 2 + 1]] = x[k[s * 2 + 1]]",
      "y[s * 2 + 1] = x[s * 2 + 1] let t: i32 = k[s * 2 + 1] y[t] = x[t]",
    ],
    [
      "vectors",
      "y[ramp[4](s, 1)] = x[ramp[4](s, 1)] * x[ramp[4](s, 1)]",
      "let t: f32x4 = x[ramp[4](s, 1)] y[ramp[4](s, 1)] = t * t",
    ],
  ];
  it.each(cases)("%s", (_, before, after) => expect(body(before)).toBe(after));

  it("names what combiners compute twice", () => {
    const text = `reduce custom(r: f32 = 0.0) combine(l; m) { let p = l * m * l let q = sqrt(l * m * l) => p + q + p } over { yield r(u) } y[0] = r`;
    expect(body(text)).toContain("let p: f32 = l * m * l let q: f32 = sqrt(p) => p + q + p");
  });
  it("leaves vectors of positions whole", () => {
    const text = body("y[ramp[4](s * 2 + 1, 1)] = x[ramp[4](s * 2 + 1, 1)]", "flat");
    expect(text).toBe("let t: i32 = s * 2 + 1 y[ramp[4](t, 1)] = x[ramp[4](t, 1)]");
  });
  it("names addresses in flat kernels", () => {
    expect(body("y[s * 2 + 1] = x[s * 2 + 1]", "flat")).toBe("let t: i32 = s * 2 + 1 y[t] = x[t]");
  });

  it("leaves a kernel without repetitions alone", () => {
    const { before, after } = applied(`${header} { y[0] = sqrt(u) }`, eliminateCommon);
    expect(after).toBe(before);
  });

  it("keeps what random kernels compute", () => {
    for (let seed = 0; seed < 250; seed++) {
      const before = randomKernel(seed);
      const after = eliminateCommon(before);
      verify(after, `cse of kernel ${seed}`);
      sameResults({ before, after }, { M: seed % 4, N: (seed >> 2) % 6 }, { seed });
    }
  });
});
