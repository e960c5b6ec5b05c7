// Random nests under random schedules: what the checker lets through computes what the source says, on the interpreter
// bit for bit and on WASM, at sizes around the tiles. Integers, so that no order of a reduction shows.

import { describe, expect, it } from "vitest";
import { argumentsFor, generator, sameResults } from "../../testing/equivalence.ts";
import { programOf, sameAsInterpreter } from "../../testing/wasm-run.ts";
import { checkModule } from "../../lang/check/index.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { libraryHost } from "../../stdlib/index.ts";
import { instanceRequests } from "../instances.ts";
import type { IrKernel } from "../ir/ir.ts";
import { printKernel } from "../ir/print.ts";
import { verify } from "../ir/verify.ts";
import { lower } from "../lower/index.ts";
import { runPasses, sharedPasses } from "../passes/index.ts";
import { prove } from "../proofs/index.ts";
import { wasmPasses } from "../targets/wasm/passes.ts";
import { applySchedules, dropSchedules } from "./apply.ts";

const seeds = Number(process.env["KERN_FUZZ"] ?? 60);
const first = Number(process.env["KERN_FUZZ_FIRST"] ?? 1);

/** A kernel of Kern with a random nest, body and schedule. */
function source(seed: number): string {
  const random = generator(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const chance = (p: number): boolean => random() < p;
  const sizes = (): string => pick(["1", "2", "3", "4", "5", "8", "(4, 2)", "(6, 3)", "(8, 4)", "(5, 2)"]);
  const [ti, tj, tk] = [chance(0.7), chance(0.7), chance(0.4)].map((on) => (on ? sizes() : undefined));
  const levels = (name: string, size: string | undefined): string[] =>
    size === undefined
      ? []
      : size.startsWith("(")
        ? [`${name}.tile[0]`, `${name}.tile[1]`]
        : [`${name}.tile`];
  const tiles = [...(ti ? [`i=${ti}`] : []), ...(tj ? [`j=${tj}`] : []), ...(tk ? [`k=${tk}`] : [])];
  if (chance(0.3)) tiles.reverse();
  const kinds = [
    "sum",
    "sum",
    "two",
    "plain",
    "stencil",
    "max",
    "argmax",
    "var",
    "made",
    "kept",
    "custom",
    "triangle",
    "window",
  ];
  const kind = pick(kinds);
  const reduces = kind !== "plain" && kind !== "stencil";
  const own = tk && reduces ? tiles : tiles.filter((each) => !each.startsWith("k"));
  const lines: string[] = [];
  if (own.length > 0) lines.push(`@tile(${own.join(", ")})`);
  if (chance(0.4)) {
    const all = [
      ...levels("i", ti),
      "i",
      ...levels("j", tj),
      "j",
      ...(reduces && kind !== "two" && chance(0.7) ? [...levels("k", tk), "k"] : []),
    ];
    // Shuffled, but the tiles of a loop outside of its points.
    const order = all.map((name) => ({ name, at: random() })).toSorted((a, b) => a.at - b.at);
    const sorted = new Map<string, string[]>();
    for (const name of all) sorted.set(name[0]!, [...(sorted.get(name[0]!) ?? []), name]);
    lines.push(`@order(${order.map(({ name }) => sorted.get(name[0]!)!.shift()!).join(", ")})`);
  }
  const along = ["sum", "max", "custom"].includes(kind) ? ["i", "j", "j", "k", "k"] : ["i", "j", "j"];
  if (chance(0.4)) lines.push(`@vectorize(${pick(along)})`);
  if (chance(0.4)) lines.push(`@unroll(${pick(["i", "j"])})`);
  if (chance(0.3)) lines.push(`@parallel(${pick([...levels("i", ti), "i"])})`);
  const stages = [...levels("i", ti), ...levels("j", tj), "i", "j"];
  const staged = kind === "stencil" ? "a" : pick(["a", "b"]);
  if (chance(0.5)) lines.push(chance(0.2) ? `@stage(${staged})` : `@stage(${staged}, at=${pick(stages)})`);
  if (lines.length === 0 && chance(0.7)) lines.push("@fuse(i, j)");
  const [lo, hi] = kind === "stencil" ? ["1", " - 1"] : ["0", ""];
  const body: Record<string, string[]> = {
    sum: ["c[i, j] = sum(a[i, k] * b[k, j] for k in range(K)) + c[i, j]"],
    two: [
      "let p = i + 2 * j",
      "let s = sum(a[i, k] * b[k, j] for k in range(K))",
      "let t = s + p",
      "c[i, j] = sum(a[i, q] + t for q in range(K)) - s",
    ],
    plain: ["c[i, j] = c[i, j] * 3 + i - j"],
    stencil: ["c[i, j] = a.get(i - 1, 0, default=1) + a[i + 1, 0] * 2 + a[i, 0]"],
    max: ["c[i, j] = max(a[i, k] - b[k, j] for k in range(K))"],
    argmax: [
      "c[i, j] = 0",
      "if K > 0:",
      "    c[i, j] = sum(b[k, j] if a[i, k] > 3 else k for k in range(K))",
    ],
    var: [
      "var t = c[i, j]",
      "if t > 3:",
      "    t = t - j",
      "let s = sum(a[i, k] * b[k, j] + t for k in range(K) if k != i)",
      "t += s",
      "c[i, j] = t",
    ],
    // What is computed of a value that isn't computed again can't be either.
    made: [
      "let base = a[i, 0]",
      "let square = base * base + i",
      "c[i, j] = sum(a[i, k] * b[k, j] for k in range(K)) + square",
    ],
    window: [
      `c[i, j] += sum(a.get(i + k - 1, 2 * j + k - 2, default=${pick([0, 3])}) * b[k, j] for k in range(K))`,
    ],
    // An index that is kept for each point: there is none for points beyond the end.
    kept: [
      "let at = (j * 5 + i) % N // 3",
      "c[i, j] = sum(a[i, k] for k in range(K)) - sum(b[q, at] for q in range(K))",
    ],
    custom: ["c[i, j] = reduce(either, 0, a[i, k] * b[k, j] for k in range(K))"],
    triangle: ["c[i, j] = sum(a[i, k] * b[k, j] for k in range(j % 5, K))"],
  };
  return [
    "def either(a: i32, b: i32) -> i32:",
    "    return a ^ b",
    "",
    "kernel k(a: Tensor[i32, M, K], b: Tensor[i32, K, N], mut c: Tensor[i32, M, N]) where K >= 1:",
    ...lines.map((line) => `    ${line}`),
    `    for i in range(${lo}, M${hi}):`,
    "        for j in range(N):",
    ...body[kind]!.map((line) => `            ${line}`),
    "",
  ].join("\n");
}

function proved(text: string): IrKernel | undefined {
  const sink = new DiagnosticSink();
  const module = checkModule({ path: "kernel.kern", text }, libraryHost(undefined), sink);
  const [template] = module.kernels;
  const [request] = template ? instanceRequests(template, {}, sink) : [];
  const typed = template && request && module.instantiate(template.name, request, sink);
  if (!typed || sink.hasErrors)
    throw new Error(`${sink.all.map((each) => each.message).join("\n")}\n${text}`);
  const { kernel } = prove(lower(typed), sink);
  return sink.hasErrors ? undefined : kernel;
}

const sizes = [
  { M: 0, K: 1, N: 3 },
  { M: 3, K: 1, N: 0 },
  { M: 4, K: 4, N: 8 },
  { M: 5, K: 3, N: 9 },
  { M: 13, K: 7, N: 7 },
] as const;

describe("random schedules", () => {
  it("compute what the source says", async () => {
    let applied = 0;
    for (let seed = first; seed < first + seeds; seed++) {
      const text = source(seed);
      const kernel = proved(text);
      if (!kernel) continue;
      const before = dropSchedules(kernel);
      let dropped = "";
      const after = applySchedules(kernel, {
        notHonoured: (annotation, why) => (dropped += `${annotation}: ${why}\n`),
      });
      if (dropped === "") applied++;
      const context = `seed ${seed}\n${text}\n${dropped}`;
      try {
        verify(after, "schedule");
        for (const dims of sizes) sameResults({ before, after }, dims, { seed });
        const emitted = runPasses(after, [...sharedPasses, ...wasmPasses], { verifyEach: true });
        if (seed % 3 !== 0) continue;
        const program = await programOf(emitted, { optimize: false });
        for (const dims of sizes)
          sameAsInterpreter(program, () => argumentsFor(emitted, dims, { seed }), { shares: 2 });
        for (const dims of sizes) sameResults({ before, after: emitted }, dims, { seed });
      } catch (error) {
        throw new Error(`${context}\n${printKernel(after)}\n${String(error)}`, { cause: error });
      }
    }
    expect(applied).toBeGreaterThan(seeds / 3);
  });
});
