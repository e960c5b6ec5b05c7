import { describe, expect, it } from "vitest";
import { applied, awkwardSizes, sameResults, textAfter } from "../../testing/equivalence.ts";
import { mergeReductions } from "./merge-reductions.ts";

const kernel = (body: string): string =>
  `kernel k(x: in i32[M, N], y: out i32[M]) dims(M = x.0, N = x.1) {\n${body}\n}`;

const regions = (text: string): number => textAfter(text, mergeReductions).match(/reduce /g)!.length;

function check(text: string): void {
  const pair = applied(text, mergeReductions);
  for (const N of awkwardSizes) for (const M of [1, 4]) sameResults(pair, { M, N });
}

const two = (between: string, second = "x[i, l] * 2", op = "sum", bounds = "0..N"): string =>
  kernel(`for i in 0..M {
    reduce sum(a: i32 = 0) { for k in 0..N { let v: i32 = x[i, k] yield a(v + k) } }
    ${between}
    reduce ${op}(b: i32 = 3) { for l in ${bounds} { let w: i32 = ${second} yield b(w - l) } }
    y[i] = a + b
  }`);

describe("neighbouring reductions", () => {
  it("over the same iterations become one", () => {
    expect(regions(two(""))).toBe(1);
    check(two(""));
    expect(regions(two("let c: i32 = i * 3", "x[i, l] * c"))).toBe(1);
    check(two("let c: i32 = i * 3", "x[i, l] * c"));
  });

  it.each([
    ["one needs the other", two("", "x[i, l] - a")],
    ["a value between needs the first and feeds the second", two("let c: i32 = a + 1", "x[i, l] * c")],
    ["they are of different kinds", two("", "x[i, l]", "max")],
    ["they run over different iterations", two("", "x[i, l]", "sum", "1..N")],
    ["something is written between", two("y[i] = 1")],
    [
      "only some iterations yield",
      kernel(`for i in 0..M {
        reduce sum(a: i32 = 0) { for k in 0..N { if x[i, k] > 0 { yield a(x[i, k]) } } }
        reduce sum(b: i32 = 0) { for l in 0..N { yield b(x[i, l]) } }
        y[i] = a + b
      }`),
    ],
  ])("stay apart where %s", (_why, text) => {
    expect(regions(text)).toBe(2);
    check(text);
  });

  it("stop where their accumulators would fill the registers", () => {
    const many = Array.from(
      { length: 11 },
      (_, at) =>
        `reduce sum(r${at}: i32 = ${at}) { for k${at} in 0..N { yield r${at}(x[i, k${at}] * ${at + 1}) } }`,
    );
    const sum = many.map((_, at) => `r${at}`).join(" + ");
    const text = kernel(`for i in 0..M {\n${many.join("\n")}\ny[i] = ${sum}\n}`);
    expect(regions(text)).toBe(2);
    check(text);
  });
});
