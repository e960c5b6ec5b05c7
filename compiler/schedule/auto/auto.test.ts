// What the automatic scheduler chooses: the same for a computation however it is written, nothing that an annotation
// speaks of, nothing that the provers refuse; and its text says what it did.

import { describe, expect, it } from "vitest";
import { applySchedules } from "../apply.ts";
import {
  acceptsSchedule,
  annotate,
  chooseSchedule,
  proposeSchedules,
  scheduleChoices,
  type Schedule,
} from "./index.ts";
import type { annotationTexts } from "./text.ts";
import { scheduledKernel } from "../../../testing/scheduled.ts";
import { printKernel } from "../../ir/print.ts";
import { sameResults } from "../../../testing/equivalence.ts";

const matmul = (
  body: string,
  header = "a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]",
) => `kernel k(${header}):\n${body}`;

/** A schedule without names: kinds and sizes, and loops by the order in which they are first mentioned. */
function anonymous(schedule: Schedule): string {
  const names = new Map<string, string>();
  const called = (name: string): string => {
    if (!names.has(name)) names.set(name, `#${names.size}`);
    return names.get(name)!;
  };
  return JSON.stringify(schedule, (key, value: unknown) => {
    if (key === "loop") return called(String(value));
    if (key === "buffers") return (value as string[]).map(() => "buffer");
    return value;
  });
}

const chosen = (source: string, shape: Record<string, number> = {}): Schedule =>
  chooseSchedule(scheduledKernel(source, { shape }), "wasm")?.schedule ?? [];

describe("one computation", () => {
  const plain = matmul(
    "    for i, j in grid(M, N):\n        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))\n",
  );
  it.each([
    [
      "under other names",
      "kernel other(p: Tensor[f32, U, V], q: Tensor[f32, V, W], out r: Tensor[f32, U, W]):\n    for x, y in grid(U, W):\n        r[x, y] = sum(p[x, z] * q[z, y] for z in range(V))\n",
    ],
    [
      "with its operands the other way round",
      matmul("    for i, j in grid(M, N):\n        c[i, j] = sum(b[k, j] * a[i, k] for k in range(K))\n"),
    ],
    [
      "with two loops instead of a grid",
      matmul(
        "    for i in range(M):\n        for j in range(N):\n            c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))\n",
      ),
    ],
    [
      "with its arguments in another order",
      matmul(
        "    for i, j in grid(M, N):\n        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))\n",
        "b: Tensor[f32, K, N], a: Tensor[f32, M, K], out c: Tensor[f32, M, N]",
      ),
    ],
    [
      "with an epilogue",
      matmul(
        "    for i, j in grid(M, N):\n        c[i, j] = max(sum(a[i, k] * b[k, j] for k in range(K)) * 2, 0)\n",
      ),
    ],
    [
      "through a helper",
      `def times(x: f32, y: f32) -> f32:\n    return x * y\n${matmul("    for i, j in grid(M, N):\n        c[i, j] = sum(times(a[i, k], b[k, j]) for k in range(K))\n")}`,
    ],
  ])("%s gets the same schedule", (_how, source) => {
    const expected = anonymous(chosen(plain));
    expect(expected).toContain('"tile"');
    expect(expected).toContain('"stage"');
    expect(anonymous(chosen(source))).toBe(expected);
  });

  it("with its loops exchanged gets the same tiles", () => {
    const swapped = matmul(
      "    for j, i in grid(N, M):\n        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))\n",
    );
    const tiles = (schedule: Schedule) => schedule[0]!.directives.find(({ kind }) => kind === "tile");
    expect(tiles(chosen(swapped))).toEqual(tiles(chosen(plain)));
  });

  it("of other sizes gets other tiles", () => {
    expect(anonymous(chosen(plain, { M: 7, N: 5, K: 3 }))).not.toBe(anonymous(chosen(plain)));
  });
});

describe("what is chosen", () => {
  const texts = (source: string): string[] => {
    const kernel = scheduledKernel(source);
    return (chooseSchedule(kernel, "wasm")?.texts ?? []).flatMap(({ lines }) => lines);
  };
  it("shares independent iterations and takes neighbours as lanes", () => {
    expect(
      texts(
        "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):\n    for i, j in grid(M, N):\n        y[i, j] = x[i, j] * 2\n",
      ),
    ).toEqual(["@wasm.parallel(i)", "@wasm.vectorize(width=16)"]);
  });
  it("moves a loop inside where that makes neighbours", () => {
    const all = texts(
      "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):\n    for j in range(N):\n        for i in range(M):\n            y[i, j] = x[i, j] * 2\n",
    );
    expect(all[0]).toBe("@wasm.order(i, j)");
  });
  it("reduces along rows in lanes", () => {
    expect(
      texts(
        "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M]):\n    for i in range(M):\n        y[i] = sum(x[i, j] for j in range(N))\n",
      ),
    ).toEqual(expect.arrayContaining([expect.stringMatching(/vectorize\(j/)]));
  });
  it("takes several accumulators for a reduction with a loop behind it, one for each of two side by side", () => {
    const rows = (between: string, second: string): string =>
      `kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N], out z: Tensor[f32, M]):\n    for i in range(M):\n        let low = min(x[i, j] for j in range(N))\n${between}        let total = sum(${second} for j in range(N))\n        z[i] = total - low\n`;
    const loop = "        for j in range(N):\n            y[i, j] = x[i, j] - low\n";
    expect(texts(rows(loop, "y[i, j]"))).toEqual([
      "@wasm.parallel",
      "@wasm.vectorize(width=16)",
      "@wasm.vectorize(width=16)",
      "@wasm.vectorize(width=16)",
    ]);
    expect(texts(rows("", "x[i, j]") + loop)).toEqual(
      expect.arrayContaining(["@wasm.vectorize(width=4)", "@wasm.vectorize(width=4)"]),
    );
  });
  it("leaves a recurrence in order", () => {
    expect(
      texts(
        "kernel k(mut y: Tensor[f32, N]) where N >= 1:\n    for i in range(1, N):\n        y[i] = y[i] + y[i - 1]\n",
      ),
    ).toEqual([]);
  });
  it("shares the rows of a recurrence along columns", () => {
    expect(
      texts(
        "kernel k(mut y: Tensor[f32, M, N]) where N >= 1:\n    for i in range(M):\n        for j in range(1, N):\n            y[i, j] = y[i, j] + y[i, j - 1]\n",
      ),
    ).toContain("@wasm.parallel");
  });
  it("keeps a hand-written sum in its order", () => {
    expect(
      texts(
        "kernel k(x: Tensor[f32, N], out y: Tensor[f32, 1]):\n    var total: f32 = 0\n    for i in range(N):\n        total += x[i]\n    y[0] = total\n",
      ),
    ).toEqual([]);
  });
});

describe("for workgroups", () => {
  const texts = (source: string): string[] => {
    const kernel = scheduledKernel(source, { target: "wgsl" });
    return (chooseSchedule(kernel, "wgsl")?.texts ?? []).flatMap(({ lines }) => lines);
  };
  it("products get tiles whose operands are staged", () => {
    const product = matmul(
      "    for i, j in grid(M, N):\n        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))\n",
    );
    expect(texts(product)).toEqual([
      "@wgsl.tile(i=(64, 4), j=(64, 4), k=16)",
      "@wgsl.parallel(i.tile, j.tile)",
      "@wgsl.threads(i.tile[1], j.tile[1])",
      "@wgsl.stage(a, b, at=k.tile)",
      "@wgsl.unroll(i)",
      "@wgsl.vectorize(j, width=4)",
    ]);
  });
  it("neighbouring invocations touch neighbours", () => {
    expect(
      texts(
        "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):\n    for j in range(N):\n        for i in range(M):\n            y[i, j] = x[i, j] * 2\n",
      ),
    ).toEqual(["@wgsl.order(i, j)", "@wgsl.parallel(i, j)"]);
  });
  it("a workgroup shares a row", () => {
    expect(
      texts(
        "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):\n    for i in range(M):\n        let peak = max(x[i, j] for j in range(N))\n        for j in range(N):\n            y[i, j] = x[i, j] - peak\n",
      ),
    ).toEqual(["@wgsl.parallel", "@wgsl.vectorize", "@wgsl.vectorize"]);
  });
});

describe("an annotation", () => {
  const two = (first: string, second: string): string =>
    `kernel k(x: Tensor[f32, N], out y: Tensor[f32, N], out z: Tensor[f32, N]):\n${first}    for i in range(N):\n        y[i] = x[i] + 1\n${second}    for j in range(N):\n        z[j] = x[j] * 2\n`;
  it("keeps its nest for its author", () => {
    expect(chosen(two("    @vectorize\n", "")).map(({ loop }) => loop)).toEqual(["j"]);
    expect(chosen(two("    @parallel\n", "    @vectorize\n"))).toEqual([]);
  });
  it("for another target doesn't count", () => {
    expect(chosen(two("    @wgsl.parallel\n", "")).map(({ loop }) => loop)).toEqual(["i", "j"]);
  });
  it("inside of a nest keeps the whole nest", () => {
    expect(
      chosen(
        "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):\n    for i in range(M):\n        @vectorize\n        for j in range(N):\n            y[i, j] = x[i, j] + 1\n",
      ),
    ).toEqual([]);
  });
});

const kernels: readonly (readonly [string, string, Record<string, number>])[] = [
  [
    "a product",
    matmul("    for i, j in grid(M, N):\n        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))\n"),
    { M: 7, N: 19, K: 5 },
  ],
  [
    "rows after one another",
    "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):\n    for i in range(M):\n        let peak = max(x[i, j] for j in range(N))\n        for j in range(N):\n            y[i, j] = x[i, j] - peak\n",
    { M: 5, N: 21 },
  ],
  [
    "a pack",
    "kernel k(x: Tensor[f32, *S], out y: Tensor[f32, *S]):\n    for i in grid(*S):\n        y[*i] = x[*i] * 2\n",
    { S_0: 37 },
  ],
  [
    "a transpose",
    "kernel k(x: Tensor[f32, M, N], out y: Tensor[f32, N, M]):\n    for i, j in grid(M, N):\n        y[j, i] = x[i, j]\n",
    { M: 35, N: 41 },
  ],
  [
    "a window",
    "kernel k(x: Tensor[f32, N], w: Tensor[f32, 3], out y: Tensor[f32, N]):\n    for i in range(N):\n        y[i] = sum(x.get(i + r - 1, default=0) * w[r] for r in range(3))\n",
    { N: 29 },
  ],
  [
    "a sum at the top",
    "kernel k(x: Tensor[f32, N], out y: Tensor[f32, 1]):\n    y[0] = sum(x[i] * x[i] for i in range(N))\n",
    { N: 43 },
  ],
];

describe.each(kernels)("the text for %s", (_name, source, dims) => {
  it("pasted into the source is the same schedule", () => {
    const kernel = scheduledKernel(source);
    const found = chooseSchedule(kernel, "wasm")!;
    const pasted = scheduledKernel(paste(source, found.texts));
    expect(scheduleChoices(pasted.ir, "wasm")).toEqual([]);
    const own = printKernel(applySchedules(annotate(kernel.lowered, found.schedule)));
    expect(printKernel(applySchedules(pasted.lowered))).toBe(own);
  });

  it.each(["wasm", "wgsl"] as const)("and every proposal for %s computes what the source says", (target) => {
    const kernel = scheduledKernel(source, { target });
    const proposals = proposeSchedules(kernel.ir, target);
    expect(proposals.map(({ cost }) => cost)).toEqual(
      proposals.map(({ cost }) => cost).toSorted((a, b) => a - b),
    );
    for (const { schedule, text } of proposals.slice(0, 40)) {
      expect(acceptsSchedule(kernel, schedule), text).toBe(true);
      const after = applySchedules(annotate(kernel.lowered, schedule));
      sameResults({ before: kernel.lowered, after }, dims, { tolerance: 1e-4 });
    }
  });
});

/** The source with annotations above the statements that they are for. */
function paste(source: string, texts: ReturnType<typeof annotationTexts>): string {
  const lines = source.split("\n");
  const at = (offset: number): number => source.slice(0, offset).split("\n").length - 1;
  for (const { span, lines: added } of texts.toReversed()) {
    const line = at(span!.start);
    const indent = /^\s*/.exec(lines[line]!)![0];
    lines.splice(line, 0, ...added.map((text) => `${indent}${text}`));
  }
  return lines.join("\n");
}
