import { describe, expect, it } from "vitest";
import { argumentsFor, awkwardSizes } from "../../../testing/equivalence.ts";
import { sameAsInterpreter, wasmProgram, type WasmRunOptions } from "../../../testing/wasm-run.ts";

async function check(
  text: string,
  options: WasmRunOptions & { tolerance?: number; sizes?: readonly number[] } = {},
): Promise<void> {
  const program = await wasmProgram(text, options);
  for (const N of options.sizes ?? awkwardSizes)
    sameAsInterpreter(program, () => argumentsFor(program.kernel, { N, M: 5, K: 4 }, {}), options);
}

describe("scalar loops", () => {
  it("adds", () =>
    check(`kernel k(x: in f32[N], y: in f32[N], z: out f32[N]) dims(N = x.0) {
      for i in 0..N { z[i] = x[i] + y[i] }
    }`));
  it("adds vectors with a masked tail", () =>
    check(`kernel k(x: in f32[N], y: in f32[N], z: out f32[N]) dims(N = x.0) {
      for i in 0..N step 4 {
        let mask: boolx4 = ramp[4](i, 1) < splat[4](N)
        z[ramp[4](i, 1)] = (x[ramp[4](i, 1)] if mask) + (y[ramp[4](i, 1)] if mask) if mask
      }
    }`));
});
