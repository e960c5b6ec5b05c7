// Kernels with loops over threads, for the WGSL target: register tiles, staged panels, reductions across a workgroup, shared
// arrays. Sizes lie around those of the tiles; all of a kernel's sizes run on one shader.

import { expect } from "vitest";
import { instanceRequests } from "../compiler/instances.ts";
import type { IrKernel } from "../compiler/ir/ir.ts";
import { lower } from "../compiler/lower/index.ts";
import { prove } from "../compiler/proofs/index.ts";
import { checkModule } from "../lang/check/index.ts";
import { DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import { libraryHost } from "../stdlib/index.ts";
import type { Comparison } from "./equivalence.ts";

export interface SharedKernel extends Comparison {
  /** The last kernel of the text is run. */
  readonly text: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly dims: readonly Readonly<Record<string, number>>[];
  /** Whether its workgroups combine values by subgroups where there are some. */
  readonly subgroups?: true;
  /** Whether a tree waits where it need not: it does where the number of its invocations isn't a power of two. */
  readonly waitsTooOften?: true;
}

/** A kernel proved for this target; its schedule is still to be carried out. */
export function sharedKernelOf({ text, set = {} }: SharedKernel): IrKernel {
  const sink = new DiagnosticSink();
  const module = checkModule({ path: "shared.kern", text }, libraryHost(undefined), sink);
  const template = module.kernels.at(-1)!;
  const [request] = instanceRequests(template, set, sink);
  const typed = module.instantiate(template.name, request!, sink)!;
  const { kernel } = prove(lower(typed, "wgsl"), sink);
  expect(sink.all.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  return kernel;
}

const products = [
  { M: 0, N: 3, K: 2 },
  { M: 1, N: 1, K: 1 },
  { M: 16, N: 16, K: 8 },
  { M: 17, N: 31, K: 7 },
  { M: 37, N: 15, K: 19 },
  { M: 5, N: 40, K: 0 },
];

const rows = [
  { M: 0, N: 5 },
  { M: 1, N: 1 },
  { M: 3, N: 127 },
  { M: 2, N: 129 },
  { M: 4, N: 300 },
];

export const sharedKernels: Readonly<Record<string, SharedKernel>> = {
  "matmul in register tiles": {
    text: `
kernel matmul(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @tile(i=(16, 4), j=(16, 4), k=8)
    @parallel(i.tile[0], j.tile[0])
    @threads(i.tile[1], j.tile[1])
    @stage(a, b, at=k.tile)
    @unroll(i)
    @vectorize(j, width=4)
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`,
    dims: products,
    tolerance: 1e-5,
  },
  "matmul without panels": {
    text: `
kernel matmul(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @tile(i=(16, 2), j=(8, 2))
    @parallel(i.tile[0], j.tile[0])
    @threads(i.tile[1], j.tile[1])
    @unroll(i, j)
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`,
    dims: products,
    tolerance: 1e-5,
  },
  "matmul, points in loops": {
    text: `
kernel matmul(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @tile(i=(16, 2), j=(16, 4), k=8)
    @parallel(i.tile[0], j.tile[0])
    @threads(i.tile[1], j.tile[1])
    @stage(a, b, at=k.tile)
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`,
    dims: products,
    tolerance: 1e-5,
  },
  "matmul, a point an invocation": {
    text: `
kernel matmul(a: Tensor[f32, M, K], b: Tensor[f32, K, N], out c: Tensor[f32, M, N]):
    @tile(i=8, j=8, k=4)
    @parallel(i.tile, j.tile)
    @threads(i, j)
    @order(i.tile, j.tile, k.tile, i, j, k)
    @stage(a, b, at=k.tile)
    for i, j in grid(M, N):
        c[i, j] = sum(a[i, k] * b[k, j] for k in range(K))
`,
    dims: products,
    tolerance: 1e-5,
  },
  "sums of rows": {
    subgroups: true,
    text: `
kernel sums(x: Tensor[f32, M, N], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        @threads(j)
        y[i] = sum(x[i, j] for j in range(N))
`,
    dims: rows,
    tolerance: 1e-5,
  },
  softmax: {
    subgroups: true,
    text: `
from std.math import exp

kernel softmax(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        @threads(j)
        let peak = max(x[i, j] for j in range(N))
        @threads
        for j in range(N):
            y[i, j] = exp(x[i, j] - peak)
        @threads(j)
        let total = sum(y[i, j] for j in range(N))
        @threads
        for j in range(N):
            y[i, j] /= total
`,
    dims: rows,
    tolerance: 1e-5,
  },
  "the best of each row": {
    text: `
kernel best(x: Tensor[f32, M, N], out at: Tensor[i32, M], out low: Tensor[f32, M]) where N >= 1:
    @parallel
    for i in range(M):
        @threads(j)
        at[i] = argmax(x[i, j] for j in range(N))
        @threads(j)
        low[i] = min(x[i, j] for j in range(N))
`,
    dims: rows.slice(1),
    fill: (_name, at, value) => (at % 11 === 5 ? 3 : Math.round(value)),
  },
  "sums over two loops": {
    subgroups: true,
    text: `
kernel planes(x: Tensor[f32, M, H, W], out y: Tensor[f32, M]):
    @parallel
    for i in range(M):
        @threads(h, w)
        let centre = mean(x[i, h, w] for h in range(H) for w in range(W))
        @threads(h, w)
        y[i] = sum(x[i, h, w] - centre for h in range(H) for w in range(W))
`,
    dims: [
      { M: 1, H: 1, W: 1 },
      { M: 3, H: 13, W: 11 },
      { M: 2, H: 2, W: 150 },
    ],
    tolerance: 1e-3,
  },
  "a shared array turned round": {
    text: `
kernel reversed(x: Tensor[i32, M, 64], out y: Tensor[i32, M, 64]):
    @parallel
    for i in range(M):
        var row = Array[i32, 64](0)
        @threads
        for j in range(64):
            row[j] = x[i, j]
        for round in range(3):
            var next = Array[i32, 64](0)
            @threads
            for j in range(64):
                next[j] = row[63 - j] + round
            @threads
            for j in range(64):
                row[j] = next[(j + 1) % 64]
        @threads
        for j in range(64):
            y[i, j] = row[j]
`,
    dims: [{ M: 0 }, { M: 1 }, { M: 5 }],
  },
  "what a threads loop leaves in memory": {
    text: `
kernel neighbours(x: Tensor[f32, M, N], out y: Tensor[f32, M, N], out z: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        @threads
        for j in range(N):
            y[i, j] = 2 * x[i, j]
        @threads
        for j in range(N):
            z[i, j] = y[i, N - 1 - j] + y[i, j]
`,
    dims: rows,
    tolerance: 1e-6,
  },
  "one workgroup": {
    subgroups: true,
    text: `
kernel dot(a: Tensor[f32, N], b: Tensor[f32, N], out y: Tensor[f32, 1]):
    @threads(i)
    y[0] = sum(a[i] * b[i] for i in range(N))
`,
    dims: [{ N: 0 }, { N: 1 }, { N: 131 }, { N: 1000 }],
    tolerance: 1e-4,
  },
  "reductions of all kinds": {
    subgroups: true,
    waitsTooOften: true,
    text: `
kernel kinds(x: Tensor[i32, M, 37], out y: Tensor[i32, M, 4], out z: Tensor[f32, M], out t: Tensor[bool, M, 2]):
    @parallel
    for i in range(M):
        @threads(j)
        y[i, 0] = sum(x[i, j] for j in range(37))
        @threads(j)
        y[i, 1] = max(x[i, j] for j in range(37))
        @threads(j)
        y[i, 2] = i32(min(u32(x[i, j]) for j in range(37)))
        @threads(j)
        y[i, 3] = prod(x[i, j] | 1 for j in range(37))
        @threads(j)
        z[i] = min(f32(x[i, j]) for j in range(37))
        @threads(j)
        t[i, 0] = any(x[i, j] > 90 for j in range(37))
        @threads(j)
        t[i, 1] = all(x[i, j] > -95 for j in range(37))
`,
    dims: [{ M: 0 }, { M: 1 }, { M: 9 }],
  },
  "counts in workgroup memory": {
    text: `
kernel counts(x: Tensor[i32, M, N], out y: Tensor[i32, M, 8]):
    @parallel
    for i in range(M):
        var bins = Array[i32, 8](0)
        @threads
        for j in range(N):
            @atomic
            bins[x[i, j] & 7] += 1
        @threads
        for b in range(8):
            y[i, b] = bins[b]
`,
    dims: rows,
  },
};
