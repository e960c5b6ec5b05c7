// What the library's main kernels become on an AMD GPU, by Mesa's compiler: within the bounds that `shaders.ts` sets, and where
// TensorFlow.js does the same, in fewer instructions.

import { expect, test } from "vitest";
import { machineCodeOf } from "./report.ts";
import { kernShaders, type NamedShader } from "./shaders.ts";
import type { MachineCode } from "./machine-code.ts";
import { radvLibrary } from "./machine-code.ts";

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
  ];
  return within.flatMap(([what, fine]) => (fine ? [] : [`${name}: ${what}`]));
}

const reason = missing();

test.skipIf(reason !== undefined)(
  `kernels as machine code ${reason ? `(skipped: ${reason})` : ""}`,
  { timeout: 120_000 },
  async () => {
    const shaders = await kernShaders();
    const codes = machineCodeOf(shaders);
    expect(shaders.flatMap((shader, at) => problemsOf(shader, codes[at]!))).toEqual([]);
  },
);
