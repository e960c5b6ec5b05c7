import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { randomKernel } from "../../testing/ir-generator.ts";
import { parseKernel } from "./parse.ts";
import { printKernel } from "./print.ts";
import { problemOf } from "./verify.ts";

/** Without spans and absent fields, which mean nothing. */
const bare = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(bare);
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key, value]) => key !== "span" && value !== undefined)
      .map(([key, value]) => [key, bare(value)]),
  );
};

describe("text form", () => {
  it("is what a person would write", () => {
    const text = `kernel softmax(x: in f32[M, N], y: out f32[M, N], s: f16) dims(M = x.0, N = x.1) {
  require N % 4 == 0, "N % 4 == 0"
  local tmp: f32[N]
  parallel for i in 0..M {
    reduce max(peak: f32 = -inf) {
      vectorize(mask, 8) for j_1 as j in 0..N {
        yield peak(x[i, j_1])
      }
    }
    alloc tmp
    unroll(4) for j in 0..N step 2 {
      tmp[j] = (x[i, j] - peak) * 0.1
      atomic max y[i, j if j < N & i != 3] = tmp[j]
    }
    if peak > 0.0 {
      break
    } else if peak != nan {
      continue
    } else {
      assert M >= 1 | false, "why \\"not\\""
      obligation ~(N <= 2), "N > 2"
    }
    var v: f32x4 = y[i, ramp[4](0, 1) if true:boolx4]
    v = select(v >= 1.0:f32x4, shuffle[3, 2, 1, 0](v), splat[4](f32(s)))
    let c: i32 = saturate[i32](lane[0](v)) // (-7 - -2147483648 // 2) << 3
    reduce custom(total: f32 = -0.0, n: i32 = 0) combine(t0, n0; t1, n1) {
      let t2: f32 = t0 + t1
      => t2, n0 + n1
    } over {
      yield total(1e-7, 1)
    }
    while bitcast[u32](c) < 4294967295:u32 {
      let \`let\`: i64 = -9223372036854775808:i64
    }
  }
}
`;
    const kernel = parseKernel(text);
    expect(printKernel(kernel)).toBe(text);
  });

  it("reads the example of the README", () => {
    const page = readFileSync(new URL("README.md", import.meta.url), "utf8");
    const example = /```\n(kernel[\s\S]*?)```/.exec(page)?.[1] ?? "";
    expect(problemOf(parseKernel(example))).toBeUndefined();
  });

  it("keeps strange names apart from words of its own", () => {
    const text = `kernel \`for\`(\`lane\`: in f32[N], \`a b\`: out f32[N]) dims(N = \`lane\`.0, st = \`a b\`.stride.0) flat {
  for \`f32\` in 0..N {
    \`a b\`[\`f32\` * st] = \`lane\`[\`f32\`] + max(\`lane\`[0], 1.0)
  }
}
`;
    const kernel = parseKernel(text);
    expect(problemOf(kernel)).toBeUndefined();
    expect(kernel.dims).toEqual([
      { name: "N", param: 0, axis: 0 },
      { name: "st", param: 1, axis: 0, of: "stride" },
    ]);
    expect(printKernel(kernel)).toBe(text);
  });

  it("round-trips generated kernels exactly", () => {
    for (let seed = 0; seed < 400; seed++) {
      const kernel = randomKernel(seed);
      expect(problemOf(kernel), printKernel(kernel)).toBeUndefined();
      const text = printKernel(kernel);
      expect(bare(parseKernel(text)), text).toEqual(bare(kernel));
    }
  });

  it.each([
    ["kernel k() { let t = 1 + }", 'ir:1:26: I expected a name and found "}"'],
    ["kernel k() { let t = u }", 'ir:1:22: nothing named "u" is in scope'],
    ["kernel k() {\n  x[0] = 1\n  let t = x[0] }", 'ir:3:11: no buffer "x" is declared'],
    ["kernel k() { let t: f32 = 1 }", 'ir:1:14: "t" is stated to be f32 and is i32'],
    ["kernel k() { ? }", 'ir:1:14: no IR token begins with "?"'],
    ["kernel k() {", 'ir:1:13: I expected a name and found "the end"'],
    ["kernel k() { } x", 'ir:1:16: I expected the end and found "x"'],
    ["kernel k(x: in f32[N]) dims(N = y.0) { }", 'ir:1:33: "y.0" is no axis of a parameter'],
  ])("says where %s is wrong", (text, message) => {
    expect(() => parseKernel(text)).toThrow(message);
  });
});
