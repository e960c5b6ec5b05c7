// The checker never throws: fixtures with lines and words dropped, doubled, swapped and replaced, and nests and
// chains beyond any depth.

import { test } from "vitest";
import * as fc from "fast-check";
import { checkSource, miniMath } from "./checking.ts";
import { mistakes } from "./mistakes.ts";

/** All but the one that takes long on purpose. */
const fixtures = [...Object.values(mistakes).filter((source) => !source.includes("range(1000)")), miniMath];
const words = fixtures.flatMap((source) => source.match(/\w+|[^\w\s]+/g) ?? []);
const word = fc.constantFrom(...words);

/** A fixture as words and the spaces between them. */
const piecesOf = (source: string): string[] => source.match(/\w+|\s+|[^\w\s]/g) ?? [];

type Edit = {
  readonly at: number;
  readonly how: "drop" | "double" | "replace" | "swap";
  readonly text: string;
};
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
  how: fc.constantFrom("drop", "double", "replace", "swap"),
  text: word,
});

function mutate(source: string, edits: readonly Edit[]): string {
  const pieces = piecesOf(source);
  for (const { at, how, text } of edits) {
    const index = Math.floor(at * pieces.length);
    const piece = pieces[index] ?? "";
    if (how === "drop") pieces.splice(index, 1);
    else if (how === "double") pieces.splice(index, 0, piece);
    else if (how === "replace") pieces[index] = text;
    else pieces.splice(index, 2, pieces[index + 1] ?? "", piece);
  }
  return pieces.join("");
}

function survives(source: string): void {
  const { module, sink } = checkSource(source);
  // What checked without errors can be instantiated, and says nothing new.
  for (const kernel of module.kernels) {
    if (!sink.hasErrors && kernel.compParams.every((param) => param.fallback ?? param.kind === "dtype"))
      module.instantiate(kernel.name, {}, sink);
  }
}

test("mutated fixtures", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...fixtures),
      fc.array(edit, { minLength: 1, maxLength: 6 }),
      (source, edits) => {
        survives(mutate(source, edits));
      },
    ),
    { numRuns: 1000 },
  );
});

test("two fixtures mixed line by line", () => {
  const pair = fc.tuple(
    fc.constantFrom(...fixtures),
    fc.constantFrom(...fixtures),
    fc.infiniteStream(fc.boolean()),
  );
  fc.assert(
    fc.property(pair, ([a, b, choices]) => {
      const lines = [...a.split("\n"), ...b.split("\n")].filter(() => choices.next().value);
      survives(lines.join("\n"));
    }),
    { numRuns: 300 },
  );
});

test.each([
  [
    "a chain of sums",
    `kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    y[0] = ${"x[0] + ".repeat(20_000)}1\n`,
  ],
  ["a nest of parentheses", `comptime A = ${"(".repeat(10_000)}1${")".repeat(10_000)}\n`],
  ["a nest of calls", `def f(x: f32) -> f32:\n    return ${"abs(".repeat(10_000)}x${")".repeat(10_000)}\n`],
  ["a chain of comparisons", `comptime A = ${"1 < ".repeat(1000)}1\n`],
  [
    "a chain of functions",
    `${Array.from({ length: 300 }, (_, at) => `def f${at}(x: f32) -> f32:\n    return f${at + 1}(x)\n`).join("")}def f300(x: f32) -> f32:\n    return x\n`,
  ],
  [
    "a chain of constants",
    Array.from({ length: 3000 }, (_, at) => `comptime C${at} = C${at + 1}\n`).join(""),
  ],
  [
    "constants that double",
    Array.from({ length: 60 }, (_, at) => `comptime C${at} = (C${at + 1}, C${at + 1})\n`).join("") +
      "comptime C60 = 1\n",
  ],
  ["digits without end", `comptime A = ${"9".repeat(200_000)} ** ${"9".repeat(1000)}\n`],
  [
    "instances without end",
    "def f[N: int](x: f32) -> f32:\n    return f[N + 1](x)\nkernel k(x: Tensor[f32, M], out y: Tensor[f32, M]):\n    y[0] = f[0](x[0])\n",
  ],
  [
    "unrolling without end",
    `kernel k(out y: Tensor[f32, 4], x: Tensor[f32, 4]):\n    comptime for a in range(100000):\n        comptime for b in range(100000):\n            y[0] = x[0]\n`,
  ],
])("%s ends, with or without diagnostics", (_, source) => {
  // That it comes back before the test's time limit is the point.
  survives(source);
});
