import { describe, expect, it } from "vitest";
import { applied, awkwardSizes, sameResults, textAfter } from "../../testing/equivalence.ts";
import { parseKernel } from "../ir/parse.ts";
import { phases } from "./phases.ts";
import { splitParallel } from "./split-parallel.ts";
import { vectorize } from "./vectorize/index.ts";
import { expandReductions } from "./expand-reductions.ts";

function check(text: string): void {
  const kernels = applied(text, (kernel) => phases(kernel).kernel);
  for (const N of awkwardSizes) sameResults(kernels, { N, M: 3 });
}
const shape = (text: string): string[] =>
  phases(parseKernel(text)).phases.map(
    ({ parallel, body }) => `${parallel ? "parallel" : "serial"} ${body.length}`,
  );

describe("phases", () => {
  it("computes cheap values again and keeps others in scratch", () => {
    const text = `kernel k(x: in f32[N], y: out f32[N], z: out f32[N]) dims(N = x.0) {
      let last: i32 = N - 1
      let next: i32 = last * 2
      let unused: i32 = N * 3
      parallel for i in 0..last + 1 { y[i] = x[i] * f32(next) }
      var total: f32 = 0.0
      for j in 0..N { total = total + y[j] }
      let mean: f32 = total / f32(N)
      parallel for l in 0..N { z[l] = y[l] - mean + f32(next) }
    }`;
    expect(textAfter(text, (kernel) => phases(kernel).kernel)).toMatchInlineSnapshot(`
      "kernel k(x: in f32[N], y: out f32[N], z: out f32[N]) dims(N = x.0) {
        scratch mean_kept: f32[1]
        let last: i32 = N - 1
        let next: i32 = last * 2
        parallel for i in 0..last + 1 {
          y[i] = x[i] * f32(next)
        }
        var total: f32 = 0.0
        for j in 0..N {
          total = total + y[j]
        }
        let mean: f32 = total / f32(N)
        mean_kept[0] = mean
        let last_1: i32 = N - 1
        let next_1: i32 = last_1 * 2
        let mean_1: f32 = mean_kept[0]
        parallel for l in 0..N {
          z[l] = y[l] - mean_1 + f32(next_1)
        }
      }
      "
    `);
    expect(shape(text)).toEqual(["parallel 3", "serial 4", "parallel 4"]);
    check(text);
  });

  it("carries registers from phase to phase", () => {
    check(`kernel k(x: in i32[N], y: out i32[N], z: out i32[3]) dims(N = x.0) {
      var a: i32 = 5
      var b: i32x4 = ramp[4](3, 2)
      parallel for i in 0..N { y[i] = x[i] + a }
      a = a * 2
      for j in 0..N { a = a + y[j] }
      z[0] = a
      parallel for l in 0..3 { if l > 0 { z[l] = a + lane[2](b) } }
      a = a + 1
      z[1] = a
    }`);
  });

  it("makes arrays of several phases scratch of the call", () => {
    const text = `kernel k(x: in i32[N], y: out i32[N]) dims(N = x.0) {
      local a: i32[N, 2]
      local b: i32[4]
      local c: i32[4]
      let five: i32 = 5
      alloc a
      alloc b = five
      alloc c = 1
      c[2] = 7
      b[3] = c[2]
      parallel for i in 0..N { a[i, 0] = x[i]
        a[i, 1] = b[i % 4] }
      b[1] = 9
      parallel for l in 0..N { y[l] = a[N - 1 - l, 0] + a[l, 1] + b[l % 4] }
    }`;
    check(text);
    const { kernel } = phases(parseKernel(text));
    expect(kernel.buffers.map(({ name, space }) => `${space} ${name}`)).toEqual([
      "param x",
      "param y",
      "kernel a",
      "kernel b",
      "local c",
    ]);
  });

  it("runs in order what it can't share, and says so", () => {
    const reported: string[] = [];
    const text = `kernel k(x: in i32[N], y: mut i32[N]) dims(N = x.0) {
      let n: i32 = min(max(x[0 if N > 0], 0), N)
      parallel for i in 0..n { y[i] = 1 }
      for t in 0..2 { parallel for l as row in 0..N { y[l] = y[l] + 1 } }
      if N > 4 { parallel for m in 0..N { y[m] = y[m] * 2 } }
    }`;
    const { phases: list } = phases(parseKernel(text), {
      notHonoured: (annotation, why) => reported.push(`${annotation}: ${why}`),
    });
    expect(list.map((phase) => phase.parallel)).toEqual([false]);
    expect(reported).toEqual([
      "@parallel(i): how often it runs isn't known before the kernel starts, so it runs in order",
      "@parallel(row): a loop or branch stands around it, and only top-level loops are shared, so it runs in order",
      "@parallel(m): a loop or branch stands around it, and only top-level loops are shared, so it runs in order",
    ]);
    check(text);
  });
});

describe("split-parallel", () => {
  const text = `kernel k(x: in f32[N], y: mut f32[N]) dims(N = x.0) {
    parallel vectorize(mask) for i in LO..N STEP { y[i] = x[i] * 2.0 + y[i] }
  }`;

  it("makes chunks for workers and vectors inside", () => {
    const plain = text.replace("LO", "0").replace("STEP", "");
    expect(textAfter(plain, splitParallel)).toMatchInlineSnapshot(`
      "kernel k(x: in f32[N], y: mut f32[N]) dims(N = x.0) {
        parallel for i_chunk in 0..(N + 4095) // 4096 {
          let i_start: i32 = i_chunk * 4096
          let i_end: i32 = min(i_start + 4096, N)
          vectorize(mask) for i in i_start..i_end {
            y[i] = x[i] * 2.0 + y[i]
          }
        }
      }
      "
    `);
  });

  it("computes the same", () => {
    for (const [lo, step] of [
      ["0", ""],
      ["2", "step 3"],
    ] as const) {
      const source = text.replace("LO", lo).replace("STEP", step);
      const kernels = applied(
        source,
        (kernel) => phases(expandReductions(vectorize(splitParallel(kernel)))).kernel,
      );
      for (const N of [...awkwardSizes, 4095, 4096, 4097, 8192, 12291, 13000]) sameResults(kernels, { N });
      for (const N of [5, 4096, 8192, 9000]) {
        const fixed = source.replace("..N", `..${N}`);
        sameResults(
          applied(fixed, (kernel) => vectorize(splitParallel(kernel))),
          { N },
        );
      }
    }
  });
});
