// The library and the samples, from `.kern` text: every kernel that WGSL can hold is accepted by Tint, and
// has no races in its workgroups. What they compute, `testing/webgpu-library.test.ts` compares.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { checkModule } from "../../../lang/check/index.ts";
import { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import type { TypedModule } from "../../../lang/typed.ts";
import { libraryHost } from "../../../stdlib/index.ts";
import { arraySizes } from "../../../testing/array-sizes.ts";
import { openWgslValidator } from "../../../testing/wgsl.ts";
import { racesOf } from "../../../testing/wgsl-races.ts";
import { emitted, launchesOf, prepared, scheduled } from "../../../testing/wgsl-equivalence.ts";
import { limits } from "./limits.ts";
import { prepare } from "./prepare.ts";
import { fixDims } from "../../fix-dims.ts";
import { instanceRequests } from "../../instances.ts";
import type { IrKernel } from "../../ir/ir.ts";
import { lower } from "../../lower/index.ts";
import { prove } from "../../proofs/index.ts";

const validator = await openWgslValidator();
afterAll(() => typeof validator !== "string" && validator.close());
const whyNot = (tool: unknown): string => (typeof tool === "string" ? `(skipped: ${tool})` : "");

function checked(path: string, text: string): TypedModule {
  const sink = new DiagnosticSink();
  const module = checkModule({ path, text }, libraryHost(undefined), sink);
  expect(sink.all.filter(({ severity }) => severity === "error")).toEqual([]);
  return module;
}

/** The first instance of each kernel of a source, lowered for this target. */
function kernelsOf(path: string, text: string, set: Record<string, string> = {}): readonly IrKernel[] {
  const sink = new DiagnosticSink();
  const module = checked(path, text);
  return module.kernels.flatMap((template) => {
    const [request] = instanceRequests(template, set, sink);
    const typed = request && module.instantiate(template.name, request, sink);
    return typed ? [prove(lower(typed, "wgsl"), sink).kernel] : [];
  });
}

const folder = new URL("../../../", import.meta.url);
const files = [
  ...readdirSync(new URL("stdlib/", folder)).map((name) => `stdlib/${name}`),
  ...readdirSync(new URL("samples/", folder)).map((name) => `samples/${name}/${name}.kern`),
].filter((path) => path.endsWith(".kern") && existsSync(new URL(path, folder)));
const read = (path: string): string => readFileSync(new URL(path, folder), "utf8");

function withArrays(path: string, kernel: IrKernel): IrKernel {
  const sizes = Object.entries(arraySizes[path] ?? {});
  const own = sizes.filter(([name]) => kernel.dims.some((dim) => dim.name === name));
  return kernel.buffers.some(({ space }) => space === "local")
    ? fixDims(kernel, Object.fromEntries(own))
    : kernel;
}

describe.skipIf(typeof validator === "string")(`Tint accepts ${whyNot(validator)}`, () => {
  describe.each([
    ["f32", []],
    ["f16", []],
    ["f16", ["shader-f16"]],
    ["bf16", []],
  ])("for %s with %j", (dtype, features) => {
    it.each(files)("%s", async (path) => {
      if (typeof validator === "string") return;
      for (const kernel of kernelsOf(path, read(path), { T: dtype })) {
        const sized = withArrays(path, kernel);
        const module = emitted([scheduled(sized)], features);
        expect(await validator.validate(module.text, launchesOf(module)), module.text).toEqual([]);
        // With stand-ins for sizes the module is valid as well, though a workgroup may have less memory.
        if (dtype !== "f32" || sized === kernel) continue;
        const anySize = emitted([scheduled(kernel)], features).text;
        expect(await validator.validate(anySize, []), anySize).toEqual([]);
      }
    });
  });
});

/** Files with sizes for their kernels. */
const runs: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "stdlib/activations.kern": { S_0: 131 },
  "stdlib/convolution.kern": { B: 2, A: 1, G: 2, C: 3, F: 4, H: 7, W: 13, R: 3, Q: 3 },
  "stdlib/elementwise.kern": { S_0: 131, M: 5, N: 67, B: 2, C: 3, H: 4, W: 5 },
  "stdlib/linalg.kern": { B: 2, M: 5, N: 67, K: 19 },
  "stdlib/pooling.kern": { B: 2, C: 3, H: 9, W: 13 },
  "stdlib/quantized.kern": { S_0: 131, M: 5, N: 37, K: 64, B: 2, C: 3 },
  "stdlib/reduction.kern": { M: 9, N: 133 },
  "stdlib/attention.kern": { B: 1, H: 2, G: 2, I: 35, J: 37, D: 8, E: 8 },
  "stdlib/normalization.kern": { B: 2, C: 4, H: 5, W: 7, M: 5, N: 67 },
  "stdlib/image.kern": { H: 13, W: 29 },
  "samples/edges/edges.kern": { H: 13, W: 29 },
};

describe("workgroups of the library", () => {
  it.each(Object.entries(runs))("%s has no races", (path, dims) => {
    for (const written of kernelsOf(path, read(path))) {
      const kernel = withArrays(path, written);
      const plan = prepare(prepared(scheduled(kernel)), limits);
      expect(racesOf(plan, { ...dims, length: 5 }), kernel.name).toEqual([]);
    }
  });
});

describe("comments", () => {
  it("show the source line of each statement", async () => {
    const text = `kernel softsign(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        # The largest magnitude of the row.
        let peak = max(abs(x[i, j]) for j in range(N))
        for j in range(N):
            let scaled = x[i, j] / (1 + peak)
            y[i, j] = scaled if scaled > 0 else -scaled
`;
    await expect(emitted(kernelsOf("rows/softsign.kern", text)).text).toMatchFileSnapshot(
      "snapshots/softsign.wgsl",
    );
  });
});
