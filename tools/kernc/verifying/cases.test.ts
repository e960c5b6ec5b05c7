// Which sizes a kernel is verified at: clauses and blocks decide what the plain list leaves of itself.

import { expect, test } from "vitest";
import { compile } from "../../../compiler/index.ts";
import { casesFor } from "./cases.ts";

const source = `
kernel blocks(w: Tensor[i8, N, K], scale: Tensor[f32, N, K // 48], out y: Tensor[f32, N]) where K % 48 == 0:
    for n in range(N):
        y[n] = sum(f32(w[n, k]) * scale[n, k // 48] for k in range(K))

kernel firsts(x: Tensor[f32, N], out y: Tensor[f32, (N + 255) // 256]):
    for b in range((N + 255) // 256):
        y[b] = x[b * 256]
`;
const { kernels } = (await compile(source)).artifact("wasm");
const sizesOf = (kernel: number, dim: string): number[] =>
  casesFor(kernels[kernel]!.signature, []).map(({ dims }) => dims[dim]!);

test("a clause that the plain sizes don't meet leaves more than empty tensors", () => {
  const sizes = sizesOf(0, "K");
  expect(sizes.every((size) => size % 48 === 0)).toBe(true);
  expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(sizes.length / 2);
  expect(sizes).toContain(96);
});

test("a kernel of blocks is called with several of them", () => {
  expect(Math.max(...sizesOf(1, "N"))).toBeGreaterThan(256);
  expect(sizesOf(1, "N")).toEqual(expect.arrayContaining([0, 1, 31, 512]));
});
