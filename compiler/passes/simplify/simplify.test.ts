import { describe, expect, it } from "vitest";
import { applied, sameResults, textAfter } from "../../../testing/equivalence.ts";
import { randomKernel } from "../../../testing/ir-generator.ts";
import { ops, type OpName } from "../../ir/ops.ts";
import { parseKernel } from "../../ir/parse.ts";
import { printExpr } from "../../ir/print.ts";
import { verify } from "../../ir/verify.ts";
import { simplify } from "./index.ts";

const header = `kernel k(
  x: in f32[N], k: in i32[N], y: out f32[N], o: out i32[N], p: out bool[N], h: out f16[N], s: i32, u: u32, b: bool, c: bool, g: f16
) dims(N = x.0)`;

const stores: Readonly<Record<string, string>> = {
  i32: "o[i] = r",
  bool: "p[i] = r",
  f32: "y[i] = r",
  f16: "h[i] = r",
};

/** What an expression becomes. */
function simplified(text: string): string {
  const parsed = (store: string) => parseKernel(`${header} { for i in 0..N { let r = ${text} ${store} } }`);
  const [loop] = parsed("").body;
  const definition = loop?.kind === "for" ? loop.body[0] : undefined;
  const dtype = definition?.kind === "let" ? definition.value.type.dtype : "";
  const kernel = parsed(stores[dtype] ?? "y[i] = f32(r)");
  verify(kernel, "the test");
  const after = simplify(kernel);
  verify(after, "simplify");
  const [outer] = after.body;
  const [first] = outer?.kind === "for" ? outer.body : [];
  // A value that is a name or a constant went into the store.
  const value = first?.kind === "let" || first?.kind === "store" ? first.value : undefined;
  return value ? printExpr(value) : "nothing";
}

/** Statements before and after, without the kernel around them. */
function body(text: string): string {
  const lines = textAfter(`${header} { local t: f32[4] ${text} }`, simplify).trimEnd().split("\n");
  return lines
    .slice(1, -1)
    .map((line) => line.trim())
    .join(" ");
}

describe("simplify: expressions", () => {
  const cases: [before: string, after: string][] = [
    // integers
    ["s + 0", "s"],
    ["0 + s", "s"],
    ["s - 1 + 1", "s"],
    ["1 + s + 2", "s + 3"],
    ["s - s", "0"],
    ["s + i - s", "i"],
    ["s - (s + i)", "neg(i)"],
    ["s * 1 * 3 * 2", "s * 6"],
    ["i * 0 + s", "s"],
    ["neg(neg(s))", "s"],
    ["s + neg(i)", "s - i"],
    ["s // 1", "s"],
    ["s // 4", "s >> 2"],
    ["s % 8", "s & 7"],
    ["u % 8:u32", "u & 7:u32"],
    ["i % N", "i"],
    ["(s & 7) // 8", "0"],
    ["(s & 7) % 8", "s & 7"],
    ["(s & 7) & 15", "s & 7"],
    ["s & -1 | 0", "s"],
    ["s ^ s", "0"],
    ["(s << 0) >> 0", "s"],
    ["~~s", "s"],
    ["max(i, 0)", "i"],
    ["min(min(s, 9), 4)", "min(s, 4)"],
    ["min(max(i, 0), 2147483647)", "i"],
    ["max(s, s)", "s"],
    ["max(max(s, i), i)", "max(s, i)"],
    ["min(i, N - 1)", "i"],
    ["max(i + 1, 1)", "i + 1"],
    ["min(i + 1, N)", "i + 1"],
    ["min(s, N - 1)", "min(s, N + -1)"],
    ["abs(i)", "i"],
    ["7 // -2 + 7 % -2", "-5"],
    // floats: only what is exact
    ["x[i] * 1.0", "x[i]"],
    ["x[i] + -0.0", "x[i]"],
    ["x[i] + 0.0", "x[i] + 0.0"],
    ["x[i] - 0.0", "x[i]"],
    ["x[i] * 0.0", "x[i] * 0.0"],
    ["x[i] - x[i]", "x[i] - x[i]"],
    ["x[i] / 4.0", "x[i] * 0.25"],
    ["x[i] / 3.0", "x[i] / 3.0"],
    ["x[i] / 1e-45", "x[i] / 1e-45"],
    ["x[i] * -1.0", "neg(x[i])"],
    ["x[i] - neg(x[0])", "x[i] + x[0]"],
    ["neg(x[i] * 2.0)", "x[i] * -2.0"],
    ["abs(neg(x[i]))", "abs(x[i])"],
    ["fma(x[i], 1.0, x[0])", "x[i] + x[0]"],
    ["floor(round(x[i]))", "round(x[i])"],
    ["floor(f32(s))", "f32(s)"],
    ["round(floor(x[i]) * f32(s) - 2.0)", "floor(x[i]) * f32(s) - 2.0"],
    ["round(floor(x[i]) * 0.5)", "round(floor(x[i]) * 0.5)"],
    ["f32(saturate[u8](round(x[i]) + f32(s)))", "f32(saturate[u8](i32(round(x[i]) + f32(s))))"],
    ["f32(saturate[i32](floor(x[i])))", "f32(i32(floor(x[i])))"],
    ["f32(saturate[u8](x[i]))", "f32(saturate[u8](x[i]))"],
    ["0.1 + 0.2", "0.3"],
    ["f32(65504.0:f16 + 65504.0:f16)", "inf"],
    // conditions
    ["i < N", "true"],
    ["i >= 0 & b", "b"],
    ["N >= 0", "true"],
    ["N < 1073741824", "true"],
    ["3 < s", "s > 3"],
    ["i <= N - 1", "true"],
    ["i + 1 <= N", "true"],
    ["s <= i - 1", "s < i"],
    ["i <= s - 1", "i <= s + -1"],
    ["s + 1 == 4", "s == 3"],
    ["s + 1 < 4", "s + 1 < 4"],
    ["~(s < i)", "s >= i"],
    ["~(x[i] < x[0])", "~(x[i] < x[0])"],
    ["~(x[i] == x[0])", "x[i] != x[0]"],
    ["x[i] < x[i]", "false"],
    ["x[i] == x[i]", "x[i] == x[i]"],
    ["b & ~b", "false"],
    ["b | ~b", "true"],
    ["b == false", "~b"],
    ["b ^ true", "~b"],
    ["b & (c & b)", "c & b"],
    ["select(b, true, false)", "b"],
    ["select(b, c, false)", "b & c"],
    ["select(~b, s, i)", "select(b, i, s)"],
    ["select(b, select(b, s, 3), i)", "select(b, s, i)"],
    ["select(s < i, s, i)", "min(s, i)"],
    ["select(s < i, i, s)", "max(i, s)"],
    ["select(x[i] < x[0], x[i], x[0])", "select(x[i] < x[0], x[i], x[0])"],
    // conversions
    ["i8(i32(i8(s)))", "i8(s)"],
    ["f16(f32(g))", "g"],
    ["u8(i32(i16(s)))", "u8(i16(s))"],
    ["u8(f32(i16(s)))", "u8(f32(i16(s)))"],
    ["bitcast[i32](bitcast[u32](s))", "s"],
    ["bitcast[f32](bitcast[i32](x[i]))", "x[i]"],
    ["i32(3.7)", "3"],
    // vectors
    ["lane[2](splat[4](s))", "s"],
    ["lane[2](ramp[4](s, 3))", "s + 6"],
    ["lane[1](vec(s, i, N, s))", "i"],
    ["lane[1](insert[1](0:i32x4, s))", "s"],
    ["lane[0](ramp[4](s, 1) + splat[4](i) + 2:i32x4)", "s + i + 2"],
    ["vsum(2:i32x4)", "8"],
    ["vmax(splat[4](s))", "s"],
    ["lane[0](shuffle[3, 2, 1, 0](vec(s, i, N, 7)))", "7"],
    ["vany(splat[4](s) < splat[4](i))", "s < i"],
    ["vsum(shuffle[1, 0](shuffle[1, 0](ramp[2](s, 1) * splat[2](i))))", "vsum(ramp[2](s * i, i))"],
    ["vsum(select(true:boolx4, ramp[4](s, 1), 0:i32x4))", "vsum(ramp[4](s, 1))"],
    // guards
    ["x[i if i < N]", "x[i]"],
    ["x[s if false]", "0.0"],
    ["x[s if s >= 0 & s < N]", "x[s if s >= 0 & s < N]"],
  ];
  it.each(cases)("%s", (before, after) => expect(simplified(before)).toBe(after));
});

describe("simplify: statements", () => {
  const cases: [name: string, before: string, after: string][] = [
    ["copies", "let a = s let d = a + 1 o[0] = d", "let d: i32 = s + 1 o[0] = d"],
    ["constants", "let a = 2 let d = a + 1 o[d] = a", "o[3] = 2"],
    ["variables that nothing assigns", "var a = s * 2 o[0] = a", "let a: i32 = s * 2 o[0] = a"],
    [
      "no copies of variables",
      "var a = s let d = a a = 1 o[a] = d",
      "var a: i32 = s let d: i32 = a a = 1 o[a] = d",
    ],
    ["taken branches", "if s == s { o[0] = 1 } else { o[0] = 2 }", "o[0] = 1"],
    ["empty branches", "if b { } else { o[0] = 1 } if c { }", "if ~b { o[0] = 1 }"],
    [
      "known conditions",
      "if b & s > 1 { if s > 1 { o[0] = 1 } p[0] = s <= 1 }",
      "if b & s > 1 { o[0] = 1 p[0] = false }",
    ],
    ["and their opposite", "if b { } else { p[0] = b }", "if ~b { p[0] = false }"],
    [
      "no conditions of variables",
      "var d = b if d { d = c p[0] = d }",
      "var d: bool = b if d { d = c p[0] = d }",
    ],
    ["loops that never run", "for i in 3..3 { o[i] = 1 } for i2 in N..0 { o[i2] = 1 }", ""],
    ["loops that run once", "for i in 2..4 step 2 { o[i] = i }", "o[2] = 2"],
    [
      "not those with a jump",
      "for i in 0..1 { if b { break } o[0] = 1 }",
      "for i in 0..1 { if b { break } o[0] = 1 }",
    ],
    ["what follows a jump", "for i in 0..N { break o[i] = 1 }", "for i in 0..N { break }"],
    ["checks that hold", 'assert i32(1.5) == 1, "?" assert s > 0, "positive"', 'assert s > 0, "positive"'],
    ["checks that fail stay", 'assert 1 == 2, "?"', 'assert false, "?"'],
    ["dead values", "let a = x[0] let d = a + 1.0 var e = d e = 2.0", ""],
    ["dead buffers", "alloc t = 0.0 t[0] = x[0]", ""],
    ["dead reductions", "reduce sum(r: f32 = 0.0) { for i in 0..N { yield r(x[i]) } }", ""],
    [
      "reductions of nothing",
      "reduce max(r: f32 = -inf) { for i in 0..0 { yield r(x[i]) } } y[0] = r",
      "y[0] = -inf",
    ],
    [
      "reductions of one value",
      "reduce sum(r: i32 = 0) { for i in 0..1 { yield r(k[i]) } } o[0] = r",
      "let r: i32 = k[0] o[0] = r",
    ],
    [
      "in floats adding to 0 isn't nothing",
      "reduce sum(r: f32 = 0.0) { yield r(x[0]) } y[0] = r",
      "let r: f32 = x[0] + 0.0 y[0] = r",
    ],
    ["stores with known guards", "o[0 if true] = 1 o[1 if false] = 2", "o[0] = 1"],
    ["guards in loops", "for i in 0..N { o[i if i >= 0 & i < N] = 1 }", "for i in 0..N { o[i] = 1 }"],
    ["while false", "while s != s { o[0] = 1 }", ""],
    ["assignments to itself", "var a = 1 while b { a = a } o[0] = a", "while b { } o[0] = 1"],
  ];
  it.each(cases)("%s", (_, before, after) => expect(body(before)).toBe(after));

  it("uses requirements for ranges", () => {
    const text = `kernel k(y: out f32[N], s: i32) dims(N = y.0) { require s >= 2 & s < 8, "…" 
      for i in 0..N { if s > 1 & s != 9 { y[i] = 1.0 } } }`;
    expect(textAfter(text, simplify)).not.toContain("if");
  });
});

describe("simplify: meaning", () => {
  it("keeps what random kernels compute", () => {
    for (let seed = 0; seed < 500; seed++) {
      const before = randomKernel(seed);
      const after = simplify(before);
      verify(after, `simplify of kernel ${seed}`);
      sameResults({ before, after }, { M: seed % 4, N: (seed >> 2) % 6 }, { seed });
    }
  });
  it("adds products of neighbouring lanes in pairs", () => {
    // Lanes of several sums; the last two aren't pairs.
    const even = (v: string) => `i32(shuffle[0, 2](${v}))`;
    const odd = (v: string) => `i32(shuffle[1, 3](${v}))`;
    const text = `kernel k(a: in i16[M, 4], b: in i16[M, 4], y: out i32[M, 2]) dims(M = a.0) {
      for i in 0..M {
        let v: i16x4 = a[i, ramp[4](0, 1)]
        let w: i16x4 = b[i, ramp[4](0, 1)]
        let p: i32x2 = ${even("v")} * ${even("w")} + ${odd("v")} * ${odd("w")}
        let q: i32x2 = ${odd("w")} * ${odd("v")} + ${even("v")} * ${even("w")}
        let r: i32x2 = ${even("v")} * ${even("w")} + ${odd("v")} * ${even("w")}
        let s: i32x2 = ${even("v")} * ${odd("w")} + ${odd("v")} * ${even("w")}
        y[i, ramp[2](0, 1)] = p + q * 3:i32x2 + r - s
      }
    }`;
    for (const M of [0, 1, 5]) sameResults(applied(text, simplify), { M });
    expect(textAfter(text, simplify).match(/dot2\(/g)).toHaveLength(2);
  });
  it("reaches a fixed point", () => {
    for (let seed = 0; seed < 200; seed++) {
      const once = simplify(randomKernel(seed));
      expect(simplify(once)).toBe(once);
    }
  });
  it("has seen every op in random kernels", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 500; seed++) {
      JSON.stringify(randomKernel(seed).body, (key, value: unknown) => {
        if (key === "op") seen.add(String(value));
        return typeof value === "bigint" ? String(value) : value;
      });
    }
    const rare: OpName[] = ["ceil", "trunc", "saturate", "bitcast", "dot2", "dot4"];
    expect(Object.keys(ops).filter((name) => !seen.has(name) && !rare.includes(name as OpName))).toEqual([]);
  });
});
