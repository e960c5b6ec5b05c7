import { describe, expect, it } from "vitest";
import { applied, argumentsFor, awkwardSizes, sameResults, textAfter } from "../../testing/equivalence.ts";
import { randomKernel } from "../../testing/ir-generator.ts";
import { interpret } from "../ir/interpret.ts";
import { parseKernel } from "../ir/parse.ts";
import { printBlock } from "../ir/print.ts";
import { expandReductions } from "./expand-reductions.ts";
import { flattenAddresses, type Layout } from "./flatten-addresses.ts";
import { strengthReduce } from "./strength-reduce.ts";

const stencil = `kernel k(x: in f32[M, N], z: out f32[M, N]) dims(M = x.0, N = x.1) {
  local t: f32[4, N]
  for i in 0..M {
    alloc t = 0.0
    for j in 0..N step 4 {
      let ok: boolx4 = ramp[4](j, 1) < splat[4](N)
      t[mod(i, 4), ramp[4](j, 1) if ok] = x[i, ramp[4](j, 1) if ok]
      z[i, ramp[4](j, 1) if ok] = t[mod(i, 4), splat[4](N - 1) - ramp[4](j, 1) if ok]
    }
  }
}`;

describe("flatten-addresses", () => {
  it("computes the same with one offset an access", () => {
    for (const layout of ["strided", "inner"] as Layout[])
      for (const N of awkwardSizes)
        sameResults(
          applied(stencil, (kernel) => flattenAddresses(kernel, layout)),
          { N, M: 5 },
        );
  });

  it("takes vector indices apart", () => {
    expect(textAfter(stencil, (kernel) => flattenAddresses(kernel, "inner"))).toMatchInlineSnapshot(`
      "kernel k(x: in f32[M, N], z: out f32[M, N]) dims(M = x.0, N = x.1, x.stride0 = x.stride.0, x.stride1 = x.stride.1, z.stride0 = z.stride.0, z.stride1 = z.stride.1) flat {
        local t: f32[4, N]
        for i in 0..M {
          alloc t = 0.0
          for j in 0..N step 4 {
            let ok: boolx4 = ramp[4](j, 1) < splat[4](N)
            t[ramp[4](i % 4 * N + j, 1) if ok] = x[ramp[4](i * x.stride0 + j, 1) if ok]
            z[ramp[4](i * z.stride0 + j, 1) if ok] = t[ramp[4](i % 4 * N + (N - 1 - j), -1) if ok]
          }
        }
      }
      "
    `);
  });

  it("holds for random kernels", () => {
    for (let seed = 1; seed < 60; seed++) {
      const kernel = expandReductions(randomKernel(seed));
      const flat = flattenAddresses(kernel, "inner");
      for (const [M, N] of [
        [1, 3],
        [4, 5],
      ] as const) {
        const [a, b] = [kernel, flat].map((each) =>
          interpret(each, argumentsFor(kernel, { M, N }, { seed })),
        );
        expect({ ...b, span: undefined }, `seed ${seed}`).toEqual({ ...a, span: undefined });
      }
    }
  });
});

/** The body after both passes. */
const reduced = (text: string, layout: Layout): string =>
  printBlock(strengthReduce(flattenAddresses(parseKernel(text), layout)).body).join("\n");

describe("strength-reduce", () => {
  it("increments one pointer for neighbours and hoists rows", () => {
    expect(
      reduced(
        `kernel k(x: in f32[M, N], z: out f32[M, N]) dims(M = x.0, N = x.1) {
          for i in 1..M {
            for j in 1..N - 1 { z[i, j] = x[i, j - 1] + x[i - 1, j + 1] + x[i, j + 1] }
          }
        }`,
        "inner",
      ),
    ).toMatchInlineSnapshot(`
      "var x_at: i32 = \`&x\` + (x.stride0 * 4 + 4)
      let stride: i32 = x.stride0 * 4
      var x_at_2: i32 = \`&x\` + 4
      var z_at: i32 = \`&z\` + (z.stride0 * 4 + 4)
      let stride_1: i32 = z.stride0 * 4
      for i in 1..M {
        var x_at_1: i32 = x_at + -4
        var x_at_3: i32 = x_at_2 + 4
        var z_at_1: i32 = z_at
        for j in 1..N - 1 {
          z[z_at_1, 0] = x[x_at_1, 0] + x[x_at_3, 0] + x[x_at_1, 8]
          x_at_1 = x_at_1 + 4
          x_at_3 = x_at_3 + 4
          z_at_1 = z_at_1 + 4
        }
        x_at = x_at + stride
        x_at_2 = x_at_2 + stride
        z_at = z_at + stride_1
      }"
    `);
  });

  it("adds what changes inside to what doesn't", () => {
    expect(
      reduced(
        `kernel k(t: in i32[N], x: in f32[M, N], z: out f32[N]) dims(N = t.0, M = x.0) {
          for i in 0..N {
            z[i] = x[t[i], i]
            if t[i] > 3 { continue }
            z[N - 1 - i] = x[0, i]
          }
        }`,
        "inner",
      ),
    ).toMatchInlineSnapshot(`
      "let z_at: i32 = \`&z\` + N * 4
      for i in 0..N {
        z[\`&z\` + i * 4, 0] = x[\`&x\` + (t[\`&t\` + i * 4, 0] * x.stride0 * 4 + i * 4), 0]
        if t[\`&t\` + i * 4, 0] > 3 {
          continue
        }
        z[z_at + i * -4 + -4, 0] = x[\`&x\` + i * 4, 0]
      }"
    `);
  });

  it("begins packed rows at a byte where that is known", () => {
    expect(
      reduced(
        `kernel k(w: in i4[M, K], z: out f32[M, K]) dims(M = w.0, K = w.1) {
          require mod(K, 32) == 0, "K % 32 == 0"
          for i in 0..M {
            for k in 0..K step 32 { z[i, ramp[32](k, 1)] = f32(w[i, ramp[32](k, 1)]) }
          }
        }`,
        "inner",
      ),
    ).toMatchInlineSnapshot(`
      "var w_at: i32 = \`&w\`
      let stride: i32 = K >> 1
      var z_at: i32 = \`&z\`
      let stride_1: i32 = z.stride0 * 4
      for i in 0..M {
        var w_at_1: i32 = w_at
        var z_at_1: i32 = z_at
        for k in 0..K step 32 {
          z[z_at_1, 0] = f32(w[w_at_1, 0])
          w_at_1 = w_at_1 + 16
          z_at_1 = z_at_1 + 128
        }
        w_at = w_at + stride
        z_at = z_at + stride_1
      }"
    `);
  });
});
