// What the library's main kernels become on an AMD GPU, by Mesa's compiler: within the bounds that `shaders.ts` sets, and where
// TensorFlow.js does the same, in fewer instructions.

import { describe, expect, it } from "vitest";
import { machineCodeOf } from "./report.ts";
import { kernShaders, type NamedShader } from "./shaders.ts";
import { radvLibrary, scalarLoads, type MachineCode } from "./machine-code.ts";
import { tfjsMatmul } from "./tfjs.ts";

function missing(): string | undefined {
  try {
    radvLibrary();
    return undefined;
  } catch (error) {
    if (process.env["CI"]) throw error;
    return (error as Error).message;
  }
}

/** What of a shader's machine code is out of bounds. */
function problemsOf({ name, bounds }: NamedShader, code: MachineCode): string[] {
  if (!bounds) return [];
  const { hot } = code;
  const within: readonly (readonly [string, boolean])[] = [
    [
      `${code.spilledVgprs + code.spilledSgprs} registers spilled`,
      code.spilledVgprs + code.spilledSgprs === 0,
    ],
    [`${code.vgprs} registers`, code.vgprs <= bounds.mostVgprs],
    [`${code.waves} waves`, code.waves >= bounds.leastWaves],
    [
      `${hot.products} products for ${hot.sharedReads[128]} reads`,
      bounds.productsPerRead === undefined || hot.products >= bounds.productsPerRead * hot.sharedReads[128],
    ],
    [
      `${hot.instructions} instructions for ${hot.products} products`,
      bounds.perProduct === undefined || hot.instructions <= bounds.perProduct * hot.products,
    ],
    [
      `${scalarLoads(hot)} loads of single elements`,
      bounds.scalarLoads === undefined || !name.includes(", wide") || scalarLoads(hot) <= bounds.scalarLoads,
    ],
  ];
  return within.flatMap(([what, fine]) => (fine ? [] : [`${name}: ${what}`]));
}

const reason = missing();

describe.skipIf(reason !== undefined)(`machine code ${reason ? `(skipped: ${reason})` : ""}`, async () => {
  const own = reason === undefined ? await kernShaders() : [];
  const kernels = own.filter(({ name }) => !name.includes(", wide"));
  const shaders = reason === undefined ? [...own, await tfjsMatmul(512)] : [];
  const codes = reason === undefined ? machineCodeOf(shaders) : [];
  const codeOf = (name: string): MachineCode =>
    codes[shaders.findIndex((shader) => shader.name.startsWith(name))]!;

  it("keeps to its bounds", () => {
    expect(shaders.flatMap((shader, at) => problemsOf(shader, codes[at]!))).toEqual([]);
  });

  it("of a product of matrices has fewer instructions for its arithmetic than TensorFlow.js's", () => {
    const perProduct = ({ hot }: MachineCode): number => hot.instructions / hot.products;
    const ours = codeOf("matmul M=512 K=512 N=512, wide");
    const theirs = codeOf("TensorFlow.js");
    expect(theirs.hot.products).toBe(512);
    expect(ours.hot.products).toBe(256);
    expect(perProduct(ours)).toBeLessThan(perProduct(theirs));
    expect(ours.waves).toBeGreaterThan(theirs.waves);
  });

  it("of kernels for whole vectors reads memory in vectors", () => {
    const wide = shaders.flatMap(({ name }, at) => (name.includes(", wide") ? [codes[at]!.whole] : []));
    // All of the report's kernels; products of bytes write in vectors only.
    expect(wide.length).toBe(kernels.length);
    for (const { loads, stores } of wide)
      expect(loads[64] + loads[128] + stores[64] + stores[128]).toBeGreaterThan(0);
  });
});
