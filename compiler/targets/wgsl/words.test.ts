// Sums of products of bytes that are held four in a word: exact for bytes of every sign, with the builtins of WGSL and without, for
// arguments that lie in whole words and others.

import { afterAll, expect, it } from "vitest";
import { compile } from "../../index.ts";
import { tensor } from "../../../runtime/index.ts";
import { closeTestGpu, testGpu } from "../../../testing/webgpu.ts";

import { dotFeature } from "./words.ts";

const gpu = await testGpu();
const whyNot = typeof gpu === "string" ? ` (skipped: ${gpu})` : "";
afterAll(() => closeTestGpu());

const source = `
from std.bytes import product, row_product

kernel products[A: Int, B: Int](a: Tensor[A, M, K], b: Tensor[B, N, K], out c: Tensor[i32, M, N]):
    product(a, b, c)

kernel row[A: Int, B: Int](a: Tensor[A, 1, K], b: Tensor[B, N, K], out c: Tensor[i32, 1, N]):
    row_product(a, b, c)
`;
const features = [[], [dotFeature]] as const;
const signs = [
  ["u8", "i8"],
  ["i8", "u8"],
  ["i8", "i8"],
  ["u8", "u8"],
] as const;
const compiled = ([A, B]: (typeof signs)[number], given: readonly string[]) =>
  compile(source, { target: "wgsl", features: given, set: { A, B } });

it("a module asks for the builtins of bytes where it was compiled for them, and not elsewhere", async () => {
  for (const [at, given] of features.entries()) {
    const { code, kernels } = (await compiled(signs[0], given)).artifact("wgsl");
    const text = String(code);
    expect(text.startsWith(`requires ${dotFeature};`)).toBe(at === 1);
    expect(text.includes("dot4I8Packed(")).toBe(at === 1);
    expect(kernels[0]!.launch.features).toEqual(given);
    // A tile's bytes are in words: a quarter of a kilobyte each.
    expect(text).toContain("var<workgroup> a_panel: array<u32, 256>;");
    // Arguments in whole words are read so.
    expect(text).toMatch(/a_panel_wide\[[^\]]*\] = a_wide\[/);
  }
});

/** Bytes with many at the ends of their range. */
function bytes(dtype: "u8" | "i8", rows: number, columns: number, seed: number) {
  const ends = dtype === "u8" ? [0, 255, 128, 127] : [-128, 127, -1, 0];
  const numbers = Array.from({ length: rows * columns }, (_, at) => {
    const mixed = Math.imul(at + seed, 2654435761) >>> 8;
    return mixed % 3 === 0 ? (mixed >> 4) & 255 : ends[(mixed >> 4) & 3]!;
  });
  const data = dtype === "u8" ? Uint8Array.from(numbers) : Int8Array.from(numbers);
  return { data, given: tensor(data, [rows, columns]) };
}

const shapes = [
  [1, 1, 1],
  [5, 7, 3],
  [65, 33, 66],
  [64, 32, 64],
  [3, 20, 130],
  [2, 0, 3],
  [1, 515, 3],
  [1, 1032, 2],
] as const;

it.skipIf(whyNot !== "").each(signs.map((each) => [each.join(" × "), each] as const))(
  `products of %s are exact${whyNot}`,
  { timeout: 120_000 },
  async (_, pair) => {
    if (typeof gpu === "string") return;
    for (const given of features) {
      if (given.some((feature) => !gpu.features.includes(feature)))
        throw new Error(`no ${given.join()} here`);
      const { products, row } = await gpu.load(await compiled(pair, given));
      for (const [m, k, n] of shapes) {
        const [a, b] = [bytes(pair[0], m, k, 1), bytes(pair[1], n, k, 7)];
        const wanted = Array.from({ length: m * n }, (_each, at) => {
          const [row, column] = [Math.floor(at / n) * k, (at % n) * k];
          let sum = 0;
          for (let each = 0; each < k; each++) sum += a.data[row + each]! * b.data[column + each]!;
          return sum;
        });
        for (const kernel of m === 1 ? [products!, row!] : [products!]) {
          const { c } = await kernel({ a: a.given, b: b.given });
          expect([...((await c!.data()) as Int32Array)], `${m} × ${k} × ${n}`).toEqual(wanted);
        }
      }
    }
  },
);
