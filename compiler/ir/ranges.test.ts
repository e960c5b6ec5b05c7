import { expect, it } from "vitest";
import { parseKernel } from "./parse.ts";
import { rangeOf, rangeOfLoop, rangesOfKernel } from "./ranges.ts";

/** The range of an expression over i in 0..N, q in 2..10 and s >= 1. */
function range(text: string): [number, number] {
  const kernel =
    parseKernel(`kernel k(x: in u8[N], s: i32, u: u32) dims(N = x.0) { require s >= 1 & s < 100, "…"
    for i in 0..N { for q in 2..10 { let r = ${text} } } }`);
  const ranges = rangesOfKernel(kernel);
  const [outer] = kernel.body;
  const inner = outer?.kind === "for" ? outer.body[0] : undefined;
  if (outer?.kind !== "for" || inner?.kind !== "for" || inner.body[0]?.kind !== "let")
    throw new Error("no loops");
  ranges.set("i", rangeOfLoop(outer, ranges));
  ranges.set("q", rangeOfLoop(inner, ranges));
  const { low, high } = rangeOf(inner.body[0].value, ranges);
  return [low, high];
}
const all = [-(2 ** 31), 2 ** 31 - 1];

it.each([
  ["i", [0, 2 ** 30 - 2]],
  ["q", [2, 9]],
  ["s", [1, 99]],
  ["q * q - s", [-95, 80]],
  ["neg(q) * s", [-891, -2]],
  ["i + i + i", all],
  ["q // 3", [0, 3]],
  ["neg(q) // 3", [-3, -1]],
  ["i % q", [0, 8]],
  ["neg(s) % 7", [0, 6]],
  ["i % i", all],
  ["(s - 50) & q", [0, 9]],
  ["s >> 3", [0, 12]],
  ["min(i, q)", [0, 9]],
  ["max(neg(i), q)", [2, 9]],
  ["select(i > q, q, s)", [1, 99]],
  ["i32(x[i])", [0, 255]],
  ["u8(s)", [1, 99]],
  ["i8(i32(x[i]))", [-128, 127]],
  ["u >> 1:u32", [0, 2 ** 31 - 1]],
  ["lane[0](splat[4](q) + 1:i32x4)", [3, 10]],
] as const)("%s lies in %j", (text, expected) => expect(range(text)).toEqual([...expected]));
