import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { dotFeatures, dotProbe, relaxedDot, type DotTwice } from "./dots.ts";
import { wasmFeatures } from "./features.ts";

const bytesOf = (word: number): number[] => [0, 8, 16, 24].map((shift) => (word >> shift) & 255);
const signed = (byte: number): number => (byte << 24) >> 24;

/** A dot product as an engine might have it: how it takes bytes on the right, what becomes of a pair's sum. */
function engine(right: (byte: number) => number, pair: (sum: number) => number, repeat = 1): DotTwice {
  return (left, other, sum) => {
    const [a, b] = [bytesOf(left).map(signed), bytesOf(other).map(right)];
    const once = pair(a[0]! * b[0]! + a[1]! * b[1]!) + pair(a[2]! * b[2]! + a[3]! * b[3]!);
    return sum + 2 * repeat * once;
  };
}

const whole = (sum: number): number => sum;
const saturated = (sum: number): number => Math.min(Math.max(sum, -32768), 32767);
const wrapped = (sum: number): number => (sum << 16) >> 16;
const unsigned = (byte: number): number => byte;

test.each([
  [
    "x86 with VNNI: the right one unsigned, nothing cut off",
    engine(unsigned, whole),
    ["relaxed-dot", "relaxed-dot-u8"],
  ],
  ["x86 without: pairs saturate", engine(unsigned, saturated), ["relaxed-dot"]],
  ["ARM: both signed", engine(signed, whole), ["relaxed-dot", "relaxed-dot-i8"]],
  ["both signed, pairs wrap", engine(signed, wrapped), ["relaxed-dot"]],
  ["both signed, pairs saturate", engine(signed, saturated), ["relaxed-dot"]],
  ["one that adds everything twice, as V8 11.3 does", engine(unsigned, saturated, 2), []],
])("%s", (_name, dot, features) => {
  expect(dotFeatures(dot)).toEqual(features);
});

test("the module that tries it is valid where there are relaxed vectors, and else isn't run", () => {
  const own = wasmFeatures();
  const valid = WebAssembly.validate(Uint8Array.from(dotProbe));
  expect(valid).toBe(own.includes("relaxed-simd"));
  if (valid) expect(own).toEqual(expect.arrayContaining([...dotFeatures(relaxedDot())]));
  else expect(own.filter((name) => name.startsWith("relaxed-dot"))).toEqual([]);
  if (!process.version.startsWith("v20.")) return;
  const script = `console.log(WebAssembly.validate(Uint8Array.from([${dotProbe.join()}])))`;
  const flag = "--experimental-wasm-relaxed-simd";
  expect(execFileSync(process.execPath, [flag, "-e", script], { encoding: "utf8" }).trim()).toBe("true");
});
