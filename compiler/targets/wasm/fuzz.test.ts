// Random kernels through the target's passes and emission: what runs agrees with the interpreter on the same IR, bit
// for bit, contiguous and transposed.

import { describe, it } from "vitest";
import { argumentsFor } from "../../../testing/equivalence.ts";
import { randomKernel } from "../../../testing/ir-generator.ts";
import { randomLoops } from "../../../testing/loop-generator.ts";
import { programOf, sameAsInterpreter } from "../../../testing/wasm-run.ts";
import type { InterpretArgs, TensorArg } from "../../ir/interpret.ts";
import type { IrKernel } from "../../ir/ir.ts";
import { parseKernel } from "../../ir/parse.ts";
import { printKernel } from "../../ir/print.ts";
import { someExpr, visitRoots } from "../../ir/walk.ts";
import { runPasses, sharedPasses } from "../../passes/index.ts";
import { wasmPasses } from "./passes.ts";

const seeds = Number(process.env["KERN_FUZZ"] ?? 60);
const first = Number(process.env["KERN_FUZZ_FIRST"] ?? 1);

/** A fused product may be rounded once or twice. */
function fuses(kernel: IrKernel): boolean {
  let found = false;
  visitRoots(kernel.body, (root) => {
    found ||= someExpr(root, (part) => part.kind === "op" && part.op === "fma");
  });
  return found;
}

/** The same values, laid out column by column. */
function transposed(args: InterpretArgs): InterpretArgs {
  const x = args["x"] as TensorArg;
  const [rows, columns] = x.shape as [number, number];
  return { ...args, x: { ...x, strides: [1, rows], shape: [rows, columns] } };
}

describe("random vector loops", () => {
  it("agree with the interpreter", async () => {
    for (let seed = first; seed < first + seeds; seed++) {
      const text = randomLoops(seed);
      const kernel = runPasses(parseKernel(text), [...sharedPasses, ...wasmPasses]);
      const program = await programOf(kernel, { optimize: seed % 4 === 0 });
      for (const N of [0, 1, 5, 8, 17, 67])
        try {
          sameAsInterpreter(program, () => argumentsFor(kernel, { N, M: 3 }, { seed }), { shares: 2 });
        } catch (error) {
          throw new Error(`seed ${seed}: ${String(error)}\n${text}`, { cause: error });
        }
    }
  });
});

describe("random kernels", () => {
  for (const threads of [false, true])
    it(threads ? "with threads" : "without threads", async () => {
      for (let seed = first; seed < first + seeds; seed++) {
        const kernel = runPasses(randomKernel(seed + (threads ? 100_000 : 0)), wasmPasses);
        if (fuses(kernel)) continue;
        const options = { features: threads ? ["threads"] : [], optimize: seed % 4 === 0 };
        try {
          const program = await programOf(kernel, options);
          for (const [M, N] of [
            [1, 1],
            [3, 5],
            [2, 8],
          ] as const) {
            const args = (): InterpretArgs => argumentsFor(kernel, { M, N }, { seed });
            sameAsInterpreter(program, args, { ...options, shares: 2 });
            sameAsInterpreter(program, () => transposed(args()), options);
          }
        } catch (error) {
          throw new Error(`seed ${seed}: ${String(error)}\n${printKernel(kernel)}`, { cause: error });
        }
      }
    });
});
