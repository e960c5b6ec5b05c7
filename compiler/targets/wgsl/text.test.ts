import { describe, expect, it } from "vitest";
import { HelperSet } from "./helpers.ts";
import { literal } from "./literals.ts";
import { NameSpace } from "./names.ts";
import { binary, call, primary, unary } from "./text.ts";

const [a, b, c, d] = [primary("a"), primary("b"), primary("c"), primary("d")];

describe("parentheses", () => {
  it("stand where WGSL's grammar asks for them, and nowhere else", () => {
    expect(binary("+", binary("*", a, b), c).text).toBe("a * b + c");
    expect(binary("*", binary("+", a, b), c).text).toBe("(a + b) * c");
    expect(binary("-", a, binary("-", b, c)).text).toBe("a - (b - c)");
    expect(binary("-", binary("-", a, b), c).text).toBe("a - b - c");
    expect(binary("<", binary("+", a, b), c).text).toBe("a + b < c");
    expect(binary("<<", binary("<<", a, b), c).text).toBe("(a << b) << c");
    expect(binary("&", binary(">>", a, b), c).text).toBe("(a >> b) & c");
    expect(binary("|", binary("&", a, b), c).text).toBe("(a & b) | c");
    expect(binary("&", binary("&", a, b), c).text).toBe("a & b & c");
    expect(binary("||", binary("&&", a, b), c).text).toBe("(a && b) || c");
    expect(binary("==", binary("<", a, b), c).text).toBe("(a < b) == c");
    expect(unary("-", unary("-", a)).text).toBe("-(-a)");
    expect(unary("!", binary("==", a, b)).text).toBe("!(a == b)");
  });

  it("keep a comparison from opening a template list", () => {
    expect(call("f", binary("<", a, b), binary(">", c, d)).text).toBe("f((a < b), c > d)");
    expect(call("f", binary("<=", a, b), c).text).toBe("f(a <= b, c)");
  });
});

describe("names", () => {
  it("stay what they are where they can", () => {
    const names = new NameSpace();
    const given = ["x", "loop", "min", "acc.1", "__t", "_", "4th", "größe", "x", "is_nan", "i32"].map(
      (wish) => names.give(wish),
    );
    expect(given).toEqual([
      "x",
      "loop_",
      "min_",
      "acc_1",
      "t",
      "value",
      "v4th",
      "größe",
      "x_1",
      "is_nan_",
      "i32_",
    ]);
    const inner = new NameSpace(names);
    expect(inner.give("x")).toBe("x_2");
    expect(inner.give("loop", "k_loop")).toBe("loop_1");
  });
});

describe("literals", () => {
  const print = (value: number | boolean, dtype: Parameters<typeof literal>[1]): string =>
    literal(value, dtype, new HelperSet()).text;

  it("are exact", () => {
    expect(print(Math.fround(0.1), "f32")).toBe("0.1");
    expect(print(Math.fround(1 / 3), "f32")).toBe("0.33333334");
    expect(print(3.4028234663852886e38, "f32")).toBe("3.4028234663852886e+38");
    expect(print(1, "f32")).toBe("1.0");
    expect(print(-0, "f32")).toBe("-0.0");
    expect(print(2 ** -126, "f32")).toBe("1.1754944e-38");
    expect(print(-(2 ** 31), "i32")).toBe("-2147483648");
    expect(print(2 ** 32 - 1, "u32")).toBe("4294967295u");
    expect(print(0.5, "f16")).toBe("0.5h");
    expect(print(-128, "i8")).toBe("-128");
    expect(print(true, "bool")).toBe("true");
  });

  it("read back as the value they stand for", () => {
    const random = new Float32Array(new Uint32Array(2000).map((_, at) => (at * 2654435761) >>> 0).buffer);
    for (const value of random) {
      if (!Number.isFinite(value) || Math.abs(value) < 2 ** -126) continue;
      expect(Math.fround(Number(print(value, "f32")))).toBe(value);
    }
  });

  it("go through their bits where a literal would be refused or flushed", () => {
    expect(print(Infinity, "f32")).toBe("f32_from_bits(0x7f800000u)");
    expect(print(NaN, "f32")).toBe("f32_from_bits(0x7fc00000u)");
    expect(print(1e-45, "f32")).toBe("f32_from_bits(0x00000001u)");
    expect(print(-Infinity, "f16")).toBe("f16_from_bits(0xfc00u)");
  });
});
