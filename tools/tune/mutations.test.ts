// Schedules one step away from another: what they are, and that all of them are well-formed.

import { expect, test } from "vitest";
import { checked } from "../../compiler/index.ts";
import { lower } from "../../compiler/lower/index.ts";
import { printSchedule, readSchedule } from "../../compiler/tuning/schedule-text.ts";
import type { Schedule } from "../../compiler/schedule/auto/index.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { mutations } from "./mutations.ts";

const source = `kernel product(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`;
const sink = new DiagnosticSink();
const kernel = lower(
  checked(source, {}, sink).instantiate("product", { comptime: {} }, sink)!,
  "wasm",
  "ignored",
);

const read = (directives: string): Schedule => {
  const schedule = readSchedule([{ loop: "i", directives }]);
  if (typeof schedule === "string") throw new Error(schedule);
  return schedule;
};
const near = (directives: string): string[] =>
  mutations(read(directives), kernel).map((each) => printSchedule(each)[0]!.directives);

test("sizes of tiles, panels and copies of the reduction change one at a time", () => {
  expect(near("@tile(j: 16 8, i: 4) @stage(b; j@0) @unroll(i: 0) @vectorize(j: mask)")).toEqual([
    ...[2, 4, 8].map(
      (factor) =>
        `@tile(j: 16 8, i: 4) @stage(b; j@0) @unroll(i: 0) @vectorize(j: mask) @unroll(k: ${factor})`,
    ),
    ...["a;", "a; i@0", "a; j@0", "a; j@1"].map(
      (panel) => `@tile(j: 16 8, i: 4) @stage(b; j@0) @unroll(i: 0) @vectorize(j: mask) @stage(${panel})`,
    ),
    ...["j: 32 8, i: 4", "j: 16 7, i: 4", "j: 16 9, i: 4", "j: 16 4, i: 4"].map(
      (tile) => `@tile(${tile}) @stage(b; j@0) @unroll(i: 0) @vectorize(j: mask)`,
    ),
    ...[3, 5, 8, 2].map(
      (size) => `@tile(j: 16 8, i: ${size}) @stage(b; j@0) @unroll(i: 0) @vectorize(j: mask)`,
    ),
    "@tile(j: 16 8, i: 4) @unroll(i: 0) @vectorize(j: mask)",
  ]);
});

test("widths and factors double and halve", () => {
  const others = (directives: string) => near(directives).filter((each) => !each.includes("@stage"));
  expect(others("@vectorize(k: mask 8)")).toEqual(["@vectorize(k: mask 4)", "@vectorize(k: mask 16)"]);
  expect(others("@vectorize(j: mask) @unroll(k: 4)")).toEqual([
    "@vectorize(j: mask)",
    "@vectorize(j: mask) @unroll(k: 2)",
    "@vectorize(j: mask) @unroll(k: 8)",
  ]);
});

test("short loops of a reduction are unrolled together", () => {
  const nine = source
    .replace(
      "(a[i, k] * b[k, j] for k in range(K))",
      "(a[i, k + r] * b[k + q, j] for k in range(K - 2) for r in range(3) for q in range(2))",
    )
    .replace("product", "nine");
  const own = new DiagnosticSink();
  const typed = checked(nine, {}, own).instantiate("nine", { comptime: {} }, own)!;
  const found = mutations(read("@vectorize(j: mask)"), lower(typed, "wasm", "ignored"));
  const texts = found
    .map((each) => printSchedule(each)[0]!.directives)
    .filter((text) => text.includes("unroll"));
  expect(texts).toEqual([
    "@vectorize(j: mask) @unroll(r: 0, q: 0)",
    ...[2, 4, 8].map((factor) => `@vectorize(j: mask) @unroll(q: ${factor})`),
  ]);
});

test("nothing is proposed that would be copied hundreds of times", () => {
  const found = near("@tile(j: 32, i: 8) @unroll(i: 0) @unroll(k: 4) @vectorize(j: mask)");
  expect(found).toContain("@tile(j: 16, i: 8) @unroll(i: 0) @unroll(k: 4) @vectorize(j: mask)");
  expect(found.filter((text) => /j: 64|i: 16|k: 8/.test(text))).toEqual([]);
});
